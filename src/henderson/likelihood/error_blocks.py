"""Residuals that vary together within subjects: whitening, block by block.

    e ~ N(0, R),  R block-diagonal over subjects,  R_s = Σ_h[v, v] = LLᵀ

Σ_h (k, k) is the covariance at all k positions (visits) of the subjects of group h, and v are
the positions at which subject s was observed: a missing visit is an absent row. Rows in white
coordinates are L⁻¹(rows of s). Subjects of the same group and positions share their factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from henderson.arrays import Blocks, Matrix, Vector

Indices = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class _Batch:
    """The m subjects with the same number of rows, and their u distinct patterns."""

    rows: Indices  # (m, size), of all rows
    pattern: Indices  # (m,), the pattern of each subject
    positions: Indices  # (u, size)
    group: Indices  # (u,)


@dataclass(frozen=True, slots=True)
class ErrorBlocks:
    """Which rows vary together: those of a subject, at their positions.

    Rows of a subject need not be together. `k` positions, `groups` covariances Σ.
    """

    n: int
    k: int
    groups: int
    batches: tuple[_Batch, ...]

    @classmethod
    def of(cls, subject: Indices, position: Indices, group: Indices, k: int) -> Self:
        """From the subject, position and group of each row, (n,); a subject has one group."""
        n = len(subject)
        order = np.lexsort((position, subject))
        sizes = np.bincount(subject)
        sizes = sizes[sizes > 0]
        starts = np.cumsum(sizes) - sizes
        batches = []
        for size in np.unique(sizes):
            rows = order[starts[sizes == size][:, None] + np.arange(size)]
            key = np.column_stack([group[rows[:, 0]], position[rows]])
            distinct, pattern = np.unique(key, axis=0, return_inverse=True)
            batches.append(_Batch(rows, pattern.ravel(), distinct[:, 1:], distinct[:, 0]))
        return cls(n, k, int(group.max(initial=0)) + 1, tuple(batches))

    def are_crossed_by(self, codes: Indices) -> bool:
        """Whether rows of a subject are in several levels, `codes` (n,)."""
        return any(np.any(codes[b.rows] != codes[b.rows[:, :1]]) for b in self.batches)

    def factor(self, covariances: Sequence[Matrix]) -> "Whitening | None":
        """L⁻¹ of every block; None where a Σ is not positive definite."""
        sigma = np.stack(covariances)
        factors, inverses, log_determinant = [], [], 0.0
        for batch in self.batches:
            v = batch.positions
            R = sigma[batch.group[:, None, None], v[:, :, None], v[:, None, :]]
            try:
                L = np.linalg.cholesky(R)
                inverse = np.linalg.inv(L)
            except np.linalg.LinAlgError:
                return None
            logs = 2.0 * np.sum(np.log(np.einsum("uii->ui", L)), axis=1)
            log_determinant += float(logs @ np.bincount(batch.pattern, minlength=len(v)))
            factors.append(L)
            inverses.append(inverse)
        return Whitening(self, tuple(factors), tuple(inverses), log_determinant)

    def changes_times(self, changes: Sequence[Blocks], x: Vector) -> Matrix:
        """∂R x for every ∂Σ: (n, number of them); `changes` (count, k, k) by group, x (n,)."""
        counts = np.cumsum([0, *map(len, changes)])
        out = np.zeros((self.n, counts[-1]))
        for batch in self.batches:
            m = len(batch.rows)
            v, group = batch.positions[batch.pattern], batch.group[batch.pattern]
            placed = np.zeros((m, self.k))
            placed[np.arange(m)[:, None], v] = x[batch.rows]
            for h, D in enumerate(changes):
                own = np.flatnonzero(group == h)
                if not len(own) or not len(D):
                    continue
                moved = np.tensordot(placed[own], D, axes=([1], [1]))  # (m of h, count, k)
                kept = np.take_along_axis(moved, v[own][:, None, :], axis=2)
                out[batch.rows[own].ravel(), counts[h] : counts[h + 1]] = kept.transpose(
                    0, 2, 1
                ).reshape(-1, len(D))
        return out


@dataclass(frozen=True, slots=True)
class Whitening:
    """R⁻¹ = L⁻ᵀL⁻¹ at some covariances."""

    blocks: ErrorBlocks
    factors: tuple[Blocks, ...]  # L of each pattern, a batch after another, (u, size, size)
    inverses: tuple[Blocks, ...]  # L⁻¹
    log_determinant: float  # of R

    def white(self, x: Matrix) -> Matrix:
        """L⁻¹x of every subject, (n, m)."""
        return self._map(self.inverses, x)

    def transpose(self, x: Matrix) -> Matrix:
        """L⁻ᵀx of every subject, (n, m)."""
        return self._map([inverse.transpose(0, 2, 1) for inverse in self.inverses], x)

    def colour(self, x: Matrix) -> Matrix:
        """Lx of every subject, (n, m): of covariance R where that of x is I."""
        return self._map(self.factors, x)

    def colour_transposed(self, x: Matrix) -> Matrix:
        """Lᵀx of every subject, (n, m)."""
        return self._map([L.transpose(0, 2, 1) for L in self.factors], x)

    def covariance(self) -> csr_array:
        """R, (n, n), sparse."""
        rows, columns, values = [], [], []
        for batch, L in zip(self.blocks.batches, self.factors, strict=True):
            R = (L @ L.transpose(0, 2, 1))[batch.pattern]
            rows.append(np.broadcast_to(batch.rows[:, :, None], R.shape).ravel())
            columns.append(np.broadcast_to(batch.rows[:, None, :], R.shape).ravel())
            values.append(R.ravel())
        n = self.blocks.n
        entries = (np.concatenate(rows), np.concatenate(columns))
        return csr_array(coo_array((np.concatenate(values), entries), shape=(n, n)))

    def _map(self, matrices: Sequence[Blocks], x: Matrix) -> Matrix:
        out = np.empty_like(x)
        for batch, each in zip(self.blocks.batches, matrices, strict=True):
            out[batch.rows] = each[batch.pattern] @ x[batch.rows]
        return out

    def by_row_scale(self, middle: Sequence[Blocks]) -> Vector:
        """2 diag(L⁻ᵀMLᵀ), (n,): d/dx of tr(Ml⁻¹∂RL⁻ᵀ) where row i of R and column i grow by eˣ.

        `middle` are the M by batch, (m, size, size).
        """
        out = np.empty(self.blocks.n)
        for batch, L, inverse, M in zip(
            self.blocks.batches, self.factors, self.inverses, middle, strict=True
        ):
            left = inverse.transpose(0, 2, 1)[batch.pattern] @ M
            out[batch.rows] = 2.0 * np.sum(left * L[batch.pattern], axis=2)
        return out

    def by_covariance(self, middle: Sequence[Blocks]) -> Blocks:
        """Σ over subjects of L⁻ᵀML⁻¹ in its positions, (groups, k, k): d/dΣ of tr(Ml⁻¹∂RL⁻ᵀ).

        `middle` are the M by batch, (m, size, size).
        """
        k = self.blocks.k
        out = np.zeros((self.blocks.groups, k, k))
        for batch, inverse, M in zip(self.blocks.batches, self.inverses, middle, strict=True):
            sums = np.zeros_like(inverse)
            np.add.at(sums, batch.pattern, M)
            v = batch.positions
            np.add.at(
                out,
                (batch.group[:, None, None], v[:, :, None], v[:, None, :]),
                inverse.transpose(0, 2, 1) @ sums @ inverse,
            )
        return out
