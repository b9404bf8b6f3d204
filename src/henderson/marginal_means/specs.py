"""What means are asked for: "gen * nitro | site", or lists of names."""

from collections.abc import Sequence
from typing import TypeAlias

from henderson.design.evaluation import columns_used
from henderson.errors import DataError, FormulaError, did_you_mean
from henderson.formula.syntax_tree import parse_expression
from henderson.marginal_means.argument_checks import listed_names

Names: TypeAlias = str | Sequence[str]


def wanted(
    specs: Names, by: Names | None, known: tuple[str, ...]
) -> tuple[list[str], list[str]]:
    """The variables to have means of, and those to compare them within.

    Parameters
    ----------
    specs
        Names joined by *, :, + or commas, then | and names to compare within; a leading ~ is
        allowed, and "1" is the overall mean. Or a list of names, each taken as it is.
    by
        Names to compare within, in addition.
    known
        The variables of the grid.
    """
    given_by: list[str] = []
    if isinstance(specs, str):
        before, _, after = specs.rpartition("~")
        if before.strip():
            raise DataError(
                f"{specs!r} has contrasts before the ~. Ask for the means of {after.strip()!r} "
                f"and then for .contrasts({before.strip()!r})."
            )
        left, bar, right = after.partition("|")
        factors = _split(left, known)
        given_by = _split(right, known) if bar else []
    else:
        factors = [_resolved(name, known) for name in listed_names("specs", specs)]
    if by is not None:
        given_by += (
            _split(by, known)
            if isinstance(by, str)
            else [_resolved(n, known) for n in listed_names("by", by)]
        )
    given_by = list(dict.fromkeys(given_by))
    return [n for n in dict.fromkeys(factors) if n not in given_by], given_by


def _split(text: str, known: tuple[str, ...]) -> list[str]:
    """The names in a text; those that hold an operator are found whole."""
    if text.strip() in known:
        return [text.strip()]
    names, depth, current = [], 0, ""
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth == 0 and character in "*:+,":
            names.append(current)
            current = ""
        else:
            current += character
    stripped = [name.strip().strip("`") for name in (*names, current)]
    if stripped in (["1"], [""]):
        return []
    return [_resolved(name, known) for name in stripped]


def _resolved(name: object, known: tuple[str, ...]) -> str:
    """A variable of the grid; "factor(Days)" is Days."""
    if isinstance(name, str):
        if name in known:
            return name
        try:
            columns = columns_used(parse_expression(name))
        except FormulaError:
            columns = ()
        if len(columns) == 1 and columns[0] in known:
            return columns[0]
    raise DataError(
        f"The model has no variable {name!r} to have means of. "
        f"{did_you_mean(str(name), list(known))}"
        f"Variables of its fixed effects: {', '.join(known) or 'none'}."
    )
