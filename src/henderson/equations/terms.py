"""The columns of Z that belong to one random term."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Codes, Matrix, in_all_columns


@dataclass(frozen=True, slots=True)
class RandomTermMatrix:
    """One random term's part of Z: g levels with k columns each.

    Row i of Z has `values[i, c]` in column `columns[i, c]` of the block of level `codes[i]`;
    without `columns`, values has all k of them.
    """

    predictor: int  # index among the predictors that have random effects
    k: int
    levels: int
    codes: Codes  # (n,)
    values: Matrix  # (n, k), or (n, nonzeros) with columns
    columns: NDArray[np.int32] | None = None

    @property
    def size(self) -> int:
        """Number of columns, g k."""
        return self.levels * self.k

    def in_full(self) -> "RandomTermMatrix":
        """The same term with values of all k columns."""
        values = in_all_columns(self.values, self.columns, self.k)
        return replace(self, values=values, columns=None)

    def rows(self, index: NDArray[np.intp]) -> "RandomTermMatrix":
        """The same term in some of the rows, with all its levels."""
        columns = None if self.columns is None else self.columns[index]
        return RandomTermMatrix(
            self.predictor, self.k, self.levels, self.codes[index], self.values[index], columns
        )
