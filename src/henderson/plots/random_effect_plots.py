"""Random effects: their conditional modes, quantiles, shrinkage and correlations."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from henderson.arrays import Matrix
from henderson.drawing.curves import draw_quantile_pairs
from henderson.drawing.lines import draw_correlations, draw_ordered, draw_shrinkage
from henderson.drawing.style import new_axes
from henderson.drawing.table_columns import columns_of
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates, PredictorEstimates, TermEstimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.plots.model_residuals import normal_pairs
from henderson.quantiles import normal_quantile
from henderson.tables import NativeTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TALLEST = 9.0  # inches
_MOST_PANELS = 9  # of one term


def mode_intervals(model: Fitted | Estimates, *, level: float = 0.95) -> NativeTable:
    """Conditional modes with intervals from their conditional standard deviations.

        b̂ ± z₁₋α/₂ sd(b | y), all parameters at their estimates

    Parameters
    ----------
    model
        A fitted model with random effects.
    level
        Coverage, between 0 and 1.

    Returns
    -------
    table
        One row an effect of a level: `component`, `group`, `term`, `level`, `mode`, `lower`,
        `upper`, on the scale of the linear predictor.

    Raises
    ------
    ModelError
        For a model without random effects.
    """
    estimates = estimates_of(model)
    z = normal_quantile(level)
    parts: dict[str, list[Any]] = {
        name: [] for name in ("component", "group", "term", "level", "mode", "lower", "upper")
    }
    for predictor, term in _terms(estimates):
        for i, effect in enumerate(term.design.effects):
            mode, half = term.modes[:, i], z * np.sqrt(term.mode_covariance[:, i, i])
            for name, values in {
                "component": [predictor.name] * mode.size,
                "group": [term.design.group] * mode.size,
                "term": [effect] * mode.size,
                "level": map(str, term.design.levels),
                "mode": mode,
                "lower": mode - half,
                "upper": mode + half,
            }.items():
                parts[name].extend(values)
    return estimates.frame.table(parts)


def mode_quantiles(model: Fitted | Estimates) -> NativeTable:
    """Conditional modes over their own standard deviations, beside normal quantiles.

        b̂ / √(G − Var(b | y)),   standard normal where b is normal and the parameters known

    Parameters
    ----------
    model
        A fitted model with random effects.

    Returns
    -------
    table
        `component`, `group`, `term`, `expected`, `observed`, `lower`, `upper`; without terms
        whose variance is estimated as 0.

    Raises
    ------
    ModelError
        For a model without random effects that vary between two levels or more.
    """
    estimates = estimates_of(model)
    parts: list[dict[str, Any]] = []
    for predictor, term in _terms(estimates):
        shrunk = np.diag(term.covariance) - np.diagonal(term.mode_covariance, 0, 1, 2)
        for i, effect in enumerate(term.design.effects):
            scale = np.sqrt(np.maximum(shrunk[:, i], 0.0))
            seen = scale > 1e-6 * np.sqrt(term.covariance[i, i])
            if term.covariance[i, i] > 0.0 and seen.sum() > 1:
                pairs = normal_pairs(term.modes[seen, i] / scale[seen])
                names = {
                    "component": predictor.name,
                    "group": term.design.group,
                    "term": effect,
                }
                parts.append({k: [v] * int(seen.sum()) for k, v in names.items()} | pairs)
    if not parts:
        raise ModelError(
            "No random effect of this model has two levels or more and a variance above 0, so "
            "there are no quantiles of modes to compare. See variance_components()."
        )
    return estimates.frame.table(
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    )


def pooled_estimates(model: Fitted | Estimates, term: str | None = None) -> NativeTable:
    """What each level says by itself, what the model says of it, and what all say together.

    Parameters
    ----------
    model
        A fitted model with random effects of the location.
    term
        The grouping factor; the first by default.

    Returns
    -------
    table
        `level`, `pooling` and one column an effect of the term, on the scale of the linear
        predictor. "none": β̂ + the effects of the level estimated without shrinkage, from its
        own rows, everything else of the model at its estimate; not a number where these rows
        do not determine them. "partial": β̂ + b̂, by the model. "complete": β̂, in one row.
        β̂ is the coefficient of the same name, 0 where there is none.

    Raises
    ------
    ModelError
        For a model without such a term.

    Notes
    -----
    Without shrinkage the effects a of a level solve Zᵀl′(η̂ + Z(a − b̂)) = 0 to first order
    from the modes, a = b̂ + (ZᵀWZ)⁻¹Zᵀl′, W and l′ from the log density at the modes: exact
    for a Gaussian response, one Newton step for others.
    """
    estimates = estimates_of(model)
    found = _located_term(estimates, term)
    design = found.design
    k, g = len(design.effects), design.n_levels
    location = estimates.location
    own = dict(zip(location.fixed.names, location.beta, strict=True))
    beta = np.array([own.get(effect, 0.0) for effect in design.effects])
    alone = beta + found.modes + _unshrunken_step(estimates, found)
    partial = beta + found.modes
    values = np.concatenate([alone, partial, beta[None]])
    levels = [*map(str, design.levels)]
    return estimates.frame.table(
        {
            "level": [*levels, *levels, "all"],
            "pooling": ["none"] * g + ["partial"] * g + ["complete"],
            **{
                effect: values[:, i] for i, effect in zip(range(k), design.effects, strict=True)
            },
        }
    )


def plot_random_effects(model: Fitted | Estimates, *, level: float = 0.95) -> "Figure":
    """Conditional modes with intervals, in order: the caterpillar plot, a panel an effect.

    Parameters
    ----------
    model
        A fitted model with random effects.
    level
        Coverage, between 0 and 1.

    Returns
    -------
    matplotlib Figure
        Of `mode_intervals`, drawn by `drawing.lines.draw_ordered`.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> [ax.get_title() for ax in hd.plots.plot_random_effects(model).axes]
    ['Subject: (Intercept)', 'Subject: Days']
    """
    columns = columns_of(mode_intervals(model, level=level))
    _join_many_effects(columns)
    panels = list(_panels(columns))
    most = max(int(here.sum()) for _, here in panels)
    height = min(_TALLEST, 1.0 + 0.16 * min(most, 60))
    figure, axes = new_axes(len(panels), columns=3, size=(3.0, max(height, 2.2)))
    for ax, (title, here) in zip(axes, panels, strict=True):
        draw_ordered(
            {name: column[here] for name, column in columns.items()},
            xlabel=f"Conditional mode ({100 * level:g} % interval)",
            title=title,
            ax=ax,
        )
    return figure


def plot_random_quantiles(model: Fitted | Estimates) -> "Figure":
    """Quantiles of the random effects, a panel an effect: are they normal?

    Parameters
    ----------
    model
        A fitted model with random effects.

    Returns
    -------
    matplotlib Figure
        Of `mode_quantiles`, drawn by `drawing.curves.draw_quantile_pairs`.
    """
    columns = columns_of(mode_quantiles(model))
    panels = list(_panels(columns))
    figure, axes = new_axes(len(panels), columns=3, size=(3.0, 3.0))
    for ax, (title, here) in zip(axes, panels, strict=True):
        draw_quantile_pairs(
            {name: column[here] for name, column in columns.items()},
            ylabel="Standardized mode / sd",
            title=title,
            ax=ax,
        )
    return figure


def plot_shrinkage(model: Fitted | Estimates, term: str | None = None) -> "Figure":
    """How the model moves the estimates of single levels towards the common one.

    Parameters
    ----------
    model
        A fitted model with random effects of the location.
    term
        The grouping factor; the first by default.

    Returns
    -------
    matplotlib Figure
        Of `pooled_estimates`: the first two effects of a level against each other, or the only
        one against the level.

    Raises
    ------
    ModelError
        For a model without such a term.
    """
    estimates = estimates_of(model)
    design = _located_term(estimates, term).design
    table = pooled_estimates(estimates, term)
    first, *others = design.effects
    second = others[0] if others else first
    width = 3.6 if others else max(3.0, 0.8 + 0.16 * min(design.n_levels, 60))
    figure, (ax,) = new_axes(size=(width + 1.8, 3.6))  # the legend stands beside
    draw_shrinkage(table, first, second, title=f"Shrinkage by {design.group}", ax=ax)
    return figure


def plot_correlations(model: Fitted | Estimates, term: str | None = None) -> "Figure":
    """Correlations of the random effects of a level, as estimated in G.

    Parameters
    ----------
    model
        A fitted model with a term of two effects or more.
    term
        The grouping factor; the first with several effects by default.

    Returns
    -------
    matplotlib Figure
        Of `random_correlations`, drawn by `drawing.lines.draw_correlations`.

    Raises
    ------
    ModelError
        For a model without such a term.
    """
    estimates = estimates_of(model)
    found = _several(estimates, term)
    m = len(found.design.effects)
    figure, (ax,) = new_axes(size=(2.0 + 0.5 * m, 1.6 + 0.5 * m))
    table = random_correlations(estimates, term)
    draw_correlations(table, title=f"Correlations within {found.design.group}", ax=ax)
    return figure


def random_correlations(model: Fitted | Estimates, term: str | None = None) -> NativeTable:
    """Correlations of the random effects of a level, one row a pair.

    Parameters
    ----------
    model
        A fitted model with a term of two effects or more.
    term
        The grouping factor; the first with several effects by default.

    Returns
    -------
    table
        `term`, `term2`, `correlation`; not a number where a variance is 0.

    Raises
    ------
    ModelError
        For a model without such a term.
    """
    estimates = estimates_of(model)
    found = _several(estimates, term)
    effects, G = found.design.effects, found.covariance
    sd = np.sqrt(np.diag(G))
    scale = np.outer(sd, sd)
    R = np.divide(G, scale, out=np.full_like(G, np.nan), where=scale > 0.0)
    first, second = np.triu_indices(len(effects), 1)
    return estimates.frame.table(
        {
            "term": [effects[i] for i in first],
            "term2": [effects[j] for j in second],
            "correlation": R[first, second],
        }
    )


def _terms(estimates: Estimates) -> list[tuple[PredictorEstimates, TermEstimates]]:
    found = [(each, term) for each in estimates.predictors.values() for term in each.terms]
    if not found:
        raise ModelError(
            "This model has no random effects. Add a term such as (1 | group) to the formula."
        )
    return found


def _located_term(estimates: Estimates, group: str | None) -> TermEstimates:
    terms = estimates.location.terms
    for term in terms:
        if group is None or term.design.group == group:
            return term
    if not terms:
        raise ModelError(
            "The location of this model has no random effects. Add a term such as (1 | group) "
            "to the formula."
        )
    known = ", ".join(repr(term.design.group) for term in terms)
    raise ModelError(f"There is no random term of {group!r}. Grouping factors: {known}.")


def _several(estimates: Estimates, group: str | None) -> TermEstimates:
    for _, term in _terms(estimates):
        if len(term.design.effects) > 1 and group in {None, term.design.group}:
            return term
    raise ModelError(
        "No random term has several effects that could be correlated. "
        "Such a term is (x | group)."
    )


def _join_many_effects(columns: dict[str, Any]) -> None:
    """Effects of a term with very many, such as places of a field, become levels of one."""
    for group in dict.fromkeys(columns["group"].tolist()):
        here = columns["group"] == group
        if len(set(columns["term"][here].tolist())) > _MOST_PANELS:
            pairs = zip(columns["level"][here], columns["term"][here], strict=True)
            columns["level"] = columns["level"].astype(object)
            columns["term"] = columns["term"].astype(object)
            columns["level"][here] = [f"{level} {term}" for level, term in pairs]
            columns["term"][here] = "effects"


def _panels(columns: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Title and rows of each effect of each term."""
    keys = list(
        zip(*(columns[n].tolist() for n in ("component", "group", "term")), strict=True)
    )
    for key in dict.fromkeys(keys):
        component, group, term = key
        prefix = "" if component == "location" else f"{component}, "
        yield f"{prefix}{group}: {term}", np.array([each == key for each in keys])


def _unshrunken_step(estimates: Estimates, term: TermEstimates) -> Matrix:
    """(ZᵀWZ)⁻¹Zᵀl′ of each level, (g, k); NaN where its rows do not determine the effects."""
    design, (g, k) = term.design, term.modes.shape
    eta = np.column_stack([each.eta for each in estimates.predictors.values()])
    density = estimates.family.log_density(estimates.response, eta, 2)
    assert density.d1 is not None
    assert density.d2 is not None
    z = design.all_columns
    gram, score = np.zeros((g, k, k)), np.zeros((g, k))
    np.add.at(gram, design.codes, -density.d2[:, 0, None, None] * z[:, :, None] * z[:, None, :])
    np.add.at(score, design.codes, density.d1[:, 0, None] * z)
    step = np.full((g, k), np.nan)
    scale = np.sqrt(np.maximum(np.diagonal(gram, 0, 1, 2), 1e-300))
    condition = np.linalg.cond(gram / (scale[:, :, None] * scale[:, None, :]))
    solvable = condition < 1e10
    step[solvable] = np.linalg.solve(gram[solvable], score[solvable][:, :, None])[:, :, 0]
    return step
