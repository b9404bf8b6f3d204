"""The random effects: for each term, the group of each row and the row's part of Z."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Codes, Matrix, in_all_columns
from henderson.design.evaluation import Evaluator, Value
from henderson.design.factors import Factor, interaction, labels
from henderson.design.fixed_effects import expand_terms
from henderson.design.magnitude import require_ordinary_columns
from henderson.design.model_frame import ModelFrame
from henderson.design.model_matrix import MatrixRecipe, assemble, learn_recipe
from henderson.design.variable_functions import as_factor
from henderson.errors import DataError
from henderson.formula import Formula, RandomTerm
from henderson.formula.syntax_tree import parse_expression

_NEED_REPLICATION = {
    "us",
    "diag",
    "rr",
}  # a spatial field, say, can be estimated from one group
_DENSE_INDICATORS = 2  # up to so many levels, indicators are stored as columns


@dataclass(frozen=True, slots=True)
class Effects:
    """A row's part of Z: row i has `values[i, c]` in effect `columns[i, c]`.

    `values` (n, z). `columns` (n, z), or None where z = k and column c is effect c. The
    indicators of one factor need one value a row (z = 1), whatever the number of levels.
    """

    values: Matrix
    columns: NDArray[np.int32] | None


@dataclass(frozen=True)
class Grouping:
    """The levels of one grouping: the combinations of its factors' levels that occur.

    `factors` are expressions, outer first. `keys` holds the distinct values of each factor
    and `cells` (g, number of factors) which of them make each level.
    """

    factors: tuple[str, ...]
    keys: tuple[NDArray[Any], ...]
    cells: NDArray[np.int32]

    @property
    def label(self) -> str:
        """The factors, outer first: "Block:Variety"."""
        return ":".join(self.factors)

    @property
    def n_levels(self) -> int:
        """g."""
        return len(self.cells)

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """The levels as R prints them, outer first: "I:Victory"; length g."""
        parts = [
            [texts[i] for i in cell]
            for texts, cell in zip(map(labels, self.keys), self.cells.T.tolist(), strict=True)
        ]
        return (
            tuple(parts[0])
            if len(parts) == 1
            else tuple(map(":".join, zip(*parts, strict=True)))
        )

    @property
    def level_values(self) -> tuple[NDArray[Any], ...]:
        """For each factor, its value at each level, as in the data; arrays (g,)."""
        return tuple(keys[cell] for keys, cell in zip(self.keys, self.cells.T, strict=True))

    def codes_of(self, factors: tuple[Factor, ...]) -> Codes:
        """The level of each row (n,) of other data; −1 where it is none of these."""
        place = np.zeros(len(factors[0].codes), dtype=np.int64)
        known_place = np.zeros(len(self.cells), dtype=np.int64)
        unknown = np.zeros(len(place), dtype=bool)
        for factor, keys, cell in zip(factors, self.keys, self.cells.T, strict=True):
            codes = factor.match(labels(keys))
            unknown |= codes < 0
            place = place * len(keys) + codes
            known_place = known_place * len(keys) + cell
        order = np.argsort(known_place)
        found = np.searchsorted(known_place, place, sorter=order)
        level = order[np.minimum(found, len(order) - 1)]
        unknown |= known_place[level] != place
        return np.where(unknown, -1, level).astype(np.int32)


@dataclass(frozen=True, slots=True)
class RandomDesign:
    """One random term over the rows used.

    g levels of `grouping`, k effects for each, named `effects`; `codes` (n,) is the level of
    each row. Row i of Z has `values[i, c]` in effect `columns[i, c]` of its level; `columns`
    None means z = k and column c is effect c.
    """

    term: RandomTerm
    grouping: Grouping
    effects: tuple[str, ...]
    codes: Codes
    values: Matrix
    columns: NDArray[np.int32] | None
    recipe: MatrixRecipe

    @property
    def group(self) -> str:
        """The grouping factors, outer first: "Block:Variety"."""
        return self.grouping.label

    @property
    def factors(self) -> tuple[str, ...]:
        """The grouping factors, as written."""
        return self.grouping.factors

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels' labels, outer first: "I:Victory"; length g."""
        return self.grouping.levels

    @property
    def level_values(self) -> tuple[NDArray[Any], ...]:
        """For each grouping factor, its value at each level, as in the data; arrays (g,)."""
        return self.grouping.level_values

    @property
    def n_levels(self) -> int:
        """g, the number of levels."""
        return self.grouping.n_levels

    @property
    def n_effects(self) -> int:
        """k, the number of effects for each level."""
        return len(self.effects)

    @property
    def all_columns(self) -> Matrix:
        """z of each row in the k effects of its level, (n, k)."""
        return in_all_columns(self.values, self.columns, self.n_effects)


def random_design(frame: ModelFrame, formula: Formula, term: RandomTerm) -> RandomDesign:
    """The group codes and effect columns of one random term.

    Raises
    ------
    DataError
        For a grouping factor with one level, or effects without any column.

    Examples
    --------
    >>> from henderson.design import model_frame
    >>> from henderson.formula import parse_formula
    >>> formula = parse_formula("y ~ 1 + (1 | block/plot)")
    >>> data = {"y": [1, 2, 4], "block": ["I", "I", "II"], "plot": [1, 2, 1]}
    >>> frame = model_frame(formula, data)
    >>> random_design(frame, formula, formula.random[1]).levels
    ('I:1', 'I:2', 'II:1')
    """
    evaluate = frame.evaluator(formula)
    grouping, codes = _group(term, evaluate)
    terms = expand_terms(term.effects, formula.text)
    if not terms.intercept and not terms.terms:
        raise DataError(f"The random term {term.text} has no effects. Write (1 | group).")
    recipe, values = learn_recipe(terms, evaluate, frame.contrasts)
    names, effects = effect_columns(recipe, values, frame.n)
    if effects.columns is None:
        require_ordinary_columns(effects.values, names)
        _refuse_empty_effects(term, names, effects.values)
    return RandomDesign(term, grouping, names, codes, effects.values, effects.columns, recipe)


def effect_columns(
    recipe: MatrixRecipe, values: list[Value], n: int
) -> tuple[tuple[str, ...], Effects]:
    """The effects' names and each row's part of Z."""
    terms = recipe.terms
    if not terms.intercept and terms.terms == ((0,),) and isinstance(values[0], Factor):
        (name,) = terms.variables
        levels = recipe.codings[name].levels
        if len(levels) > _DENSE_INDICATORS:
            names = tuple(name + level for level in levels)
            return names, Effects(np.ones((n, 1)), values[0].codes[:, None])
    made = assemble(recipe, values, n)
    return made.names, Effects(made.matrix, None)


def group_factors(expressions: tuple[str, ...], evaluate: Evaluator) -> tuple[Factor, ...]:
    """The grouping factors over the rows; numbers are levels here."""
    return tuple(
        as_factor(evaluate.value(parse_expression(expression)), expression)
        for expression in expressions
    )


def _refuse_empty_effects(term: RandomTerm, names: tuple[str, ...], values: Matrix) -> None:
    for j, name in enumerate(names):
        if values[0, j] == 0.0 and not values[:, j].any():
            raise DataError(
                f"The effect {name!r} of {term.text} is zero in every row used, so its "
                "variance cannot be estimated. Remove it, or combine levels so that all "
                "combinations occur."
            )


def _group(term: RandomTerm, evaluate: Evaluator) -> tuple[Grouping, Codes]:
    factors = group_factors(term.group, evaluate)
    keys = tuple(factor.keys for factor in factors)
    if len(factors) == 1:
        codes, cells = factors[0].codes, np.arange(len(keys[0]), dtype=np.int32)[:, None]
    else:
        codes, cells = interaction(factors)
    grouping = Grouping(term.group, keys, cells)
    if grouping.n_levels < 2 and term.structure in _NEED_REPLICATION:
        raise DataError(
            f"The grouping factor {grouping.label!r} of {term.text} has only one level "
            f"({grouping.levels[0]!r}) in the rows used, so its variance cannot be estimated. "
            "Remove the term."
        )
    return grouping, codes
