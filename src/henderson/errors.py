"""The few errors henderson raises: each names the thing, shows it, and says what to do next."""

from difflib import get_close_matches
from typing import Self


class HendersonError(ValueError):
    """Anything wrong with what was asked for; raised before any number is computed."""


class DataError(HendersonError):
    """The data cannot answer: a missing column, a value outside the support, no rows left."""


class FormulaError(HendersonError):
    """The formula cannot be read or names something that does not exist."""

    @classmethod
    def at(cls, text: str, start: int, stop: int, problem: str, hint: str = "") -> Self:
        """The problem, the formula with a caret under the cause, and one next step."""
        caret = " " * start + "^" * max(1, stop - start)
        lines = [problem, "", f"    {text}", f"    {caret}"]
        if hint:
            lines += ["", f"Hint: {hint}"]
        return cls("\n".join(lines))


class ModelError(HendersonError):
    """A family, link, structure, method or option that does not exist or does not fit."""


class MissingDependencyError(HendersonError, ImportError):
    """An optional package is needed and not installed; the message has the command."""


def did_you_mean(name: str, known: list[str]) -> str:
    """'Did you mean "x"? ' for the nearest known name, or an empty string."""
    close = get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}? " if close else ""


def check_choice(name: str, given: object, known: tuple[object, ...]) -> None:
    """Refuse an option that does not exist."""
    if given not in known:
        listed = ", ".join(map(repr, known))
        raise ModelError(f"There is no {name}={given!r}. Choose one of {listed}.")
