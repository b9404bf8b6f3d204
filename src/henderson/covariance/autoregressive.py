"""First-order autoregression over equally spaced times, and antedependence."""

from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.covariance.standard_deviations import CorrelationPattern

_NEARLY_ONE = 0.95


@final
class Autoregressive(CorrelationPattern):
    """Corr(bᵢ, bⱼ) = ρ^|i−j|, the parameter atanh ρ; the effects are k equally spaced times."""

    def n_parameters(self, k: int) -> int:
        return min(1, k - 1)

    def factor(self, rho: Vector, k: int) -> Matrix:
        return neighbour_factor(np.broadcast_to(rho, (k - 1,)))

    def parameters_near(self, correlation: Matrix) -> Vector:
        lag_one = np.diag(correlation, 1)
        return from_correlations(lag_one.mean(keepdims=True)) if len(lag_one) else lag_one

    def parameters_at(self, neighbours: float, k: int) -> Vector:
        return np.full(self.n_parameters(k), np.arctanh(neighbours))


@final
class Antedependence(CorrelationPattern):
    """Corr(bᵢ, bⱼ) = ρⱼ ... ρᵢ₋₁ for j < i: each time depends on the one before it.

    Parameters atanh ρⱼ, one for each pair of neighbours. Source: Gabriel (1962), Ann. Math.
    Stat. 33, 201–212.
    """

    def n_parameters(self, k: int) -> int:
        return k - 1

    def factor(self, rho: Vector, k: int) -> Matrix:
        return neighbour_factor(rho)

    def parameters_near(self, correlation: Matrix) -> Vector:
        return from_correlations(np.diag(correlation, 1))

    def parameters_at(self, neighbours: float, k: int) -> Vector:
        return np.full(k - 1, np.arctanh(neighbours))


def neighbour_factor(partial: Vector) -> Matrix:
    """L with L[i, j] = ρⱼ ... ρᵢ₋₁ √(1 − ρ²ⱼ₋₁), ρ = tanh(partial), (k, k) of k − 1 parameters.

    √(1 − ρ²) = 1/cosh keeps its digits where ρ rounds to 1.
    """
    rho = np.tanh(partial)
    k = len(partial) + 1
    L = np.zeros((k, k), dtype=rho.dtype)
    L[0, 0] = 1.0
    for i in range(1, k):
        L[i, :i] = L[i - 1, :i] * rho[i - 1]
        L[i, i] = 1.0 / np.cosh(partial[i - 1])
    return L


def from_correlations(correlation: Vector) -> Vector:
    """atanh of correlations, kept away from ±1."""
    return np.arctanh(np.clip(correlation, -_NEARLY_ONE, _NEARLY_ONE))
