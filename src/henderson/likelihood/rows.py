"""The rows of one part: fixed effects, offsets and response of all linear predictors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.likelihood.packing import second


class LogDensity(Protocol):
    """Log densities of rows and their derivatives in η, packed; None beyond the order."""

    @property
    def value(self) -> Vector:
        """(n,)."""
        ...

    @property
    def d1(self) -> Any:  # noqa: ANN401
        """(n, K)."""

    @property
    def d2(self) -> Any:  # noqa: ANN401
        """(n, K(K+1)/2)."""

    @property
    def d3(self) -> Any:  # noqa: ANN401
        """(n, K(K+1)(K+2)/6)."""


# η (n, K), order of derivatives → log densities; the rows' response is bound.
Density = Callable[[Matrix, int], LogDensity]


@dataclass(frozen=True, slots=True)
class Rows:
    """η = offset + Xβ + Zb for the K predictors of n rows.

    β is one vector, the predictors' coefficients one after another; predictor a has
    `X[a]` (n, p_a) and the coefficients `columns[a]`.
    """

    density: Density
    X: tuple[Matrix, ...]
    columns: tuple[slice, ...]
    offset: Matrix  # (n, K)
    compiled: Any = None  # the density in the core, of a family that it has

    @property
    def n_coefficients(self) -> int:
        """P, of all predictors."""
        return self.columns[-1].stop

    def fixed(self, beta: Vector) -> Matrix:
        """Offset + Xβ, (n, K)."""
        eta = self.offset.copy()
        for a, (X, at) in enumerate(zip(self.X, self.columns, strict=True)):
            if X.shape[1]:
                eta[:, a] += X @ beta[at]
        return eta

    def transpose_times(self, v: Matrix) -> Vector:
        """Xᵀv of all predictors, (P,), for v (n, K)."""
        return np.concatenate([X.T @ v[:, a] for a, X in enumerate(self.X)])

    def information(self, d2: Matrix) -> Matrix:
        """XᵀWX of all predictors, (P, P)."""
        K = len(self.X)
        out = np.empty((self.n_coefficients, self.n_coefficients))
        for a, (X, rows) in enumerate(zip(self.X, self.columns, strict=True)):
            for c in range(a, K):
                block = X.T @ (self.X[c] * -d2[:, second(K, a, c), None])
                out[rows, self.columns[c]] = block
                out[self.columns[c], rows] = block.T
        return out
