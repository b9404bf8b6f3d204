"""What a report is made of, before it is written as a page or as a document."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from henderson.report.layout import Grid


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or several; `mark` says how good or bad the news is."""

    text: str
    mark: Literal["", "fine", "note", "problem"] = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list of sentences."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an equation; a symbol can have below it what it is `of`."""

    kind: Literal["symbol", "word", "operator"]
    text: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Equation:
    """Lines of pieces."""

    lines: tuple[tuple[Piece, ...], ...]

    def text(self) -> list[str]:
        """The lines as plain text."""
        return [
            " ".join(f"{each.text}[{each.of}]" if each.of else each.text for each in line)
            for line in self.lines
        ]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption and what has to be said below it."""

    name: str
    caption: str
    grid: Grid
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, as SVG and as PNG, with its caption and what it shows in words."""

    name: str
    caption: str
    alt: str
    svg: bytes
    png: bytes
    width: float  # inches


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to run."""

    language: str
    text: str


Block: TypeAlias = Paragraph | Items | Equation | Table | Picture | Code


@dataclass(frozen=True, slots=True)
class Part:
    """A heading and what stands below it."""

    name: str
    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """A whole report."""

    title: str
    subtitle: str
    parts: Sequence[Part]
