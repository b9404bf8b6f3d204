"""The unstructured covariance: any positive semidefinite matrix."""

from functools import lru_cache
from typing import final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance.base import CovarianceStructure


@lru_cache(maxsize=64)
def lower_positions(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the lower triangle, column by column: the order of θ."""
    columns, rows = np.triu_indices(k)
    return rows, columns


@final
class Unstructured(CovarianceStructure):
    """Cov(b) = TTᵀ, θ the lower triangle of T column by column; k(k + 1)/2 parameters.

    Raw elements, not logarithms: singular covariances are ordinary points, where the deviance,
    even in the sign of each column of T, is smooth.
    """

    keyword = "us"
    description = "unstructured"

    def n_parameters(self, k: int) -> int:
        return k * (k + 1) // 2

    def factor(self, theta: Vector, k: int) -> Matrix:
        T = np.zeros((k, k))
        T[lower_positions(k)] = theta
        return T

    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        return _unit_derivatives(k)

    def parameters_near(self, covariance: Matrix) -> Vector:
        return np.linalg.cholesky(covariance)[lower_positions(len(covariance))]

    def canonical(self, theta: Vector, k: int) -> Vector:
        T = self.factor(theta, k)
        return (T * np.where(np.diag(T) < 0, -1.0, 1.0))[lower_positions(k)]


@lru_cache(maxsize=64)
def _unit_derivatives(k: int) -> Blocks:
    rows, columns = lower_positions(k)
    derivatives = np.zeros((len(rows), k, k))
    derivatives[np.arange(len(rows)), rows, columns] = 1.0
    derivatives.flags.writeable = False
    return derivatives
