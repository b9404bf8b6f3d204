"""Priors as a penalty on the deviance: the mode of the posterior density.

    d(ψ)  =  −2 log L(ψ) − 2 Σ log p(βⱼ) − 2 Σ log p(sᵢ),   sᵢ = σ‖Tᵢ‖/c

β = Bγ are coefficients, of which ψ has the γ that are searched over; sᵢ is the standard
deviation of an effect: the length of a row of the factor T(θ), times σ where T is relative to
it, in units of c (1 for all but covariances known up to a factor).
With t = Tᵢ, tⱼ = ∂t/∂θⱼ and ξ = log σ:

    ∂s/∂θⱼ  =  σ²tᵀtⱼ/(c²s),   ∂²s/∂θⱼ∂θₖ  =  σ²(tⱼᵀtₖ + tᵀtⱼₖ)/(c²s) − ∂s/∂θⱼ ∂s/∂θₖ / s

    ∂s/∂ξ  =  ∂²s/∂ξ²  =  s,   ∂²s/∂ξ∂θⱼ  =  ∂s/∂θⱼ
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.equations import MixedModelEquations
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.parameters import CovarianceParameters
from henderson.priors import LogPrior, Prior

_FLOOR = 1e-90  # of a standard deviation: its square is still a number
_LOW, _LIFTED = 0.1, 0.3  # of a start, in units where a level has information 1


@dataclass(frozen=True, slots=True)
class DeviationPrior:
    """A prior on the standard deviation of one effect of one random term."""

    term: int  # in the order of the covariance parameters
    effect: int
    unit: float  # c
    prior: Prior

    def length(self, T: Matrix) -> float:
        """s of a factor T."""
        return float(np.linalg.norm(T[self.effect])) / self.unit

    def log_density(self, s: float) -> LogPrior:
        """log p(s); a density on the whole line is folded at 0."""
        at = self.prior.log_density(s)
        return (
            at if self.prior.positive else LogPrior(at.value + float(np.log(2)), at.d1, at.d2)
        )


@final
@dataclass(frozen=True, slots=True)
class Penalty:
    """The priors of a model.

    `coefficients` has the priors by the coefficient's place among those of all predictors,
    `deviations` those on standard deviations of random effects.
    """

    coefficients: Mapping[int, Prior]
    deviations: tuple[DeviationPrior, ...]

    def log_density(
        self, beta: Vector, parameters: CovarianceParameters, theta: Vector
    ) -> float:
        """Σ log p at coefficients β (P,) of all predictors and θ, T in its own units."""
        factors = parameters.factors(theta)
        values = [p.log_density(float(beta[j])).value for j, p in self.coefficients.items()]
        values += [
            each.log_density(each.length(factors[each.term])).value for each in self.deviations
        ]
        return float(sum(values))

    def of_coefficients(self, rows: Matrix, gamma: Vector) -> Evaluation:
        """−2 Σ log p(βⱼ) in γ, β = Bγ; `rows` (P, m) is B."""
        value, first, second = 0.0, np.zeros(len(gamma)), np.zeros((len(gamma), len(gamma)))
        for j, prior in self.coefficients.items():
            at = prior.log_density(float(rows[j] @ gamma))
            value -= 2.0 * at.value
            first -= 2.0 * at.d1 * rows[j]
            second -= 2.0 * at.d2 * np.outer(rows[j], rows[j])
        return Evaluation(value, first, second)

    def of_deviations(
        self, parameters: CovarianceParameters, theta: Vector, log_sigma: float = 0.0
    ) -> Evaluation:
        """−2 Σ log p(sᵢ) in (θ, log σ)."""
        count = len(parameters) + 1
        value, first, second = 0.0, np.zeros(count), np.zeros((count, count))
        sigma = float(np.exp(log_sigma))
        for each in self.deviations:
            place, k = parameters.slices[each.term], parameters.k[each.term]
            structure, own = parameters.structures[each.term], theta[place]
            T = structure.factor(own, k)
            dT = structure.factor_derivatives(own, k)[:, each.effect]
            s = max(sigma * each.length(T), _FLOOR)
            at = each.log_density(s)
            by_row = (sigma / each.unit) ** 2 / s  # ∂s/∂t = by_row t
            curvature = by_row * (dT @ dT.T)
            if not structure.linear:
                by_factor = np.zeros((k, k))
                by_factor[each.effect] = by_row * T[each.effect]
                curvature += structure.curvature(own, k, by_factor)
            which = [*range(place.start, place.stop), count - 1]
            ds = np.append(by_row * (dT @ T[each.effect]), s)
            d2s = np.outer(ds, ds) / s  # right for all but θ with θ
            d2s[:-1, :-1] = curvature - d2s[:-1, :-1]
            value -= 2.0 * at.value
            first[which] -= 2.0 * at.d1 * ds
            second[np.ix_(which, which)] -= 2.0 * (at.d2 * np.outer(ds, ds) + at.d1 * d2s)
        return Evaluation(value, first, second)

    def lifted(
        self, parameters: CovarianceParameters, theta: Vector, smallest: Sequence[Vector]
    ) -> Vector:
        """A start away from zero for the terms whose prior has no density there."""
        covariances = [G.copy() for G in parameters.covariances(theta)]
        low = {
            each.term
            for each in self.deviations
            if each.prior.positive
            and np.sqrt(covariances[each.term][each.effect, each.effect])
            < _LOW * 1e6 * smallest[each.term][each.effect]
        }
        for term in low:
            covariances[term] += np.diag((_LIFTED * 1e6 * smallest[term]) ** 2)
        return parameters.parameters_near(covariances) if low else theta


class _Searched(Protocol):
    """A deviance in ψ = (θ, γ)."""

    parameters: CovarianceParameters
    equations: MixedModelEquations

    @property
    def smallest(self) -> Sequence[Vector]: ...
    def evaluate(self, psi: Vector, /) -> Evaluation: ...
    def gradient(self, psi: Vector, /) -> Vector: ...
    def deviance_at(self, psi: Vector, /) -> float: ...


L = TypeVar("L", bound=_Searched)


class OfLikelihood(Generic[L]):
    """An objective made from a likelihood, with its covariances and equations."""

    def __init__(self, likelihood: L) -> None:
        self.likelihood, self.equations = likelihood, likelihood.equations

    @property
    def parameters(self) -> CovarianceParameters:
        """Those of the likelihood."""
        return self.likelihood.parameters

    @parameters.setter
    def parameters(self, parameters: CovarianceParameters) -> None:
        self.likelihood.parameters = parameters

    @property
    def smallest(self) -> Sequence[Vector]:
        """Diagonals of T that do not count, (k,) a term."""
        return self.likelihood.smallest


@final
class Penalized(OfLikelihood[_Searched]):
    """A deviance in ψ = (θ, γ) with the priors' penalty.

    Parameters
    ----------
    likelihood
        The deviance without it; T is not relative to σ.
    penalty
        The priors.
    rows
        (P, m): the coefficients β of all predictors by γ.
    """

    def __init__(self, likelihood: _Searched, penalty: Penalty, rows: Matrix) -> None:
        super().__init__(likelihood)
        self.penalty, self.rows = penalty, rows

    def evaluate(self, psi: Vector) -> Evaluation:
        """Value, gradient and Hessians with the penalty's."""
        at = self.likelihood.evaluate(psi)
        added = self._penalty(psi)
        return Evaluation(
            at.value + added.value,
            at.gradient + added.gradient,
            at.hessian + added.hessian,
            None if at.exact is None else at.exact + added.hessian,
        )

    def gradient(self, psi: Vector) -> Vector:
        """The gradient alone."""
        return self.likelihood.gradient(psi) + self._penalty(psi).gradient

    def deviance_at(self, psi: Vector) -> float:
        """The penalized deviance; infinite where a prior has no density."""
        added = self._penalty(psi).value
        return self.likelihood.deviance_at(psi) + added if np.isfinite(added) else np.inf

    def _penalty(self, psi: Vector) -> Evaluation:
        count = len(self.parameters)
        scales = self.penalty.of_deviations(self.parameters, psi[:count])
        fixed = self.penalty.of_coefficients(self.rows, psi[count:])
        gradient = np.concatenate([scales.gradient[:-1], fixed.gradient])
        hessian = np.zeros((len(psi), len(psi)))
        hessian[:count, :count] = scales.hessian[:-1, :-1]
        hessian[count:, count:] = fixed.hessian
        return Evaluation(scales.value + fixed.value, gradient, hessian)
