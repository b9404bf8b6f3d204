"""Random effects that cross the subjects: a dense tail beside blocks of subjects.

    V = V₁ + Z₂G₂Z₂ᵀ,   V₁ = R + Z₁G₁Z₁ᵀ,   A = Z₂ᵀV₁⁻¹Z₂,   S = I + Λ₂ᵀAΛ₂,   P = Λ₂S⁻¹Λ₂ᵀ

    log|V| = log|V₁| + log|S|,   V⁻¹ = V₁⁻¹ − V₁⁻¹Z₂PZ₂ᵀV₁⁻¹

R is block-diagonal over subjects, and Z₁ has effects whose levels hold whole subjects; Z₂ has
the others, q₂ in all. P is the covariance of b₂ given y and β. White rows L⁻¹Z₂ of a subject,
R = LLᵀ, have entries in the columns of its own rows only, so that Z₂ᵀR⁻¹Z₂ is a sum over
subjects: nothing is (n, n) or dense (n, q₂).

Source: Henderson, Kempthorne, Searle & von Krosigk (1959), Biometrics 15, 192–218, for V⁻¹.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from henderson.arrays import Blocks, Matrix, Vector
from henderson.equations import RandomTermMatrix
from henderson.likelihood.error_blocks import ErrorBlocks, Indices, Whitening

_COLUMNS = 64  # of Z₂ that are dense at a time
_NUMBERS = 4_000_000  # of subjects' rows of (q, q₂) that are held at a time


@dataclass(frozen=True, slots=True)
class CrossedEffects:
    """Z₂ by subject. A subject of s rows with z values each has J = sz local columns."""

    blocks: ErrorBlocks
    terms: tuple[tuple[int, int], ...]  # g and k of each
    order: Indices  # (n,), the rows subject by subject
    columns: tuple[Indices, ...]  # of Z₂, by batch: (m, J)
    values: tuple[Matrix, ...]  # (m, s, z)
    indices: Indices  # of the white rows as a sparse matrix, rows in `order`
    starts: Indices

    @classmethod
    def of(cls, blocks: ErrorBlocks, terms: Sequence[RandomTermMatrix]) -> Self:
        """From the terms, with their effects that are not zero."""
        sizes = [term.size for term in terms]
        first = np.cumsum([0, *sizes])[: len(terms)]
        column = np.hstack(
            [
                at
                + term.codes[:, None].astype(np.int64) * term.k
                + (np.arange(term.k) if term.columns is None else term.columns)
                for at, term in zip(first, terms, strict=True)
            ]
        )
        value = np.hstack([term.values for term in terms])
        columns, values, indices, counts = [], [], [], []
        for batch in blocks.batches:
            m, size = batch.rows.shape
            local = column[batch.rows].reshape(m, -1)
            columns.append(local)
            values.append(value[batch.rows])
            indices.append(np.repeat(local, size, axis=0).ravel())
            counts.append(np.full(m * size, local.shape[1]))
        return cls(
            blocks,
            tuple((term.levels, term.k) for term in terms),
            np.concatenate([batch.rows.ravel() for batch in blocks.batches]),
            tuple(columns),
            tuple(values),
            np.concatenate(indices),
            np.concatenate([[0], np.cumsum(np.concatenate(counts))]),
        )

    @property
    def q(self) -> int:
        """q₂."""
        return sum(g * k for g, k in self.terms)

    def white(self, whitening: Whitening, scale: Vector) -> "WhiteEffects":
        """L⁻¹Z₂ with rows of Z₂ times `scale` (n,)."""
        local = []
        for batch, inverse, v in zip(
            self.blocks.batches, whitening.inverses, self.values, strict=True
        ):
            scaled = v * scale[batch.rows][:, :, None]
            m, size, z = v.shape
            each = inverse[batch.pattern][:, :, :, None] * scaled[:, None, :, :]
            local.append(each.reshape(m, size, size * z))
        data = np.concatenate([each.ravel() for each in local])
        rows = csr_array((data, self.indices, self.starts), shape=(len(self.order), self.q))
        return WhiteEffects(self, tuple(local), rows)

    def by_term(self, x: Matrix) -> list[Blocks]:
        """Rows (q₂, m) by term, each (g, k, m)."""
        ends = np.cumsum([g * k for g, k in self.terms])[:-1]
        return [
            piece.reshape(g, k, x.shape[1])
            for piece, (g, k) in zip(np.split(x, ends), self.terms, strict=True)
        ]

    def level_blocks(self, M: Matrix) -> list[Blocks]:
        """The diagonal blocks of M (q₂, q₂) by level of each term, (g, k, k)."""
        out, start = [], 0
        for g, k in self.terms:
            own = M[start : start + g * k, start : start + g * k].reshape(g, k, g, k)
            out.append(np.einsum("jajb->jab", own))
            start += g * k
        return out

    def factor(self, factors: Sequence[Matrix]) -> Callable[[Matrix], Matrix]:
        """x to Λ₂ᵀx, by the T of each term."""

        def scaled(x: Matrix) -> Matrix:
            pieces = zip(self.by_term(x), factors, strict=True)
            return np.concatenate(
                [(T.T @ piece).reshape(-1, x.shape[1]) for piece, T in pieces]
            )

        return scaled


@dataclass(frozen=True, slots=True)
class WhiteEffects:
    """L⁻¹Z₂."""

    effects: CrossedEffects
    local: tuple[Blocks, ...]  # by batch, (m, s, J)
    rows: csr_array  # (n, q₂), in the effects' order of rows

    def cross_products(self) -> Matrix:
        """Z₂ᵀR⁻¹Z₂, (q₂, q₂)."""
        return (self.rows.T @ self.rows).toarray()

    def transpose_times(self, x: Matrix) -> Matrix:
        """Z₂ᵀL⁻ᵀx for white rows x (n, m)."""
        return self.rows.T @ x[self.effects.order]

    def times(self, b: Matrix) -> Matrix:
        """L⁻¹Z₂b for b (q₂, m)."""
        out = np.empty((len(self.effects.order), b.shape[1]))
        out[self.effects.order] = self.rows @ b
        return out

    def some_columns(self) -> Iterator[Matrix]:
        """L⁻¹Z₂ densely, some columns after others."""
        q = self.effects.q
        for start in range(0, q, _COLUMNS):
            yield self.times(np.eye(q, min(_COLUMNS, q - start), -start))


@dataclass(frozen=True, slots=True)
class Posterior:
    """P and what follows from it, given θ alone."""

    A: Matrix  # (q₂, q₂)
    P: Matrix  # (q₂, q₂)
    log_determinant: float  # of S
    across: Matrix  # Z₂ᵀV₁⁻¹[X y], (q₂, p + 1)
    b: Matrix  # P across

    @classmethod
    def of(cls, white: WhiteEffects, factors: Sequence[Matrix], gram: Matrix) -> Self | None:
        """From [Z₂ X y]ᵀV₁⁻¹[Z₂ X y], whose part of [X y] loses what the effects take.

        None where S has no Cholesky factor.
        """
        effects = white.effects
        q, scaled = effects.q, effects.factor(factors)
        A, across = gram[:q, :q], gram[:q, q:]
        S = scaled(scaled(A).T)
        S.reshape(-1)[:: q + 1] += 1.0
        try:
            root = cho_factor(S, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return None
        half = scaled(np.eye(q))  # Λ₂ᵀ
        P = half.T @ cho_solve(root, half)
        b = P @ across
        gram[q:, q:] -= across.T @ b
        return cls(A, P, 2.0 * float(np.sum(np.log(np.diag(root[0])))), across, b)


@dataclass(frozen=True, slots=True)
class Tail:
    """What crossed effects add to derivatives; see the module's equations."""

    white: WhiteEffects
    A: Matrix  # (q₂, q₂)
    P: Matrix  # (q₂, q₂)
    x: Matrix  # C⁻¹Λ₁ᵀZ₁ᵀR⁻¹Z₂ (q, q₂), by the equations of Z₁
    b: Matrix  # PZ₂ᵀV₁⁻¹[X y] combined, (q₂, p + 1); the last column has the modes of b₂
    F: Matrix  # Z₂ᵀV⁻¹[X y] combined, (q₂, p + 1)

    @classmethod
    def of(cls, white: WhiteEffects, at: Posterior, x: Matrix, combine: Matrix) -> Self:
        """With [X y] times `combine` (p + 1, p + 1)."""
        F = (at.across - at.A @ at.b) @ combine
        return cls(white, at.A, at.P, x, at.b @ combine, F)

    def traces(self, factors: Sequence[Matrix], *, fixed: int) -> list[Matrix]:
        """∂d/∂T of each term, 2Σ(Z₂ᵀPyZ₂)T by level, less the first `fixed` columns of F."""
        K = self.A - self.A @ self.P @ self.A
        taken = self.F[:, [*range(fixed), -1]]
        K -= taken @ taken.T
        blocks = self.white.effects.level_blocks(K)
        return [2.0 * M.sum(axis=0) @ T for M, T in zip(blocks, factors, strict=True)]

    def leverages(
        self,
        nested: Sequence[tuple[Indices, Matrix]],
        by_term: Callable[[Matrix], list[Blocks]],
    ) -> list[Blocks]:
        """Blocks of L⁻¹(Z₂ − Z₁Λ₁x)P(Z₂ − Z₁Λ₁x)ᵀL⁻ᵀ of each subject, by batch (m, s, s).

        `nested` are the codes (n,) and L⁻¹Z₁Λ₁ (n, k) of the terms of Z₁; `by_term` splits q.
        """
        out = []
        x = by_term(self.x) if nested else []
        xP = by_term(np.ascontiguousarray(self.x @ self.P)) if nested else []
        effects = self.white.effects
        widest = max(1, sum(v.shape[1] for _, v in nested) * effects.q)
        for batch, local, columns in zip(
            effects.blocks.batches, self.white.local, effects.columns, strict=True
        ):
            own = self.P[columns[:, :, None], columns[:, None, :]]
            M = local @ own @ local.transpose(0, 2, 1)
            step = max(1, _NUMBERS // widest)
            for start in range(0, len(batch.rows) if nested else 0, step):
                part = slice(start, start + step)
                rows = batch.rows[part]
                level = [codes[rows[:, 0]] for codes, _ in nested]
                U = np.concatenate([v[rows] for _, v in nested], axis=2)
                X = np.concatenate([e[at] for e, at in zip(x, level, strict=True)], axis=1)
                Y = np.concatenate([e[at] for e, at in zip(xP, level, strict=True)], axis=1)
                met = np.take_along_axis(Y, columns[part][:, None, :], axis=2)
                cross = U @ met @ local[part].transpose(0, 2, 1)
                M[part] -= cross + cross.transpose(0, 2, 1)
                M[part] += U @ (X @ Y.transpose(0, 2, 1)) @ U.transpose(0, 2, 1)
            out.append(M)
        return out
