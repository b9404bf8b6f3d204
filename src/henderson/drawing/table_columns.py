"""The columns of a table that is drawn, whatever kind of table it is."""

from collections.abc import Mapping, Sequence
from textwrap import fill, shorten
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from henderson.errors import DataError, did_you_mean

Drawable: TypeAlias = Any  # a mapping from names to columns, or a table that narwhals knows
Columns: TypeAlias = dict[str, NDArray[Any]]

_HEADING = 32  # letters in a line of a title
AXIS = 44  # letters beside an axis


def columns_of(table: Drawable, needed: Sequence[str] = ()) -> Columns:
    """The columns as arrays by name; refuses a table without those `needed`."""
    if isinstance(table, Mapping):
        found = {str(name): np.asarray(column) for name, column in table.items()}
    else:
        frame = nw.from_native(table, eager_only=True)
        found = {name: frame[name].to_numpy() for name in frame.columns}
    for name in needed:
        if name not in found:
            raise DataError(
                f"The table to draw has no column {name!r}. {did_you_mean(name, list(found))}"
                f"Columns: {', '.join(found)}."
            )
    return found


def distinct(column: NDArray[Any]) -> list[Any]:
    """The values of a column in the order they first occur."""
    return list(dict.fromkeys(column.tolist()))


def as_text(value: object) -> str:
    """A level as it is written beside an axis."""
    return f"{value:g}" if isinstance(value, float) else plain(str(value))


def heading(text: str, letters: int = _HEADING) -> str:
    """A title or the name of an axis, in two lines where it has more letters."""
    first, *others = fill(text, letters, break_on_hyphens=False).splitlines() or [""]
    if not others:
        return plain(first)
    second = shorten(" ".join(others), letters, placeholder=" …")
    return plain(f"{first}\n{second}")


def plain(text: str) -> str:
    """A text in which a dollar sign is one, and does not begin mathematics."""
    return text.replace("$", r"\$")


def short(value: float) -> str:
    """A number of three digits, or more before the point; no exponent up to ten million."""
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e7 else f"{value:.3g}"


def is_numeric(column: NDArray[Any]) -> bool:
    """Whether a column has a numeric axis."""
    return column.dtype.kind in "iuf"


def chosen(columns: Columns, rows: NDArray[np.bool_]) -> Columns:
    """Some of the rows."""
    return {name: column[rows] for name, column in columns.items()}
