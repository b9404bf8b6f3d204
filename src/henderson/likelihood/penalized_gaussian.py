"""The Gaussian model with priors on standard deviations, which need σ itself.

    d(θ, ξ)  =  d(θ) + ν (x + e⁻ˣ − 1) − 2 Σ log p(sᵢ),   x = 2ξ − log σ̂²(θ),   ξ = log σ

d(θ) is −2 log L with σ profiled out, and its minimum over ξ without priors. With σ' = ∂log σ̂/∂θ
and x' = (−2σ', 2), the gradient of the middle term is ν(1 − e⁻ˣ)x' and its Hessian ν e⁻ˣx'x'ᵀ,
but for what curves σ̂ and vanishes where x is 0.
"""

from typing import final

import numpy as np

from henderson.arrays import Vector
from henderson.likelihood.gaussian import GaussianLikelihood, GaussianSolution
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.penalty import OfLikelihood, Penalty


@final
class PenalizedGaussian(OfLikelihood[GaussianLikelihood]):
    """The penalized deviance in ψ = (θ, ξ), T relative to σ.

    Parameters
    ----------
    likelihood
        The deviance with σ profiled out.
    penalty
        The priors, on standard deviations only.
    unit
        Of the response: priors are of standard deviations in the units of the data.
    """

    def __init__(self, likelihood: GaussianLikelihood, penalty: Penalty, unit: float) -> None:
        super().__init__(likelihood)
        self.penalty, self.unit = penalty, unit

    def penalty_at(self, psi: Vector) -> Evaluation:
        """−2 Σ log p in ψ."""
        log_sigma = float(psi[-1]) + float(np.log(self.unit))
        return self.penalty.of_deviations(self.parameters, psi[:-1], log_sigma)

    def evaluate(self, psi: Vector) -> Evaluation:
        """Value, gradient and model Hessian."""
        return self._evaluate(psi, with_hessian=True)

    def gradient(self, psi: Vector) -> Vector:
        """The gradient alone."""
        return self._evaluate(psi, with_hessian=False).gradient

    def _evaluate(self, psi: Vector, *, with_hessian: bool) -> Evaluation:
        likelihood, theta = self.likelihood, psi[:-1]
        profile = likelihood.evaluate if with_hessian else likelihood.gradient
        found = profile(theta)
        slope = found.gradient if isinstance(found, Evaluation) else found
        if not np.isfinite(slope).all():
            return Evaluation(np.inf, np.full(len(psi), np.nan), np.eye(len(psi)))
        at = likelihood.solution(self.parameters.regular(theta, self.smallest))
        nu, x, added = likelihood.nu, _excess(at, psi), self.penalty_at(psi)
        dx = np.append(-2.0 * at.sigma_slope, 2.0)
        gradient = np.append(slope, 0.0) - nu * np.expm1(-x) * dx + added.gradient
        value = at.deviance + nu * (x + np.expm1(-x)) + added.value
        if not isinstance(found, Evaluation):
            return Evaluation(value, gradient, np.empty((0, 0)))
        hessian = nu * np.exp(-x) * np.outer(dx, dx) + added.hessian
        hessian[:-1, :-1] += found.hessian
        return Evaluation(value, gradient, hessian)

    def deviance_at(self, psi: Vector) -> float:
        """The penalized deviance; infinite where it does not exist."""
        added = self.penalty_at(psi).value
        if not np.isfinite(added):
            return np.inf
        at = self.likelihood.solution(psi[:-1])
        return self.deviance(at, psi) + added

    def deviance(self, at: GaussianSolution, psi: Vector) -> float:
        """−2 log L in the units of the likelihood's response, without the penalty."""
        x = _excess(at, psi)
        value = at.deviance + self.likelihood.nu * (x + np.expm1(-x))
        return float(value) if np.isfinite(value) else np.inf


def _excess(at: GaussianSolution, psi: Vector) -> float:
    """x: how much log σ² is above what is best without priors."""
    return 2.0 * float(psi[-1]) - float(np.log(at.sigma2))
