"""Uncorrelated effects, with a variance each or one in common."""

from functools import lru_cache
from typing import final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance.base import CovarianceStructure


@final
class Diagonal(CovarianceStructure):
    """Cov(b) = diag(σ₁², ..., σₖ²), θ = (σ₁, ..., σₖ); also written (x || g)."""

    keyword = "diag"
    description = "diagonal, a variance for each effect"
    linear = True

    def n_parameters(self, k: int) -> int:
        return k

    def factor(self, theta: Vector, k: int) -> Matrix:
        return np.diag(theta)

    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        return _unit_diagonals(k)

    def parameters_near(self, covariance: Matrix) -> Vector:
        return np.sqrt(np.diag(covariance))

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        return tuple((c, c) for c in range(k))

    def canonical(self, theta: Vector, k: int) -> Vector:
        return np.abs(theta)


@final
class HomogeneousDiagonal(CovarianceStructure):
    """Cov(b) = σ²I, θ = (σ)."""

    keyword = "homdiag"
    description = "diagonal, one variance in common"
    linear = True

    def n_parameters(self, k: int) -> int:
        return 1

    def factor(self, theta: Vector, k: int) -> Matrix:
        return theta[0] * np.eye(k)

    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        return np.eye(k)[None]

    def parameters_near(self, covariance: Matrix) -> Vector:
        return np.sqrt([np.trace(covariance) / len(covariance)])

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        return ((0, 0),)

    def canonical(self, theta: Vector, k: int) -> Vector:
        return np.abs(theta)

    def natural(self, theta: Vector, k: int) -> dict[str, float]:
        return {"sd": float(abs(theta[0]))}


@lru_cache(maxsize=64)
def _unit_diagonals(k: int) -> Blocks:
    derivatives = np.zeros((k, k, k))
    index = np.arange(k)
    derivatives[index, index, index] = 1.0
    derivatives.flags.writeable = False
    return derivatives
