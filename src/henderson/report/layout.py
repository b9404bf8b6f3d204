"""Sections of text and small tables, written as plain text or as HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

DIGITS = 4  # significant digits of the smallest number of a column
MOST_DECIMALS = 6
TINY = 1e-6  # relative to the largest of a column: too small to ask for more decimals


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as it is printed, of ready text.

    The first `labels` columns are aligned left, the others, numbers, right.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int = 1

    def text(self) -> str:
        """Columns padded to a common width, two spaces apart."""
        lines = [self.header, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = [
            [
                cell.ljust(width) if position < self.labels else cell.rjust(width)
                for position, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            for line in lines
        ]
        return "\n".join("  ".join(["", *cells]).rstrip() for cells in padded)

    def html(self) -> str:
        """The same as a <table>."""

        def row(tag: str, cells: Sequence[str]) -> str:
            aligned = (
                f'<{tag} style="text-align:{"left" if i < self.labels else "right"}">'
                f"{escape(cell)}</{tag}>"
                for i, cell in enumerate(cells)
            )
            return f"<tr>{''.join(aligned)}</tr>"

        body = "".join(row("td", cells) for cells in self.rows)
        return f"<table><thead>{row('th', self.header)}</thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a table, lines of text below it; each may be missing."""

    heading: str = ""
    grid: Grid | None = None
    lines: tuple[str, ...] = ()

    def text(self) -> str:
        """The heading, the table, the lines, one under the other."""
        table = [] if self.grid is None else [self.grid.text()]
        return "\n".join([*filter(None, [self.heading]), *table, *self.lines])

    def html(self) -> str:
        """The same as HTML."""
        heading = f"<p><strong>{escape(self.heading)}</strong></p>" if self.heading else ""
        table = "" if self.grid is None else self.grid.html()
        lines = "<br>".join(map(escape, self.lines))
        return heading + table + (f"<p>{lines}</p>" if lines else "")


def decimals_for(values: np.ndarray, digits: int = DIGITS) -> int | None:
    """Decimals that show so many significant digits of the smallest number worth showing.

    None where fixed decimals would not do: the numbers span too many orders of magnitude.
    """
    sizes = np.abs(values[np.isfinite(values)])
    sizes = sizes[sizes > TINY * sizes.max(initial=0.0)]
    if not sizes.size:
        return 1
    decimals = digits - 1 - int(np.floor(np.log10(sizes.min())))
    if sizes.max() >= 1e8 or decimals > MOST_DECIMALS + DIGITS:
        return None
    return min(max(decimals, 0), MOST_DECIMALS)


def numbers(values: Sequence[float] | np.ndarray, decimals: int | None = None) -> list[str]:
    """A column of numbers with common decimals; what is not a number is left empty.

    Without `decimals`, those that its own smallest number asks for.
    """
    column = np.asarray(values, dtype=float)
    decimals = decimals_for(column) if decimals is None else decimals
    written = [
        f"{value:.{DIGITS}g}" if decimals is None else f"{value:.{decimals}f}"
        for value in column
    ]
    return [
        "" if np.isnan(value) else text for value, text in zip(column, written, strict=True)
    ]


def p_value(p: float) -> str:
    """A p-value to three digits, as R writes it."""
    if np.isnan(p):
        return ""
    if p < 2e-16:
        return "<2e-16"
    return f"{p:.4f}" if p >= 0.001 else f"{p:.2e}"
