"""Profile likelihood intervals of standard deviations, correlations and ranges.

    ζ(v)  =  sign(v − v̂) √(D(v) − D(v̂)),   D(v) = min over all else of −2 log L at the value v

The interval has |ζ| ≤ z₁₋α/₂, by maximum likelihood. In the linear model, with T relative to σ,

    −2 log L(θ, σ)  =  d(θ) + n (x + e⁻ˣ − 1),   x = log σ²/σ̂²(θ),

d(θ) being −2 log L with σ profiled out. A standard deviation σ‖Tᵢ‖ = v makes σ = v/‖Tᵢ(θ)‖,
which leaves a search over θ without constraints. Elsewhere the model is fitted with a
covariance structure in which the value is fixed. Where a standard deviation is 0, correlations
with it are any: their D(v) is never above the least deviance there.

Source: Bates, Mächler, Bolker & Walker (2015), J. Stat. Softw. 67(1), section 5.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from henderson.arrays import Vector
from henderson.covariance import CovarianceStructure
from henderson.covariance.unstructured import Unstructured
from henderson.equations import MixedModelEquations
from henderson.estimation.blas_threads import single_blas_thread
from henderson.estimation.estimates import Estimates, TermEstimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.estimation.model_design import ModelDesign
from henderson.inference.intervals.coefficient_profiles import (
    chosen_names,
    interval_table,
    step_to,
)
from henderson.inference.intervals.constrained_structures import (
    FixedCorrelation,
    FixedElement,
    FixedScale,
    by_one_element,
)
from henderson.inference.intervals.error_profiles import error_parameters
from henderson.inference.tests.likelihood_ratio import by_ml, refuse_priors
from henderson.likelihood.fixed_basis import FixedBasis
from henderson.likelihood.gaussian import GaussianLikelihood
from henderson.likelihood.objective import Evaluation
from henderson.optimize import SearchLimits, minimize
from henderson.quantiles import normal_quantile
from henderson.refits.refitting import refit
from henderson.tables import NativeTable

_MOST_INFORMED = 300.0  # the square root of such an information
_TINY = 1e-6  # of a standard deviation: zero, for its profile
_FARTHEST_Z = 8.0  # of a correlation, by Fisher's transformation: one, for its profile
_FARTHEST = 40.0  # units of log sd
_ENDLESS = 1e8  # of a range: its upper end is infinite


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A standard deviation (`pair` of one effect), a correlation (of two), or σ (none).

    Or what one `element` of θ says, by its `natural` name in the structure: the correlation of
    a pattern, a range.
    """

    name: str
    predictor: str
    term: int
    pair: tuple[int, ...]
    element: int = -1
    natural: str = ""

    def estimate(self, estimates: Estimates) -> float:
        """By the fit; not a number for a correlation with what does not vary."""
        if self.natural:
            term = estimates.predictors[self.predictor].terms[self.term]
            return self.value_at(term, float(term.theta[self.element]))
        if not self.pair:
            return float(np.exp(estimates.predictors["dispersion"].beta[0]))
        G = estimates.predictors[self.predictor].terms[self.term].covariance
        sd = np.sqrt(np.diag(G))
        if len(self.pair) == 1:
            return float(sd[self.pair[0]])
        i, j = self.pair
        return float(G[i, j] / (sd[i] * sd[j])) if sd[i] * sd[j] > 0.0 else np.nan

    def value_at(self, term: TermEstimates, element: float) -> float:
        """What is named, where its element of θ has this value."""
        theta = term.theta.copy()
        theta[self.element] = element
        return term.structure.natural(theta, term.design.n_effects)[self.natural]


def profile_variances(
    model: Fitted | Estimates,
    parameters: str | Sequence[str] | None = None,
    *,
    level: float = 0.95,
) -> NativeTable:
    """Profile likelihood confidence intervals of standard deviations, correlations and ranges.

    Parameters
    ----------
    model
        A fitted model, refitted by maximum likelihood if it was by REML.
    parameters
        Names such as "sd_Days|Subject", "cor_Days.(Intercept)|Subject", "correlation|Subject"
        of a pattern with one correlation and, in the linear model, "sigma"; None for all.
    level
        Coverage, between 0 and 1.

    Returns
    -------
    table
        One row a parameter: `term`, `estimate` (by maximum likelihood), `lower`, `upper`. A
        standard deviation whose likelihood at 0 is high enough has a lower end of 0, a
        correlation ends at −1 or 1.

    Raises
    ------
    ModelError
        For a name that is no parameter, or a level outside (0, 1).

    Notes
    -----
    Correlations are profiled for unstructured covariances, and of other structures what one
    parameter determines: the correlation of `cs` and `ar1`, that of neighbours in `toep` and
    `ante`, decays and ranges. Of residuals that vary together they are "sd|Residual" and
    "correlation|Residual", and "sd_8|Residual" of position 8 where they are unstructured or
    independent. In models that are not linear, standard deviations are where the structure has
    one for each effect.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> table = profile_variances(model)
    >>> table["term"].tolist(), table["upper"].round(1).tolist()
    (['sd_(Intercept)|Batch', 'sigma'], [84.1, 67.7])
    """
    estimates = estimates_of(model)
    refuse_priors(estimates, "Profile intervals need")
    z = normal_quantile(level)
    known = {each.name: each for each in _parameters(estimates)}
    names = [*known, *error_parameters(estimates.errors)]
    chosen = chosen_names("variance parameter", parameters, names)
    best = by_ml(estimates)
    linear = _LinearModel.of(best) if best.is_linear else None
    of_residuals = error_parameters(best.errors)
    with np.errstate(all="ignore"):
        found = [
            of_residuals[name].interval(best, z)
            if name in of_residuals
            else _interval(best, linear, known[name], z)
            for name in chosen
        ]
    return interval_table(estimates, chosen, found)


@final
@dataclass(frozen=True, slots=True)
class VarianceProfiles:
    """ζ of the standard deviations of a fit by maximum likelihood, as a curve."""

    best: Estimates
    linear: "_LinearModel | None"

    @classmethod
    def of(cls, best: Estimates) -> "VarianceProfiles":
        """Of a fit by maximum likelihood."""
        return cls(best, _LinearModel.of(best) if best.is_linear else None)

    @property
    def standard_deviations(self) -> tuple[str, ...]:
        """Their names; "sigma" among them in the linear model."""
        return tuple(
            each.name
            for each in _parameters(self.best)
            if len(each.pair) < 2 and not each.natural
        )

    def trace(self, name: str, z: float, points: int) -> tuple[Vector, Vector]:
        """Values between the ends where |ζ| is z, and ζ there; (points,)."""
        which = next(each for each in _parameters(self.best) if each.name == name)
        estimate = which.estimate(self.best)
        linear, smallest, unit = self.linear, 0.0, 0.1
        if linear is None:
            lost = _by_structure(self.best, which)
        else:
            lost, unit = linear.lost(which), linear.unit
            smallest = linear.least_that_counts(which)
        with single_blas_thread():
            lower, upper = _ends_of_sd(lost, estimate, unit, z, smallest)
            upper = upper if np.isfinite(upper) else 10.0 * max(estimate, unit)
            first = max(lower, smallest, 1e-3 * upper)
            values = np.linspace(first, upper, points)
            return values, np.array([_zeta(lost, v, v - estimate) for v in values])


def _parameters(estimates: Estimates) -> list[_Parameter]:
    linear = estimates.is_linear
    out = []
    for predictor, each in estimates.predictors.items():
        prefix = "" if predictor == "location" else f"{predictor}:"
        for t, term in enumerate(each.terms):
            group, effects = term.design.group, term.design.effects
            for i, effect in enumerate(effects):
                if linear or _own_element(term, i) is not None:
                    name = f"{prefix}sd_{effect}|{group}"
                    out.append(_Parameter(name, predictor, t, (i,)))
                if isinstance(term.structure, Unstructured):
                    out += [
                        _Parameter(
                            f"{prefix}cor_{effects[j]}.{effect}|{group}", predictor, t, (i, j)
                        )
                        for j in range(i + 1, len(effects))
                    ]
            out += [
                _Parameter(f"{prefix}{natural}|{group}", predictor, t, (), element, natural)
                for natural, element in _elements(term).items()
            ]
    if linear:
        out.append(_Parameter("sigma", "dispersion", 0, ()))
    return out


def _elements(term: TermEstimates) -> dict[str, int]:
    """What a structure names and one element of θ, no scale, determines: which element."""
    k, structure = term.design.n_effects, term.structure
    scales = {element for element, _ in structure.scales(k)}
    return {
        name: element
        for name, element in by_one_element(structure, k).items()
        if not name.startswith("sd") and element not in scales
    }


def _own_element(term: TermEstimates, effect: int) -> tuple[CovarianceStructure, int] | None:
    """A structure like the term's and its element that is the effect's standard deviation."""
    k, structure = term.design.n_effects, term.structure
    if isinstance(structure, Unstructured):
        return Unstructured((effect, *(j for j in range(k) if j != effect))), 0
    own = [e for e, scaled in structure.scales(k) if scaled == effect]
    if len(structure.scales(k)) != k or len(own) != 1:
        return None
    theta = structure.parameters_near(np.diag(np.arange(1.0, k + 1.0) ** 2))
    size = np.linalg.norm(structure.factor(theta, k)[effect])
    return (structure, own[0]) if np.isclose(size, abs(theta[own[0]])) else None


def _interval(
    best: Estimates, linear: "_LinearModel | None", which: _Parameter, z: float
) -> tuple[float, float, float]:
    """Estimate and ends."""
    estimate = which.estimate(best)
    if which.natural:
        return estimate, *_ends_of_element(best, which, z)
    if len(which.pair) == 2:
        if np.isnan(estimate):
            return estimate, -1.0, 1.0
        most = _lost_without(best, linear, which)
        held = _by_structure(best, which)

        def lost(value: float) -> float:
            return min(held(value), most)

        middle = float(np.arctanh(np.clip(estimate, -1.0 + 1e-6, 1.0 - 1e-6)))
        ends = [
            float(np.tanh(middle + _end(lambda step: lost(np.tanh(middle + step)), side)))
            for side in (-z, z)
        ]
        return estimate, ends[0], ends[1]
    if linear is not None:
        with single_blas_thread():
            ends = _ends_of_sd(
                linear.lost(which), estimate, linear.unit, z, linear.least_that_counts(which)
            )
            return estimate, *ends
    return estimate, *_ends_of_sd(_by_structure(best, which), estimate, 0.1, z)


def _lost_without(best: Estimates, linear: "_LinearModel | None", which: _Parameter) -> float:
    """The least D − D(v̂) where one of a pair's standard deviations is 0."""
    found = []
    for i in which.pair:
        own = replace(which, pair=(i,))
        if linear is None:
            sd = own.estimate(best)
            found.append(_by_structure(best, own)(_TINY * sd if sd > 0.0 else _TINY))
        else:
            with single_blas_thread():
                found.append(linear.lost(own)(linear.least_that_counts(own)))
    return min(found)


def _ends_of_element(best: Estimates, which: _Parameter, z: float) -> tuple[float, float]:
    """The ends of what one element of θ determines, in order."""
    predictor = best.predictors[which.predictor]
    term = predictor.terms[which.term]
    at = float(term.theta[which.element])
    others = [t for i, t in enumerate(predictor.terms) if i != which.term]
    fewer = best.design.with_predictor(
        which.predictor,
        random=tuple(t.design for t in others),
        structures=tuple(t.structure for t in others),
    )
    without = refit(best, design=fewer)
    most = 2.0 * (best.log_likelihood - without.log_likelihood)

    def lost(step: float) -> float:
        held = FixedElement(term.structure, which.element, at + step)
        fit = refit(best, design=_with_structure(best, which, held), nearby=True)
        return min(2.0 * (best.log_likelihood - fit.log_likelihood), most)

    steps = np.clip([_end(lost, side) for side in (-z, z)], -_FARTHEST, _FARTHEST)
    ends = sorted(which.value_at(term, at + float(step)) for step in steps)
    return ends[0], ends[1] if ends[1] < _ENDLESS else np.inf


def _with_structure(
    best: Estimates, which: _Parameter, structure: CovarianceStructure
) -> ModelDesign:
    """The design with another structure of the parameter's term."""
    structures = [term.structure for term in best.predictors[which.predictor].terms]
    structures[which.term] = structure
    return best.design.with_predictor(which.predictor, structures=tuple(structures))


def _end(lost: Callable[[float], float], z: float) -> float:
    return 0.3 * step_to(lambda u: _zeta(lost, 0.3 * u, u), z, _FARTHEST_Z / 0.3)


def _ends_of_sd(
    lost: Callable[[float], float],
    estimate: float,
    unit: float,
    z: float,
    smallest: float = 0.0,
) -> tuple[float, float]:
    """Where ζ is −z and z; a standard deviation of `smallest` stands for 0."""
    if estimate <= 0.0:
        upper = step_to(lambda u: _zeta(lost, 0.3 * unit * u, u), z, 1e4)
        return 0.0, 0.3 * unit * upper
    tiny = max(_TINY * estimate, smallest)
    lower = step_to(lambda u: _zeta(lost, max(estimate * (1.0 + 0.2 * u), tiny), u), -z, 5.0)
    upper = step_to(lambda u: _zeta(lost, estimate * np.exp(0.2 * u), u), z, _FARTHEST / 0.2)
    return max(estimate * (1.0 + 0.2 * lower), 0.0), estimate * float(np.exp(0.2 * upper))


def _zeta(lost: Callable[[float], float], value: float, side: float) -> float:
    return float(np.sign(side) * np.sqrt(max(lost(value), 0.0)))


def _by_structure(best: Estimates, which: _Parameter) -> Callable[[float], float]:
    """D(v) − D(v̂), by fits with the value held in the covariance structure."""
    predictor = best.predictors[which.predictor]
    term = predictor.terms[which.term]
    k = term.design.n_effects

    def lost(value: float) -> float:
        if len(which.pair) == 1:
            own = _own_element(term, which.pair[0])
            assert own is not None
            structure: CovarianceStructure = FixedScale(*own, which.pair[0], value)
        else:
            others = (j for j in range(k) if j not in which.pair)
            base = Unstructured((*which.pair, *others))
            structure = FixedCorrelation(base, k, float(value))
        fit = refit(best, design=_with_structure(best, which, structure), nearby=True)
        return 2.0 * (best.log_likelihood - fit.log_likelihood)

    return lost


@final
class _LinearModel:
    """−2 log L(θ, σ), with the response less Xβ̂ in units of σ̂."""

    def __init__(self, likelihood: GaussianLikelihood, theta: Vector, unit: float) -> None:
        self.likelihood, self.theta, self.unit = likelihood, theta, unit
        self.least = likelihood.deviance_at(theta)

    @classmethod
    def of(cls, best: Estimates) -> "_LinearModel":
        """The equations of a fit by maximum likelihood."""
        design, location = best.design, best.location
        size = best.response.size
        unit = float(np.exp(best.predictors["dispersion"].beta[0]))
        likelihood = GaussianLikelihood(
            MixedModelEquations(design.term_matrices(), design.n, 1),
            design.covariance_parameters(),
            FixedBasis.of(location.fixed.matrix).Q,
            (best.response.y - location.fixed_eta) / unit,
            None if np.all(size == 1.0) else size,
            restricted=False,
        )
        theta = likelihood.parameters.scaled(best.result.theta, 1.0 / unit)
        return cls(likelihood, theta, unit)

    def least_that_counts(self, which: _Parameter) -> float:
        """A standard deviation well above those that the equations keep away from zero.

        σ is zero, for its profile, where an average level has 1/σ² of information of 10⁵ on its
        effect.
        """
        smallest = self.likelihood.smallest
        if not which.pair:
            sizes = [
                np.max(np.linalg.norm(T, axis=1) / (1e6 * least))
                for T, least in zip(
                    self.likelihood.parameters.factors(self.theta), smallest, strict=True
                )
            ]
            return self.unit * float(max(sizes, default=0.0)) / _MOST_INFORMED
        (i,) = which.pair
        return 100.0 * self.unit * float(smallest[which.term][i])

    def lost(self, which: _Parameter) -> Callable[[float], float]:
        """D(v) − D(v̂) of a standard deviation or σ.

        Each search starts from the nearest value between v̂ and v where there was one: beyond,
        it may have gone astray.
        """
        (i,) = which.pair or (None,)
        G = self.likelihood.parameters.covariances(self.theta)
        estimate = self.unit * (1.0 if i is None else float(np.sqrt(G[which.term][i, i])))
        known = {estimate: self.theta}

        def lost(value: float) -> float:
            between = [v for v in known if (v - estimate) * (value - v) >= 0.0]
            nearest = min(between, key=lambda v: abs(v - value))
            if which.pair:
                start = self._moved(known[nearest], which, value)
            else:
                start = self.likelihood.parameters.scaled(known[nearest], nearest / value)
            search = minimize(
                lambda theta: self._evaluate(theta, which, value / self.unit),
                start,
                SearchLimits(max_evaluations=300),
            )
            known[value] = search.parameters
            return search.evaluation.value - self.least

        return lost

    def _moved(self, theta: Vector, which: _Parameter, value: float) -> Vector:
        """θ whose own standard deviation is `value` at σ = σ̂."""
        covariances = [np.array(G) for G in self.likelihood.parameters.covariances(theta)]
        G = covariances[which.term]
        (i,) = which.pair
        target = value / self.unit
        if G[i, i] > 0.0:
            scale = np.ones(len(G))
            scale[i] = target / np.sqrt(G[i, i])
            G *= np.outer(scale, scale)
        else:
            G[i, i] = target**2
        return self.likelihood.parameters.parameters_near(covariances)

    def _evaluate(self, theta: Vector, which: _Parameter, value: float) -> Evaluation:
        likelihood = self.likelihood
        theta = likelihood.parameters.regular(theta, likelihood.smallest)
        at = likelihood.evaluate(theta)
        if not np.isfinite(at.value):
            return at
        solution = likelihood.solution(theta)
        log_sigma, slope = np.log(value), -solution.sigma_slope
        if which.pair:
            (i,), place = which.pair, likelihood.parameters.slices[which.term]
            row = likelihood.parameters.factors(theta)[which.term][i]
            moved = likelihood.parameters.factor_derivatives(theta)[which.term][:, i]
            log_sigma -= np.log(np.linalg.norm(row))
            slope = slope.copy()
            slope[place] -= moved @ row / (row @ row)
        x = 2.0 * log_sigma - np.log(solution.sigma2)
        if not abs(x) < 100.0:
            return Evaluation(np.inf, at.gradient, at.hessian)
        left, nu = np.exp(-x), likelihood.nu
        return Evaluation(
            at.value + nu * (x + left - 1.0),
            at.gradient + 2.0 * nu * (1.0 - left) * slope,
            at.hessian + 4.0 * nu * left * np.outer(slope, slope),
        )
