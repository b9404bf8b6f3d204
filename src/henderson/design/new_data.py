"""The fitted model's design over other rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Codes, Matrix, Vector
from henderson.design.columns import Table, Variable, open_table
from henderson.design.error_design import ErrorDesign
from henderson.design.evaluation import Columns, Evaluator, columns_used
from henderson.design.factors import Factor, factorize
from henderson.design.fixed_effects import FixedDesign
from henderson.design.model_frame import (
    ModelFrame,
    PerRow,
    missing_values,
    offset_of,
    read_argument,
    read_column,
)
from henderson.design.model_matrix import (
    MatrixRecipe,
    assemble,
    evaluate_variables,
    known_values,
)
from henderson.design.random_effects import Effects, RandomDesign, effect_columns, group_factors
from henderson.design.variable_functions import as_factor, evaluator
from henderson.errors import DataError
from henderson.formula import Formula
from henderson.formula.syntax_tree import CONSTANTS, parse_expression


@dataclass(frozen=True, slots=True)
class NewRandom:
    """One random term over m new rows: as in `RandomDesign`, with code −1 for a new level.

    `own_variance` (m,) or 0 is of what no effect of the fit says: of effects between these.
    """

    codes: Codes
    values: Matrix
    columns: NDArray[np.int32] | None
    own_variance: Vector | float = 0.0


Between: TypeAlias = Callable[[tuple[str, ...]], tuple[Matrix, Vector]]
"""Of m levels without effects: weights (m, k) of those with effects, and variances (m,)."""


@dataclass(frozen=True, slots=True)
class NewDesign:
    """One linear predictor over m new rows.

    `matrix` (m, p) has the columns of the fitted X, `offset` is (m,), `random` follows the
    terms given. In rows where a variable is missing, `matrix` and `offset` are NaN; a
    missing group counts as a new level.
    """

    matrix: Matrix
    offset: Vector
    random: tuple[NewRandom, ...]


def new_design(
    frame: ModelFrame,
    formula: Formula,
    fixed: FixedDesign,
    random: Sequence[RandomDesign],
    data: object,
    *,
    offset: PerRow = None,
    between: Sequence[Between | None] | None = None,
) -> NewDesign:
    """The design of one linear predictor over new data.

    Parameters
    ----------
    frame, formula, fixed, random
        What the model was fitted on. Pass no `random` for the population mean: the grouping
        columns are then not needed.
    data
        A table or dict of columns; every row stays.
    offset
        Replaces the offset argument of the fit: a column, an expression, or values (m,).
        Needed where the fit was given an array and the first formula is asked for.
    between
        For each of `random`, what levels of its effects that the fit has not seen are like;
        None: they are an error.

    Raises
    ------
    DataError
        For a missing column, a level of a fixed factor the model does not know, infinite
        values, or a missing offset.
    """
    table = open_table(data)
    variables = _Variables(table, formula, {})
    matrix = _fixed_matrix(fixed, variables)
    total = _offset(frame, formula, variables, offset)
    likes = between or [None] * len(random)
    made = (_random(each, variables, like) for each, like in zip(random, likes, strict=True))
    return NewDesign(matrix, total, tuple(made))


@dataclass(frozen=True, slots=True)
class _Variables:
    """Columns of the new table, read when needed."""

    table: Table
    formula: Formula
    read: dict[str, Variable]

    def need(self, expressions: Sequence[str]) -> NDArray[np.int64]:
        """Read the columns of some expressions; the rows that have all of them."""
        complete = np.ones(self.table.n, dtype=bool)
        for expression in expressions:
            for name in columns_used(parse_expression(expression)):
                if name in CONSTANTS and name not in self.table.keys:
                    continue
                if name not in self.read:
                    self.read[name] = read_column(self.table, name, self.formula.text)
                absent = missing_values(name, self.read[name])
                if absent is not None:
                    complete &= ~absent
        return np.flatnonzero(complete)

    def at(self, rows: NDArray[np.int64], learned: Mapping[str, object]) -> Evaluator:
        """An evaluator over some rows that uses what was learned in the fit."""
        taken = self.read
        if len(rows) < self.table.n:
            taken = {
                name: value.take(rows) if isinstance(value, Factor) else value[rows]
                for name, value in self.read.items()
            }
        return evaluator(taken, self.formula.text, len(rows), dict(learned), fitting=False)


def _fixed_matrix(fixed: FixedDesign, variables: _Variables) -> Matrix:
    rows = variables.need(fixed.recipe.terms.variables)
    made = _rows_of(fixed.recipe, variables, rows)
    return _spread(made[:, fixed.kept], rows, variables.table.n)


def _rows_of(recipe: MatrixRecipe, variables: _Variables, rows: NDArray[np.int64]) -> Matrix:
    evaluate = variables.at(rows, recipe.learned)
    return assemble(recipe, known_values(recipe, evaluate), len(rows)).matrix


def _offset(
    frame: ModelFrame, formula: Formula, variables: _Variables, given: PerRow
) -> Vector:
    rows = variables.need(formula.offsets)
    total = _spread(
        offset_of(formula, variables.at(rows, frame.learned)), rows, variables.table.n
    )
    if formula is not frame.formulas[0] and formula != frame.formulas[0]:
        return total
    if given is None and frame.offset_is_array:
        raise DataError(
            "The model was fitted with an offset given as values, so the new rows need one "
            "too. Pass offset=, with one value per row."
        )
    added = read_argument(
        "offset",
        frame.offset_argument if given is None else given,
        variables.table,
        variables.read,
    )
    if isinstance(added, str):
        rows = variables.need([added])
        evaluate = variables.at(rows, frame.learned)
        added = _spread(evaluate.numbers(parse_expression(added)), rows, variables.table.n)
    return total if added is None else total + added


def _random(design: RandomDesign, variables: _Variables, between: Between | None) -> NewRandom:
    n = variables.table.n
    rows = variables.need(design.factors)
    factors = group_factors(design.factors, variables.at(rows, design.recipe.learned))
    codes = np.full(n, -1, dtype=np.int32)
    codes[rows] = design.grouping.codes_of(factors)
    recipe = design.recipe
    rows = variables.need(recipe.terms.variables)
    evaluate = variables.at(rows, recipe.learned)
    if between is not None:
        found = _between_levels(design, evaluate, between)
        if found is not None:
            values, own = found
            return NewRandom(codes, _spread(values, rows, n), None, _spread(own, rows, n))
    _, effects = effect_columns(recipe, known_values(recipe, evaluate), len(rows))
    return NewRandom(codes, *_spread_effects(effects, rows, n))


def new_positions(design: ErrorDesign, data: object, *, same: bool) -> tuple[Codes, Codes]:
    """The group of subjects and the position of each row of new data, (m,) each.

    `same`: positions do not matter, and are 0.

    Raises
    ------
    DataError
        For a missing column, and a position or group that the fit has not seen.
    """
    term, table = design.term, open_table(data)
    variables = _Variables(table, term.formula, {})
    zeros = np.zeros(table.n, dtype=np.int32)
    group = zeros if term.by is None else _known(variables, term.by, design.groups, term.text)
    if same:
        return group, zeros
    if term.positions == "1":
        raise DataError(
            f"The residual variances of {term.text} differ by the order of the rows of a "
            "subject, which new data do not have. Name the positions by a column, such as "
            f"{term.structure}(visit | {design.label})."
        )
    return group, _known(variables, term.positions, design.positions, term.text)


def _known(variables: _Variables, expression: str, levels: tuple[str, ...], text: str) -> Codes:
    rows = variables.need([expression])
    found = variables.at(rows, {}).value(parse_expression(expression))
    codes = as_factor(found, expression).match(levels)
    if len(rows) < variables.table.n or (codes < 0).any():
        raise DataError(
            f"{expression!r} has values in the new data that {text} was not fitted with, so "
            f"that the residual variance is not known there. Known: {', '.join(levels[:10])}."
        )
    return codes


def _between_levels(
    design: RandomDesign, evaluate: Evaluator, between: Between
) -> tuple[Matrix, Vector] | None:
    """Weights of the effects (m, k) and variances of what they leave (m,); None: all known."""
    (value,) = evaluate_variables(design.recipe.terms, evaluate)
    (coding,) = design.recipe.codings.values()
    if isinstance(value, Columns):
        return None
    factor = value if isinstance(value, Factor) else factorize(value)
    factor = factor.without_unused_levels()
    codes = factor.match(coding.levels)
    new, place = np.unique(factor.codes[codes < 0], return_inverse=True)
    if not len(new):
        return None
    weights, left = between(tuple(factor.levels[code] for code in new))
    values, own = np.zeros((len(codes), design.n_effects)), np.zeros(len(codes))
    known = np.flatnonzero(codes >= 0)
    values[known, codes[known]] = 1.0
    values[codes < 0], own[codes < 0] = weights[place], left[place]
    return values, own


def _spread_effects(
    effects: Effects, rows: NDArray[np.int64], n: int
) -> tuple[Matrix, NDArray[np.int32] | None]:
    values = _spread(effects.values, rows, n)
    if effects.columns is None or len(rows) == n:
        return values, effects.columns
    columns = np.zeros((n, effects.columns.shape[1]), dtype=np.int32)
    columns[rows] = effects.columns
    return values, columns


def _spread(
    part: NDArray[np.floating], rows: NDArray[np.int64], n: int
) -> NDArray[np.floating]:
    """`part` in `rows` of n, NaN in the others."""
    if len(rows) == n:
        return np.ascontiguousarray(part)
    whole = np.full((n, *part.shape[1:]), np.nan)
    whole[rows] = part
    return whole
