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

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        rows, columns = lower_positions(k)
        return tuple((int(i), int(rows[i])) for i in np.flatnonzero(rows == columns))

    def canonical(self, theta: Vector, k: int) -> Vector:
        T = self.factor(theta, k)
        if not np.all(np.diag(T)):
            T = _semidefinite_root(T @ T.T)
        return (T * np.where(np.diag(T) < 0, -1.0, 1.0))[lower_positions(k)]


def _semidefinite_root(G: Matrix) -> Matrix:
    """Lower T with TTᵀ = G, where a pivot of zero makes a column of zeros."""
    k = len(G)
    T = np.zeros((k, k))
    for j in range(k):
        pivot = G[j, j] - T[j, :j] @ T[j, :j]
        if pivot > 1e-12 * G[j, j]:
            T[j, j] = np.sqrt(pivot)
            T[j + 1 :, j] = (G[j + 1 :, j] - T[j + 1 :, :j] @ T[j, :j]) / T[j, j]
    return T


@lru_cache(maxsize=64)
def _unit_derivatives(k: int) -> Blocks:
    rows, columns = lower_positions(k)
    derivatives = np.zeros((len(rows), k, k))
    derivatives[np.arange(len(rows)), rows, columns] = 1.0
    derivatives.flags.writeable = False
    return derivatives
