"""A square matrix whose rows and columns have names."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from henderson.arrays import Matrix
from henderson.errors import ModelError, did_you_mean
from henderson.report.layout import Grid, numbers


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NamedMatrix:
    """A covariance matrix: `values` (P, P), its rows and columns called `names`.

    ``matrix["Days", "Days"]`` is one entry; ``numpy.asarray(matrix)`` is the array.
    """

    names: tuple[str, ...]
    values: Matrix

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        """The values, for NumPy; a view of them where NumPy allows it."""
        return np.array(self.values, dtype=dtype, copy=copy)

    def __getitem__(self, pair: tuple[str, str]) -> float:
        """The entry of two names."""
        row, column = (self._position(name) for name in pair)
        return float(self.values[row, column])

    def _position(self, name: str) -> int:
        if name in self.names:
            return self.names.index(name)
        raise ModelError(
            f"There is no coefficient {name!r} here. {did_you_mean(name, list(self.names))}"
            f"Known: {', '.join(self.names)}."
        )

    def _grid(self) -> Grid:
        columns = [numbers(column) for column in self.values.T]
        rows = (tuple(row) for row in zip(self.names, *columns, strict=True))
        return Grid(("", *self.names), tuple(rows))

    def __repr__(self) -> str:
        return self._grid().text()

    def _repr_html_(self) -> str:
        return self._grid().html()
