"""The fixed effects: X, of full column rank, with R's names.

The only module that imports formulaic, which expands the algebra of terms. What the terms
are made of is evaluated here, so that functions mean what they mean in R, names come out as
R prints them, and a formula cannot run code.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix
from henderson.design.magnitude import require_ordinary_columns
from henderson.design.model_frame import ModelFrame
from henderson.design.model_matrix import MatrixRecipe, Terms, model_matrix
from henderson.design.rank import independent_columns
from henderson.errors import FormulaError
from henderson.formula import Formula
from henderson.formula.syntax_tree import (
    Binary,
    Call,
    Name,
    Node,
    Number,
    Parenthesis,
    Prefix,
    Sum,
    children,
    deparse,
    parse_expression,
    strip_parentheses,
    walk,
)

_MOST_TERMS = 5000


@dataclass(frozen=True, slots=True)
class FixedDesign:
    """X: `matrix` (n, p), C-contiguous and of full column rank, with `names` (p,).

    `dropped` names the columns removed because earlier ones determine them. `terms` are the
    labels of the model's terms, "(Intercept)" first where there is one; `assign` (p,) is the
    term of each column. `recipe` makes the same columns from other rows, before dropping;
    `kept` (p + dropped,) is which of them stayed.
    """

    matrix: Matrix
    names: tuple[str, ...]
    dropped: tuple[str, ...]
    terms: tuple[str, ...]
    assign: NDArray[np.int64]
    recipe: MatrixRecipe
    kept: NDArray[np.bool_]


def fixed_design(frame: ModelFrame, formula: Formula, *, absorbed: bool = False) -> FixedDesign:
    """X for the fixed part of one of the frame's formulas.

    `absorbed`: other parameters take the place of the intercept. The columns are those beside
    an intercept, whether the formula has one or not, without it.

    Raises
    ------
    FormulaError
        For a fixed part that cannot be expanded.
    DataError
        For a factor with one level, or an expression that is not a finite number.

    Notes
    -----
    Columns, their names and order are those of R's model.matrix, and the columns dropped
    those of its lm. One name differs: C(f, contr.treatment) keeps the levels' names.

    Examples
    --------
    >>> from henderson.design import model_frame
    >>> from henderson.formula import parse_formula
    >>> formula = parse_formula("y ~ x * f")
    >>> data = {"y": [1, 2, 4, 3], "x": [0, 1, 2, 3], "f": ["a", "b", "a", "b"]}
    >>> fixed_design(model_frame(formula, data), formula).names
    ('(Intercept)', 'x', 'fb', 'x:fb')
    """
    terms = expand_terms(formula.fixed, formula.text)
    if absorbed:
        terms = replace(terms, intercept=True)
    made = model_matrix(terms, frame.evaluator(formula), frame.contrasts)
    require_ordinary_columns(made.matrix, made.names)
    kept = independent_columns(made.matrix)
    if absorbed:
        kept[0] = False
    if kept.all():
        matrix, names, assign, dropped = made.matrix, made.names, made.assign, ()
    else:
        matrix = np.ascontiguousarray(made.matrix[:, kept])
        names = tuple(name for name, keep in zip(made.names, kept, strict=True) if keep)
        dropped = tuple(
            name
            for name, keep in list(zip(made.names, kept, strict=True))[absorbed:]
            if not keep
        )
        assign = made.assign[kept]
    return FixedDesign(matrix, names, dropped, made.terms, assign, made.recipe, kept)


@lru_cache(maxsize=512)
def expand_terms(fixed: str, text: str) -> Terms:
    """A right-hand side in R's spelling, expanded: `a * b` to a, b and a:b.

    Whether there is an intercept is said by the last 1, 0 or −1 of the sum. Formulaic reads
    the rest with a stand-in for each variable. `text` is the whole formula, for messages.
    """
    translation = _Translation(fixed)
    tree = parse_expression(fixed)
    if _most_terms(tree) > _MOST_TERMS:
        raise FormulaError(
            f"{fixed!r} expands to thousands of terms. Leave out the higher interactions."
        )
    summands = _summands("+", tree)
    intercept = True
    for sign, node in summands:
        if isinstance(node, Number):
            if node.value not in {0, 1}:
                raise translation.complain(
                    node,
                    f"The number {node.value:g} stands alone; 1 or 0 would be the intercept.",
                )
            intercept = (sign == "+") == (node.value == 1)
    algebra = "".join(
        f" {sign} {translation.of(node)}"
        for sign, node in summands
        if not isinstance(node, Number)
    )
    found = _formulaic_terms(algebra) if algebra else []
    order = {expression: i for i, expression in enumerate(translation.variables)}
    place = {stand_in: order[v] for v, stand_in in translation.stand_ins.items()}
    terms = (tuple(sorted(place[factor] for factor in term)) for term in found)
    by_degree = sorted(dict.fromkeys(terms), key=len)
    return _without_unused(
        Terms(text, intercept, tuple(translation.variables), tuple(by_degree))
    )


def _formulaic_terms(algebra: str) -> list[tuple[str, ...]]:
    """What formulaic makes of the algebra: the stand-ins that each term multiplies."""
    # Imported on first use: it brings pandas along, which importing henderson should not.
    from formulaic.errors import FormulaicError  # noqa: PLC0415
    from formulaic.parser import DefaultFormulaParser  # noqa: PLC0415

    try:
        expanded = DefaultFormulaParser(include_intercept=False).get_terms(algebra)
    except FormulaicError as error:
        raise FormulaError(f"The fixed part cannot be expanded: {error}") from error
    return [tuple(str(f) for f in term.factors) for term in expanded.root]  # pyright: ignore


class _Translation:
    """The fixed part for formulaic: fully parenthesized, with a stand-in for each variable."""

    def __init__(self, fixed: str) -> None:
        self.fixed = fixed
        self.stand_ins: dict[str, str] = {}

    def complain(self, node: Node, problem: str) -> FormulaError:
        hint = "Write I() around arithmetic, and offset() for a known term."
        return FormulaError.at(self.fixed, node.start, node.stop, problem, hint)

    @property
    def variables(self) -> list[str]:
        return list(self.stand_ins)

    def of(self, node: Node) -> str:
        match node:
            case Parenthesis():
                return self.of(node.inner)
            case Sum():
                return "(" + self.sum(node) + ")"
            case Binary(operator="*" | "/" | ":"):
                return f"({self.of(node.left)} {node.operator} {self.of(node.right)})"
            case Binary(operator="%in%"):
                return f"({self.of(node.left)} : {self.of(node.right)})"
            case Binary(operator="^" | "**"):
                return self.power(node)
            case Number() | Prefix(operator="+" | "-"):
                raise self.complain(node, f"{deparse(node)} cannot be part of a product.")
            case _:
                return self.stand_in(deparse(node))

    def sum(self, node: Sum) -> str:
        """A sum inside a product; the intercept is not its to say."""
        parts = [
            f"{sign} {self.of(term)}"
            for sign, term in zip(node.signs, node.terms, strict=True)
            if not isinstance(term, Number)
        ]
        if not parts:
            raise self.complain(node, f"{deparse(node)} names no variable.")
        return " ".join(parts).removeprefix("+ ")

    def power(self, node: Binary) -> str:
        """(a + b)^3 as ((a + b) * (a + b)) * (a + b): crossed with itself."""
        exponent = strip_parentheses(node.right)
        if not isinstance(exponent, Number) or exponent.value not in range(1, 21):
            raise self.complain(exponent, "The exponent must be a whole number, 1 to 20.")
        base = self.of(node.left)
        crossed = base
        for _ in range(int(exponent.value) - 1):
            crossed = f"({crossed} * {base})"
        return crossed

    def stand_in(self, expression: str) -> str:
        return self.stand_ins.setdefault(expression, f"v{len(self.stand_ins)}")


def _summands(sign: str, node: Node) -> list[tuple[str, Node]]:
    """The terms of a sum with their signs, parentheses and signs inside resolved."""
    flipped = {"+": "-", "-": "+"}
    inner = strip_parentheses(node)
    if isinstance(inner, Sum):
        return [
            found
            for s, term in zip(inner.signs, inner.terms, strict=True)
            for found in _summands(sign if s == "+" else flipped[sign], term)
        ]
    if isinstance(inner, Prefix) and inner.operator in flipped:
        return _summands(sign if inner.operator == "+" else flipped[sign], inner.operand)
    return [(sign, inner)]


def _most_terms(node: Node) -> int:
    """No fewer terms than the algebra expands to."""
    match node:
        case Parenthesis() | Prefix():
            most = sum(map(_most_terms, children(node)))
        case Sum():
            return sum(map(_most_terms, node.terms))
        case Binary(operator="*" | ":" | "/" | "%in%"):
            most = (_most_terms(node.left) + 1) * (_most_terms(node.right) + 1)
        case Binary(operator="^" | "**", right=Number(value=power)) if power in range(1, 21):
            most = (_most_terms(node.left) + 1) ** int(power)
        case _:
            return 1
    leaves = {deparse(leaf) for leaf in walk(node) if isinstance(leaf, Name | Call)}
    return min(most, 2 ** len(leaves))


def _without_unused(terms: Terms) -> Terms:
    """The terms without variables that only occur in what was subtracted."""
    used = sorted({i for term in terms.terms for i in term})
    place = {old: new for new, old in enumerate(used)}
    return Terms(
        terms.text,
        terms.intercept,
        tuple(terms.variables[i] for i in used),
        tuple(tuple(place[i] for i in term) for term in terms.terms),
    )
