"""Reduced rank: many effects by few latent ones."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance.base import CovarianceStructure


@final
@dataclass(frozen=True, slots=True, eq=False)
class ReducedRank(CovarianceStructure):
    """Cov(b) = ΛΛᵀ, Λ (k, d) lower trapezoidal; θ its columns one after another.

    T = [Λ 0], k d − d(d − 1)/2 parameters: b = Λf of d independent latent effects f of each
    level. The equations want T regular; `least` (k,) is what stands on the diagonal beyond d,
    too little to count.
    """

    d: int | None = None
    least: Vector | None = None
    keyword: ClassVar[str] = "rr"  # pyright: ignore[reportIncompatibleVariableOverride]
    description: ClassVar[str] = "reduced rank"  # pyright: ignore[reportIncompatibleVariableOverride]

    def given(self, argument: str) -> CovarianceStructure:
        try:
            d = int(argument.removeprefix("d = "))
        except ValueError:
            d = 0
        if d < 1:
            raise ValueError(
                "the number of latent effects is missing: write a whole number after the "
                "group, as in rr(0 + species | site, 2)."
            )
        return replace(self, d=d)

    def rank(self, k: int) -> int:
        return min(k, self.d or k)

    def n_parameters(self, k: int) -> int:
        d = self.rank(k)
        return k * d - d * (d - 1) // 2

    def factor(self, theta: Vector, k: int) -> Matrix:
        d = self.rank(k)
        T = np.zeros((k, k), dtype=theta.dtype)
        T[_positions(k, d)] = theta
        if self.least is not None:
            beyond = np.arange(d, k)
            T[beyond, beyond] = self.least[d:]
        return T

    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        rows, columns = _positions(k, self.rank(k))
        out = np.zeros((len(theta), k, k))
        out[np.arange(len(theta)), rows, columns] = 1.0
        return out

    def curvature(self, theta: Vector, k: int, by_factor: Matrix) -> Matrix:
        return np.zeros((len(theta), len(theta)))

    def parameters_near(self, covariance: Matrix) -> Vector:
        """Of the nearest covariance of rank d, turned so that Λ is lower trapezoidal."""
        k = len(covariance)
        d = self.rank(k)
        values, vectors = np.linalg.eigh(covariance)
        loadings = vectors[:, ::-1][:, :d] * np.sqrt(np.maximum(values[::-1][:d], 0.0))
        turn = np.linalg.qr(loadings[:d].T)[0]
        theta = np.tril(loadings @ turn)[_positions(k, d)]
        return self.canonical(theta, k)

    def starts(self, theta: Vector, k: int) -> tuple[Vector, ...]:
        """Besides θ, loadings that do not start from zero: there a latent effect hides."""
        sizes = np.linalg.norm(self.factor(theta, k), axis=1)
        d, rows = self.rank(k), np.arange(k)
        size = max(float(np.median(sizes)), 0.3 * float(sizes.max()))
        waves = np.cos(np.pi * np.outer(rows + 0.5, np.arange(d)) / k)
        even = np.tril(size * waves / np.sqrt(d))[_positions(k, d)]
        return theta, even

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        return ()

    def canonical(self, theta: Vector, k: int) -> Vector:
        """The signs of the columns fixed: Λⱼⱼ ≥ 0."""
        rows, columns = _positions(k, self.rank(k))
        signs = np.where(theta[rows == columns] < 0.0, -1.0, 1.0)
        return theta * signs[columns]

    def natural(self, theta: Vector, k: int) -> dict[str, float]:
        return {
            f"loading {row + 1} on {column + 1}": float(value)
            for row, column, value in zip(
                *_positions(k, self.rank(k)), theta.tolist(), strict=True
            )
        }

    def pivoted(self, theta: Vector, unit: Vector) -> CovarianceStructure:
        return self if self.least is not None else replace(self, least=_LEAST * unit)


_LEAST = 1e-6  # of an effect that matters


@lru_cache(maxsize=64)
def _positions(k: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the lower trapezoid, column by column."""
    columns, rows = np.triu_indices(k)
    kept = columns < d
    return rows[kept], columns[kept]
