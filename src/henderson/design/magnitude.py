"""Numbers that can be squared, multiplied and summed in double precision, and no others."""

import numpy as np
from numpy.typing import NDArray

from henderson.errors import DataError

# Sums of fourth powers of a column occur, and products of these of different columns.
LARGEST = 1e50
SMALLEST = 1e-50


def require_ordinary(size: float, name: str) -> None:
    """Refuse a column whose largest absolute value is `size`, if that is out of range.

    Raises
    ------
    DataError
        Unless `size` is 0, or in [1e-50, 1e50].
    """
    if size == 0.0 or SMALLEST <= size <= LARGEST:
        return
    problem = "too large" if size > LARGEST else "too small"
    raise DataError(
        f"{name!r} has values up to {size:.3g} in size, {problem} to compute with. "
        "Change its unit: multiply by a power of ten that brings them near 1."
    )


def require_ordinary_columns(matrix: NDArray[np.floating], names: tuple[str, ...]) -> None:
    """Refuse a matrix (n, len(names)) for its first column that is out of range."""
    if not matrix.size:
        return
    vast = largest_size(matrix) > LARGEST
    for j, name in enumerate(names):
        if vast or abs(matrix[0, j]) < SMALLEST:
            require_ordinary(largest_size(matrix[:, j]), name)


def largest_size(values: NDArray[np.floating]) -> float:
    """The largest absolute value of a non-empty array."""
    return float(max(values.max(), -values.min()))
