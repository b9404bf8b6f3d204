"""Terms to columns: R's model.matrix, names and order included."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix
from henderson.design.contrasts import (
    Contrasts,
    contrasts_named,
    full,
    polynomial,
    treatment,
    treatment_against,
)
from henderson.design.evaluation import Columns, Evaluator, Value
from henderson.design.factors import Factor, factorize
from henderson.design.positions import require_order
from henderson.errors import DataError
from henderson.formula.syntax_tree import parse_expression

ContrastChoice: TypeAlias = str | Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Terms:
    """A right-hand side expanded.

    `variables` are the expressions it is made of, in order of appearance; a term is the
    positions of the variables it multiplies. Main effects come first, then interactions by
    degree.
    """

    text: str
    intercept: bool
    variables: tuple[str, ...]
    terms: tuple[tuple[int, ...], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The terms as R prints them, without the intercept: x, g, x:g."""
        return tuple(":".join(self.variables[i] for i in term) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Coding:
    """How one factor becomes columns: its levels, contrasts and full set of indicators."""

    levels: tuple[str, ...]
    contrasts: Contrasts
    full: Contrasts


@dataclass(frozen=True, slots=True)
class MatrixRecipe:
    """What makes the same columns from other rows: terms, codings, what functions learned."""

    terms: Terms
    full: tuple[tuple[bool, ...], ...]  # for each term and variable: indicators, not contrasts
    codings: Mapping[str, Coding]
    learned: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ModelMatrix:
    """`matrix` (n, p) with a name and a term a column; term 0 is the intercept.

    `assign` (p,) counts terms from 0 where there is no intercept, too: it indexes `terms`.
    """

    matrix: Matrix
    names: tuple[str, ...]
    terms: tuple[str, ...]
    assign: NDArray[np.int64]
    recipe: MatrixRecipe


def model_matrix(
    terms: Terms, evaluate: Evaluator, contrasts: ContrastChoice = None
) -> ModelMatrix:
    """The columns of `terms` over the rows `evaluate` sees, with codings learned from them."""
    recipe, values = learn_recipe(terms, evaluate, contrasts)
    return assemble(recipe, values, evaluate.n)


def learn_recipe(
    terms: Terms, evaluate: Evaluator, contrasts: ContrastChoice
) -> tuple[MatrixRecipe, list[Value]]:
    """How the columns of `terms` are made, and the variables they are made of."""
    values = evaluate_variables(terms, evaluate)
    codings = {
        name: _coding(name, value, contrasts)
        for name, value in zip(terms.variables, values, strict=True)
        if isinstance(value, Factor)
    }
    return MatrixRecipe(terms, fully_coded(terms, values), codings, evaluate.learned), values


def known_values(recipe: MatrixRecipe, evaluate: Evaluator) -> list[Value]:
    """The recipe's variables over other rows; a level not seen before is an error."""
    values = evaluate_variables(recipe.terms, evaluate)
    return [
        _recode(name, value, recipe.codings[name].levels)
        if name in recipe.codings
        else _still_numbers(name, value)
        for name, value in zip(recipe.terms.variables, values, strict=True)
    ]


def evaluate_variables(terms: Terms, evaluate: Evaluator) -> list[Value]:
    """The variables of the terms over the rows; numbers are finite."""
    found = []
    for expression in terms.variables:
        node = parse_expression(expression)
        value = evaluate.value(node)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not _finite(value):
            evaluate.numbers(node)
        found.append(value)
    return found


def fully_coded(terms: Terms, values: list[Value]) -> tuple[tuple[bool, ...], ...]:
    """Which factors of which terms get one column for each level instead of contrasts.

    R's rule: a factor is coded by contrasts in a term if the rest of the term is empty or
    contained in an earlier term. Without an intercept, the first factor of the first term
    that has one is coded in full.
    """
    coded = []
    pending = not terms.intercept
    for place, term in enumerate(terms.terms):
        flags = []
        for i in term:
            rest = set(term) - {i}
            margin = not rest or any(rest <= set(earlier) for earlier in terms.terms[:place])
            is_factor = isinstance(values[i], Factor)
            first = pending and is_factor
            pending = pending and not is_factor
            flags.append(is_factor and (first or not margin))
        coded.append(tuple(flags))
    return tuple(coded)


def _coding(name: str, factor: Factor, choice: ContrastChoice) -> Coding:
    levels = factor.levels
    asked, reference = factor.coding or (None, None)
    if asked is None and isinstance(choice, Mapping):
        asked = choice.get(name)
    elif asked is None and not factor.ordered:
        asked = choice if isinstance(choice, str) else None
    if asked is None:
        asked = "poly" if factor.ordered else "treatment"
    make = contrasts_named(asked)
    if make is polynomial:
        require_order(factor, name, "The contrasts 'poly' of an ordered factor")
    if len(levels) < 2:
        coded = Contrasts(np.zeros((len(levels), 0)), ())
    elif reference is not None and make is treatment:
        coded = treatment_against(reference, levels)
    else:
        coded = make(levels)
    return Coding(levels, coded, full(levels))


def assemble(recipe: MatrixRecipe, values: list[Value], n: int) -> ModelMatrix:
    """Fill the matrix term by term; in an interaction the first variable varies fastest."""
    terms = recipe.terms
    blocks: list[list[tuple[Value, Contrasts | None]]] = []
    names: list[list[str]] = [["(Intercept)"]] if terms.intercept else []
    for term, flags in zip(terms.terms, recipe.full, strict=True):
        parts = []
        term_names = [""]
        for i, in_full in zip(term, flags, strict=True):
            name, value = terms.variables[i], values[i]
            coded = _contrasts_of(name, value, recipe, in_full)
            suffixes = _suffixes(value, coded)
            glue = ":" if parts else ""
            term_names = [a + glue + name + b for b in suffixes for a in term_names]
            parts.append((value, coded))
        blocks.append(parts)
        names.append(term_names)
    flat = tuple(name for group in names for name in group)
    matrix = np.empty((n, len(flat)))
    column = 0
    if terms.intercept:
        matrix[:, 0] = 1.0
        column = 1
    for parts, group in zip(blocks, names[column:], strict=True):
        _fill(matrix[:, column : column + len(group)], parts)
        column += len(group)
    labels = (("(Intercept)",) if terms.intercept else ()) + terms.labels
    assign = np.repeat(np.arange(len(names)), [len(group) for group in names])
    return ModelMatrix(matrix, flat, labels, assign, recipe)


def _fill(out: Matrix, parts: list[tuple[Value, Contrasts | None]]) -> None:
    if len(parts) == 1:
        _fill_main(out, *parts[0])
        return
    product = _columns(*parts[0])
    for value, coded in parts[1:]:
        other = _columns(value, coded)
        product = (other[:, :, None] * product[:, None, :]).reshape(len(out), -1)
    out[:] = product


def _fill_main(out: Matrix, value: Value, coded: Contrasts | None) -> None:
    if isinstance(value, Factor):
        assert coded is not None
        out[:] = coded.matrix[value.codes]
    elif isinstance(value, Columns):
        out[:] = value.matrix
    else:
        out[:, 0] = value


def _columns(value: Value, coded: Contrasts | None) -> Matrix:
    if isinstance(value, Factor):
        assert coded is not None
        return coded.matrix[value.codes]
    return value.matrix if isinstance(value, Columns) else value[:, None].astype(np.float64)


def _contrasts_of(
    name: str, value: Value, recipe: MatrixRecipe, in_full: bool
) -> Contrasts | None:
    if not isinstance(value, Factor):
        return None
    coding = recipe.codings[name]
    if not in_full and len(coding.levels) < 2:
        level = f" ({coding.levels[0]!r})" if coding.levels else ""
        raise DataError(
            f"The factor {name!r} has only one level{level} in the rows used, so its effect "
            "cannot be told from the intercept. Remove it from the formula."
        )
    return coding.full if in_full else coding.contrasts


def _suffixes(value: Value, coded: Contrasts | None) -> tuple[str, ...]:
    if coded is not None:
        return coded.suffixes
    return value.suffixes if isinstance(value, Columns) else ("",)


def _still_numbers(name: str, value: Value) -> Value:
    if isinstance(value, Factor):
        shown = f" ({value.levels[0]!r})" if value.levels else ""
        raise DataError(
            f"{name!r} was numeric when the model was fitted and holds levels{shown} now. "
            "Give numbers."
        )
    return value


def _recode(name: str, value: Value, levels: tuple[str, ...]) -> Factor:
    """The factor's codes among the levels the model knows."""
    if isinstance(value, Columns):
        raise DataError(f"{name!r} was a factor when the model was fitted. Give its levels.")
    factor = value if isinstance(value, Factor) else factorize(value)
    codes = factor.match(levels)
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        shown = ", ".join(map(repr, levels[:10])) + (", ..." if len(levels) > 10 else "")
        raise DataError(
            f"{name!r} has a level {factor.levels[factor.codes[row]]!r} that the model was not "
            f"fitted with. Known levels: {shown}."
        )
    return Factor(codes, np.array(levels, dtype=object))


def _finite(values: NDArray[np.floating]) -> bool:
    return bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())
