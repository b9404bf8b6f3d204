"""Random terms with a structure: what their formula says, and what their structure is of.

Some structures are written in their own way. Each becomes effects of the levels of a group:

    exp(0 + x:y | field)            →  0 + numFactor(x, y)          the places that occur
    propto(1 | animal, A)           →  0 + factor(animal) | 1       one level with all animals
    (ar1(row):ar1(col) | field)     →  0 + grid(row, col)           all cells of the grid
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from henderson.arrays import Matrix
from henderson.covariance import STRUCTURES, CovarianceStructure, structure_named
from henderson.covariance.separable import Separable
from henderson.covariance.standard_deviations import Homogeneous
from henderson.design.evaluation import Columns
from henderson.design.factors import Factor
from henderson.design.fixed_effects import expand_terms
from henderson.design.known_matrices import KnownMatrix
from henderson.design.model_frame import ModelFrame
from henderson.design.model_matrix import evaluate_variables
from henderson.design.positions import points_of, require_order
from henderson.design.random_effects import RandomDesign
from henderson.errors import DataError, FormulaError
from henderson.formula import Formula, RandomTerm
from henderson.formula.syntax_tree import (
    Binary,
    Call,
    Name,
    Node,
    Number,
    Prefix,
    Sum,
    deparse,
    parse_expression,
    strip_parentheses,
)

_PLACES = "numFactor("
_MOST_TIMES = 2000  # effects of a level
_ALSO_FUNCTIONS = {"exp"}  # words that are functions of numbers, too
_IN_A_PRODUCT = [
    name
    for name, structure in STRUCTURES.items()
    if isinstance(structure, Homogeneous) and structure.coordinates is None
]


def structured_term(term: RandomTerm, text: str) -> tuple[RandomTerm, CovarianceStructure]:
    """The term as effects of the levels of a group, and its structure as far as it is known.

    Before any data: see `completed`. `text` is the formula, for carets.

    Raises
    ------
    FormulaError
        For a structure that does not exist, or one that is not written in its way.
    """
    product = _product(term)
    if product is not None:
        return _separable(term, product, text)
    structure = structure_named(term.structure, text, term.start)
    try:
        structure = structure.given(term.arguments)
    except ValueError as error:
        raise _misspelt(term, text, f"{term.structure}(): {error}", "") from None
    if structure.coordinates is not None:
        return _over_points(term, structure, text), structure
    if structure.needs_matrix and _is(term.effects, 1):
        return _over_levels(term, text), structure
    return term, structure


def over_levels_of_times(
    frame: ModelFrame, formula: Formula, term: RandomTerm, structure: CovarianceStructure
) -> RandomTerm:
    """The term with a number as times, each value a level, where its structure is of levels.

    Raises
    ------
    FormulaError
        For a number beside other effects, where these are in order.
    DataError
        For levels of text in the alphabet's order where another is needed.
    """
    if isinstance(structure, Homogeneous) and isinstance(structure.pattern, Separable):
        _require_order_of_sides(frame, formula, term, structure.pattern)
    if not structure.correlates_levels:
        return term
    node = _without_intercept(parse_expression(term.effects))
    word, group = term.structure, ":".join(term.group)
    if node is None:
        evaluate = frame.evaluator(formula)
        values = evaluate_variables(expand_terms(term.effects, formula.text), evaluate)
        if not structure.in_order or all(isinstance(value, Factor) for value in values):
            return term
        raise _misspelt(
            term,
            formula.text,
            f"{word}() is over times, without an intercept or another effect.",
            f"Write {word}(0 + time | {group}).",
        )
    if not isinstance(node, Name | Call):
        return term
    name, value = deparse(node), frame.evaluator(formula).value(node)
    if isinstance(value, Factor):
        if structure.in_order:
            require_order(value, name, f"{word}()")
        return term
    if isinstance(value, Columns):
        return term
    distinct = len(np.unique(value))
    if distinct > _MOST_TIMES:
        raise DataError(
            f"{term.text}: the numbers of {name!r} are times, each with an effect, and there "
            f"are {distinct} different ones. Round them, or write diag(0 + {name} | {group}) "
            "for slopes."
        )
    return replace(term, effects=f"0 + numFactor({name})")


def _require_order_of_sides(
    frame: ModelFrame, formula: Formula, term: RandomTerm, pattern: Separable
) -> None:
    for name, side in zip(pattern.names, pattern.patterns, strict=True):
        value = frame.evaluator(formula).value(parse_expression(name))
        if side.in_order and isinstance(value, Factor):
            require_order(value, name, term.text)


def at_times(
    structure: CovarianceStructure, points: Matrix, text: str, name: str, group: str
) -> CovarianceStructure:
    """The structure at times (k, 1), of `text`; `name` are the times, `group` the subjects.

    Raises
    ------
    DataError
        For times that the structure is not of, with the structures that are.
    """
    try:
        return structure.at(points)
    except ValueError as error:
        raise DataError(
            f"{text} {error}. For unequal times use ou, an autoregression "
            f"in continuous time, as in ou({name} | {group}); to count neighbouring times as "
            f"one step apart, write factor({name})."
        ) from None


def completed(
    structure: CovarianceStructure,
    design: RandomDesign,
    text: str,
    matrices: Mapping[str, KnownMatrix],
) -> CovarianceStructure:
    """The structure with the points or the matrix of the effects that the data have.

    Raises
    ------
    FormulaError
        For effects that are not levels of one factor, or a matrix that was not given.
    DataError
        For a matrix that lacks a level, or is not positive semidefinite.
    """
    term = design.term
    if structure.coordinates is not None:
        return structure.at(_points(design))
    times = times_of_effects(design)
    if times is not None and structure.correlates_levels:
        (name,) = (strip_number(variable) for variable in design.recipe.codings)
        return at_times(structure, times, term.text, name, design.group)
    if not structure.needs_matrix:
        return structure
    name = term.arguments
    if name not in matrices:
        raise _misspelt(
            term,
            text,
            f"{name!r} is not among the matrices given"
            + (f" ({', '.join(matrices)})." if matrices else ": there are none."),
            f'Give it by name: hd.fit(..., matrices={{"{name}": ...}}).',
        )
    levels = effect_levels(design)
    if levels is None:
        raise _misspelt(
            term,
            text,
            f"The effects of {term.structure}() must be the levels of one factor.",
            "Write (1 | animal, A), or (0 + species | site, A) with species a factor.",
        )
    return matrices[name].structure_over(levels, structure, term.text)


def _over_points(term: RandomTerm, structure: CovarianceStructure, text: str) -> RandomTerm:
    """The term with its coordinates as places."""
    assert structure.coordinates is not None
    word, (fewest, most) = term.structure, structure.coordinates
    example = "time" if most == 1 else "x:y"
    node = _without_intercept(parse_expression(term.effects))
    if node is None:
        raise _misspelt(
            term,
            text,
            f"{word}() takes coordinates, and no intercept beside them.",
            f"Write {word}(0 + {example} | {':'.join(term.group)}), coordinates joined by ':'.",
        )
    found = _coordinates(node)
    if not fewest <= len(found) <= most:
        raise _misspelt(
            term,
            text,
            f"{word}() takes one coordinate, not {len(found)}.",
            "Write exp() for several.",
        )
    return replace(term, effects=f"0 + numFactor({', '.join(map(deparse, found))})")


def _over_levels(term: RandomTerm, text: str) -> RandomTerm:
    """The term of one level that holds the levels of the group as effects."""
    if len(term.group) != 1:
        raise _misspelt(
            term,
            text,
            f"{term.structure}() relates the levels of one factor, not of "
            f"{':'.join(term.group)!r}.",
            "Make one column of them first.",
        )
    return replace(term, effects=f"0 + factor({term.group[0]})", group=("1",))


def _separable(
    term: RandomTerm, product: tuple[Call, Call], text: str
) -> tuple[RandomTerm, CovarianceStructure]:
    for call in product:
        if call.function not in _IN_A_PRODUCT:
            raise _misspelt(
                term,
                text,
                f"{call.function}() cannot be one side of a product of correlations.",
                f"Known there: {', '.join(_IN_A_PRODUCT)}.",
            )
    sides = [_side(call) for call in product]
    if None in sides or term.arguments:
        raise _misspelt(
            term,
            text,
            "A product of correlations takes one factor on each side.",
            "Write (ar1(row):ar1(col) | field).",
        )
    names = [deparse(side) for side in sides if side is not None]
    words = [call.function for call in product]
    patterns = [
        structure.pattern
        for word in words
        if isinstance(structure := STRUCTURES[word], Homogeneous)
    ]
    structure = Homogeneous(
        ":".join(words),
        f"separable: {words[0]} along {names[0]}, {words[1]} along {names[1]}",
        Separable((patterns[0], patterns[1]), (names[0], names[1])),
    )
    effects = f"0 + grid({', '.join(names)})"
    return replace(term, structure=structure.keyword, effects=effects), structure


def _product(term: RandomTerm) -> tuple[Call, Call] | None:
    """The sides of word(...):word(...), where the words are of structures."""
    node = strip_parentheses(parse_expression(term.effects))
    if not isinstance(node, Binary) or node.operator != ":":
        return None
    left, right = strip_parentheses(node.left), strip_parentheses(node.right)
    if not (isinstance(left, Call) and isinstance(right, Call)):
        return None
    words = {left.function, right.function} - _ALSO_FUNCTIONS
    return (left, right) if words & set(STRUCTURES) else None


def _side(call: Call) -> Node | None:
    if len(call.arguments) != 1 or call.keywords[0]:
        return None
    (node,) = call.arguments
    inner = _without_intercept(node) or strip_parentheses(node)
    return None if isinstance(inner, Sum) else inner


def _without_intercept(node: Node) -> Node | None:
    """The one term of `0 + term` or `term - 1`; None for anything else."""
    node = strip_parentheses(node)
    if not isinstance(node, Sum) or len(node.terms) != 2:
        return None
    first, second = node.terms
    if isinstance(first, Prefix) and first.operator == "-" and node.signs[1] == "+":
        first = first.operand  # -1 + x
        return strip_parentheses(second) if _is_number(first, 1) else None
    if node.signs[1] == "+":
        for number, other in ((first, second), (second, first)):
            if _is_number(number, 0):
                return strip_parentheses(other)
        return None
    return strip_parentheses(first) if _is_number(second, 1) else None


def _coordinates(node: Node) -> list[Node]:
    """The factors of x:y, or the arguments of numFactor(x, y)."""
    node = strip_parentheses(node)
    if isinstance(node, Binary) and node.operator == ":":
        return [*_coordinates(node.left), *_coordinates(node.right)]
    if isinstance(node, Call) and node.function == "numFactor":
        return list(node.arguments)
    return [node]


def _is(expression: str, value: int) -> bool:
    return _is_number(strip_parentheses(parse_expression(expression)), value)


def _is_number(node: Node, value: int) -> bool:
    return isinstance(node, Number) and node.value == value


def _points(design: RandomDesign) -> Matrix:
    """Where the effects are, (k, d), from their labels (x,y,...); of a grid, counted from 0."""
    ((variable, coding),) = design.recipe.codings.items()
    grid = design.recipe.learned.get(variable)
    if isinstance(grid, tuple):
        return np.indices(tuple(map(len, grid)), dtype=np.float64).reshape(2, -1).T
    return points_of(coding.levels)


def times_of_effects(design: RandomDesign) -> Matrix | None:
    """The times (k, 1) of the effects where these are the values of one number."""
    levels = effect_levels(design)
    (variable, *_) = (*design.recipe.codings, "")
    if levels is None or not variable.startswith(_PLACES):
        return None
    points = points_of(levels)
    return points if points.shape[1] == 1 else None


def strip_number(variable: str) -> str:
    """The number that places are made of: "day" of "numFactor(day)"."""
    return variable.removeprefix(_PLACES)[:-1] if variable.startswith(_PLACES) else variable


def effect_levels(design: RandomDesign) -> tuple[str, ...] | None:
    """The levels that the effects belong to, where these are of one factor."""
    terms, codings = design.recipe.terms, design.recipe.codings
    if terms.intercept or len(terms.terms) != 1 or len(codings) != 1:
        return None
    (coding,) = codings.values()
    return coding.levels if len(coding.levels) == design.n_effects else None


def _misspelt(term: RandomTerm, text: str, problem: str, hint: str) -> FormulaError:
    return FormulaError.at(text, term.start, term.stop, problem, hint)
