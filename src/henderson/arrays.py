"""Array aliases. The letters used for shapes everywhere in the package:

n rows · p fixed effects · q random effects in all · k random effects per level · g levels of a
grouping factor · K linear predictors (location, dispersion, ...) · m right-hand sides
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.floating]
Matrix: TypeAlias = NDArray[np.floating]
Blocks: TypeAlias = NDArray[np.floating]  # (g, k, k)
Codes: TypeAlias = NDArray[np.int32]  # level of each row, in [0, g)


def in_all_columns(values: Matrix, columns: Codes | None, k: int) -> Matrix:
    """A random term's part of Z with a column for each of its k effects, (n, k).

    Row i has `values[i, c]` in `columns[i, c]`; None: `values` has all k of them in order.
    """
    if columns is None:
        return values
    z = np.zeros((len(values), k))
    np.put_along_axis(z, columns.astype(np.intp), values, axis=1)
    return z
