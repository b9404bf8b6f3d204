"""Profile traces: how the likelihood falls on both sides of an estimate."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from henderson.drawing.lines import draw_profile
from henderson.drawing.style import new_axes
from henderson.drawing.table_columns import columns_of, distinct
from henderson.errors import ModelError, did_you_mean
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.inference.intervals.coefficient_profiles import Profile
from henderson.inference.intervals.variance_profiles import VarianceProfiles
from henderson.inference.tests.likelihood_ratio import by_ml, refuse_priors
from henderson.quantiles import normal_quantile
from henderson.tables import NativeTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BESIDE = 1.3  # times the half-width of the interval


def profile_traces(
    model: Fitted | Estimates,
    parameters: str | Sequence[str] | None = None,
    *,
    level: float = 0.95,
    points: int = 9,
) -> NativeTable:
    """ζ along each parameter: the signed root of the deviance lost by holding it at a value.

    Parameters
    ----------
    model
        A fitted model, refitted by maximum likelihood if it was by REML.
    parameters
        Coefficients of the location, and standard deviations such as "sd_Days|Subject" or
        "sigma"; None for all of both.
    level
        Coverage of the intervals that the traces are to reach a little beyond.
    points
        Values a parameter, 5 or more; each takes a search.

    Returns
    -------
    table
        `parameter`, `value`, `zeta`. A straight line is a likelihood of normal shape, for which
        Wald intervals do.

    Raises
    ------
    ModelError
        For a name that is neither, or fewer than 5 points.

    Notes
    -----
    Source: Bates & Watts (1988), Nonlinear Regression Analysis, section 6.1.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> table = hd.plots.profile_traces(model, "sigma", points=5)
    >>> table["value"].round(1).tolist()
    [35.7, 45.6, 55.5, 65.4, 75.3]
    """
    estimates = estimates_of(model)
    z = _BESIDE * normal_quantile(level)
    if points < 5:
        raise ModelError(f"points={points!r} are too few for a curve. Give 5 or more.")
    refuse_priors(estimates, "Profiles need")
    best = by_ml(estimates)
    variances = VarianceProfiles.of(best)
    coefficients = list(best.location.fixed.names)
    known = [*coefficients, *variances.standard_deviations]
    chosen = [parameters] if isinstance(parameters, str) else parameters
    columns: dict[str, list[Any]] = {"parameter": [], "value": [], "zeta": []}
    for name in known if chosen is None else chosen:
        if name not in known:
            raise ModelError(
                f"There is no parameter {name!r} to profile. {did_you_mean(name, known)}"
                f"Parameters: {', '.join(known)}."
            )
        if name in coefficients:
            j = coefficients.index(name)
            se = float(np.sqrt(best.vcov[j, j]))
            values = best.location.beta[j] + se * z * np.linspace(-1.0, 1.0, points)
            zeta = [Profile(best, j).zeta(float(value)) for value in values]
        else:
            values, zeta = variances.trace(name, z, points)
        columns["parameter"] += [name] * points
        columns["value"] += list(values)
        columns["zeta"] += list(zeta)
    return estimates.frame.table(columns)


def plot_profiles(
    model: Fitted | Estimates,
    parameters: str | Sequence[str] | None = None,
    *,
    level: float = 0.95,
) -> "Figure":
    """Profile traces, a panel a parameter, with the ends of the profile likelihood intervals.

    Parameters
    ----------
    model
        A fitted model.
    parameters
        As in `profile_traces`.
    level
        Coverage, between 0 and 1.

    Returns
    -------
    matplotlib Figure
        Of `profile_traces`, drawn by `drawing.lines.draw_profile`. Where a trace is straight,
        Wald intervals do.

    Raises
    ------
    ModelError
        For a name that is no parameter.
    """
    columns = columns_of(profile_traces(model, parameters, level=level))
    names = distinct(columns["parameter"])
    figure, axes = new_axes(len(names), columns=3, size=(2.9, 2.6))
    for ax, name in zip(axes, names, strict=True):
        here = columns["parameter"] == name
        draw_profile(
            {"value": columns["value"][here], "zeta": columns["zeta"][here]},
            z=normal_quantile(level),
            title=name,
            ax=ax,
        )
    return figure
