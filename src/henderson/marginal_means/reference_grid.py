"""The reference grid: one row for each combination of levels, covariates at one value.

A model's marginal means are averages of its predictions over this grid, whatever the numbers
of observations in its cells.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector, in_all_columns
from henderson.design.columns import Variable
from henderson.design.evaluation import columns_used
from henderson.design.factors import Factor, factorize
from henderson.design.factors import labels as level_labels
from henderson.design.model_frame import offset_of
from henderson.design.model_matrix import MatrixRecipe, assemble, known_values
from henderson.design.random_effects import effect_columns
from henderson.design.variable_functions import evaluator
from henderson.errors import DataError, ModelError, did_you_mean
from henderson.estimation.estimates import Estimates, PredictorEstimates, TermEstimates
from henderson.formula import Formula
from henderson.formula.syntax_tree import CONSTANTS, Call, parse_expression
from henderson.marginal_means.argument_checks import is_finite_number

At = Mapping[str, Any]
_MOST_NUMBERS = 50_000_000  # cells × columns
_TOLERANCE = 1e-6
_ROUNDING = 1e-12  # of the largest value: a mean below is 0


@dataclass(frozen=True, slots=True)
class GridVariable:
    """One variable: its values on the grid, and which of them each row of the data has.

    `codes` (n,) are −1 for rows at none of the values; None for a covariate, which has a value
    of its own and does not divide the data into cells.
    """

    name: str
    values: Variable  # a factor with a row a value, or numbers
    labels: tuple[str, ...]
    codes: NDArray[np.int32] | None

    @property
    def keys(self) -> NDArray[Any]:
        """The values as they are in the data, for a table."""
        return (
            self.values.keys[self.values.codes]
            if isinstance(self.values, Factor)
            else self.values
        )


@dataclass(frozen=True, slots=True)
class ReferenceGrid:
    """G cells, the first variable varying fastest.

    `places` (G, number of variables) index the values of each variable. `matrix` (G, P) has the
    model matrix's columns before those that others determine are dropped; `offset` is (G,).
    `counts` (G,) are the rows of the data in each cell. `nested` has the factors whose levels
    each occur in one level of others: combinations that cannot occur are not in the grid.
    """

    predictor: PredictorEstimates
    formula: Formula
    variables: tuple[GridVariable, ...]
    places: NDArray[np.int64]
    matrix: Matrix
    offset: Vector
    counts: Vector
    nested: Mapping[str, tuple[str, ...]]
    given_offset: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The variables."""
        return tuple(variable.name for variable in self.variables)

    def fixed_at(self, kept: Sequence[str]) -> dict[str, str]:
        """The variables with one value that are not `kept`, which means are at."""
        found = {
            variable.name: _short(variable.keys[0])
            for variable in self.variables
            if len(variable.labels) == 1 and variable.name not in kept
        }
        if self.given_offset is not None:
            found["offset"] = _short(float(self.given_offset))
        return found

    def variable(self, name: str) -> GridVariable:
        """One of the variables."""
        return self.variables[self.names.index(name)]

    def shifted(self, name: str, by: float) -> Matrix:
        """`matrix` with a numeric variable moved, (G, P)."""
        table = cell_values(self.variables, self.places)
        table[name] = np.asarray(table[name], dtype=np.float64) + by
        return _rows_of(self.predictor.fixed.recipe, table, self.formula.text, len(self.places))

    def random_columns(self, term: TermEstimates) -> Matrix:
        """z of one random term in each cell, (G, k)."""
        n, recipe = len(self.places), term.design.recipe
        table = cell_values(self.variables, self.places)
        evaluate = evaluator(table, self.formula.text, n, dict(recipe.learned), fitting=False)
        _, effects = effect_columns(recipe, known_values(recipe, evaluate), n)
        return in_all_columns(effects.values, effects.columns, term.design.n_effects)


def reference_grid(
    estimates: Estimates,
    *,
    at: At | None = None,
    offset: float | None = None,
    component: str = "location",
    random: bool = False,
    others: bool = False,
) -> ReferenceGrid:
    """The grid of one linear predictor.

    Parameters
    ----------
    estimates
        A fitted model.
    at
        For each variable named, the levels or values to use: one or several. By default factors
        are at all levels, and so are numbers with one or two distinct values and those the
        formula makes a factor of; other covariates are at their mean over the rows used.
    offset
        Replaces all offsets. By default they are computed from the grid; an offset argument
        given as values is at its mean.
    component
        The linear predictor: "location", "dispersion", "shape".
    random
        Whether the variables of the random effects belong to the grid.
    others
        Whether those of the other linear predictors do.

    Raises
    ------
    DataError
        For a variable, level or value that is not the model's.
    ModelError
        For an unknown component, or a grid too large to hold.
    """
    predictor = estimates.component(component)
    formula = formula_of(estimates, component)
    read = list(estimates.predictors) if others else [component]
    names = tuple(
        dict.fromkeys(
            name
            for each in read
            for name in _names(
                estimates, each, random=random, offsets=offset is None or each != "location"
            )
        )
    )
    at = _checked({} if at is None else at, names)
    recipes = [estimates.predictors[each].fixed.recipe for each in read]
    variables = tuple(_grid_variable(estimates, recipes, name, at.get(name)) for name in names)
    nested = _nesting(variables)
    places = _cells(variables, nested, width=predictor.fixed.kept.size)
    table = cell_values(variables, places)
    matrix = _rows_of(predictor.fixed.recipe, table, formula.text, len(places))
    return ReferenceGrid(
        predictor=predictor,
        formula=formula,
        variables=variables,
        places=places,
        matrix=matrix,
        offset=_offsets(estimates, table, offset, component, len(places)),
        counts=_counts(variables, places, estimates.frame.n),
        nested=nested,
        given_offset=None if component != "location" else offset,
    )


def formula_of(estimates: Estimates, component: str) -> Formula:
    """The formula of one linear predictor."""
    return estimates.frame.formulas[list(estimates.predictors).index(component)]


def over_cells(
    estimates: Estimates, grid: ReferenceGrid, offset: float | None, component: str
) -> tuple[Matrix, Vector]:
    """The model matrix (G, P) and offset (G,) of another predictor over the same cells."""
    table, n = cell_values(grid.variables, grid.places), len(grid.places)
    recipe = estimates.predictors[component].fixed.recipe
    matrix = _rows_of(recipe, table, formula_of(estimates, component).text, n)
    given = offset if component == "location" else None
    return matrix, _offsets(estimates, table, given, component, n)


def undetermined(estimates: Estimates, component: str) -> Matrix | None:
    """N (P, m): directions of β in which Xβ does not change, over all P columns of X.

        X_dropped = 1a + X_kept B   ⇒   N = (−a, −B, I), in the columns' own order

    a is 0 but where the intercept lives elsewhere, in the thresholds of ordered categories.
    None if no column was dropped. A linear function l'β can be estimated if l'N = 0: only then
    is its value the same for every β that fits the data equally well.
    """
    fixed = estimates.predictors[component].fixed
    absorbed = int(np.sum(~fixed.kept)) - len(fixed.dropped)  # 1: the intercept, first column
    basis = fixed.kept.copy()
    basis[:absorbed] = True
    if basis.all():
        return None
    text = formula_of(estimates, component).text
    full = _rows_of(fixed.recipe, dict(estimates.frame.variables), text, estimates.frame.n)
    known, dropped = full[:, basis], full[:, ~basis]
    scale = np.linalg.norm(known, axis=0)
    scale[scale == 0.0] = 1.0
    N = np.zeros((full.shape[1], dropped.shape[1]))
    N[basis] = -np.linalg.lstsq(known / scale, dropped, rcond=None)[0] / scale[:, None]
    N[~basis] = np.eye(dropped.shape[1])
    return N


def is_estimable(coordinates: Matrix, free: Matrix | None) -> NDArray[np.bool_]:
    """Which rows of `coordinates` (r, P) are zero along `free` (P, m); shape (r,)."""
    finite = np.all(np.isfinite(coordinates), axis=1)
    if free is None:
        return finite
    known = np.where(finite[:, None], coordinates, 0.0)
    size = np.abs(known) @ np.abs(free) + 1e-3
    return finite & ~np.any(np.abs(known @ free) > _TOLERANCE * size, axis=1)


def cell_values(
    variables: Sequence[GridVariable], places: NDArray[np.int64]
) -> dict[str, Variable]:
    """The columns of the grid as a table."""
    return {
        variable.name: variable.values.take(column)
        if isinstance(variable.values, Factor)
        else variable.values[column]
        for variable, column in zip(variables, places.T, strict=True)
    }


def _names(
    estimates: Estimates, component: str, *, random: bool, offsets: bool = True
) -> tuple[str, ...]:
    """The columns that a predictor reads, in order of appearance."""
    predictor, formula = estimates.predictors[component], formula_of(estimates, component)
    expressions = [*predictor.fixed.recipe.terms.variables]
    if offsets:
        expressions += formula.offsets
    if offsets and component == "location" and estimates.frame.offset_argument is not None:
        expressions.append(estimates.frame.offset_argument)
    if random:
        for term in predictor.terms:
            expressions += term.design.recipe.terms.variables
    used = (name for text in expressions for name in columns_used(parse_expression(text)))
    known = estimates.frame.variables
    return tuple(n for n in dict.fromkeys(used) if n in known or n not in CONSTANTS)


def _checked(at: At, names: tuple[str, ...]) -> At:
    if not isinstance(at, Mapping):
        raise DataError(f"at={at!r} is not a dict. Give at={{'name': value}}.")
    for name in at:
        if name not in names:
            raise DataError(
                f"at names {name!r}, which the model does not use. "
                f"{did_you_mean(str(name), list(names))}"
                f"Variables of the model: {', '.join(names) or 'none'}."
            )
    return at


def _grid_variable(
    estimates: Estimates, recipes: Sequence[MatrixRecipe], name: str, asked: object
) -> GridVariable:
    found = estimates.frame.variables[name]
    if isinstance(found, Factor):
        chosen = np.arange(len(found.levels)) if asked is None else _levels(name, found, asked)
        renumber = np.full(len(found.levels) + 1, -1, dtype=np.int32)
        renumber[chosen] = np.arange(len(chosen))
        values = Factor(chosen.astype(np.int32), found.keys, found.ordered, found.logical)
        labels = tuple(found.levels[i] for i in chosen)
        return GridVariable(name, values, labels, renumber[found.codes])
    if asked is not None:
        values = _numbers(name, asked)
        return GridVariable(name, values, level_labels(values), None)
    if _made_a_factor(name, recipes) or len(np.unique(found[:1000])) <= 2:
        as_levels = factorize(found)
        if _made_a_factor(name, recipes) or len(as_levels.keys) <= 2:
            keys = as_levels.keys.astype(np.float64)
            return GridVariable(name, keys, as_levels.levels, as_levels.codes)
    mean = np.array([_centre(found)])
    return GridVariable(name, mean, level_labels(mean), None)


def _centre(values: Vector) -> float:
    """The mean; 0 where it is rounding error, as of a centred variable."""
    mean = float(np.mean(values, dtype=np.float64))
    return mean if abs(mean) > _ROUNDING * float(np.max(np.abs(values))) else 0.0


def _made_a_factor(name: str, recipes: Sequence[MatrixRecipe]) -> bool:
    """Whether a function of the formula, such as factor(), turns a numeric column to levels."""
    nodes = [parse_expression(text) for recipe in recipes for text in recipe.codings]
    return any(isinstance(node, Call) and name in columns_used(node) for node in nodes)


def _as_list(asked: object) -> list[Any]:
    if isinstance(asked, str | bytes) or not isinstance(asked, Iterable):
        return [asked]
    return list(asked)


def _levels(name: str, factor: Factor, asked: object) -> NDArray[np.int64]:
    chosen = []
    for value in _as_list(asked):
        label = str(value) if isinstance(value, str) else level_labels(np.array([value]))[0]
        if label not in factor.levels:
            shown = ", ".join(map(repr, factor.levels[:10]))
            raise DataError(
                f"{name!r} has no level {label!r}. {did_you_mean(label, list(factor.levels))}"
                f"Levels: {shown}{', ...' if len(factor.levels) > 10 else ''}."
            )
        chosen.append(factor.levels.index(label))
    if not chosen:
        raise DataError(f"at has no level for {name!r}. Give one or more, or leave it out.")
    return np.array(list(dict.fromkeys(chosen)))


def _numbers(name: str, asked: object) -> Vector:
    try:
        values = np.array(_as_list(asked), dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array([np.nan])
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise DataError(
            f"at has {asked!r} for {name!r}, which is numeric. Give one or more finite numbers."
        )
    return np.unique(values) if len(np.unique(values)) < len(values) else values


def _nesting(variables: tuple[GridVariable, ...]) -> dict[str, tuple[str, ...]]:
    """Factors each of whose levels occurs in one level of another that has fewer levels."""
    factors = [v for v in variables if isinstance(v.values, Factor)]
    nested: dict[str, tuple[str, ...]] = {}
    for inner, outer in permutations(factors, 2):
        assert inner.codes is not None
        assert outer.codes is not None
        known = (inner.codes >= 0) & (outer.codes >= 0)
        if not 2 <= len(outer.labels) < len(inner.labels):
            continue
        pairs = np.unique(np.column_stack([inner.codes[known], outer.codes[known]]), axis=0)
        if len(pairs) == len(np.unique(pairs[:, 0])):
            nested[inner.name] = (*nested.get(inner.name, ()), outer.name)
    return nested


def _cells(
    variables: tuple[GridVariable, ...], nested: Mapping[str, tuple[str, ...]], width: int
) -> NDArray[np.int64]:
    """Combinations of values that nesting allows, the first variable varying fastest."""
    sizes = [len(variable.labels) for variable in variables]
    total = float(np.prod(sizes, dtype=np.float64))
    if total * max(width, 1) > _MOST_NUMBERS:
        listed = ", ".join(f"{v.name}: {len(v.labels)}" for v in variables)
        raise ModelError(
            f"The reference grid would have {total:.3g} cells ({listed}). Fix some of the "
            "variables: at={'name': level}."
        )
    grids = np.meshgrid(*[np.arange(size) for size in reversed(sizes)], indexing="ij")
    shape = (int(total), len(sizes))
    places = (
        np.stack([g.ravel() for g in reversed(grids)], axis=1) if sizes else np.zeros(shape)
    )
    places = places.astype(np.int64)
    column = {variable.name: i for i, variable in enumerate(variables)}
    keep = np.ones(len(places), dtype=bool)
    for inner, outers in nested.items():
        for outer in outers:
            a, b = column[inner], column[outer]
            occurs = np.zeros((sizes[a] + 1, sizes[b] + 1), dtype=bool)
            occurs[variables[a].codes, variables[b].codes] = True
            keep &= occurs[places[:, a], places[:, b]]
    return places[keep]


def _counts(variables: tuple[GridVariable, ...], places: NDArray[np.int64], n: int) -> Vector:
    """Rows of the data in each cell of the factors."""
    factors = [(i, v) for i, v in enumerate(variables) if v.codes is not None]
    cell_of_row = np.zeros(n, dtype=np.int64)
    cell_of_place = np.zeros(len(places), dtype=np.int64)
    inside = np.ones(n, dtype=bool)
    for i, variable in factors:
        assert variable.codes is not None
        inside &= variable.codes >= 0
        cell_of_row = cell_of_row * len(variable.labels) + variable.codes
        cell_of_place = cell_of_place * len(variable.labels) + places[:, i]
    most = int(cell_of_place.max(initial=0)) + 1
    counted = np.bincount(cell_of_row[inside & (cell_of_row < most)], minlength=most)
    return counted[cell_of_place].astype(np.float64)


def _rows_of(recipe: MatrixRecipe, table: Mapping[str, Variable], text: str, n: int) -> Matrix:
    evaluate = evaluator(table, text, n, dict(recipe.learned), fitting=False)
    return assemble(recipe, known_values(recipe, evaluate), n).matrix


def _offsets(
    estimates: Estimates,
    table: Mapping[str, Variable],
    given: float | None,
    component: str,
    n: int,
) -> Vector:
    if given is not None:
        if not is_finite_number(given):
            raise DataError(f"offset={given!r} is not a finite number. Give one number.")
        return np.full(n, float(given))
    frame, formula = estimates.frame, formula_of(estimates, component)
    learned = dict(frame.learned)
    total = offset_of(formula, evaluator(table, formula.text, n, learned, fitting=False))
    if component != "location":
        return total
    if frame.offset_argument is not None:
        text = frame.offset_argument
        evaluate = evaluator(table, text, n, learned, fitting=False)
        return total + evaluate.numbers(parse_expression(text))
    if frame.offset_is_array:
        terms = offset_of(formula, frame.evaluator(formula))
        return total + float(np.mean(frame.offsets[0] - terms))
    return total


def _short(value: Any) -> str:  # noqa: ANN401
    return f"{value:.6g}" if isinstance(value, float) else str(value)
