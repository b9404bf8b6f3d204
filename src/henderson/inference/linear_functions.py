"""Linear functions Lβ of the fixed effects: estimates, covariance, degrees of freedom, tests.

    t = l'β̂ / √(l'Φl)  ~  t(ν),      F = (Lβ̂)ᵀ(LΦLᵀ)⁻¹Lβ̂ / q  ~  F(q, ν)

The methods differ in ν, and Kenward-Roger's in Φ and in a factor of F, too. Everything tested
in the package, a coefficient, a mean, a contrast, a term, is rows of L.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtr, stdtr, stdtrit

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError, did_you_mean
from henderson.estimation.estimates import Estimates, PredictorEstimates
from henderson.estimation.prediction_error import coefficients_of
from henderson.inference import independent_blocks
from henderson.inference.between_within import between_within_df
from henderson.inference.coefficient_df import CoefficientDf
from henderson.inference.containment import containment_df
from henderson.inference.generalized_least_squares import GeneralizedLeastSquares
from henderson.inference.kenward_roger import KenwardRoger
from henderson.inference.satterthwaite import Satterthwaite
from henderson.prediction import normal_quantile

_MODERATE = 1000  # random effects up to which Kenward-Roger is the default
_LINKED = 500  # rows that vary together, likewise
_SQUARE = 4e6  # and the largest (p × variance parameters)²
_RANK = 1e-8  # singular values of whitened rows, relative to the largest


class DegreesOfFreedom(Protocol):
    """A method: the covariance of β̂ it uses, and ν of one and of several linear functions."""

    @property
    def name(self) -> str:
        """As in `ddf`."""
        ...

    @property
    def vcov(self) -> Matrix:
        """(p, p)."""
        ...

    def df(self, L: Matrix) -> Vector:
        """ν of each row of L (r, p); shape (r,)."""
        ...

    def joint(self, L: Matrix, value: Vector) -> tuple[float, float]:
        """F of `value` (q,), for independent rows L (q, p), and its denominator's ν."""
        ...


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
        return np.sqrt(np.diag(self.vcov))

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
        `estimate`, `vcov`, `df`, on the scale of the linear predictor.

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
    predictor = component_named(estimates, component)
    L = _checked(predictor, L)
    method = degrees_of_freedom(estimates, ddf, component=component)
    return LinearEstimates(
        L=L,
        estimate=L @ predictor.beta,
        vcov=L @ method.vcov @ L.T,
        df=method.df(L),
        ddf=method.name,
    )


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
    predictor = component_named(estimates, component)
    method = degrees_of_freedom(estimates, ddf, component=component)
    L = _checked(predictor, L)
    difference = L @ predictor.beta - (0.0 if value is None else np.asarray(value))
    L, difference = _independent_rows(L, difference, method.vcov)
    q = len(L)
    if q == 0:
        return JointTest(np.nan, 0, np.nan, np.nan, method.name)
    statistic, df2 = method.joint(L, difference)
    p = chdtrc(q, q * statistic) if np.isinf(df2) else fdtrc(q, df2, statistic)
    return JointTest(statistic, q, df2, float(p), method.name)


def component_named(estimates: Estimates, component: str) -> PredictorEstimates:
    """One linear predictor of a model.

    Raises
    ------
    ModelError
        For a predictor that the model does not have.
    """
    if component not in estimates.predictors:
        known = list(estimates.predictors)
        raise ModelError(
            f"The model has no component {component!r}. {did_you_mean(str(component), known)}"
            f"Known: {', '.join(map(repr, known))}."
        )
    return estimates.predictors[component]


def degrees_of_freedom(
    estimates: Estimates,
    ddf: str | DegreesOfFreedom | None = None,
    *,
    component: str = "location",
) -> DegreesOfFreedom:
    """The method named `ddf` for a model, or the model's default; a method made is itself.

    For other linear predictors than the location there is the normal distribution only.

    Raises
    ------
    ModelError
        For a method that does not exist, or does not fit the model.

    Notes
    -----
    "kenward-roger": with adjusted covariance, for linear models by REML. "satterthwaite": from
    the variance of the variance estimates, for linear models. "containment": SAS's default, by
    the names of the random effects. "between-within": by the level of nested groups at which a
    term varies. "residual": n − p for all. "infinite": the normal distribution. "Linear" is
    Gaussian with the identity link and one residual variance. The default is the first for
    linear models by REML that are not large, the second for other linear models (with priors on
    standard deviations, too), else the last, also with priors on fixed effects;
    between-within where residuals have a covariance estimated as singular, containment where a
    residual variance of 0 leaves nothing to compute the first two from.
    """
    component_named(estimates, component)
    if component != "location":
        name = ddf if ddf is None or isinstance(ddf, str) else ddf.name
        if name not in {None, "infinite"}:
            raise ModelError(
                f"ddf={name!r} is for the location, and tests of the {component} are normal. "
                "Leave ddf out."
            )
        return _infinite(estimates, component)
    if ddf is None:
        ddf = default_method(estimates)
    if not isinstance(ddf, str):
        return ddf
    if ddf not in METHODS:
        known = list(METHODS)
        raise ModelError(
            f"There is no method {ddf!r} for degrees of freedom. {did_you_mean(ddf, known)}"
            f"Choose one of {', '.join(map(repr, known))}."
        )
    return METHODS[ddf](estimates)


def default_method(estimates: Estimates) -> str:
    """The name of a model's own method: see `degrees_of_freedom`."""
    asked = estimates.specification
    restricted = asked.method == "REML" and not asked.priors
    best = "kenward-roger" if restricted else "satterthwaite"
    if estimates.residual is not None:
        linked = independent_blocks.linked_rows(estimates)
        if linked > _LINKED and independent_blocks.residuals_are_regular(estimates):
            return "satterthwaite"
        if independent_blocks.too_large(estimates) is None:
            if independent_blocks.is_regular(estimates):
                return best
            if not estimates.location.terms:
                return "between-within"
        return "infinite"
    if not is_linear(estimates):
        return "infinite"
    if independent_blocks.residual_vanishes(estimates):
        return best if _by_blocks(estimates) or _is_solvable(estimates) else "containment"
    terms = estimates.location.terms
    q = sum(term.modes.size for term in terms)
    m, p = sum(term.theta.size for term in terms), estimates.location.beta.size
    affordable = (len(terms) == 1 or q <= _MODERATE) and (m * p) ** 2 <= _SQUARE
    return best if affordable else "satterthwaite"


def is_linear(estimates: Estimates) -> bool:
    """Whether the model is Gaussian with the identity link and one residual variance.

    With priors on coefficients it is not: their estimates are no linear function of y.
    """
    return (
        estimates.residual is None
        and not estimates.specification.has_coefficient_priors
        and estimates.family.is_quadratic
        and all(
            each.fixed.names == ("(Intercept)",) and not each.terms and not each.offset.any()
            for name, each in estimates.predictors.items()
            if name != "location"
        )
    )


def _vcov(estimates: Estimates, component: str) -> Matrix:
    own = coefficients_of(estimates, component)
    return estimates.vcov[own, own]


def _infinite(estimates: Estimates, component: str = "location") -> DegreesOfFreedom:
    vcov = _vcov(estimates, component)
    return CoefficientDf("infinite", vcov, np.full(len(vcov), np.inf))


def _by_coefficient(
    name: str, of_coefficients: Callable[[Estimates], Vector]
) -> Callable[[Estimates], DegreesOfFreedom]:
    def make(estimates: Estimates) -> DegreesOfFreedom:
        return CoefficientDf(
            name=name,
            vcov=_vcov(estimates, "location"),
            nu=of_coefficients(estimates),
        )

    return make


def _residual_df(estimates: Estimates) -> Vector:
    n, p = estimates.location.fixed.matrix.shape
    return np.full(p, float(n - p))


def _kenward_roger(estimates: Estimates) -> DegreesOfFreedom:
    if estimates.residual is None and not is_linear(estimates):
        raise _needs_linear("Kenward and Roger's", estimates)
    if estimates.specification.method != "REML":
        raise ModelError(
            "Kenward and Roger's method is derived for REML, and this model was fitted by ML, "
            'whose variances are too small. Fit it with method="REML", or use '
            'ddf="satterthwaite".'
        )
    if estimates.specification.priors:
        raise ModelError(
            "Kenward and Roger's method is derived for REML estimates of variances, which the "
            'priors of this model have moved. Use ddf="satterthwaite".'
        )
    if _by_blocks(estimates):
        return independent_blocks.kenward_roger(estimates)
    _refuse_unsolvable(estimates)
    return KenwardRoger.of(estimates)


def _by_blocks(estimates: Estimates) -> bool:
    """Whether degrees of freedom are to be found from V itself.

    Where residuals vary together they are; with a residual variance of nearly 0, where V is
    regular nonetheless, as the random effects alone make it.

    Raises
    ------
    ModelError
        For residuals that vary together where they cannot be found.
    """
    if estimates.residual is None and not independent_blocks.residual_vanishes(estimates):
        return False
    size = independent_blocks.too_large(estimates)
    if size is None and independent_blocks.is_regular(estimates):
        return True
    if estimates.residual is None:
        return False
    why = (
        "a covariance that is estimated as singular"
        if size is None
        else f"{size} rows linked by subjects and random effects"
    )
    raise ModelError(
        f"With residuals that vary together ({estimates.residual.design.term.text}) and {why}, "
        'these degrees of freedom cannot be computed. Use ddf="between-within", or '
        'ddf="infinite".'
    )


def _is_solvable(estimates: Estimates) -> bool:
    """Whether the equations have digits left where the residual variance is nearly 0."""
    try:
        GeneralizedLeastSquares.of(estimates)
    except np.linalg.LinAlgError:
        return False
    return True


def _refuse_unsolvable(estimates: Estimates) -> None:
    if independent_blocks.residual_vanishes(estimates) and not _is_solvable(estimates):
        raise ModelError(
            "The residual variance is estimated as nearly 0, and the equations that these "
            'degrees of freedom need are singular. Use ddf="containment", '
            'ddf="between-within" or ddf="infinite".'
        )


def _satterthwaite(estimates: Estimates) -> DegreesOfFreedom:
    if estimates.residual is None and not is_linear(estimates):
        raise _needs_linear("Satterthwaite's", estimates)
    if independent_blocks.residuals_are_regular(estimates) or _by_blocks(estimates):
        return independent_blocks.satterthwaite(estimates)
    _refuse_unsolvable(estimates)
    return Satterthwaite.of(estimates)


def _needs_linear(whose: str, estimates: Estimates) -> ModelError:
    family = estimates.family
    if family.is_quadratic and estimates.specification.has_coefficient_priors:
        return ModelError(
            f"{whose} degrees of freedom are derived for estimates without priors on fixed "
            'effects. Use ddf="infinite" (the normal distribution), or bootstrap().'
        )
    others = [each for name, each in estimates.predictors.items() if name != "location"]
    vary = any(each.terms for each in others)
    if family.is_quadratic and not vary:
        return ModelError(
            f"{whose} degrees of freedom are computed for a dispersion with a formula where "
            'residuals have a structure. Give residual="homdiag(1 | Subject)", too, for the '
            "same model, with any groups of rows of the data for subjects."
        )
    return ModelError(
        f"{whose} degrees of freedom are derived for a Gaussian response with the identity "
        f"link and one residual variance, and this model is {family.name} with the "
        f"{family.link.name} link{' and random effects of the dispersion' if vary else ''}. "
        'Use ddf="infinite" (the normal distribution); for small '
        "samples, likelihood ratio tests or the bootstrap."
    )


METHODS: Mapping[str, Callable[[Estimates], DegreesOfFreedom]] = MappingProxyType(
    {
        "kenward-roger": _kenward_roger,
        "satterthwaite": _satterthwaite,
        "containment": _by_coefficient("containment", containment_df),
        "between-within": _by_coefficient("between-within", between_within_df),
        "residual": _by_coefficient("residual", _residual_df),
        "infinite": _infinite,
    }
)


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
