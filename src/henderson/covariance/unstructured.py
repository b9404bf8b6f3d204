"""The unstructured covariance: any positive semidefinite matrix."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance.base import CovarianceStructure


@final
@dataclass(frozen=True, slots=True)
class Unstructured(CovarianceStructure):
    """Cov(b) = TTᵀ, θ the lower triangle of T column by column; k(k + 1)/2 parameters.

    Raw elements, not logarithms: singular covariances are ordinary points, where the deviance,
    even in the sign of each column of T, is smooth. T is lower triangular with its rows in
    `order`. Where a covariance is nearly singular, the effects with small pivots should come
    last: a small pivot before large ones makes T turn along a curved valley.
    """

    order: tuple[int, ...] | None = None
    keyword: ClassVar[str] = "us"  # pyright: ignore[reportIncompatibleVariableOverride]
    description: ClassVar[str] = "unstructured"  # pyright: ignore[reportIncompatibleVariableOverride]
    linear: ClassVar[bool] = True
    any_basis: ClassVar[bool] = True

    def n_parameters(self, k: int) -> int:
        return k * (k + 1) // 2

    def factor(self, theta: Vector, k: int) -> Matrix:
        T = np.zeros((k, k), dtype=theta.dtype)
        T[_positions(k, self.order)] = theta
        return T

    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        return _unit_derivatives(k, self.order)

    def parameters_near(self, covariance: Matrix) -> Vector:
        k = len(covariance)
        order = np.arange(k) if self.order is None else np.array(self.order)
        T = np.empty((k, k))
        T[order] = _semidefinite_root(covariance[np.ix_(order, order)])
        return T[_positions(k, self.order)]

    def of_root(self, root: Matrix) -> Vector:
        """By the QR of Rᵀ, which keeps digits that RRᵀ has lost; no pivot is rounding."""
        k = len(root)
        order = np.arange(k) if self.order is None else np.array(self.order)
        lower = np.asarray(np.linalg.qr(root[order].T, mode="r")).T
        pivots, sizes = np.diag(lower), np.linalg.norm(root[order], axis=1)
        signs = np.where(np.abs(pivots) > _NO_PIVOT * sizes, np.sign(pivots), 0.0)
        T = np.empty((k, k))
        T[order] = lower * signs
        return T[_positions(k, self.order)]

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        rows, columns = _positions(k, None)
        effect = range(k) if self.order is None else self.order
        diagonal = np.flatnonzero(rows == columns).tolist()
        return tuple((element, effect[j]) for j, element in enumerate(diagonal))

    def canonical(self, theta: Vector, k: int) -> Vector:
        diagonal = np.array([element for element, _ in self.scales(k)], dtype=int)
        if not np.all(theta[diagonal]):
            T = self.factor(theta, k)
            return self.parameters_near(T @ T.T)
        signs = np.where(theta[diagonal] < 0, -1.0, 1.0)
        return theta * np.repeat(signs, np.arange(k, 0, -1))

    def pivoted(self, theta: Vector, unit: Vector) -> "Unstructured":
        """The same structure with effects in the order of their pivots, largest first.

        `unit` (k,) is the size of an effect that matters. The order stays as it is unless a
        pivot is small beside a later one.
        """
        k = len(unit)
        pivots = np.array([abs(theta[e]) / unit[j] for e, j in self.scales(k)])
        later = np.maximum.accumulate(pivots[::-1])[::-1]
        if k == 1 or np.all(pivots > _SMALL_PIVOT * later):
            return self
        T = self.factor(theta, k) / unit[:, None]
        left, order = T @ T.T, []
        for _ in range(k):
            diagonal = left.diagonal().copy()
            diagonal[order] = -np.inf
            j = int(np.argmax(diagonal))
            order.append(j)
            if diagonal[j] > 0:
                left = left - np.outer(left[:, j], left[:, j]) / diagonal[j]
        return Unstructured(tuple(order))


_SMALL_PIVOT = 0.3
_NO_PIVOT = 1e-10  # of the length of a row: rounding


@lru_cache(maxsize=64)
def _positions(k: int, order: tuple[int, ...] | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the lower triangle, column by column; rows in an order."""
    columns, rows = np.triu_indices(k)
    return (rows if order is None else np.array(order)[rows]), columns


@lru_cache(maxsize=64)
def _unit_derivatives(k: int, order: tuple[int, ...] | None) -> Blocks:
    rows, columns = _positions(k, order)
    derivatives = np.zeros((len(rows), k, k))
    derivatives[np.arange(len(rows)), rows, columns] = 1.0
    derivatives.flags.writeable = False
    return derivatives


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
