"""A table as text, for the screen."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_ROWS = 60


def text_table(columns: Mapping[str, NDArray[Any]], notes: Iterable[str]) -> str:
    """Columns with their names, numbers to the right, then the notes below them.

    Numbers have six significant digits, p-values four decimals; NaN shows as "nonEst". After 60
    rows the rest is left out, and said so.
    """
    n = len(next(iter(columns.values()), ()))
    shown = {name: list(values)[:_MOST_ROWS] for name, values in columns.items()}
    cells = [_cells(name, values) for name, values in shown.items()]
    lines = ["  ".join(row).rstrip() for row in zip(*cells, strict=True)]
    if n > _MOST_ROWS:
        lines.append(f"... {n - _MOST_ROWS} rows more; table() has all of them.")
    return "\n".join([*lines, "", *notes])


def _cells(name: str, values: list[object]) -> list[str]:
    numeric = all(isinstance(value, float | int | np.number) for value in values)
    texts = [_shown(name, value) for value in values]
    width = max(map(len, (name, *texts)))
    return [text.rjust(width) if numeric else text.ljust(width) for text in (name, *texts)]


def _shown(name: str, value: object) -> str:
    if not isinstance(value, float | np.floating):
        return str(value)
    if np.isnan(value):
        return "nonEst"
    if name == "p_value":
        return "<0.0001" if value < 1e-4 else f"{value:.4f}"
    return "Inf" if np.isinf(value) else f"{value:.6g}"
