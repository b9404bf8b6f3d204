"""What the bundled tables are: read from catalogue.toml and the tables themselves."""

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from henderson.errors import ModelError, did_you_mean

FOLDER = files("henderson.datasets")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: a number if `levels` is None, else a factor with these levels in this order."""

    name: str
    about: str  # what it is; its unit after a semicolon
    levels: tuple[str, ...] | None = None
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """A bundled table: what was measured, how many rows, by whom published."""

    name: str
    title: str
    design: str
    rows: int
    columns: tuple[Column, ...]
    example: str  # a model, as a formula
    family: str
    source: str

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.title}",
            f"{self.rows} rows, {len(self.columns)} columns; {self.design}",
            "",
            *(f"  {column.name:<20} {_in_words(column)}" for column in self.columns),
            "",
            f"Example: {self.example}, family {self.family}",
            f"Source:  {self.source}",
        ]
        return "\n".join(lines)


def names() -> tuple[str, ...]:
    """The bundled tables' names, in the order of the catalogue.

    Returns
    -------
    tuple of str
        What `load` and `describe` accept.

    Examples
    --------
    >>> from henderson import datasets
    >>> "sleepstudy" in datasets.names()
    True
    """
    return tuple(_catalogue())


def describe(name: str) -> Description:
    """What a bundled table holds, and where it comes from.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    Description
        Title, design, rows, columns (with unit, and the levels of factors), an example
        formula and the source; printed, it is a page of text.

    Raises
    ------
    ModelError
        There is no table of this name.

    Examples
    --------
    >>> from henderson import datasets
    >>> print(datasets.describe("dyestuff").title)
    Yield of a dyestuff from six batches of an intermediate product, five preparations each
    """
    entry = _entry(name)
    text = cells_of(name)
    columns = tuple(_column(c, entry["columns"][c], cells) for c, cells in text.items())
    return Description(
        name=name,
        title=entry["title"],
        design=entry["design"],
        rows=len(next(iter(text.values()))),
        columns=columns,
        example=entry["example"],
        family=entry.get("family", "gaussian"),
        source=entry["source"],
    )


def listing() -> str:
    """All bundled tables, one a line: name, rows, what it is.

    Returns
    -------
    str
        Lines for a terminal.

    Examples
    --------
    >>> from henderson import datasets
    >>> print(datasets.listing().splitlines()[0])
    sleepstudy      180  Reaction times of 18 subjects over ten days of sleep deprivation
    """
    described = (describe(name) for name in names())
    return "\n".join(f"{d.name:<14} {d.rows:>4}  {d.title}" for d in described)


def read_text(name: str) -> str:
    """A bundled table as the text of a CSV file.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    str
        A header line and one line a row, comma-separated.

    Raises
    ------
    ModelError
        There is no table of this name.

    Examples
    --------
    >>> from henderson import datasets
    >>> datasets.read_text("dyestuff").splitlines()[:2]
    ['Batch,Yield', 'A,1545']
    """
    _entry(name)
    return (FOLDER / "data" / f"{name}.csv").read_text(encoding="utf-8")


def _entry(name: str) -> Mapping[str, Any]:
    """The catalogue's entry, or an error that lists the names."""
    known = _catalogue()
    if name in known:
        return known[name]
    raise ModelError(
        f"There is no bundled data set called {name!r}. "
        f"{did_you_mean(name, list(known))}Known: {', '.join(known)}."
    )


@cache
def _catalogue() -> Mapping[str, Mapping[str, Any]]:
    text = (FOLDER / "catalogue.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def cells_of(name: str) -> dict[str, list[str]]:
    """The table's cells by column, as text."""
    header, *rows = csv.reader(read_text(name).splitlines())
    return {column: [row[i] for row in rows] for i, column in enumerate(header)}


def _column(name: str, entry: str | Mapping[str, Any], cells: list[str]) -> Column:
    """A column's description, with levels in increasing order where none are given."""
    if isinstance(entry, str):
        return Column(name, entry)
    levels = tuple(entry["levels"]) if "levels" in entry else _increasing(cells)
    return Column(name, entry["about"], levels, entry.get("ordered", False))


def _increasing(cells: list[str]) -> tuple[str, ...]:
    """Distinct cells as numbers where all are, else alphabetically whatever the case."""
    distinct = set(cells)
    numeric = all(cell.isdecimal() for cell in distinct)
    return tuple(sorted(distinct, key=int if numeric else str.casefold))


def _in_words(column: Column) -> str:
    """A column on one line, with the levels of a small factor."""
    if column.levels is None:
        return column.about
    kind = "ordered factor" if column.ordered else "factor"
    if len(column.levels) > 8:
        return f"{column.about} ({kind} of {len(column.levels)} levels)"
    return f"{column.about} ({kind}: {', '.join(column.levels)})"
