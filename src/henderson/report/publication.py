"""Tables for papers: LaTeX, Markdown and HTML from any table of results."""

import re
from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np

from henderson.errors import ModelError
from henderson.optional import need
from henderson.report.layout import Grid, decimals_for, numbers, p_value
from henderson.report.summary import Summary

DIGITS = 3  # of the smallest standard error
_MARKUP = re.compile(r"[\\`*\[\]|]|<(?=[A-Za-z/!?])|(?<!\w)_|_(?!\w)")
SHORT = 6  # letters of a number that is shown as it is
TOGETHER = ("estimate", "std_error", "lower", "upper", "conf_low", "conf_high", "mode")
NUMBER = re.compile(r"[<-]?(\d|∞)")
TITLES: Mapping[str, str] = {
    "component": "Component",
    "conf_high": "Upper",
    "conf_low": "Lower",
    "correlation": "Corr.",
    "df": "df",
    "df1": "df1",
    "df2": "df2",
    "estimate": "Estimate",
    "group": "Group",
    "letters": "Letters",
    "level": "Level",
    "lower": "Lower",
    "p_value": "p",
    "sd": "Std.Dev.",
    "statistic": "Statistic",
    "std_error": "Std.Error",
    "term": "Term",
    "upper": "Upper",
    "variance": "Variance",
}


def to_markdown(table: object) -> str:
    """A table of results as Markdown, with the digits that a reader needs.

    Parameters
    ----------
    table
        Any data frame that henderson returns, an object with a method `table()` such as
        marginal means or contrasts, or a summary, whose tables follow one another.

    Returns
    -------
    str
        Tables with pipes; numbers are aligned right.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> print(hd.to_markdown(model.variance_components()[["group", "variance", "sd"]]))
    | Group | Variance | Std.Dev. |
    |:--|--:|--:|
    | Batch | 1764 | 42.00 |
    | Residual | 2451 | 49.51 |
    """
    return "\n\n".join(_titled(title, _markdown(grid)) for title, grid in grids_of(table))


def to_latex(table: object) -> str:
    r"""A table of results as LaTeX, ruled by booktabs.

    Parameters
    ----------
    table
        Any data frame that henderson returns, an object with a method `table()` such as
        marginal means or contrasts, or a summary, whose tables follow one another.

    Returns
    -------
    str
        One `table` environment a table; needs the LaTeX package booktabs.

    Raises
    ------
    MissingDependencyError
        Without great_tables: the extra `report`.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> text = hd.to_latex(model.variance_components()[["group", "variance", "sd"]])
    >>> r"Batch & 1764 & 42.00 \\" in text
    True
    """
    return "\n\n".join(great_table(grid, title).as_latex() for title, grid in grids_of(table))


def great_table(grid: Grid, title: str = "", *, name: str = "table") -> Any:  # noqa: ANN401
    """A grid as a great_tables.GT; `name` is its identifier in a page."""
    need("great_tables", extra="report", purpose="Writing tables for publication")
    from great_tables import GT  # noqa: PLC0415

    header = [f"c{i}" for i in range(len(grid.header))]
    columns = {key: [row[i] for row in grid.rows] for i, key in enumerate(header)}
    frame = nw.from_dict(columns, backend="pandas").to_native()
    made = GT(frame, id=name).cols_label(dict(zip(header, grid.header, strict=True)))
    left = [key for i, key in enumerate(header) if not _reads_as_numbers(grid, i)]
    made = made.cols_align("right", header).cols_align("left", left)
    return made.tab_header(title) if title else made


def grids_of(table: object) -> list[tuple[str, Grid]]:
    """The tables that some result is made of, as ready text, with their headings."""
    if isinstance(table, Summary):
        return [(s.heading, s.grid) for s in table.sections if s.grid is not None]
    made: Any = table
    if not hasattr(made, "columns") and callable(getattr(made, "table", None)):
        made = made.table()
    return [("", grid_of(made))]


def grid_of(table: object) -> Grid:
    """A native table as ready text: p-values as such, other numbers with common decimals.

    Estimates, standard errors and the ends of intervals share their decimals. Columns in which
    nothing stands, or only infinite degrees of freedom, are left out.
    """
    try:
        found: Any = nw.from_native(table, eager_only=True)  # pyright: ignore
    except TypeError as problem:
        raise ModelError(
            f"{table!r:.60} is not a table of results. Give a data frame, a summary, means or "
            "contrasts, such as model.coefficients()."
        ) from problem
    columns = {name: found.get_column(name).to_list() for name in found.columns}
    shared = [columns[name] for name in TOGETHER if name in columns]
    guide = columns.get("std_error", columns.get("estimate"))
    decimals = None if guide is None else decimals_for(_floats(guide), digits=DIGITS)
    header, cells, labels = [], [], 0
    for name, values in columns.items():
        text = _text(name, values, decimals if values in shared else None)
        if not any(text) or set(text) == {"∞"}:
            continue
        if labels == len(header) and not _is_number(values):
            labels += 1
        header.append(TITLES.get(name, name.lstrip(".")))
        cells.append(text)
    return Grid(tuple(header), tuple(zip(*cells, strict=True)), labels=labels)


def _text(name: str, values: list[Any], decimals: int | None) -> list[str]:
    if name == "p_value":
        return [p_value(value) for value in _floats(values)]
    if name in {"df", "df1", "df2"}:
        return [_degrees(value) for value in _floats(values)]
    if name == "statistic":
        return numbers(_floats(values), 2)
    if _is_number(values) and any(isinstance(value, float) for value in values):
        short = ["" if np.isnan(value) else f"{value:.6g}" for value in _floats(values)]
        if name not in TITLES and max(map(len, short)) <= SHORT:
            return short  # values of a variable, as they were written
        return numbers(_floats(values), decimals)
    return ["" if value is None else str(value) for value in values]


def _degrees(df: float) -> str:
    if np.isnan(df):
        return ""
    return "∞" if np.isinf(df) else f"{df:.1f}".removesuffix(".0")


def _floats(values: list[Any]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _is_number(values: list[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in known
    )


def _reads_as_numbers(grid: Grid, column: int) -> bool:
    cells = [row[column] for row in grid.rows if row[column]]
    return bool(cells) and all(NUMBER.match(cell) for cell in cells)


def _markdown(grid: Grid) -> str:
    columns = range(len(grid.header))
    rule = ["--:" if _reads_as_numbers(grid, i) else ":--" for i in columns]
    lines = [_cells(grid.header), f"|{'|'.join(rule)}|", *map(_cells, grid.rows)]
    return "\n".join(lines)


def _cells(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(cell: str) -> str:
    """A text that Markdown shows as it is, without line breaks."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(cell.split()))


def _titled(title: str, text: str) -> str:
    return f"**{title}**\n\n{text}" if title else text
