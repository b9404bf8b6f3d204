"""How one observation comes about, level by level: a table, and its picture.

    y = x'β̂ + offset + Σₜ zₜ'b̂ₜ + (y − μ̂)

from the fixed effects over the random terms, from the one with the fewest levels to the one
with the most, to the observation. Each step starts where the one before ended. It is a draw
from N(start, zₜ'Gₜzₜ), the last one from the family. Behind a link the steps add up to the
linear predictor η̂, and the last one leads from μ̂ = h(η̂) to the observation.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from henderson.arrays import Vector
from henderson.drawing.steps import Cascade, Step, draw_cascade, draw_observation
from henderson.drawing.style import new_figure
from henderson.errors import DataError
from henderson.estimation.estimates import Estimates, TermEstimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.families import Response
from henderson.prediction import effects_at
from henderson.tables import NativeTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NAMES = 2  # of a term's effects, in a label


def cascade(model: Fitted | Estimates, *, row: int | None = None) -> NativeTable:
    """How one observation comes about: fixed effects, each random effect, the residual.

    Parameters
    ----------
    model
        A fitted model.
    row
        The row of the table that was fitted, from 0; one that the model used. None: the first
        of these.

    Returns
    -------
    table
        One row a step: `step`, `group`, `level`, `scale`, `start`, `effect`, `end`, `variance`
        (of the step, given those before), `share` (of the variances on its scale), `mean` (of
        the response at `end`). With an identity link the effects add up to the observation;
        behind another they add up to the linear predictor, and the last step, on the scale of
        the response, leads from the mean to the observation.

    Raises
    ------
    DataError
        For a row that the table does not have or the model did not use.

    Examples
    --------
    >>> import henderson as hd
    >>> oats = hd.datasets.load("oats")
    >>> model = hd.fit("yield ~ Variety * factor(nitro) + (1 | Block/Variety)", oats)
    >>> cascade(model, row=2)[["step", "effect", "end", "share"]].round(2)
                          step  effect     end  share
    0            Fixed effects  110.83  110.83    NaN
    1                  Block I   25.42  136.25   0.43
    2  Block:Variety I:Victory   14.08  150.33   0.21
    3                 Residual    6.67  157.00   0.36
    """
    estimates = estimates_of(model)
    steps = cascade_of(estimates, row=row).steps
    names = ("group", "level", "scale", "start", "effect", "end", "variance", "share", "mean")
    columns: dict[str, list[Any]] = {"step": [each.label for each in steps]}
    columns |= {name: [getattr(each, name) for each in steps] for name in names}
    return estimates.frame.table(columns)


def plot_cascade(model: Fitted | Estimates, *, row: int | None = None) -> "Figure":
    """Draw how one observation comes about, from the fixed effects to a star.

    A normal curve for each variance component, to scale on one axis (its width; its height is
    not), centred where the step above ended. Behind a link the steps are on the scale of the
    linear predictor with the mean of the response beside them, and the distribution of the
    observation is below, on its own scale.

    Parameters
    ----------
    model
        A fitted model.
    row
        The row of the table that was fitted, from 0; one that the model used. None: the first
        of these.

    Returns
    -------
    Figure
        Of Matplotlib: the extra `plot`.

    Raises
    ------
    DataError
        For a row that the table does not have or the model did not use.
    """
    found = cascade_of(estimates_of(model), row=row)
    above = len(found.steps) - (not found.on_one_scale)
    heights = [0.6 * above + 0.5] + ([] if found.on_one_scale else [1.2])
    figure, axes = new_figure(heights, width=6.4)
    draw_cascade(found, axes[0])
    if not found.on_one_scale:
        draw_observation(found, axes[1])
    return figure


def cascade_of(estimates: Estimates, *, row: int | None) -> Cascade:
    """The steps to the observation in one row of the user's table."""
    row = int(estimates.frame.rows[0]) if row is None else row
    i = _position(estimates, row)
    family, location = estimates.family, estimates.location
    etas = np.array([[each.eta[i] for each in estimates.predictors.values()]])
    size = estimates.response.size[[i]]
    observed = float(family.observed(estimates.response)[i])
    at, of_mean = float(location.fixed_eta[i]), _MeanAt(estimates, etas)
    identity = family.link.name == "identity" and family.mean_is_of_location
    terms = sorted(location.terms, key=lambda term: term.design.n_levels)
    effects = [float(effects_at(term.design, term.modes)[i]) for term in terms]
    variances = [_variance_at(term, i) for term in terms]
    last = float(family.variance(etas, size)[0])
    total = sum(variances) + (last if identity else 0.0)
    scale = "response" if identity else "link"
    fixed = Step("Fixed effects", "", "", scale, 0.0, at, at, np.nan, np.nan, of_mean(at))
    steps = [fixed]
    for term, effect, variance in zip(terms, effects, variances, strict=True):
        end = at + effect
        label, level = _label(term, i), str(term.design.levels[term.design.codes[i]])
        share = variance / total if total > 0.0 else np.nan
        group = term.design.group
        steps.append(
            Step(label, group, level, scale, at, effect, end, variance, share, of_mean(end))
        )
        at = end
    mean = of_mean(float(location.eta[i])) if not identity else at
    name = "Residual" if family.is_quadratic else f"Observation ({family.name})"
    share = last / total if identity else 1.0
    steps.append(
        Step(name, "", "", "response", mean, observed - mean, observed, last, share, observed)
    )
    values, heights = _density(estimates, etas, size, float(estimates.response.y[i]))
    response = "" if estimates.frame.response is None else estimates.frame.response.label
    link = family.link.name
    return Cascade(row, response, link, tuple(steps), values, heights, family.discrete)


@dataclass(frozen=True, slots=True)
class _MeanAt:
    """The mean of the response of one row at other values of its location."""

    estimates: Estimates
    etas: np.ndarray  # (1, K)

    def __call__(self, location: float) -> float:
        moved = self.etas.copy()
        moved[0, 0] = location
        return float(self.estimates.family.mean(moved)[0])


def _position(estimates: Estimates, row: int) -> int:
    """Where a row of the user's table is among those used."""
    frame = estimates.frame
    if not 0 <= row < frame.n_given:
        raise DataError(
            f"row={row} is not in the data, which have rows 0 to {frame.n_given - 1}."
        )
    found = np.flatnonzero(frame.rows == row)
    if not found.size:
        near = int(frame.rows[np.argmin(np.abs(frame.rows - row))])
        raise DataError(
            f"The model did not use row {row}: a value is missing, or its weight is zero. The "
            f"nearest that it used is row {near}."
        )
    return int(found[0])


def _variance_at(term: TermEstimates, i: int) -> float:
    """z'Gz of one row."""
    values, G = term.design.values[i], term.covariance
    if term.design.columns is not None:
        chosen = term.design.columns[i]
        G = G[np.ix_(chosen, chosen)]
    return float(values @ G @ values)


def _label(term: TermEstimates, i: int) -> str:
    """The level, and the effects unless it is one intercept: Subject 308 (intercept, Days)."""
    design = term.design
    name = f"{design.group} {design.levels[design.codes[i]]}"
    if design.effects == ("(Intercept)",):
        return name
    if design.columns is not None:
        return f"{name}, {design.effects[design.columns[i, 0]]}"
    effects = [
        effect.strip("()").replace("Intercept", "intercept") for effect in design.effects
    ]
    more = ", ..." if len(effects) > MOST_NAMES else ""
    return f"{name} ({', '.join(effects[:MOST_NAMES])}{more})"


def _density(
    estimates: Estimates, etas: np.ndarray, size: Vector, y: float
) -> tuple[Vector, Vector]:
    """Points of the density, or of the probabilities, of the observation given η̂."""
    family = estimates.family
    ends = [float(family.quantile(np.array([p]), size, etas)[0]) for p in (0.001, 0.999)]
    if family.discrete:
        low, high = np.floor(min(ends[0], y)), np.ceil(max(ends[1], y))
        step = max(1.0, np.ceil((high - low) / 400.0))
        points = np.arange(low, high + 1.0, step)
    else:
        low, high = min(ends[0], y), max(ends[1], y)
        points = np.linspace(low, high, 201)
    n = points.size
    at = Response.of(points, np.full(n, size[0]))
    with np.errstate(all="ignore"):
        heights = np.exp(family.log_density(at, np.repeat(etas, n, axis=0)).value)
    known = np.isfinite(heights)
    shown = Response(points[known], at.size[known], at.weight[known])
    return family.observed(shown), heights[known]
