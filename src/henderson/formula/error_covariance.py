"""How the residuals of a Gaussian response vary together, as text: us(visit | subject)."""

import re
from dataclasses import dataclass, replace

from henderson.errors import FormulaError
from henderson.formula.parsing import parse_one_sided
from henderson.formula.terms import Formula, RandomTerm

_EXAMPLE = 'Write it as in residual="us(visit | subject)".'
_BY = re.compile(r"^\s*by\s*=\s*(?P<expression>\S.*?)\s*$")


@dataclass(frozen=True, slots=True)
class ErrorTerm:
    """structure(positions | subject, by = group), taken apart.

    `positions` is an expression, such as the visit; "1" for the order of the rows. `formula` is
    the term as a one-sided formula, and what its variables are read from.
    """

    text: str
    structure: str
    positions: str
    subject: tuple[str, ...]
    by: str | None
    formula: Formula

    @property
    def term(self) -> RandomTerm:
        """The term as if of random effects."""
        return self.formula.random[0]


def parse_residual(text: str) -> ErrorTerm:
    """Take the structure of the residuals apart.

    Parameters
    ----------
    text
        ``structure(positions | subject)`` or ``structure(positions | subject, by = group)``.

    Raises
    ------
    FormulaError
        With the text and a caret under the culprit.

    Examples
    --------
    >>> parse_residual("us(visit | patient, by = arm)").by
    'arm'
    """
    formula = parse_one_sided(f"~ {text.strip().removeprefix('~')}")
    if len(formula.random) != 1 or formula.fixed != "1" or formula.offsets:
        raise FormulaError.at(
            formula.text,
            2,
            len(formula.text),
            problem="The residuals have one structure over the rows of a subject.",
            hint=_EXAMPLE,
        )
    (term,) = formula.random
    by = None
    if term.arguments:
        found = _BY.match(term.arguments)
        if found is None:
            raise FormulaError.at(
                formula.text,
                formula.text.index(","),
                term.stop - 1,
                problem=f"{term.arguments!r} is not understood.",
                hint="After the comma there may be a group with its own covariance: by = arm.",
            )
        by = found["expression"]
    positions = re.sub(r"^\s*0\s*\+\s*|\s*-\s*1\s*$", "", term.effects).strip()
    # the group is read as if it grouped random effects, too
    grouping = () if by is None else (replace(term, effects="1", group=(by,), arguments=""),)
    return ErrorTerm(
        text=formula.text[2:],
        structure=term.structure,
        positions=positions,
        subject=term.group,
        by=by,
        formula=replace(formula, random=(replace(term, effects=positions), *grouping)),
    )
