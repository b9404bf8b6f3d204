"""Henderson's mixed model equations in spherical form, by block elimination.

    C = ΛᵀAΛ + I,   A = ZᵀWZ,   b = Λu,   u ~ N(0, I)

Λ is block-diagonal with one k x k template T a term, repeated for its levels. The first terms
(the *leaves*: many small blocks, none of which meet) are eliminated block by block in compiled
code, the rest (the *tail*) is one dense matrix factored by LAPACK. Which terms are leaves is
decided by the estimated work. Rows are held in parts that share no leaf; each part adds its
contributions to the tail, so that parts can be worked on side by side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cython_blas, cython_lapack  # pyright: ignore[reportAttributeAccessIssue]

from henderson import _core
from henderson.arrays import Blocks, Matrix, Vector
from henderson.equations.executor import SERIAL, Executor
from henderson.equations.partition import Rows, rows_of_parts, split_levels
from henderson.equations.terms import RandomTermMatrix

_core.load_lapack(
    {
        "dpotrf": cython_lapack.__pyx_capi__["dpotrf"],
        "dpotri": cython_lapack.__pyx_capi__["dpotri"],
        "dtrsm": cython_blas.__pyx_capi__["dtrsm"],
        "dsyrk": cython_blas.__pyx_capi__["dsyrk"],
        "dsymm": cython_blas.__pyx_capi__["dsymm"],
        "dgemm": cython_blas.__pyx_capi__["dgemm"],
    }
)


@final
class MixedModelEquations:
    """The coefficient matrix C of all parts: assemble, factor, solve, invert where needed.

    Vectors have one array a part, (q_part, m): the part's own leaf columns, then all tail
    columns. On the way in, the tail rows of the parts *add up* to the vector; on the way out
    (`back_solve`), every part has the whole tail.

    Templates are one vector: the k x k matrices T of the terms, row-major, one after another,
    in the order of `terms`, which is the order the terms were given in.
    """

    def __init__(
        self,
        terms: Sequence[RandomTermMatrix],
        n: int,
        n_predictors: int,
        *,
        parts: int = 1,
        executor: Executor = SERIAL,
        leaf_terms: int | None = None,
    ) -> None:
        self.terms = tuple(terms)
        self.executor = executor
        self.n_predictors = n_predictors
        # Elimination order: most columns first.
        self.order = sorted(range(len(terms)), key=lambda t: -terms[t].size)
        ordered = [terms[t] for t in self.order]
        if leaf_terms is None:
            leaf_terms = len(terms)
            if leaf_terms > 1:
                leaf_terms, _ = _core.plan_elimination([_as_tuple(t) for t in ordered])
        self.leaf_terms: int = leaf_terms
        self.rows = rows_of_parts(ordered, leaf_terms, n, parts)
        split = [split_levels(ordered, leaf_terms, rows) for rows in self.rows]
        self.levels = [
            levels for _, levels in split
        ]  # per part and ordered term: level numbers
        self.parts = executor.map(
            lambda rows, pieces: _core.Equations(
                n if isinstance(rows, slice) else len(rows),
                n_predictors,
                [_as_tuple(t) for t in pieces],
                leaf_terms,
            ),
            self.rows,
            [pieces for pieces, _ in split],
        )
        self.tail = sum(t.size for t in ordered[leaf_terms:])
        self.one_factor = self.parts[0].one_factor()
        self._positions = np.empty(len(terms), dtype=np.int32)  # of a term in this order
        self._positions[self.order] = np.arange(len(terms), dtype=np.int32)
        starts = np.cumsum([0] + [t.k * t.k for t in self.terms])
        self._reorder = np.array(
            [i for t in self.order for i in range(starts[t], starts[t + 1])], dtype=np.intp
        )
        self._is_ordered = bool(np.all(np.diff(self._reorder) == 1))
        self._tails: list[Matrix] = []  # of every part, kept: new pages cost more than zeros
        self._tail_factor = np.empty((0, 0))
        self._templates = np.empty(0)

    # ---- sizes -------------------------------------------------------------------------------

    @property
    def q(self) -> int:
        """Number of random effects in all."""
        return sum(t.size for t in self.terms)

    @property
    def levels_are_independent(self) -> bool:
        """Whether levels meet only through fixed effects; of small blocks, `one_factor`."""
        return len(self.terms) == 1 and not self.tail

    def zeros(self, m: int) -> list[Matrix]:
        """A vector with m right-hand sides, all zero."""
        return [np.zeros((part.q, m)) for part in self.parts]

    def split_rows(self, x: NDArray) -> list[NDArray]:
        """The rows of each part of an array over all rows."""
        return [x[rows] for rows in self.rows]

    def join_rows(self, pieces: Sequence[NDArray]) -> NDArray:
        """The inverse of `split_rows`."""
        if len(pieces) == 1:
            return pieces[0]
        n = sum(map(len, pieces))
        whole = np.empty((n, *pieces[0].shape[1:]))
        for rows, piece in zip(self.rows, pieces, strict=True):
            whole[rows] = piece
        return whole

    def by_term(self, x: Sequence[Matrix]) -> list[NDArray]:
        """A replicated vector's entries by term, in the order given: each (g, k, m)."""
        by_order: list[NDArray] = []
        for position, t in enumerate(self.order):
            term = self.terms[t]
            m = x[0].shape[1]
            whole = np.empty((term.levels, term.k, m))
            for piece, levels in zip(x, self.levels, strict=True):
                start = sum(
                    len(levels[i]) * self.terms[self.order[i]].k for i in range(position)
                )
                size = len(levels[position]) * term.k
                whole[levels[position]] = piece[start : start + size].reshape(
                    len(levels[position]), term.k, m
                )
            by_order.append(whole)
        out: list[NDArray] = [np.empty(0)] * len(self.terms)
        for position, t in enumerate(self.order):
            out[t] = by_order[position]
        return out

    # ---- sums over rows ----------------------------------------------------------------------

    def cross_products(self, weights: Sequence[Matrix]) -> None:
        """A = ZᵀWZ; weights (n_part, K(K+1)/2), packed 11 12 22 ... of the K predictors."""
        self.executor.map(lambda part, w: part.cross_products(w), self.parts, weights)

    def data_sums(self, X: Matrix, y: Vector, weights: Vector | None) -> list[Matrix]:
        """Sets A = ZᵀWZ; ZᵀW[X y], (q_part, p + 1), to be added up in the tail."""

        def one(part: _core.Equations, rows: Rows) -> Matrix:
            out = np.zeros((part.q, X.shape[1] + 1))
            part.data_sums(X[rows], y[rows], None if weights is None else weights[rows], out)
            return out

        return self.executor.map(one, self.parts, self.rows)

    def z_transpose_times(self, v: Sequence[NDArray]) -> list[Matrix]:
        """Zᵀv for v (n_part, K, m), to be added up in the tail."""

        def one(part: _core.Equations, v_part: NDArray) -> Matrix:
            out = np.zeros((part.q, v_part.shape[2]))
            part.z_transpose_times(v_part, out)
            return out

        return self.executor.map(one, self.parts, v)

    def z_times(self, b: Sequence[Matrix]) -> list[Matrix]:
        """Zb for b (q_part, 1): (n_part, K)."""

        def one(part: _core.Equations, b_part: Matrix, n: int) -> Matrix:
            out = np.zeros((n, self.n_predictors))
            part.z_times(b_part, out)
            return out

        return self.executor.map(one, self.parts, b, self.part_sizes)

    @property
    def part_sizes(self) -> list[int]:
        """Rows in each part."""
        return [part.n for part in self.parts]

    def leverages(self) -> list[Matrix]:
        """Blocks of ZΛC⁻¹ΛᵀZᵀ at each row, (n_part, K(K+1)/2); after `invert`."""
        packed = self.n_predictors * (self.n_predictors + 1) // 2

        def one(part: _core.Equations, n: int) -> Matrix:
            out = np.empty((n, packed))
            part.leverages(self._templates, out)
            return out

        return self.executor.map(one, self.parts, self.part_sizes)

    def set_values(self, values: Sequence[Matrix]) -> None:
        """New values (n, k) of every term, in the order given; of one part only."""
        for position, t in enumerate(self.order):
            self.parts[0].set_values(position, values[t])

    def block_leverages(
        self, rows: NDArray[np.int32], starts: NDArray[np.int64], size: int
    ) -> Vector:
        """ZΛC⁻¹ΛᵀZᵀ of blocks of rows that share all levels, one after another; of one part.

        Block b has the rows `rows[starts[b]:starts[b + 1]]`; `size` is that of the result.
        After `invert`.
        """
        out = np.empty(size)
        self.parts[0].block_leverages(self._templates, rows, starts, out)
        return out

    # ---- factor and solve --------------------------------------------------------------------

    def factor(self, templates: Vector, border: Sequence[Matrix], gram: Matrix) -> float:
        """Factor C and take a border through it; returns log det C, NaN if not positive.

        `border` B becomes L⁻¹B and `gram` (m, m) loses (L⁻¹B)ᵀ(L⁻¹B), both in place.
        """
        self._templates = self._in_order(templates)
        q = self.tail
        if not self._tails:
            self._tails = [np.empty((q, q)) for _ in self.parts]

        def one(part: _core.Equations, tail: Matrix, b: Matrix) -> tuple[float, Matrix]:
            tail.fill(0.0)
            lost = np.zeros_like(gram)
            return part.eliminate(self._templates, tail, b, lost), lost

        results = self.executor.map(one, self.parts, self._tails, border)
        log_determinant = sum(r[0] for r in results)
        S = self._tails[0]
        for tail in self._tails[1:]:
            S += tail
        for _, lost in results:
            gram += lost
        S.reshape(-1)[:: q + 1] += 1.0
        log_determinant += _core.tail_cholesky(S, q)
        self._tail_factor = S
        self._tail_forward(border, gram)
        return log_determinant

    def factor_of_right(
        self, templates: Vector, right: Sequence[Matrix], gram: Matrix
    ) -> tuple[float, list[Matrix]]:
        """Factor C; log det C, and L⁻¹Λᵀr for r = Zᵀ..., (q_part, m), to be added in the tail.

        `gram` loses the cross-products of the latter, in place.
        """
        if not self.one_factor:
            border = self.scale(right, templates, transposed=True)
            return self.factor(templates, border, gram), border
        self._templates = templates

        def one(part: _core.Equations, r: Matrix) -> tuple[float, Matrix, Matrix]:
            border, lost = np.empty_like(r), np.zeros_like(gram)
            return part.factor_one(templates, r, border, lost), border, lost

        results = self.executor.map(one, self.parts, right)
        for _, _, lost in results:
            gram += lost
        return sum(r[0] for r in results), [r[1] for r in results]

    def level_sums(
        self,
        right: Sequence[Matrix],
        border: Sequence[Matrix],
        combine: Matrix,
        weight: Vector,
        changes: Vector,
    ) -> list["LevelSums"]:
        """What one term without a tail contributes to derivatives, by part; leaves C⁻¹.

        After `factor_of_right`, with what it was given and gave. `changes` are k x k matrices G
        one after another, or none where only first derivatives are wanted.
        """
        k, m = self.terms[0].k, len(combine)
        count = changes.size // (k * k)

        def one(part: _core.Equations, r: Matrix, b: Matrix) -> LevelSums:
            g = part.q // k if count else 0
            sums = LevelSums(
                x=np.empty_like(b),
                by_template=np.zeros(k * k),
                information=np.zeros((count, count)),
                across=np.zeros((m, count)),
                K=np.empty((g, k, k)),
                F=np.empty((g * k, m - 1)),
                FF=np.empty((g, k, k)),
            )
            part.differentiate_one(
                self._templates,
                r,
                b,
                combine,
                weight,
                changes,
                sums.x,
                sums.by_template,
                sums.information,
                sums.across,
                sums.K,
                sums.F,
                sums.FF,
            )
            return sums

        return self.executor.map(one, self.parts, right, border)

    def find_modes(
        self,
        parts: Sequence[tuple],
        n_predictors: int,
        random: tuple[int, ...],
        templates: Vector,
        beta: Vector,
        half: Matrix,
        tolerance: float,
    ) -> tuple[float, float, int] | None:
        """The conditional modes, with the equations factored there; None if not found.

        Returns h, log det C and the steps. `parts` have (density, x, η, u, value, d1, d2,
        border), as `conditional_modes.hpp` names them; the arrays are written to.
        """
        self._templates = self._in_order(templates)
        if self._tail_factor.shape != (self.tail, self.tail):
            self._tail_factor = np.empty((self.tail, self.tail))
        found, joint, log_determinant, steps = _core.find_modes(
            [(e, *part) for e, part in zip(self.parts, parts, strict=True)],
            n_predictors,
            random,
            self._templates,
            beta,
            half,
            self._tail_factor,
            tolerance,
        )
        return (joint, log_determinant, steps) if found else None

    def differentiate_laplace(
        self,
        at_modes: "AtModes",
        quadrature: tuple | None,
        which: NDArray[np.int32],
        changes: Vector,
        gram: Matrix,
    ) -> tuple[Matrix, Vector, Vector]:
        """XᵀWX, and the gradient of −2 log L by the templates and by β; see `laplace.hpp`.

        Fills the sums of `at_modes` and, unless it is empty, `gram`.
        """
        P = sum(at_modes.coefficients)
        XWX, by_beta = np.empty((P, P)), np.empty(P)
        by_template = np.empty(len(self._templates))
        _core.differentiate_laplace(
            self._with_factor(at_modes),
            quadrature,
            self._positions[which],
            changes,
            XWX,
            by_template,
            by_beta,
            gram,
        )
        return XWX, self._as_given(by_template), by_beta

    def predict_modes(
        self, at_modes: "AtModes", change: Vector, coefficients: Vector, XWX: Matrix
    ) -> tuple[list[Matrix], Vector]:
        """u and the change of the integrated β after small changes of templates and of β."""
        u = self.zeros(1)
        integrated = np.empty(len(at_modes.half))
        _core.predict_modes(
            self._with_factor(at_modes),
            self._in_order(change),
            coefficients,
            XWX,
            u,
            integrated,
        )
        return u, integrated

    def _with_factor(self, at: "AtModes") -> tuple:
        parts = [(e, *part) for e, part in zip(self.parts, at.parts, strict=True)]
        templates = self._in_order(at.templates)
        return parts, at.coefficients, at.random, templates, at.half, self._tail_factor

    def half_solve(self, border: Sequence[Matrix], gram: Matrix) -> None:
        """`border` B becomes L⁻¹B and `gram` loses (L⁻¹B)ᵀ(L⁻¹B), with the factor in place."""

        def one(part: _core.Equations, b: Matrix) -> Matrix:
            lost = np.zeros_like(gram)
            part.forward(b, lost)
            return lost

        for lost in self.executor.map(one, self.parts, border):
            gram += lost
        self._tail_forward(border, gram)

    def back_solve(self, x: Sequence[Matrix]) -> None:
        """x becomes L⁻ᵀx, in place: the second half of a solution."""
        if self.tail:
            q_leaf = self.parts[0].q_leaf
            tail = x[0][q_leaf:]
            _core.tail_backward(self._tail_factor, self.tail, tail)
            for piece, part in zip(x[1:], self.parts[1:], strict=True):
                piece[part.q_leaf :] = tail
        self.executor.map(lambda part, piece: part.backward(piece), self.parts, x)

    def _tail_forward(self, border: Sequence[Matrix], gram: Matrix) -> None:
        if not self.tail:
            return
        tail = self.sum_tail(border)
        _core.tail_forward(self._tail_factor, self.tail, tail, gram)
        for piece, part in zip(border[1:], self.parts[1:], strict=True):
            piece[part.q_leaf :] = tail

    def sum_tail(self, x: Sequence[Matrix]) -> Matrix:
        """Add up the tails of the parts in place; returns the tail of the first."""
        tail = x[0][self.parts[0].q_leaf :]
        for piece, part in zip(x[1:], self.parts[1:], strict=True):
            tail += piece[part.q_leaf :]
        for piece, part in zip(x[1:], self.parts[1:], strict=True):
            piece[part.q_leaf :] = tail
        return tail

    def projected_cross_products(self, templates: Vector) -> Matrix:
        """ZᵀV⁻¹Z = A − AΛC⁻¹ΛᵀA in full, (q, q), with the factor in place; of one part only.

        Rows and columns are in the order of elimination: see `columns`.
        """
        A = np.zeros((self.q, self.q))
        self.parts[0].multiply(np.eye(self.q), A)
        border = self.scale([A], templates, transposed=True)
        self.half_solve(border, A)
        return A

    def projected_columns(self, templates: Vector, columns: slice) -> Matrix:
        """Some columns of what `projected_cross_products` gives, (q, m); uses nothing up."""
        unit = np.zeros((self.q, columns.stop - columns.start))
        np.fill_diagonal(unit[columns], 1.0)
        (own,) = self.multiply([unit])
        x = self.scale([own], templates, transposed=True)
        self.half_solve(x, np.zeros((unit.shape[1], unit.shape[1])))
        self.back_solve(x)
        return own - self.multiply(self.scale(x, templates, transposed=False))[0]

    def projected_blocks(self) -> Blocks:
        """The diagonal blocks of ZᵀV⁻¹Z by level, (g, k, k); of one term without a tail only.

        After `invert`.
        """
        term = self.terms[0]
        out = np.empty((term.levels, term.k, term.k))
        self.parts[0].projected_blocks(self._templates, out)
        return out

    def columns(self, term: int) -> slice:
        """Where a term's columns are in the order of elimination; of one part only."""
        position = self.order.index(term)
        start = sum(self.terms[t].size for t in self.order[:position])
        return slice(start, start + self.terms[term].size)

    # ---- inverse where it is needed ----------------------------------------------------------

    def invert(self, *, keep_factor: bool) -> None:
        """C⁻¹ on the pattern of C; without `keep_factor` no more solutions afterwards."""
        inverse = self._tail_factor.copy() if keep_factor else self._tail_factor
        _core.tail_inverse(inverse, self.tail)
        self.executor.map(lambda part: part.selected_inverse(inverse), self.parts)

    def template_traces(self) -> Vector:
        """Σ over levels of the diagonal blocks of AΛC⁻¹, a k x k matrix a term."""

        def one(part: _core.Equations) -> Vector:
            out = np.zeros(len(self._templates))
            part.template_traces(self._templates, out)
            return out

        return self._as_given(np.sum(self.executor.map(one, self.parts), axis=0))

    def inverse_blocks(self) -> list[Blocks]:
        """The diagonal blocks of C⁻¹ by term, each (g, k, k); after `invert`."""
        return self._blocks(lambda part: part.inverse_blocks, add_tail=False)

    def cross_product_blocks(self) -> list[Blocks]:
        """The diagonal blocks of A = ZᵀWZ by term, each (g, k, k)."""
        return self._blocks(lambda part: part.cross_product_blocks, add_tail=True)

    def moment_system(self, widest: int) -> Matrix:
        """Σ over pairs of levels j, l of A_jl[a, c] A_jl[b, d], (M, M), terms as given.

        At row (a b) of j's term and column (c d) of l's; M = Σ k² over terms. Of a term with
        more than `widest` effects there are only the k rows with a = b. With several parts, a
        level of the tail is taken part by part.
        """
        sizes = [t.k if t.k > widest else t.k * t.k for t in self.terms]
        starts = np.cumsum([0, *sizes])
        total = int(starts[-1])

        def one(part: _core.Equations) -> Matrix:
            out = np.zeros((total, total))
            part.moment_system(widest, out)
            return out

        ordered = np.sum(self.executor.map(one, self.parts), axis=0)
        if self._is_ordered:
            return ordered
        place = np.array(
            [i for t in self.order for i in range(starts[t], starts[t + 1])], dtype=np.intp
        )
        given = np.empty_like(ordered)
        given[np.ix_(place, place)] = ordered
        return given

    def _blocks(self, read: Callable, *, add_tail: bool) -> list[Blocks]:
        out: list[Blocks] = [np.empty(0)] * len(self.terms)
        for position, t in enumerate(self.order):
            term = self.terms[t]
            blocks = np.empty((term.levels, term.k, term.k))
            if len(self.parts) == 1:
                read(self.parts[0])(position, blocks)
                out[t] = blocks
                continue
            blocks[:] = 0.0
            for part, levels in zip(self.parts, self.levels, strict=True):
                piece = np.empty((len(levels[position]), term.k, term.k))
                read(part)(position, piece)
                if add_tail:
                    blocks[levels[position]] += piece
                else:
                    blocks[levels[position]] = piece
            out[t] = blocks
        return out

    # ---- products ----------------------------------------------------------------------------

    def multiply(self, d: Sequence[Matrix]) -> list[Matrix]:
        """Ad for replicated d; the tails of the result add up."""

        def one(part: _core.Equations, d_part: Matrix) -> Matrix:
            out = np.zeros_like(d_part)
            part.multiply(d_part, out)
            return out

        return self.executor.map(one, self.parts, d)

    def multiply_term(self, term: int, values: NDArray) -> list[NDArray]:
        """A times a vector that is zero outside one term, by term; values (g, k, m)."""
        position, (_, k, m) = self.order.index(term), values.shape
        x = self.zeros(m)
        for piece, levels in zip(x, self.levels, strict=True):
            start = sum(len(levels[i]) * self.terms[self.order[i]].k for i in range(position))
            size = len(levels[position]) * k
            piece[start : start + size] = values[levels[position]].reshape(size, m)
        out = self.multiply(x)
        self.sum_tail(out)
        return self.by_term(out)

    def scale(
        self, x: Sequence[Matrix], templates: Vector, *, transposed: bool
    ) -> list[Matrix]:
        """Λx, or Λᵀx where transposed."""
        ordered = self._in_order(templates)

        def one(part: _core.Equations, piece: Matrix) -> Matrix:
            out = np.empty_like(piece)
            part.apply_templates(ordered, piece, transposed, out)
            return out

        return self.executor.map(one, self.parts, x)

    def outer_sums(self, x: Sequence[Matrix], y: Sequence[Matrix]) -> Vector:
        """Σ over levels of xⱼyⱼᵀ, a k x k matrix a term; x and y replicated."""
        total = np.zeros(len(self._templates))
        for index, (part, x_part, y_part) in enumerate(zip(self.parts, x, y, strict=True)):
            if index:  # the tail is counted once
                x_part = x_part.copy()
                x_part[part.q_leaf :] = 0.0
            part.outer_sums(x_part, y_part, total)
        return self._as_given(total)

    def inner(self, x: Sequence[Matrix], y: Sequence[Matrix]) -> Matrix:
        """xᵀy for replicated x and y, counting the tail once."""
        total = x[0].T @ y[0]
        for part, x_part, y_part in zip(self.parts[1:], x[1:], y[1:], strict=True):
            total += x_part[: part.q_leaf].T @ y_part[: part.q_leaf]
        return total

    def directions(
        self, which: NDArray[np.int32], matrices: Vector, z: Sequence[Matrix]
    ) -> list[Matrix]:
        """Column i: Gᵢzⱼ in the levels of term `which[i]`; Gᵢ k x k, one after another."""
        ordered = self._positions[which]

        def one(part: _core.Equations, z_part: Matrix) -> Matrix:
            out = np.empty((part.q, len(which)))
            part.directions(ordered, matrices, z_part, out)
            return out

        return self.executor.map(one, self.parts, z)

    def _in_order(self, templates: Vector) -> Vector:
        return templates if self._is_ordered else templates[self._reorder]

    def _as_given(self, ordered: Vector) -> Vector:
        if self._is_ordered:
            return ordered
        given = np.empty_like(ordered)
        given[self._reorder] = ordered
        return given


def _as_tuple(term: RandomTermMatrix) -> tuple:
    return term.predictor, term.k, term.levels, term.codes, term.values, term.columns


@dataclass(frozen=True, slots=True)
class AtModes:
    """The modes as the core takes them.

    Parts have (density, X of each predictor, η, ∂l, ∂²l, u, border, sums), see `laplace.hpp`.
    """

    parts: Sequence[tuple]
    coefficients: tuple[int, ...]  # of each predictor
    random: tuple[int, ...]
    templates: Vector
    half: Matrix


@dataclass(frozen=True, slots=True)
class LevelSums:
    """Sums over the levels of the only term in one part; see `one_factor.cpp`.

    [F z] = ZᵀV⁻¹[X y] combined, K = ZᵀV⁻¹Z by level, D the columns Gz.
    """

    x: Matrix  # L⁻ᵀ border combined, (q_part, m)
    by_template: Vector  # Σ AΛC⁻¹ − [F z] weight xᵀ, flat
    information: Matrix  # Σ DᵀKD
    across: Matrix  # Σ [F z]ᵀD, (m, number of G)
    K: Blocks  # (g, k, k)
    F: Matrix  # (q_part, m − 1)
    FF: Blocks  # FFᵀ by level, (g, k, k)


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """Least squares from the cross-products of [X y]."""

    half: Matrix  # R⁻ᵀ, (p, p), where RRᵀ = XᵀX, R lower triangular
    beta: Vector  # (p,)
    r2: float  # residual sum of squares; NaN where XᵀX is not positive definite
    log_determinant: float  # of XᵀX

    @classmethod
    def of(cls, gram: Matrix) -> "LeastSquares":
        """From the cross-products (p + 1, p + 1)."""
        p = len(gram) - 1
        half, beta = np.empty((p, p)), np.empty(p)
        r2, log_determinant = _core.profile(gram, half, beta)
        return cls(half, beta, r2, log_determinant)

    def combination(self) -> Matrix:
        """[X y] times this, (p + 1, p + 1), is [XR⁻ᵀ, y − Xβ]."""
        p = len(self.beta)
        combine = np.zeros((p + 1, p + 1))
        combine[:p, :p] = self.half
        combine[:p, p] = -self.beta
        combine[p, p] = 1.0
        return combine
