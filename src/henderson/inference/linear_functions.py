"""Linear functions Lβ of the fixed effects: estimates, covariance, degrees of freedom, tests.

    t = l'β̂ / √(l'Φl)  ~  t(ν),      F = (Lβ̂)ᵀ(LΦLᵀ)⁻¹Lβ̂ / q  ~  F(q, ν)

The methods differ in ν, and Kenward-Roger's in Φ and in a factor of F, too. Everything tested
in the package, a coefficient, a mean, a contrast, a term, is rows of L.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtr, stdtr, stdtrit

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates, PredictorEstimates
from henderson.inference.ddf.methods import (
    DegreesOfFreedom,
    degrees_of_freedom,
    has_covariance,
    reason_not_tested,
)
from henderson.quantiles import normal_quantile

_RANK = 1e-8  # singular values of whitened rows, relative to the largest


@dataclass(frozen=True, slots=True)
class LinearEstimates:
    """Lβ̂ of r linear functions, on the scale of the linear predictor."""

    L: Matrix  # (r, p)
    estimate: Vector  # (r,)
    vcov: Matrix  # (r, r); Kenward-Roger: adjusted
    df: Vector  # (r,), infinite for a normal reference
    ddf: str  # the method

    @property
    def std_error(self) -> Vector:
        """Standard errors, (r,)."""
        return np.sqrt(np.maximum(np.diag(self.vcov), 0.0))

    @property
    def statistic(self) -> Vector:
        """t (z with infinite df), (r,); not a number where there is no standard error."""
        se = self.std_error
        return np.divide(self.estimate, se, out=np.full(se.shape, np.nan), where=se > 0.0)

    @property
    def p_value(self) -> Vector:
        """P(|T| > |t|), (r,)."""
        t, finite = -np.abs(self.statistic), np.isfinite(self.df)
        return 2.0 * np.where(finite, stdtr(np.where(finite, self.df, 1.0), t), ndtr(t))

    def interval(self, level: float) -> tuple[Vector, Vector]:
        """Ends of the confidence intervals of coverage `level`, each (r,)."""
        z, finite = normal_quantile(level), np.isfinite(self.df)
        t = np.where(finite, stdtrit(np.where(finite, self.df, 1.0), 0.5 + level / 2.0), z)
        return self.estimate - t * self.std_error, self.estimate + t * self.std_error


@dataclass(frozen=True, slots=True)
class JointTest:
    """F of Lβ = c; with infinite denominator degrees of freedom, chi-squared over its own."""

    statistic: float  # F; NaN where there is nothing to test
    df1: int  # rank of L
    df2: float
    p_value: float
    ddf: str

    @property
    def chi2(self) -> float:
        """F times its numerator's degrees of freedom."""
        return self.statistic * self.df1


def linear_estimates(
    estimates: Estimates,
    L: Matrix,
    *,
    ddf: str | DegreesOfFreedom | None = None,
    component: str = "location",
) -> LinearEstimates:
    """Estimates, covariance and degrees of freedom of the linear functions Lβ.

    Parameters
    ----------
    estimates
        A fitted model.
    L : (r, p) array
        One function a row, over the coefficients of the component.
    ddf
        How degrees of freedom are found: see `degrees_of_freedom`, which also makes the method
        once for several calls. None is the default of the model.
    component
        The linear predictor: "location", "dispersion", "zero_inflation".

    Returns
    -------
    LinearEstimates
        `estimate`, `vcov`, `df`, on the scale of the linear predictor. `vcov` is NaN for
        functions without a covariance: see `has_covariance`.

    Raises
    ------
    ModelError
        For a method that does not exist or does not fit the model, or L of another width.

    Examples
    --------
    >>> import numpy as np
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> slope = linear_estimates(model.estimates, np.array([[0.0, 1.0]]), ddf="satterthwaite")
    >>> slope.estimate.round(3), slope.std_error.round(3), slope.df.round(1)
    (array([10.467]), array([1.546]), array([17.]))
    """
    predictor = estimates.component(component)
    L = _checked(predictor, L)
    method = degrees_of_freedom(estimates, ddf, component=component)
    known = has_covariance(method, L)
    vcov = np.full((len(L), len(L)), np.nan)
    vcov[np.ix_(known, known)] = _covariance(L[known], method.vcov)
    df = np.full(len(L), np.nan)
    df[known] = method.df(L[known])
    return LinearEstimates(L=L, estimate=L @ predictor.beta, vcov=vcov, df=df, ddf=method.name)


def joint_test(
    estimates: Estimates,
    L: Matrix,
    *,
    value: Vector | None = None,
    ddf: str | DegreesOfFreedom | None = None,
    component: str = "location",
) -> JointTest:
    """F-test of Lβ = c.

    Parameters
    ----------
    estimates
        A fitted model.
    L : (r, p) array
        One function a row, over the coefficients of the component. Rows that others determine
        change nothing.
    value : (r,) array
        c; zeros by default.
    ddf, component
        As in `linear_estimates`.

    Returns
    -------
    JointTest
        `statistic`, `df1` (the rank of L), `df2`, `p_value`.

    Raises
    ------
    ModelError
        For a method that does not exist or does not fit the model, L of another width, or
        values that contradict one another.

    Examples
    --------
    >>> import numpy as np
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> test = joint_test(model.estimates, np.array([[0.0, 1.0]]), ddf="satterthwaite")
    >>> round(test.statistic, 2), test.df1, round(test.df2, 1)
    (45.85, 1, 17.0)
    """
    predictor = estimates.component(component)
    method = degrees_of_freedom(estimates, ddf, component=component)
    L = _checked(predictor, L)
    difference = L @ predictor.beta - (0.0 if value is None else np.asarray(value))
    if not has_covariance(method, L).all():
        q = int(np.linalg.matrix_rank(L))
        return JointTest(np.nan, q, np.nan, np.nan, reason_not_tested(method))
    L, difference = _independent_rows(L, difference, method.vcov)
    q = len(L)
    if q == 0:
        return JointTest(np.nan, 0, np.nan, np.nan, method.name)
    statistic, df2 = method.joint(L, difference)
    p = chdtrc(q, q * statistic) if np.isinf(df2) else fdtrc(q, df2, statistic)
    return JointTest(statistic, q, df2, float(p), method.name)


def _covariance(L: Matrix, vcov: Matrix) -> Matrix:
    """LΦLᵀ, of which coefficients without a weight need no covariance."""
    used = np.any(L != 0.0, axis=0)
    return L[:, used] @ vcov[np.ix_(used, used)] @ L[:, used].T


def _checked(predictor: PredictorEstimates, L: Matrix) -> Matrix:
    p = predictor.beta.size
    L = np.asarray(L, dtype=np.float64)
    if L.ndim != 2 or L.shape[1] != p or not np.isfinite(L).all():
        raise ModelError(
            f"L must be finite numbers, a row a linear function, with {p} columns, one for "
            f"each of {', '.join(predictor.fixed.names)}. Its shape is {L.shape}."
        )
    return L


def _independent_rows(L: Matrix, value: Vector, vcov: Matrix) -> tuple[Matrix, Vector]:
    """L and its values where rows are independent, else as many combinations as its rank."""
    if not np.any(L):
        return L[:0], value[:0]
    scale = np.sqrt(np.diag(vcov))
    size = np.linalg.norm(L * scale, axis=1)
    size[size == 0.0] = 1.0
    left, values, _ = np.linalg.svd(L * scale / size[:, None], full_matrices=True)
    rank = int(np.sum(values > _RANK * values[0]))
    if rank == len(L):
        return L, value
    combine, dependent = left[:, :rank].T / size, left[:, rank:].T / size
    if np.abs(dependent @ value).max(initial=0.0) > 1e-6 * max(1.0, np.abs(value / size).max()):
        raise ModelError(
            "The hypotheses contradict one another: rows of L depend on others, and their "
            "values do not in the same way. Leave out the rows that follow from others."
        )
    return combine @ L, combine @ value
