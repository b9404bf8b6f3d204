"""The covariance parameters θ of all random terms, and the templates T(θ) they make."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance import CovarianceStructure

_STEP = 1e-30  # of complex steps
HIGHEST = 1e9  # of a scale, times the smallest that counts


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

    def factors(self, theta: Vector) -> Sequence[Matrix]:
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

    def regular(self, theta: Vector, smallest: Sequence[Vector]) -> Vector:
        """θ with scales kept where numbers can be trusted; the change does not count.

        Not below `smallest` (k,) of their term: the curvature in a direction where T vanishes
        is only seen from beside it. Not above 10⁹ times that: σ² beside them is a millionth.
        """
        out = theta
        for s, k, at, least in zip(self.structures, self.k, self.slices, smallest, strict=True):
            for element, effect in s.scales(k):
                value, low = theta[at.start + element], least[effect]
                if low <= abs(value) <= HIGHEST * low:
                    continue
                if out is theta:
                    out = theta.copy()
                size = min(max(abs(value), low), HIGHEST * low)
                out[at.start + element] = size if value >= 0 else -size
        return out

    def covariances(self, theta: Vector) -> Sequence[Matrix]:
        """G = TTᵀ of each term, (k, k)."""
        return [T @ T.T for T in self.factors(theta)]

    def scaled(self, theta: Vector, c: float, terms: Iterable[int] | None = None) -> Vector:
        """θ with the standard deviations of all terms, or of some, times c.

        Other parameters may follow θ, and stay.
        """
        out = theta.copy()
        for t in range(len(self.k)) if terms is None else terms:
            at = self.slices[t]
            out[at] = self.structures[t].scaled(theta[at], self.k[t], c)
        return out

    def rescaled(self, theta: Vector, c: float) -> tuple[Vector, Vector, Vector]:
        """θ of the covariances times c², with the derivatives of its elements by θ and log c.

        Each element of the result depends on c and its own element alone.
        """
        moved: Any = theta + _STEP * 1j, c * (1.0 + _STEP * 1j)
        by_theta = self.scaled(moved[0], c).imag / _STEP
        by_log_c = self.scaled(theta.astype(complex), moved[1]).imag / _STEP
        return self.scaled(theta, c), by_theta, by_log_c

    def pivoted(self, theta: Vector, smallest: Sequence[Vector]) -> "CovarianceParameters":
        """Parameters of the same covariances that behave better near θ; itself if these do."""
        structures = tuple(
            s.pivoted(theta[at], 1e6 * least)
            for s, at, least in zip(self.structures, self.slices, smallest, strict=True)
        )
        return (
            self if structures == self.structures else CovarianceParameters(structures, self.k)
        )

    def translation(self, theta: Vector, to: "CovarianceParameters") -> tuple[Vector, Matrix]:
        """θ in other parameters of the same covariances, and the derivative, (nθ, nθ).

        The derivative of a parameter at a boundary is NaN, and that by one is zero.
        """
        if to.structures == self.structures:
            return theta, np.diag(np.where(self.free(theta), 1.0, np.nan))
        moved = to.parameters_of(self, theta)
        here, there = self.free(theta), to.free(moved)
        slopes = []
        for parameters, at in ((self, theta), (to, moved)):
            slope = np.zeros((sum(k * k for k in self.k), len(theta)))
            row = 0
            changes = covariance_changes(
                parameters.factors(at), parameters.factor_derivatives(at)
            )
            for place, block, k in zip(parameters.slices, changes, self.k, strict=True):
                slope[row : row + k * k, place] = block.reshape(len(block), -1).T
                row += k * k
            slopes.append(slope)
        jacobian = np.zeros((len(theta), len(theta)))
        jacobian[~there] = np.nan
        jacobian[np.ix_(there, here)] = np.linalg.lstsq(
            slopes[1][:, there], slopes[0][:, here], rcond=1e-10
        )[0]
        return moved, jacobian

    def parameters_of(self, others: "CovarianceParameters", theta: Vector) -> Vector:
        """The parameters of the same covariances as those of others."""
        covariances = others.covariances(theta)
        return np.concatenate(
            [
                theta[at] if own == other else own.parameters_near(G)
                for own, other, at, G in zip(
                    self.structures, others.structures, others.slices, covariances, strict=True
                )
            ]
        )

    def parameters_near(self, covariances: Sequence[Matrix]) -> Vector:
        """θ whose covariances are near the given ones."""
        pieces = [
            s.parameters_near(G) for s, G in zip(self.structures, covariances, strict=True)
        ]
        return np.concatenate(pieces) if pieces else np.empty(0)


def covariance_changes(
    factors: Sequence[Matrix], derivatives: Sequence[Blocks]
) -> list[Blocks]:
    """∂G/∂θᵢ = ∂T/∂θᵢ Tᵀ + T ∂Tᵀ/∂θᵢ of each term, (nθ of the term, k, k)."""
    out = []
    for T, dT in zip(factors, derivatives, strict=True):
        half = dT @ T.T
        out.append(half + half.transpose(0, 2, 1))
    return out


def smallest_factors(blocks: Sequence[Blocks]) -> list[Vector]:
    """Per term, the size of a diagonal of T below which TᵀAT + I is I to 12 digits, (k,).

    `blocks` (g, k, k): the diagonal blocks of A = ZᵀWZ of each term.
    """
    means = [np.einsum("gkk->k", A) / max(len(A), 1) for A in blocks]
    return [1e-6 / np.sqrt(observed_or_mean(mean)) for mean in means]


def observed_or_mean(information: Vector) -> Vector:
    """Information on each effect (k,); on one that no row has, the mean of the others."""
    has = information > 0.0
    mean = float(information[has].mean()) if has.any() else 1e-300
    return np.where(has, information, mean)


def flat(blocks: Sequence[Matrix]) -> Vector:
    """Square blocks as one vector, row by row."""
    return np.concatenate([b.ravel() for b in blocks]) if blocks else np.empty(0)


def flat_changes(changes: Sequence[Blocks]) -> Vector:
    """Derivatives of several terms' covariances as one vector."""
    return np.concatenate([block.ravel() for block in changes]) if changes else np.empty(0)


def unflat(vector: Vector, k: Sequence[int]) -> Sequence[Matrix]:
    """The inverse of `flat`."""
    out, start = [], 0
    for size in k:
        out.append(vector[start : start + size * size].reshape(size, size))
        start += size * size
    return out
