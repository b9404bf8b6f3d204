"""The fixed effects of one or two variables as curves over the data."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from henderson.design.factors import Factor
from henderson.drawing.curves import draw_effects
from henderson.drawing.style import new_axes
from henderson.errors import DataError, did_you_mean
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.inference.ddf.methods import DegreesOfFreedom
from henderson.marginal_means import emmeans
from henderson.marginal_means.mean_plots import means_label
from henderson.marginal_means.mean_rows import Scale, link_of
from henderson.marginal_means.transformed_response import Transformation
from henderson.tables import NativeTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS = 80  # of a curve


def effect_curves(
    model: Fitted | Estimates,
    x: str,
    *,
    by: str | None = None,
    at: Mapping[str, Any] | None = None,
    scale: Scale = "response",
    ddf: str | DegreesOfFreedom | None = None,
    level: float = 0.95,
) -> NativeTable:
    """Marginal means along one variable, others averaged over as in `emmeans`.

    Parameters
    ----------
    model
        A fitted model.
    x
        A variable of the fixed effects: at 80 values over its range, or at its levels.
    by
        A second one, at its levels; a number with many values is at its mean and one standard
        deviation below and above.
    at
        Values of other variables, as in `emmeans`.
    scale
        "response", at random effects of 0, or "link".
    ddf
        Method of degrees of freedom for the bands; None is normal for numbers, as these are
        many rows, and the model's default for levels.
    level
        Coverage of the bands, at each value by itself.

    Returns
    -------
    table
        `x`, `by`, `estimate`, `std_error`, `df`, `lower`, `upper`.

    Raises
    ------
    DataError
        For a name that is no variable of the fixed effects.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> hd.plots.effect_curves(model, "Days")[["Days", "estimate"]].iloc[[0, -1]].round(1)
        Days  estimate
    0    0.0     251.4
    79   9.0     345.6
    """
    estimates = estimates_of(model)
    chosen: dict[str, Any] = dict(at or {})
    for name, spread in ((x, _along), (by, _around)):
        if name is not None and name not in chosen and _is_covariate(estimates, name):
            chosen[name] = spread(_column(estimates, name))
    if ddf is None and x in chosen:
        ddf = "infinite"
    means = emmeans(
        estimates,
        [x],
        by=None if by is None else [by],
        at=chosen,
        scale=scale,
        ddf=ddf,
        level=level,
    )
    return means.table()


def observed_points(model: Fitted | Estimates, x: str, *, by: str | None = None) -> NativeTable:
    """What was observed along one variable, to be drawn under the curves.

    Parameters
    ----------
    model
        A fitted model.
    x, by
        Variables of the model.

    Returns
    -------
    table
        `x`, `by`, and `y`, the response; a binomial one as the proportion of successes, one of
        log(y) or sqrt(y) as y.
    """
    estimates = estimates_of(model)
    named = {name: _column(estimates, name) for name in (x, by) if name is not None}
    y = estimates.family.observed(estimates.response)
    transformed = Transformation.of_response(estimates)
    if transformed is not None:
        y = transformed.link.mean(y)
    return estimates.frame.table({**named, "y": y})


def plot_effects(
    model: Fitted | Estimates,
    x: str,
    *,
    by: str | None = None,
    at: Mapping[str, Any] | None = None,
    scale: Scale = "response",
    ddf: str | DegreesOfFreedom | None = None,
    level: float = 0.95,
    points: bool = True,
) -> "Figure":
    """Fitted means along one variable with their bands, over the data.

    Parameters
    ----------
    model
        A fitted model.
    x, by, at, scale, ddf, level
        As in `effect_curves`.
    points
        Whether to draw what was observed; not on the link scale.

    Returns
    -------
    matplotlib Figure
        Of the tables `effect_curves` and `observed_points`, drawn by
        `drawing.curves.draw_effects`.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> hd.plots.plot_effects(model, "Days").axes[0].get_xlabel()
    'Days'
    """
    estimates = estimates_of(model)
    table = effect_curves(estimates, x, by=by, at=at, scale=scale, ddf=ddf, level=level)
    label = means_label(emmeans(estimates, [x], scale=scale, level=level, ddf="infinite").rows)
    observed = None
    if points and (scale == "response" or link_of(estimates, "location").name == "identity"):
        shared = by is not None and not _is_covariate(estimates, by)
        observed = observed_points(estimates, x, by=by if shared else None)
    figure, (ax,) = new_axes(size=(4.4, 3.4))
    draw_effects(table, x, by=by, points=observed, ylabel=label, ax=ax)
    return figure


def _column(estimates: Estimates, name: str) -> NDArray[Any]:
    """A variable of the model as it is in the data."""
    variables = estimates.frame.variables
    if name not in variables:
        raise DataError(
            f"{name!r} is not a variable of the model. {did_you_mean(name, list(variables))}"
            f"Variables: {', '.join(variables)}."
        )
    found = variables[name]
    return found.keys[found.codes] if isinstance(found, Factor) else found


def _is_covariate(estimates: Estimates, name: str) -> bool:
    """Whether a variable is a number that marginal means take at one value."""
    means = emmeans(estimates, [name], ddf="infinite")
    return not isinstance(estimates.frame.variables[name], Factor) and means.rows.r == 1


def _along(values: NDArray[Any]) -> NDArray[Any]:
    return np.linspace(values.min(), values.max(), _POINTS)


def _around(values: NDArray[Any]) -> NDArray[Any]:
    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    digits = 2 - int(np.floor(np.log10(sd))) if sd > 0.0 else 3
    return np.unique(np.round([mean - sd, mean, mean + sd], digits) + 0.0)
