"""Matrices that a model takes as known, with the names of their rows: relationships."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from scipy.sparse import csr_array, issparse

from henderson.arrays import Matrix
from henderson.covariance import CovarianceStructure
from henderson.design.factors import labels
from henderson.design.relationships import RelationshipMatrix
from henderson.errors import DataError

_SYMMETRIC = 1e-8  # relative to the largest element


@dataclass(frozen=True, slots=True)
class KnownMatrix:
    """A symmetric matrix, dense or sparse, (m, m), with a name for each row."""

    name: str
    names: tuple[str, ...]
    values: Any

    def structure_over(
        self, levels: tuple[str, ...], structure: CovarianceStructure, text: str
    ) -> CovarianceStructure:
        """The structure of effects related by this matrix; `text` is the term's."""
        try:
            return structure.relating(self.among(levels, text))
        except ValueError as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"The matrix {self.name!r} is no covariance: {error}.") from None

    def among(self, levels: tuple[str, ...], text: str) -> Matrix:
        """The rows and columns of some levels, (k, k)."""
        place = {name: i for i, name in enumerate(self.names)}
        missing = [level for level in levels if level not in place]
        if missing:
            more = f" and {len(missing) - 1} more levels" if len(missing) > 1 else ""
            raise DataError(
                f"The matrix {self.name!r} has no row {missing[0]!r}{more}, needed for {text}. "
                "Its names must contain every level in the rows used."
            )
        at = np.array([place[level] for level in levels])
        chosen = self.values[at][:, at]
        return np.ascontiguousarray(chosen.toarray() if issparse(chosen) else chosen)


def read_matrices(given: Mapping[str, object] | None) -> dict[str, KnownMatrix]:
    """Check the matrices of a fit.

    Parameters
    ----------
    given
        By name: a square table whose columns (and, in pandas, index) are the names of the
        levels, a pair (matrix, names), or what `relationship_matrix` gives; a matrix may be a
        SciPy sparse one.

    Raises
    ------
    DataError
        For what is not a square, symmetric, finite matrix with different names.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise DataError(
            'matrices must be a dict of matrices by name, such as matrices={"A": table}, not '
            f"{type(given).__name__}."
        )
    return {name: _read(name, matrix) for name, matrix in given.items()}


def _read(name: str, given: Any) -> KnownMatrix:  # noqa: ANN401
    values: Any
    if isinstance(given, RelationshipMatrix):
        given = given.matrix, given.names
    if isinstance(given, tuple) and len(given) == 2:
        values, names = given[0], labels(np.asarray(given[1]))
    else:
        values, names = _of_table(name, given)
    values = csr_array(values) if issparse(values) else np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape != (len(names), len(names)):
        shape = " x ".join(map(str, values.shape))
        raise DataError(
            f"The matrix {name!r} is {shape} and has {len(names)} names. "
            "Give a square matrix with a name for each row."
        )
    if len(set(names)) < len(names):
        twice = next(each for i, each in enumerate(names) if each in names[:i])
        raise DataError(f"The matrix {name!r} has the name {twice!r} twice. Names must differ.")
    stored: Any = values.data if issparse(values) else values
    if not np.isfinite(stored).all():
        raise DataError(f"The matrix {name!r} has values that are not finite. Correct them.")
    largest = float(np.abs(stored).max(initial=0.0))
    if abs(values - values.T).max() > _SYMMETRIC * largest:
        raise DataError(
            f"The matrix {name!r} is not symmetric, so it is no covariance. Check it."
        )
    return KnownMatrix(name, names, values)


def _of_table(name: str, given: Any) -> tuple[Matrix, tuple[str, ...]]:  # noqa: ANN401
    try:
        frame: Any = nw.from_native(given, eager_only=True)
    except TypeError:
        raise DataError(
            f"The matrix {name!r} is of type {type(given).__name__}. Give a table whose "
            "columns are the names of the levels, or a pair (matrix, names)."
        ) from None
    names = tuple(map(str, frame.columns))
    if frame.implementation.is_pandas_like():
        rows = tuple(map(str, given.index))
        counted = rows == tuple(map(str, range(len(rows))))
        if rows != names and not counted:
            raise DataError(
                f"The index and the columns of the matrix {name!r} differ. "
                "Give the same names in the same order, or a pair (matrix, names)."
            )
    return frame.to_numpy(), names
