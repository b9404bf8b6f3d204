"""Where the search starts: covariances by moments, one pass and no iteration.

With scores s = ZᵀW(y − Xβ) and A = ZᵀWZ, for levels j of a term and all levels l of all terms,

    E[sⱼsⱼᵀ] = σ²(Aⱼⱼ + Σ_l A_jl G A_jlᵀ),   G relative to σ²

so that the G of all terms solve one linear system,

    Σⱼ Σ_l (A_jl ⊗ A_jl) vec G = vec Σⱼ(sⱼsⱼᵀ/σ² − Aⱼⱼ)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.equations import MixedModelEquations

_WIDEST = 8  # effects beyond which only variances are estimated
_INDEFINITE = 0.1  # negative part of a joint solution beyond which a term is solved alone


@final
@dataclass(frozen=True, slots=True)
class Moments:
    """The moment equations of all terms, one after another.

    A term with k effects has k² equations, or k where only variances are estimated.
    """

    system: Matrix  # Σ A_jl ⊗ A_jl over pairs of levels, (M, M)
    sums: Vector  # vec Σ Aⱼⱼ, (M,)
    squares: Vector  # vec Σ sⱼsⱼᵀ, (M,)
    places: tuple[slice, ...]  # of each term
    units: tuple[Vector, ...]  # of each term (k,): information 1 on an average level's effect

    @classmethod
    def of(cls, equations: MixedModelEquations, scores: Sequence[Matrix]) -> "Moments":
        """From cross-products A of the equations and the scores (g, k) of each term."""
        sums, squares, places, units, stop = [], [], [], [], 0
        for A, s in zip(equations.cross_product_blocks(), scores, strict=True):
            total = A.sum(axis=0)
            whole = len(total) <= _WIDEST
            for into, matrix in ((sums, total), (squares, s.T @ s)):
                into.append(matrix.ravel() if whole else matrix.diagonal())
            places.append(slice(stop, stop + sums[-1].size))
            stop = places[-1].stop
            units.append(np.sqrt(len(A) / np.maximum(total.diagonal(), 1e-300)))
        return cls(
            equations.moment_system(_WIDEST),
            np.concatenate([np.empty(0), *sums]),
            np.concatenate([np.empty(0), *squares]),
            tuple(places),
            tuple(units),
        )

    def residual_variance(self, total: float, df: float) -> float:
        """σ² together with all σ²G.

        The system is bordered by the residual sum of squares without random effects,
        E[total] = σ²df + Σⱼ tr(Aⱼⱼσ²G); between a hundredth and all of total/df.
        """
        size = 1 + len(self.sums)
        system = np.empty((size, size))
        system[1:, 1:] = self.system
        system[0, 1:] = system[1:, 0] = self.sums
        system[0, 0] = df
        sigma2 = _solve(system, np.append(total, self.squares))[0]
        return float(min(max(sigma2, 0.01 * total / df), total / df))

    def covariances(self, sigma2: float) -> list[Matrix]:
        """G of each term relative to σ², positive definite.

        A term whose part of the joint solution is far from positive is solved alone.
        """
        target = self.squares / sigma2 - self.sums
        jointly = _solve(self.system, target)
        out = []
        for at, unit in zip(self.places, self.units, strict=True):
            scale = np.outer(unit, unit)
            values, vectors = np.linalg.eigh(_symmetric(jointly[at], len(unit)) / scale)
            if values[0] < -_INDEFINITE * max(values[-1], 0.0):
                alone = _solve(self.system[at, at], target[at])
                values, vectors = np.linalg.eigh(_symmetric(alone, len(unit)) / scale)
            # away from zero variances and correlations of one, in units that matter
            lowest = max(0.01, 0.05 * float(np.mean(np.maximum(values, 0.0))))
            out.append((vectors * np.maximum(values, lowest)) @ vectors.T * scale)
        return out


def _solve(system: Matrix, target: Vector) -> Vector:
    scale = np.sqrt(np.maximum(system.diagonal(), 1e-300))
    scaled = system / np.outer(scale, scale)
    scaled.reshape(-1)[:: len(scale) + 1] += 1e-8
    return np.linalg.solve(scaled, target / scale) / scale


def _symmetric(flat: Vector, k: int) -> Matrix:
    """A symmetric (k, k) matrix from all its elements, or from its diagonal."""
    if len(flat) < k * k:
        return np.diag(flat)
    G = flat.reshape(k, k)
    return 0.5 * (G + G.T)
