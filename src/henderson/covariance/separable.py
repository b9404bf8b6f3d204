"""Separable correlation: two patterns over the rows and the columns of a grid."""

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance.base import End
from henderson.covariance.standard_deviations import CorrelationPattern


@final
@dataclass(frozen=True, slots=True)
class Separable(CorrelationPattern):
    """R = R₁ ⊗ R₂ over all cells of a grid, the second place varying fastest.

    `at` takes the places of the cells, counted from 0.

    Corr(b at (i, j), b at (k, l)) = R₁(i, k) R₂(j, l); parameters those of R₁, then of R₂.
    Source: Cullis & Gleeson (1991), Biometrics 47, 1449–1460.
    """

    patterns: tuple[CorrelationPattern, CorrelationPattern]
    names: tuple[str, str]
    sizes: tuple[int, int] = (0, 0)  # of the grid

    @property
    def coordinates(self) -> tuple[int, int] | None:
        return 2, 2

    def at(self, points: Matrix) -> CorrelationPattern:
        r, c = (int(size) for size in points.max(axis=0) + 1)
        return replace(self, sizes=(r, c))

    def n_parameters(self, k: int) -> int:
        return sum(self._counts())

    def factor(self, rho: Vector, k: int) -> Matrix:
        return np.kron(*self._factors(rho))

    def factor_derivatives(self, rho: Vector, k: int) -> Blocks:
        first, second = self._factors(rho)
        one, other = (
            pattern.factor_derivatives(own, size) if len(own) else np.zeros((0, size, size))
            for pattern, own, size in zip(
                self.patterns, self._split(rho), self.sizes, strict=True
            )
        )
        changes = [np.kron(d, second) for d in one] + [np.kron(first, d) for d in other]
        return np.array(changes).reshape(len(rho), k, k)

    def parameters_near(self, correlation: Matrix) -> Vector:
        r, c = self.sizes
        blocks = correlation.reshape(r, c, r, c)
        margins = (np.einsum("ijkj->ik", blocks) / c, np.einsum("ijil->jl", blocks) / r)
        return np.concatenate(
            [p.parameters_near(R) for p, R in zip(self.patterns, margins, strict=True)]
        )

    def parameters_at(self, neighbours: float, k: int) -> Vector:
        return np.concatenate(
            [
                p.parameters_at(neighbours, size)
                for p, size in zip(self.patterns, self.sizes, strict=True)
            ]
        )

    def ends(self, k: int) -> tuple[End, ...]:
        first = self._counts()[0]
        return tuple(
            replace(end.shifted(shift), sentence=f"{end.sentence}, along {name}")
            for pattern, size, name, shift in zip(
                self.patterns, self.sizes, self.names, (0, first), strict=True
            )
            for end in pattern.ends(size)
        )

    def natural(self, rho: Vector, k: int) -> dict[str, float]:
        return {
            f"{key} along {name}": value
            for pattern, own, size, name in zip(
                self.patterns, self._split(rho), self.sizes, self.names, strict=True
            )
            for key, value in pattern.natural(own, size).items()
        }

    def _counts(self) -> list[int]:
        pairs = zip(self.patterns, self.sizes, strict=True)
        return [pattern.n_parameters(size) for pattern, size in pairs]

    def _split(self, rho: Vector) -> tuple[Vector, Vector]:
        count = self._counts()[0]
        return rho[:count], rho[count:]

    def _factors(self, rho: Vector) -> tuple[Matrix, Matrix]:
        first, second = self._split(rho)
        return (
            self.patterns[0].factor(first, self.sizes[0]),
            self.patterns[1].factor(second, self.sizes[1]),
        )
