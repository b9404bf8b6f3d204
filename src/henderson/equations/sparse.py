"""Sparse positive definite matrices of one pattern: factor, solve, invert on the pattern.

    PCPᵀ = LLᵀ,   C = Σ of parts,   for example  ΛᵀZᵀWZΛ + Q ⊗ I

P is an order of elimination that keeps L sparse, chosen once. An evaluation then sums values of
the parts into L's own storage, at places found beforehand, and factors there, by dense blocks
of columns (supernodes). C⁻¹ is computed where L is not zero, from the last column to the first:
enough for traces, diagonal blocks and leverages of rows.

Source: Duff & Reid (1983), ACM TOMS 9(3), 302–325; Takahashi, Fagan & Chen (1973), PICA
Conference Proceedings, 63–69. The orders: Amestoy, Davis & Duff (1996), SIAM J. Matrix Anal.
Appl. 17(4), 886–905; George (1973), SIAM J. Numer. Anal. 10(2), 345–363.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr
from scipy.sparse import csc_array

from henderson import _core
from henderson.arrays import Matrix, Vector
from henderson.covariance.precision import Precision
from henderson.equations.sparse_parts import Entries, Part, Rows

Ordering = Literal["auto", "natural", "minimum degree", "nested dissection"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What was chosen for a pattern, and what it costs."""

    ordering: str  # the chosen one
    multiplications: dict[str, float] = field(repr=False)  # of each that was tried
    entries: float  # nonzeros of L
    stored: int  # with zeros that make its blocks dense
    supernodes: int
    seconds: float  # of a factorization with its inverse on the pattern, as estimated

    def __str__(self) -> str:
        work = [f"{name} {m:.2g}" for name, m in self.multiplications.items()]
        return (
            f"sparse Cholesky factor by {self.ordering} order, {self.entries:,.0f} nonzeros, "
            f"about {1000.0 * self.seconds:.3g} ms (multiplications: {', '.join(work)})"
        )


@final
class SparseCholesky:
    """The Cholesky factor and the selected inverse of C = Σ of parts, (n, n).

    Parameters
    ----------
    n
        Rows of C.
    parts
        What C is the sum of; see `sparse_parts`. The union of their patterns is that of C, and
        every diagonal entry belongs to it.
    ordering
        The order of elimination; "auto" takes the one with the fewest multiplications. Nested
        dissection is tried only where a factorization costs more than it does.

    Raises
    ------
    ValueError
        For entries outside of C, and for values that do not fit the parts.

    Notes
    -----
    A matrix that is not positive definite is no error: `factor` returns NaN, and `failed` is a
    column where it shows. One instance holds one factor and must not be used by two threads
    at a time.

    Examples
    --------
    The precision of an autoregression over four times:

    >>> import numpy as np
    >>> from scipy.sparse import diags_array
    >>> C = diags_array([[-0.5] * 3, [1.0, 1.25, 1.25, 1.0]], offsets=[-1, 0])
    >>> factor = SparseCholesky(4, [part := Entries.of(C)])
    >>> round(float(np.exp(factor.factor([part.values_of(C)]))), 6)
    0.75
    >>> factor.invert()
    >>> factor.inverse_diagonal().round(6).tolist()
    [1.333333, 1.333333, 1.333333, 1.333333]
    """

    def __init__(self, n: int, parts: Sequence[Part], *, ordering: Ordering = "auto") -> None:
        self.n = n
        self.parts = tuple(parts)
        pairs = [part.pairs() for part in parts]
        given = [np.concatenate([p[i] for p in pairs] or [np.empty(0)]) for i in (0, 1)]
        if given[0].size and not 0 <= min(map(np.min, given)) <= max(map(np.max, given)) < n:
            raise ValueError(f"The parts have entries outside a matrix of {n} rows.")
        pattern = csc_array(
            (np.ones(given[0].size, dtype=np.int8), (np.maximum(*given), np.minimum(*given))),
            (n, n),
        )
        self._core = _core.SparseCholesky(
            n, pattern.indptr.astype(np.int64), pattern.indices.astype(np.int32), ordering
        )
        self._places = [self._find(rows, columns) for rows, columns in pairs]

    @property
    def plan(self) -> Plan:
        """The order of elimination and its cost; its `str` is a sentence."""
        core = self._core
        work = dict(zip(core.tried, core.flops, strict=True))
        return Plan(
            core.ordering, work, core.entries, core.stored, core.supernodes, core.seconds
        )

    @property
    def order(self) -> NDArray[np.int32]:
        """Column of C that is eliminated i-th, (n,): P."""
        out = np.empty(self.n, dtype=np.int32)
        self._core.order(out)
        return out

    # ---- factor and solve --------------------------------------------------------------------

    def factor(self, values: Sequence[Any]) -> float:
        """Set C from the values of its parts and factor it; log |C|, NaN if not positive."""
        self._core.clear()
        for part, places, of_part in zip(self.parts, self._places, values, strict=True):
            if isinstance(part, Rows):
                self._core.add_rows(part.start, places, *part.checked(of_part))
            else:
                self._core.add(places, part.flat(of_part))
        return self._core.factor()

    @property
    def failed(self) -> int | None:
        """A column of C at which the last factorization found it not positive definite."""
        return None if self._core.failed < 0 else self._core.failed

    def solve(self, B: ArrayLike) -> Matrix:
        """C⁻¹B, (n, m) or (n,)."""
        x = np.array(B, dtype=float, order="C")
        self._check_rows(x)
        self._core.solve(x)
        return x

    def half_solve(self, B: ArrayLike) -> Matrix:
        """L⁻¹PB, in the order of elimination: its cross-products are BᵀC⁻¹B."""
        return self._half(self._core.half_solve, B)

    def back_solve(self, W: ArrayLike) -> Matrix:
        """PᵀL⁻ᵀW: the second half of a solution, and of white noise W a draw from N(0, C⁻¹)."""
        return self._half(self._core.back_solve, W)

    def quadratic(self, B: ArrayLike) -> Matrix:
        """BᵀC⁻¹B, (m, m)."""
        half = self.half_solve(B)
        return half.T @ half

    def multiply(self, values: Sequence[Any], B: Matrix) -> Matrix:
        """CB for C with these values of its parts."""
        out = np.zeros_like(B)
        for part, of_part in zip(self.parts, values, strict=True):
            out += part.matrix(of_part, self.n) @ B
        return out

    # ---- inverse where it is needed ----------------------------------------------------------

    def invert(self) -> None:
        """C⁻¹ on the pattern of L; the factor stays."""
        self._core.invert()

    def trace(self, part: int, values: ArrayLike) -> float:
        """tr(C⁻¹M) for M a matrix with the pattern of a part; after `invert`."""
        return self._core.trace(self._places[part], self.parts[part].flat(values))

    def inverse_of(self, part: int) -> NDArray:
        """C⁻¹ where a part has entries, in the shape of its values; after `invert`."""
        places = self._places[part]
        out = np.empty(len(places))
        self._core.inverse_at(places, out)
        return self.parts[part].shaped(out)

    def leverages(self, part: int, z: ArrayLike) -> Vector:
        """zᵢᵀC⁻¹zᵢ of the rows of a part, (rows,), for values z of Z; after `invert`."""
        rows = self.parts[part]
        if not isinstance(rows, Rows):
            raise ValueError(f"Part {part} has no rows.")
        out = np.empty(len(rows.start) - 1)
        values, _ = rows.checked((z, None))
        self._core.row_quadratics(rows.start, self._places[part], values, out)
        return out

    def inverse_entries(self, rows: ArrayLike, columns: ArrayLike) -> Vector:
        """C⁻¹ at entries that L has, in the shape of `rows`; after `invert`."""
        i, j = np.broadcast_arrays(rows, columns)
        out = np.empty(i.shape)
        self._core.inverse_at(self._find(i.ravel(), j.ravel()), out)
        return out

    def inverse_diagonal(self) -> Vector:
        """The diagonal of C⁻¹, (n,); after `invert`."""
        return self.inverse_entries(np.arange(self.n), np.arange(self.n))

    # ---- checks ------------------------------------------------------------------------------

    def _find(self, rows: ArrayLike, columns: ArrayLike) -> NDArray[np.int64]:
        i, j = (np.ascontiguousarray(at, dtype=np.int32) for at in (rows, columns))
        places = np.empty(len(i), dtype=np.int64)
        self._core.positions(i, j, places)
        if places.size and places.min() < 0:
            e = int(np.argmin(places))
            raise ValueError(f"The factor has no entry ({i[e]}, {j[e]}).")
        return places

    def _half(self, method: object, B: ArrayLike) -> Matrix:
        x = np.ascontiguousarray(B, dtype=float)
        self._check_rows(x)
        out = np.empty_like(x)
        method(x, out)  # pyright: ignore[reportCallIssue]
        return out

    def _check_rows(self, x: Matrix) -> None:
        if len(x) != self.n:
            raise ValueError(f"{len(x)} rows do not fit a matrix of {self.n}.")


def log_determinant(Q: Precision) -> tuple[float, Vector]:
    """log |Q| and its derivatives tr(Q⁻¹∂Q), (r,), by the sparse factor of Q.

    Of a singular Q with the kernel N, (n, d), the sum over its other eigenvalues: with any d
    rows S for which N_S is regular,

        log |Q|₊ = log |Q without S| + log |NᵀN| − 2 log |det N_S|
    """
    kept, extra = np.ones(Q.n, dtype=bool), 0.0
    if d := Q.kernel.shape[1]:
        S = np.asarray(qr(Q.kernel.T, mode="r", pivoting=True)[-1])[:d]
        kept[S] = False
        logs = [np.linalg.slogdet(M)[1] for M in (Q.kernel.T @ Q.kernel, Q.kernel[S])]
        extra = float(logs[0] - 2.0 * logs[1])
    left = kept[Q.rows] & kept[Q.columns]
    place = np.cumsum(kept) - 1
    part = Entries(place[Q.rows[left]], place[Q.columns[left]])
    factor = SparseCholesky(int(kept.sum()), [part])
    value = factor.factor([Q.values[left]]) + extra
    if not len(Q.derivatives) or np.isnan(value):
        return value, np.full(len(Q.derivatives), np.nan)
    factor.invert()
    return value, np.array([factor.trace(0, change[left]) for change in Q.derivatives])
