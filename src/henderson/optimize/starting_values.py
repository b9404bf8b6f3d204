"""Where the search starts: covariances by moments, one pass and no iteration.

With scores s = ZᵀW(y − Xβ) and A = ZᵀWZ, for levels j of a term and all levels l of all terms,

    E[sⱼsⱼᵀ] = σ²(Aⱼⱼ + Σ_l A_jl G A_jlᵀ),   G relative to σ²

so that the G of all terms solve one linear system,

    Σⱼ Σ_l (A_jl ⊗ A_jl) vec G = vec Σⱼ(sⱼsⱼᵀ/σ² − Aⱼⱼ)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.cholesky import solve_positive
from henderson.equations import MixedModelEquations
from henderson.likelihood.parameters import observed_or_mean

_WIDEST = 8  # effects beyond which only variances are estimated
_MOST_COLUMNS = 100  # k²p up to which the fixed effects are taken out of the moments
_MANY_LEVELS = 500  # beyond which that makes no difference
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
    def of(
        cls,
        equations: MixedModelEquations,
        scores: Sequence[Matrix],
        fixed: Sequence[Matrix] | None = None,
    ) -> "Moments":
        """From cross-products A of the equations and the scores (g, k) of each term.

        `fixed` is B = ZᵀWXR⁻ᵀ (q, p), RRᵀ = XᵀWX: A − BBᵀ then takes the place of A, because
        the scores are those of residuals. In a balanced design with the identity link the
        moments are then the restricted maximum likelihood estimates.
        """
        made = cls._of(equations, scores)
        if fixed is None or not equations.terms:
            return made
        p = fixed[0].shape[1]
        widest = max(term.k for term in equations.terms)
        fewest = min(term.levels for term in equations.terms)
        if widest > _WIDEST or widest**2 * p > _MOST_COLUMNS or fewest > _MANY_LEVELS:
            return made
        system, sums = made.system.copy(), made.sums.copy()
        by_term = equations.by_term(fixed)  # (g, k, p)
        inner = [np.einsum("jar,jbs->abrs", b, b).reshape(b.shape[1] ** 2, -1) for b in by_term]
        for s, (b, at) in enumerate(zip(by_term, made.places, strict=True)):
            g, k, _ = b.shape
            spread = np.zeros((g, k, k, k, p))  # effect c of a level times effects d of B
            for c in range(k):
                spread[:, c, c] = b
            images = equations.multiply_term(s, spread.reshape(g, k, -1))
            for t, (image, a, rows) in enumerate(
                zip(images, by_term, made.places, strict=True)
            ):
                m = a.shape[1]
                cross = np.einsum("jacdr,jbr->abcd", image.reshape(len(a), m, k, k, p), a)
                both = cross + cross.transpose(1, 0, 3, 2)
                system[rows, at] += inner[t] @ inner[s].T - both.reshape(m * m, k * k)
            sums[at] -= np.einsum("jar,jbr->ab", b, b).ravel()
        return replace(made, system=system, sums=sums)

    @classmethod
    def _of(cls, equations: MixedModelEquations, scores: Sequence[Matrix]) -> "Moments":
        sums, squares, places, units, stop = [], [], [], [], 0
        for A, s in zip(equations.cross_product_blocks(), scores, strict=True):
            total = A.sum(axis=0)
            whole = len(total) <= _WIDEST
            for into, matrix in ((sums, total), (squares, s.T @ s)):
                into.append(matrix.ravel() if whole else matrix.diagonal())
            places.append(slice(stop, stop + sums[-1].size))
            stop = places[-1].stop
            units.append(np.sqrt(len(A) / observed_or_mean(total.diagonal())))
        return cls(
            equations.moment_system(_WIDEST),
            np.concatenate([np.empty(0), *sums]),
            np.concatenate([np.empty(0), *squares]),
            tuple(places),
            tuple(units),
        )

    def of_scores(self, scores: Sequence[Matrix]) -> "Moments":
        """Those of other scores with the same cross-products."""
        squares = [np.empty(0)]
        for s, at in zip(scores, self.places, strict=True):
            product, k = s.T @ s, s.shape[1]
            whole = at.stop - at.start == k * k
            squares.append(product.ravel() if whole else product.diagonal())
        return replace(self, squares=np.concatenate(squares))

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
    solved = solve_positive(scaled, target / scale)
    return (solved[0] if solved else np.linalg.solve(scaled, target / scale)) / scale


def _symmetric(flat: Vector, k: int) -> Matrix:
    """A symmetric (k, k) matrix from all its elements, or from its diagonal."""
    if len(flat) < k * k:
        return np.diag(flat)
    G = flat.reshape(k, k)
    return 0.5 * (G + G.T)
