"""What a sparse C is the sum of: entries, blocks of levels, cross-products of rows.

A part says once where in C its values go, and turns values of an evaluation into the numbers
that go there. It names each pair of columns once: an entry off the diagonal stands for its
mirror image too.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array, sparray, tril

from henderson.arrays import Blocks, Vector

Places = NDArray[np.integer]
V = TypeVar("V")


class Part(ABC, Generic[V]):
    """A symmetric matrix of one pattern, with values V an evaluation."""

    @abstractmethod
    def pairs(self) -> tuple[Places, Places]:
        """Rows and columns of C that it has entries at, (e r,) each."""

    @abstractmethod
    def flat(self, values: V) -> Vector:
        """The numbers at these entries, (e,), each for r neighbours in `pairs`."""

    @abstractmethod
    def shaped(self, flat: Vector) -> NDArray:
        """Numbers of all entries, (e r,), in the shape that the values have."""

    def matrix(self, values: V, n: int) -> csr_array:
        """The part in full, (n, n)."""
        (i, j), v = self.pairs(), self.flat(values)
        v, off = np.repeat(v, len(i) // max(len(v), 1)), i != j
        both = np.append(i, j[off]), np.append(j, i[off])
        return csr_array((np.append(v, v[off]), both), (n, n))


@final
@dataclass(frozen=True)
class Entries(Part[ArrayLike]):
    """M ⊗ I by the entries of a symmetric M, values (entries,); entries named twice add up."""

    rows: Places  # (entries,)
    columns: Places  # (entries,)
    repeat: int = 1  # the size of I: effects of a level

    @classmethod
    def of(cls, matrix: sparray, repeat: int = 1) -> "Entries":
        """Those of the lower triangle, in the order of `values_of`."""
        lower = coo_array(tril(matrix))
        return cls(lower.row, lower.col, repeat)

    @staticmethod
    def values_of(matrix: sparray) -> Vector:
        """The values of a matrix with the entries of `of`."""
        return np.asarray(coo_array(tril(matrix)).data, dtype=float)

    def pairs(self) -> tuple[Places, Places]:
        if np.shape(self.rows) != np.shape(self.columns):
            raise ValueError("rows and columns are not of the same length.")
        each = np.arange(self.repeat)
        i, j = (
            np.asarray(at)[:, None] * self.repeat + each for at in (self.rows, self.columns)
        )
        return i.ravel(), j.ravel()

    def flat(self, values: ArrayLike) -> Vector:
        return _as_vector(values, len(self.rows))

    def shaped(self, flat: Vector) -> NDArray:
        """(entries,), or (entries, repeat)."""
        return flat if self.repeat == 1 else flat.reshape(-1, self.repeat)


@final
@dataclass(frozen=True)
class LevelBlocks(Part[ArrayLike]):
    """Blocks where two levels meet, values (blocks, height, width): TᵀA_jl T of levels j, l.

    Of a block on the diagonal, which is symmetric, the lower triangle is read.
    """

    rows: Places  # (blocks,), the first row of each
    columns: Places  # (blocks,), the first column of each
    height: int
    width: int

    @cached_property
    def _once(self) -> NDArray[np.bool_]:
        lower = np.arange(self.height)[:, None] >= np.arange(self.width)
        return (np.asarray(self.rows) != self.columns)[:, None, None] | lower

    def pairs(self) -> tuple[Places, Places]:
        i = np.asarray(self.rows)[:, None, None] + np.arange(self.height)[:, None]
        j = np.asarray(self.columns)[:, None, None] + np.arange(self.width)
        once = self._once
        i, j = (np.broadcast_to(at, once.shape)[once] for at in (i, j))
        return i, j

    def flat(self, values: ArrayLike) -> Vector:
        once = self._once
        return _as_vector(values, once.size).reshape(once.shape)[once]

    def shaped(self, flat: Vector) -> Blocks:
        once = self._once
        out = np.empty(once.shape)
        out[once] = flat
        return np.where(once, out, out.transpose(0, 2, 1)) if self.height == self.width else out


@final
@dataclass(frozen=True)
class Rows(Part[tuple[ArrayLike, ArrayLike | None]]):
    """ZᵀWZ by the rows of Z: row i has values in `columns[start[i]:start[i + 1]]`.

    Values are those of Z, (nonzeros,), and the diagonal of W, (rows,), or None for ones. W may
    be negative: what a group of columns leaves to the others when it is eliminated, −VᵀV, is
    such a part.
    """

    columns: Places  # (nonzeros,), each once in a row
    start: NDArray[np.int64]  # (rows + 1,)

    @classmethod
    def of(cls, Z: sparray) -> "Rows":
        """Those of a sparse Z; its `data` in CSR order are the values."""
        by_row = csr_array(Z)
        return cls(by_row.indices, by_row.indptr.astype(np.int64))

    def _places(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Values of a row in pairs: 11, 12 ... 1s, 22 ..., row by row."""
        first = np.arange(len(self.columns))
        partners = np.repeat(self.start[1:], np.diff(self.start)) - first
        a = np.repeat(first, partners)
        return a, a + np.arange(len(a)) - np.repeat(np.cumsum(partners) - partners, partners)

    def pairs(self) -> tuple[Places, Places]:
        a, b = self._places()
        columns = np.asarray(self.columns)
        if np.any((columns[a] == columns[b]) & (a != b)):
            raise ValueError("A row of Z has a column twice. Add its values up.")
        return columns[a], columns[b]

    def flat(self, values: tuple[ArrayLike, ArrayLike | None]) -> Vector:
        z, w = self.checked(values)
        weight = 1.0 if w is None else np.repeat(w, np.diff(self.start))
        a, b = self._places()
        return (weight * z)[a] * z[b]

    def shaped(self, flat: Vector) -> NDArray:
        """(pairs,), in the order 11, 12 ... 1s, 22 ... of each row."""
        return flat

    def checked(
        self, values: tuple[ArrayLike, ArrayLike | None]
    ) -> tuple[Vector, Vector | None]:
        """z and w as arrays."""
        z, w = values
        weights = None if w is None else _as_vector(w, len(self.start) - 1)
        return _as_vector(z, len(self.columns)), weights


def _as_vector(values: ArrayLike, size: int) -> Vector:
    flat = np.ascontiguousarray(values, dtype=float).ravel()
    if flat.size != size:
        raise ValueError(f"values of the shape {np.shape(values)} for {size} entries.")
    return flat
