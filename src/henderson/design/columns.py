"""The user's table, of whatever kind, to arrays; and arrays back to a table of that kind."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Real
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray

from henderson.arrays import Codes
from henderson.design.factors import Factor, factorize, logical
from henderson.errors import DataError

_WIDE = (nw.Int128, nw.UInt128)  # integers that NumPy has no type for
Variable: TypeAlias = NDArray[Any] | Factor  # numbers, NaN where missing; or levels


@dataclass(frozen=True, slots=True)
class Table:
    """A table to read columns from; never written to."""

    source: Any  # a narwhals DataFrame or a mapping of arrays
    keys: Mapping[str, Any]  # by name, what the source calls the column
    n: int
    backend: nw.Implementation

    @property
    def names(self) -> list[str]:
        """The columns."""
        return list(self.keys)

    def read(self, name: str) -> Variable:
        """One column as numbers or as a factor."""
        if isinstance(self.source, Mapping):
            return read_array(self.source[self.keys[name]], name)
        return read_series(self.source.get_column(self.keys[name]), name)


def open_table(data: object) -> Table:
    """A table over pandas, polars, pyarrow (anything narwhals knows) or a dict of arrays.

    Raises
    ------
    DataError
        If it is none of these, has no rows, or a dict's columns differ in length.
    """
    if isinstance(data, Mapping):
        table = _open_mapping(data)
    else:
        try:
            frame = nw.from_native(data)  # pyright: ignore[reportCallIssue, reportArgumentType]
        except TypeError:
            raise DataError(
                f"The data are of type {type(data).__name__}, which is not a table. "
                "Give a pandas, polars or pyarrow table, or a dict of columns."
            ) from None
        except DuplicateError as error:
            raise DataError(f"The data have columns of one name. {error}") from None
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        keys = {str(key): key for key in frame.columns}
        table = Table(frame, keys, frame.shape[0], frame.implementation)
    if table.n == 0:
        raise DataError("The data have no rows. Check the file or the filter before the fit.")
    return table


def read_series(series: nw.Series, name: str) -> Variable:
    """A narwhals column as numbers (NaN where missing) or as a factor."""
    dtype = series.dtype
    if dtype.is_numeric():
        whole = dtype.is_integer() and dtype not in _WIDE and not series.null_count()
        values = (series if whole else series.cast(nw.Float64)).to_numpy()
        return values if values.dtype.kind in "iu" else values.astype(np.float64, copy=False)
    if dtype == nw.Boolean:
        missing = series.is_null().to_numpy()
        return logical(series.fill_null(False).to_numpy().astype(bool), missing)
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return _read_categorical(series)
    if dtype == nw.String:
        return _read_texts(series, name)
    if dtype == nw.Object:
        return _read_objects(series.to_numpy(), name)
    return _read_other(series, name)


def read_array(values: Any, name: str) -> Variable:  # noqa: ANN401
    """A list, array or series as numbers (NaN where missing) or as a factor."""
    if not isinstance(values, np.ndarray | list | tuple):
        if hasattr(values, "categories") and hasattr(values, "codes"):  # a pandas.Categorical
            codes = np.asarray(values.codes, dtype=np.int32)
            found = Factor(codes, np.asarray(values.categories), bool(values.ordered))
            return _as_given(found.without_unused_levels())
        with suppress(TypeError):
            return read_series(nw.from_native(values, series_only=True), name)
    try:
        array: Any = (
            values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
        )
    except ValueError:
        array = np.zeros((0, 0))
    if array.ndim != 1:
        raise DataError(f"{name!r} is not one column of values. Give one value per row.")
    if array.dtype.kind == "b":
        return logical(array.astype(bool))
    if array.dtype.kind == "f" or (array.dtype.kind in "iu" and np.ma.isMaskedArray(array)):
        return np.ma.filled(array.astype(np.float64, copy=False), np.nan)
    return array if array.dtype.kind in "iu" else _read_objects(array.astype(object), name)


def _open_mapping(data: Mapping[str, Any]) -> Table:
    lengths = {}
    for name, values in data.items():
        try:
            lengths[name] = len(values)
        except TypeError:
            raise DataError(
                f"Column {name!r} is a single value. Give one value per row."
            ) from None
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r}: {length}" for name, length in lengths.items())
        raise DataError(f"The columns differ in length ({listed}). Give one value per row.")
    n = next(iter(lengths.values()), 0)
    return Table(data, {str(key): key for key in data}, n, nw.Implementation.PANDAS)


def _read_categorical(series: nw.Series) -> Factor:
    """Levels in the order the column's type has; natural where it has none."""
    codes, values, ordered = _dictionary(series)
    keys = values if values.dtype.kind in "iufb" else values.astype(object)
    factor = Factor(codes, keys, ordered=ordered).without_unused_levels()
    unordered = series.implementation.is_polars() and isinstance(series.dtype, nw.Categorical)
    return factor.sorted_naturally() if unordered else _as_given(factor)


def _as_given(factor: Factor) -> Factor:
    """The factor, marked where its order is the alphabet's, which pandas gives by itself."""
    keys = factor.keys.tolist()
    unstated = not factor.ordered and all(isinstance(key, str) for key in keys)
    return replace(factor, alphabetical=unstated and keys == sorted(keys))


def _read_texts(series: nw.Series, name: str) -> Factor:
    """Levels in natural order."""
    codes, values, _ = _dictionary(series)
    odd = next((value for value in values.tolist() if not isinstance(value, str)), None)
    if odd is not None:
        raise _mixed(name, odd)
    return Factor(codes, values.astype(object)).sorted_naturally()


def _read_other(series: nw.Series, name: str) -> Variable:
    """Dates as levels, a column of nothing as missing; no other kind."""
    if isinstance(series.dtype, nw.Date | nw.Datetime):
        dates = [None if value is None else str(value) for value in series.to_list()]
        return factorize(np.array([None if d == "NaT" else d for d in dates], dtype=object))
    if series.null_count() == len(series):
        return np.full(len(series), np.nan)
    raise DataError(
        f"Column {name!r} holds {series.dtype}, which is neither numbers nor levels. "
        "Convert it to numbers or text."
    )


def _dictionary(series: nw.Series) -> tuple[Codes, NDArray[Any], bool]:
    """Codes (−1 where missing), the values they stand for, and whether these are ordered.

    By the table's own means, since a million texts take ten times as long in Python.
    """
    native: Any = series.to_native()
    if series.implementation.is_pandas_like():
        if isinstance(series.dtype, nw.String):
            codes, values = native.factorize()
            return codes.astype(np.int32), values.to_numpy(), False
        codes = native.cat.codes.to_numpy().astype(np.int32)
        return codes, native.cat.categories.to_numpy(), bool(native.cat.ordered)
    if series.implementation.is_polars():
        known = series.unique().drop_nulls().cast(nw.String).to_list()
        if isinstance(series.dtype, nw.Enum):
            known = list(series.dtype.categories)
        coded = series.cast(nw.String).cast(nw.Enum(known))
        codes = coded.to_native().to_physical().cast(int).fill_null(-1).to_numpy()
        return codes.astype(np.int32), np.array(known, dtype=object), False
    encoded = native if isinstance(series.dtype, nw.Categorical) else native.dictionary_encode()
    encoded = encoded.unify_dictionaries().combine_chunks()
    encoded = encoded if not hasattr(encoded, "chunks") else encoded.chunk(0)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    values = np.array(encoded.dictionary.to_pylist(), dtype=object)
    return codes, values, bool(encoded.type.ordered)


def _read_objects(values: NDArray[Any], name: str) -> Variable:
    """Python values: texts, truth values or numbers, with None or NaN where missing."""
    rows = values.tolist()
    kinds = set(map(type, rows)) - {type(None)}
    if kinds and all(issubclass(kind, str) for kind in kinds):
        return factorize(values)
    missing = np.array([_is_missing(value) for value in rows], dtype=bool)
    known = values[~missing]
    kinds = set(map(type, known.tolist()))
    if all(issubclass(kind, bool | np.bool_) for kind in kinds) and kinds:
        truth = np.zeros(len(values), dtype=bool)
        truth[~missing] = known.astype(bool)
        return logical(truth, missing)
    if all(issubclass(kind, Real | Decimal) and kind is not bool for kind in kinds):
        numbers = np.full(len(values), np.nan)
        numbers[~missing] = known.astype(np.float64)
        return numbers
    if all(issubclass(kind, str) for kind in kinds):
        texts = values.copy()
        texts[missing] = None
        return factorize(texts)
    if any(issubclass(kind, str) for kind in kinds):
        raise _mixed(name, next(v for v in known.tolist() if not isinstance(v, str)))
    listed = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise DataError(
        f"Column {name!r} holds values of type {listed}. Convert it to numbers or text."
    )


def _is_missing(value: object) -> bool:
    """None, NaN, or one of the missing values of pandas."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or type(value).__name__ in {"NAType", "NaTType"}


def _mixed(name: str, odd: object) -> DataError:
    return DataError(
        f"Column {name!r} mixes texts with other values such as {odd!r}. "
        "Convert it to one kind."
    )
