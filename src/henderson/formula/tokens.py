"""Text to tokens: the words and signs of a formula, each with its place in the text."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from henderson.errors import FormulaError

Kind = Literal["number", "name", "string", "operator", "end"]

_TOKEN = re.compile(
    r"""
      (?P<space>    \s+ )
    | (?P<number>   (?: \d+\.?\d* | \.\d+ ) (?: [eE][+-]?\d+ )? L? )
    | (?P<name>     `[^`]+` | (?: [^\W\d] | \.(?!\d) ) [\w.]* (?: :::? [^\W\d][\w.]* )? )
    | (?P<string>   "[^"]*" | '[^']*' )
    | (?P<operator> %in% | %/% | %% | \|\| | && | \*\* | [<>=!]= | [-+*/^:~|&<>!=,()] )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign: `text` as written, at `start:stop` of the formula."""

    kind: Kind
    text: str
    start: int
    stop: int

    @property
    def name(self) -> str:
        """The column or function meant: without backticks, without a package's prefix."""
        if self.text.startswith("`"):
            return self.text[1:-1]
        return self.text.rpartition(":")[2]


@lru_cache(maxsize=1024)
def tokenize(text: str) -> tuple[Token, ...]:
    """The tokens of `text`, closed by one of kind "end"; raise at the first odd character."""
    tokens: list[Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _unreadable(text, place)
        kind = match.lastgroup
        if kind != "space":
            tokens.append(Token(kind, match[0], place, match.end()))  # pyright: ignore[reportArgumentType]
        place = match.end()
    tokens.append(Token("end", "", len(text), len(text)))
    return tuple(tokens)


def is_name(text: str) -> bool:
    """Whether a column's name can stand in a formula as it is, without backticks."""
    match = _TOKEN.fullmatch(text)
    return match is not None and match.lastgroup == "name" and not set(text) & set("`:")


def find_name(text: str, name: str) -> tuple[int, int] | None:
    """Where `name` first occurs in a formula as a column or function, for a caret."""
    for token in tokenize(text):
        if token.kind == "name" and token.name == name:
            return token.start, token.stop
    return None


def _unreadable(text: str, place: int) -> FormulaError:
    character = text[place]
    if character in "`\"'":
        return FormulaError.at(
            text,
            place,
            place + 1,
            problem=f"This {character} is never closed.",
            hint=f"Write {character} at both ends of the name or text.",
        )
    return FormulaError.at(
        text,
        place,
        place + 1,
        problem=f"A formula cannot contain the character {character!r} here.",
        hint="Put a column name with spaces or signs between backticks: `my column`.",
    )
