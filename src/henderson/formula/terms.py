"""What a formula says, before any data: records of text only."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ResponseTerm:
    """The left-hand side.

    `expressions` holds the response for "plain", (successes, failures) for "cbind" and
    (numerator, denominator) for "ratio".
    """

    text: str
    kind: Literal["plain", "cbind", "ratio"]
    expressions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RandomTerm:
    """One random term: effects that vary between the levels of a group.

    `structure` is "us" for (effects | group), "diag" for (effects || group), else the word
    written, as in ar1(effects | group). `group` lists the factors whose combinations are the
    levels, outer first. `arguments` is what follows the first comma of a structure's call.
    The term stands at `start:stop` of the formula; a nested group a/b gives two terms with
    one place.
    """

    structure: str
    effects: str
    group: tuple[str, ...]
    arguments: str
    text: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula taken apart.

    `fixed` is in R's spelling and never empty: "1" if nothing is left. `response` is None
    for a one-sided formula, as for a dispersion predictor.
    """

    text: str
    response: ResponseTerm | None
    fixed: str
    offsets: tuple[str, ...]
    random: tuple[RandomTerm, ...]
