"""The covariance parameters θ of all random terms, and the templates T(θ) they make."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance import CovarianceStructure


@dataclass(frozen=True, slots=True)
class CovarianceParameters:
    """θ of the terms one after another: each term has a structure over its k effects."""

    structures: tuple[CovarianceStructure, ...]
    k: tuple[int, ...]
    slices: tuple[slice, ...] = field(init=False)
    term_of: NDArray[np.int32] = field(init=False)  # (nθ,) the term each parameter belongs to

    def __post_init__(self) -> None:
        counts = [s.n_parameters(k) for s, k in zip(self.structures, self.k, strict=True)]
        ends = np.cumsum(counts, dtype=int)
        object.__setattr__(
            self,
            "slices",
            tuple(slice(e - c, e) for e, c in zip(ends.tolist(), counts, strict=True)),
        )
        object.__setattr__(
            self, "term_of", np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        )

    def __len__(self) -> int:
        return len(self.term_of)

    def factors(self, theta: Vector) -> list[Matrix]:
        """T of each term, (k, k)."""
        return [
            s.factor(theta[at], k)
            for s, k, at in zip(self.structures, self.k, self.slices, strict=True)
        ]

    def factor_derivatives(self, theta: Vector) -> list[Blocks]:
        """∂T/∂θ of each term, (nθ of the term, k, k)."""
        return [
            s.factor_derivatives(theta[at], k)
            for s, k, at in zip(self.structures, self.k, self.slices, strict=True)
        ]

    def canonical(self, theta: Vector) -> Vector:
        """The same covariances with signs fixed."""
        out = theta.copy()
        for s, k, at in zip(self.structures, self.k, self.slices, strict=True):
            out[at] = s.canonical(theta[at], k)
        return out

    def free(self, theta: Vector) -> NDArray[np.bool_]:
        """Which elements of a canonical θ move the covariances, to first order; (nθ,)."""
        pieces = [
            s.free(theta[at], k)
            for s, k, at in zip(self.structures, self.k, self.slices, strict=True)
        ]
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=bool)

    def regular(self, theta: Vector, smallest: Sequence[Vector]) -> list[Matrix]:
        """T of each term, its diagonal kept off zero by `smallest` (k,), which do not count.

        The curvature in a direction where T vanishes is only seen from beside it.
        """
        factors = self.factors(theta)
        for T, least in zip(factors, smallest, strict=True):
            diagonal = T.diagonal()
            small = np.abs(diagonal) < least
            if small.any():
                index = np.flatnonzero(small)
                T[index, index] = np.where(diagonal[index] < 0, -least[index], least[index])
        return factors

    def parameters_near(self, covariances: Sequence[Matrix]) -> Vector:
        """θ whose covariances are near the given ones."""
        pieces = [
            s.parameters_near(G) for s, G in zip(self.structures, covariances, strict=True)
        ]
        return np.concatenate(pieces) if pieces else np.empty(0)


def smallest_factors(blocks: Sequence[Blocks]) -> list[Vector]:
    """Per term, the size of a diagonal of T below which TᵀAT + I is I to 12 digits, (k,).

    `blocks` (g, k, k): the diagonal blocks of A = ZᵀWZ of each term.
    """
    means = [np.einsum("gkk->k", A) / max(len(A), 1) for A in blocks]
    return [1e-6 / np.sqrt(np.maximum(mean, 1e-300)) for mean in means]


def flat(blocks: Sequence[Matrix]) -> Vector:
    """Square blocks as one vector, row by row."""
    return np.concatenate([b.ravel() for b in blocks]) if blocks else np.empty(0)


def unflat(vector: Vector, k: Sequence[int]) -> list[Matrix]:
    """The inverse of `flat`."""
    out, start = [], 0
    for size in k:
        out.append(vector[start : start + size * size].reshape(size, size))
        start += size * size
    return out
