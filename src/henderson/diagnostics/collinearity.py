"""How much of a term's variance is due to its correlation with the other terms.

    GVIF = det R₁ det R₂ / det R

R is the correlation of the coefficients but the intercept, R₁ of a term's, R₂ of the others'.
With one coefficient it is the variance inflation factor, 1 / (1 − R²).

Source: Fox & Monette (1992), J. Am. Stat. Assoc. 87(417), 178–183.
"""

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.estimation.prediction_error import coefficients_of
from henderson.tables import NativeTable


def vif(model: Fitted | Estimates, *, component: str = "location") -> NativeTable:
    """Generalized variance inflation factors of the terms of the fixed effects.

    Parameters
    ----------
    model
        A fitted model with two terms or more, besides the intercept.
    component
        The linear predictor: "location", "dispersion", "zero_inflation".

    Returns
    -------
    table
        One row a term: `term`, `df` (its coefficients), `gvif`, and `se_factor`,
        GVIF^(1 / 2 df): how many times wider its intervals are than without the correlation.

    Raises
    ------
    ModelError
        For a model with fewer than two terms, or without the component.

    Notes
    -----
    A covariate in an interaction is correlated with it by its origin alone: center it first.

    Examples
    --------
    >>> import henderson as hd
    >>> grouse = hd.datasets.load("grouseticks")
    >>> model = hd.fit("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)", grouse, family="poisson")
    >>> hd.vif(model).round(3)
          term  df   gvif  se_factor
    0     YEAR   2  1.004      1.001
    1  cHEIGHT   1  1.004      1.002
    """
    estimates = estimates_of(model)
    if component not in estimates.predictors:
        raise ModelError(
            f"The model has no component {component!r}. "
            f"Known: {', '.join(map(repr, estimates.predictors))}."
        )
    terms, df, factors = inflation(estimates, component)
    if len(terms) < 2:
        raise ModelError(
            f"Variance inflation is of two terms or more, and the {component} has "
            f"{len(terms)} besides the intercept."
        )
    return estimates.frame.table(
        {"term": terms, "df": df, "gvif": factors, "se_factor": factors ** (0.5 / df)}
    )


def inflation(
    estimates: Estimates, component: str = "location", *, marginal: bool = False
) -> tuple[list[str], NDArray[np.intp], Vector]:
    """Terms but the intercept, their numbers of coefficients, and their GVIF.

    `marginal`: each term without those that contain it, and only against those that it neither
    contains nor is in, with what it contains held in the model. So a main effect is not blamed
    for its interactions, whose correlation with it depends on the coding and the origin.
    """
    fixed = estimates.predictors[component].fixed
    own = coefficients_of(estimates, component)
    V = estimates.vcov[own, own]
    sd = np.sqrt(np.diag(V))
    V = V / np.outer(sd, sd)
    slopes = np.array([fixed.terms[t] != "(Intercept)" for t in fixed.assign], dtype=bool)
    found = np.unique(fixed.assign[slopes])
    names = [fixed.terms[t] for t in found]
    parts = [frozenset(name.split(":")) for name in names]
    factors = np.ones(len(found))
    for i, term in enumerate(found):
        here, others, kept = fixed.assign == term, slopes & (fixed.assign != term), V
        if marginal:
            above = np.isin(fixed.assign, found[[parts[i] < other for other in parts]])
            below = np.isin(fixed.assign, found[[other < parts[i] for other in parts]])
            others &= ~above & ~below
            kept = _without(V, above)
        if others.any():
            factors[i] = _gvif(kept, here, others)
    return names, np.bincount(fixed.assign)[found], factors


def _gvif(V: Matrix, one: NDArray[np.bool_], two: NDArray[np.bool_]) -> float:
    """det V₁ det V₂ / det V₁₂, in which the scales of coefficients cancel."""
    both = one | two
    if not np.isfinite(V[np.ix_(both, both)]).all():  # the fit is no maximum
        return np.nan
    logs = [np.linalg.slogdet(V[np.ix_(part, part)])[1] for part in (one, two, both)]
    return float(np.exp(logs[0] + logs[1] - logs[2]))


def _without(V: Matrix, left_out: NDArray[np.bool_]) -> Matrix:
    """The covariance of coefficients where those left out are known to be 0; others' rows."""
    if not left_out.any():
        return V
    across = V[:, left_out]
    return V - across @ np.linalg.solve(V[np.ix_(left_out, left_out)], across.T)
