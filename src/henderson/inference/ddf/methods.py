"""The methods for degrees of freedom, and which is the default of a model."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError, did_you_mean
from henderson.estimation.estimates import Estimates, takes_part
from henderson.estimation.prediction_error import coefficients_of
from henderson.inference.ddf import independent_blocks
from henderson.inference.ddf.between_within import between_within_df
from henderson.inference.ddf.coefficient_df import CoefficientDf
from henderson.inference.ddf.containment import containment_df
from henderson.inference.ddf.generalized_least_squares import GeneralizedLeastSquares
from henderson.inference.ddf.kenward_roger import KenwardRoger
from henderson.inference.ddf.satterthwaite import Satterthwaite

_MODERATE = 1000  # random effects up to which Kenward-Roger is the default
_LINKED = 500  # rows that vary together, likewise
_SQUARE = 4e6  # and the largest (p × variance parameters)²


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
    estimates.component(component)
    if component != "location":
        name = getattr(ddf, "name", ddf)
        if name not in {None, "infinite"}:
            raise ModelError(
                f"ddf={name!r} is for the location, and tests of the {component} are normal. "
                "Leave ddf out."
            )
        return _infinite(estimates, component)
    if ddf is None:
        ddf = default_method(estimates)
    if hasattr(ddf, "vcov") and not isinstance(ddf, str):
        return ddf
    if not isinstance(ddf, str) or ddf not in METHODS:
        known = list(METHODS)
        raise ModelError(
            f"There is no method {ddf!r} for degrees of freedom. "
            f"{did_you_mean(str(ddf), known)}Choose one of {', '.join(map(repr, known))}."
        )
    return METHODS[ddf](estimates)


def has_covariance(method: DegreesOfFreedom, L: Matrix) -> NDArray[np.bool_]:
    """Whether each linear function, a row of L (r, p), has a covariance; shape (r,).

    It has none where it depends on coefficients without one, because the fit is not a maximum,
    or runs off to infinity, because the response is separated.
    """
    known = np.isfinite(np.diag(method.vcov))
    found = ~np.any((L != 0.0) & ~known, axis=1)
    if isinstance(method, CoefficientDf) and method.endless is not None:
        found &= ~takes_part(L, np.nan_to_num(method.vcov), method.endless)
    return found


def reason_not_tested(method: DegreesOfFreedom) -> str:
    """What a table says in the place of `ddf` where a function has no covariance."""
    separated = isinstance(method, CoefficientDf) and method.endless is not None
    return f"no test: {'separated, see drop1()' if separated else 'no standard errors'}"


def why_no_covariance(estimates: Estimates, method: DegreesOfFreedom) -> str:
    """A sentence for the functions that have no covariance; "" where all have one."""
    if isinstance(method, CoefficientDf) and method.endless is not None:
        names = estimates.location.fixed.names
        stays = has_covariance(method, np.eye(len(names)))
        listed = ", ".join(name for name, s in zip(names, stays, strict=True) if not s)
        return (
            f"The response is separated: {listed} run off to infinity, and what depends on "
            "them has no finite estimate (nonEst, NaN). Compare models by drop1(), or hold the "
            'estimates by a prior: priors={"fixed": "normal(0, 2.5)"}.'
        )
    if not np.isfinite(np.diag(method.vcov)).all():
        return f"No standard errors: {estimates.certificate.outcome.value}."
    return ""


def default_method(estimates: Estimates) -> str:
    """The name of a model's own method: see `degrees_of_freedom`."""
    asked = estimates.specification
    restricted = asked.method == "REML" and not asked.priors
    best = "kenward-roger" if restricted else "satterthwaite"
    if estimates.errors is not None:
        linked = independent_blocks.linked_rows(estimates)
        if linked > _LINKED and independent_blocks.errors_are_regular(estimates):
            return "satterthwaite"
        if independent_blocks.too_large(estimates) is None:
            if independent_blocks.is_regular(estimates):
                return best
            if not estimates.location.terms:
                return "between-within"
        return "infinite"
    if not estimates.is_linear:
        return "infinite"
    if independent_blocks.residual_vanishes(estimates):
        return best if _by_blocks(estimates) or _is_solvable(estimates) else "containment"
    terms = estimates.location.terms
    q = sum(term.modes.size for term in terms)
    m, p = sum(term.theta.size for term in terms), estimates.location.beta.size
    affordable = (len(terms) == 1 or q <= _MODERATE) and (m * p) ** 2 <= _SQUARE
    return best if affordable else "satterthwaite"


def _with_df(
    name: str, estimates: Estimates, component: str, nu: Vector | None = None
) -> CoefficientDf:
    own = coefficients_of(estimates, component)
    vcov, endless = estimates.determined_vcov[own, own], estimates.endless[:, own]
    nu = np.full(len(vcov), np.inf) if nu is None else nu
    return CoefficientDf(name, vcov, nu, endless if endless.any() else None)


def _infinite(estimates: Estimates, component: str = "location") -> DegreesOfFreedom:
    return _with_df("infinite", estimates, component)


def _by_coefficient(
    name: str, of_coefficients: Callable[[Estimates], Vector]
) -> Callable[[Estimates], DegreesOfFreedom]:
    def make(estimates: Estimates) -> DegreesOfFreedom:
        return _with_df(name, estimates, "location", of_coefficients(estimates))

    return make


def _residual_df(estimates: Estimates) -> Vector:
    n, p = estimates.location.fixed.matrix.shape
    return np.full(p, float(n - p))


def _kenward_roger(estimates: Estimates) -> DegreesOfFreedom:
    if estimates.errors is None and not estimates.is_linear:
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
    if estimates.errors is None and not independent_blocks.residual_vanishes(estimates):
        return False
    size = independent_blocks.too_large(estimates)
    if size is None and independent_blocks.is_regular(estimates):
        return True
    if estimates.errors is None:
        return False
    why = (
        "a covariance that is estimated as singular"
        if size is None
        else f"{size} rows linked by subjects and random effects"
    )
    raise ModelError(
        f"With residuals that vary together ({estimates.errors.design.term.text}) and {why}, "
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
    if estimates.errors is None and not estimates.is_linear:
        raise _needs_linear("Satterthwaite's", estimates)
    if independent_blocks.errors_are_regular(estimates) or _by_blocks(estimates):
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
