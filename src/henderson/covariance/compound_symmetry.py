"""Compound symmetry: the same correlation between all pairs."""

from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.covariance.base import End
from henderson.covariance.standard_deviations import CorrelationPattern

_NEAR, _AT = 5.0, 25.0  # logits of a place that may be, and that is, an end of the range
_INSIDE = 0.02  # of the range, to start from


@final
class Exchangeable(CorrelationPattern):
    """Corr(bᵢ, bⱼ) = ρ for i ≠ j, with −1/(k − 1) < ρ < 1.

    The parameter is the logit of ρ's place in that range: ρ = −1/(k − 1) + k/(k − 1) expit(a).
    """

    def n_parameters(self, k: int) -> int:
        return min(1, k - 1)

    def factor(self, rho: Vector, k: int) -> Matrix:
        L = np.zeros((k, k), dtype=rho.dtype)
        if k == 1:
            L[0, 0] = 1.0
            return L
        low = -1.0 / (k - 1.0)
        common = low + (1.0 - low) / (1.0 + np.exp(-rho[0]))
        used = 0.0 * common  # Σ squares of a row so far, below the diagonal
        for j in range(k):
            L[j, j] = np.sqrt(1.0 - used)
            below = (common - used) / L[j, j]
            L[j + 1 :, j] = below
            used = used + below**2
        return L

    def parameters_near(self, correlation: Matrix) -> Vector:
        k = len(correlation)
        if k == 1:
            return np.empty(0)
        return self.parameters_at((correlation.sum() - k) / (k * (k - 1.0)), k)

    def parameters_at(self, neighbours: float, k: int) -> Vector:
        if k == 1:
            return np.empty(0)
        low = -1.0 / (k - 1.0)
        place = np.clip((neighbours - low) / (1.0 - low), _INSIDE, 1.0 - _INSIDE)
        return np.array([np.log(place / (1.0 - place))])

    def ends(self, k: int) -> tuple[End, ...]:
        if k == 1:
            return ()
        lowest = f"correlation is estimated as {-1.0 / (k - 1.0):.3g}, its lowest value"
        return (
            End(0, _NEAR, _AT, "correlation is estimated as 1"),
            End(0, -_NEAR, -_AT, lowest),
        )

    def natural(self, rho: Vector, k: int) -> dict[str, float]:
        return {"correlation": float(self.factor(rho, k)[1, 0])} if len(rho) else {}
