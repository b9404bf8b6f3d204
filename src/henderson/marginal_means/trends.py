"""Slopes of a covariate at the levels of factors."""

import numpy as np

from henderson.design.factors import Factor
from henderson.errors import DataError, did_you_mean
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.inference.ddf.methods import DegreesOfFreedom
from henderson.marginal_means.averaging import Weights, averages
from henderson.marginal_means.means import MarginalMeans, mean_rows
from henderson.marginal_means.reference_grid import At, reference_grid
from henderson.marginal_means.specs import Names, wanted

_STEP = 1e-3  # of the covariate's range


def emtrends(
    model: Fitted | Estimates,
    specs: Names,
    var: str,
    *,
    by: Names | None = None,
    at: At | None = None,
    weights: Weights = "equal",
    ddf: str | DegreesOfFreedom | None = None,
    level: float = 0.95,
    component: str = "location",
) -> MarginalMeans:
    """Slopes of a covariate, averaged and compared as means are.

        ∂(Lβ̂)/∂x,   L: rows of the model matrix over the reference grid, averaged

    Parameters
    ----------
    model
        A fitted model, or its estimates.
    specs
        The variables to have slopes for, as in `emmeans`; "1" is the overall slope.
    var
        The covariate, a numeric column.
    by, at, weights, ddf, level, component
        As in `emmeans`. Where the slope changes with the covariate, it is that at the value in
        `at`, or at its mean.

    Returns
    -------
    MarginalMeans
        Slopes of the linear predictor a unit of `var`; `contrasts()` compares them.

    Raises
    ------
    DataError
        For variables that the model does not have, or a `var` that is a factor.
    ModelError
        For an option that does not exist.

    Notes
    -----
    The derivative of each column is a difference of fourth order, exact to rounding for
    polynomials up to the fourth degree.

    Examples
    --------
    >>> import henderson as hd
    >>> sleep = hd.datasets.load("sleepstudy")
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", sleep)
    >>> emtrends(model, "1", "Days").estimate.round(2)
    array([10.47])
    """
    estimates = estimates_of(model)
    known = reference_grid(estimates, at=at, component=component)
    if var not in known.names:
        raise DataError(
            f"The model has no covariate {var!r}. {did_you_mean(str(var), list(known.names))}"
            f"Variables of its fixed effects: {', '.join(known.names) or 'none'}."
        )
    values = estimates.frame.variables[var]
    if isinstance(values, Factor):
        raise DataError(f"{var!r} is a factor and has no slope. Compare its levels by emmeans.")
    mean = float(np.mean(values, dtype=np.float64))
    grid = reference_grid(estimates, at={var: mean, **(at or {})}, component=component)
    kept = wanted(specs, by, grid.names)
    rows = mean_rows(
        estimates,
        grid,
        kept,
        weights=weights,
        ddf=ddf,
        level=level,
        scale="link",
        component=component,
        random="zero",
    )
    step = _STEP * float(np.ptp(values)) or 1.0
    slopes = (
        8.0 * (grid.shifted(var, step) - grid.shifted(var, -step))
        - (grid.shifted(var, 2.0 * step) - grid.shifted(var, -2.0 * step))
    ) / (12.0 * step)
    weighted = averages(grid, [*rows.factors, *rows.by], weights)
    return MarginalMeans(rows.as_slopes(weighted.matrix @ slopes, var))
