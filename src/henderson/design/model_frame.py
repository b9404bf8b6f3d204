"""The rows and columns of the user's table that a model uses."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray

from henderson.arrays import Vector
from henderson.design.columns import Table, Variable, open_table, read_array
from henderson.design.contrasts import contrasts_named
from henderson.design.evaluation import Evaluator, Learned, columns_used
from henderson.design.factors import Factor
from henderson.design.magnitude import largest_size, require_ordinary
from henderson.design.model_matrix import ContrastChoice
from henderson.design.response import ObservedResponse, observe_response
from henderson.design.variable_functions import evaluator
from henderson.errors import DataError, FormulaError, ModelError, did_you_mean
from henderson.formula import Formula
from henderson.formula.syntax_tree import CONSTANTS, parse_expression, quoted
from henderson.formula.tokens import find_name
from henderson.tables import native_table

PerRow: TypeAlias = str | ArrayLike | None  # a column, an expression over columns, or values

_MOST_ROWS = 1e8  # of rows repeated by frequency weights


@dataclass(frozen=True, slots=True)
class ModelFrame:
    """What the formulas read, in the rows that are complete.

    `rows` (n,) are the positions of these rows in the user's table, which had `n_given`.
    `missing` counts the missing values of each variable that has some; a row can count in
    several. `n_zero_weight` rows were dropped for having no weight: they carry no
    information, and kept they would count as observations.
    `offsets` holds one vector (n,) for each formula, the sum of its offset() terms; the
    first includes the offset argument. `offset_argument` is that argument where it can be
    evaluated on new data, and None if it was absent or an array (`offset_is_array`).
    `learned` is what functions in offsets, such as mean(), found in these rows.
    """

    formulas: tuple[Formula, ...]
    rows: NDArray[np.int64]
    n_given: int
    missing: Mapping[str, int]
    n_distinct: int  # rows of the user's table, each of which may stand for several
    n_zero_weight: int
    variables: Mapping[str, Variable]
    response: ObservedResponse | None
    weights: Vector | None
    offsets: tuple[Vector, ...]
    offset_argument: str | None
    offset_is_array: bool
    learned: Mapping[str, object]
    contrasts: ContrastChoice
    backend: nw.Implementation

    @property
    def n(self) -> int:
        """Rows used."""
        return len(self.rows)

    @property
    def n_dropped(self) -> int:
        """Rows of the user's table that are not used."""
        return self.n_given - self.n_distinct

    def evaluator(self, formula: Formula) -> Evaluator:
        """Evaluates expressions of one of the formulas over the rows used."""
        return evaluator(self.variables, formula.text, self.n, {})

    def table(self, columns: Mapping[str, object]) -> Any:  # noqa: ANN401
        """A table of the user's own kind from columns of equal length, in the order given."""
        return native_table(columns, self.backend)


def model_frame(
    formulas: Formula | Sequence[Formula],
    data: object,
    *,
    weights: PerRow = None,
    frequency_weights: PerRow = None,
    offset: PerRow = None,
    contrasts: ContrastChoice = None,
    binary: bool = False,
    ordered: tuple[str, ...] | None = None,
    also: Sequence[Formula] = (),
) -> ModelFrame:
    """Read what the formulas need and keep the complete rows.

    Parameters
    ----------
    formulas
        One formula for each linear predictor; the response is that of the first.
    data
        A pandas, polars or pyarrow table (anything narwhals knows), or a dict of columns.
        Never written to.
    weights, offset
        A column's name, an expression such as "log(effort)", or one value for each row.
    frequency_weights
        As `weights`: how many rows each row stands for.
    contrasts
        "treatment" (the default), "sum", "helmert" or "poly" for all unordered factors, or
        a mapping from factor to one of them. Ordered factors get "poly" unless named.
    binary, ordered
        Whether the response may be successes out of trials, or is one of ordered categories;
        see `observe_response`.
    also
        One-sided formulas whose variables are read, too, such as that of the residuals.

    Returns
    -------
    ModelFrame
        Missing values (NaN, None, null) in any variable used, and zero weights, drop the row.

    Raises
    ------
    DataError
        For an unknown column, infinite values, no rows left, weights that are negative, all
        zero or not numbers, values of the wrong length, a response of the wrong kind.
    FormulaError
        For a function that does not exist or gets wrong arguments.

    Notes
    -----
    Rows are dropped before anything is computed, so that scale() and poly() use the rows of
    the fit. (R computes them before it drops rows; fitted values are the same.) A function
    that gives no finite number, such as the log of zero, is an error, not a missing value.

    Examples
    --------
    >>> from henderson.formula import parse_formula
    >>> data = {"y": [1.0, 2.0, None, 4.0], "g": ["a", "b", "a", "b"]}
    >>> frame = model_frame(parse_formula("y ~ 1 + (1 | g)"), data)
    >>> frame.n, frame.n_dropped, dict(frame.missing)
    (3, 1, {'y': 1})
    """
    formulas = (formulas,) if isinstance(formulas, Formula) else tuple(formulas)
    table = open_table(data)
    variables: dict[str, Variable] = {}
    for formula in (*formulas, *also):
        for expression in _expressions(formula):
            read_expression(expression, formula.text, table, variables)
    weights = read_argument("weights", weights, table, variables)
    frequencies = read_argument("frequency_weights", frequency_weights, table, variables)
    offset = read_argument("offset", offset, table, variables)
    builder = _Builder(formulas, table, variables, contrasts)
    return builder.frame(weights, frequencies, offset, binary=binary, ordered=ordered)


def read_expression(
    expression: str, text: str, table: Table, variables: dict[str, Variable]
) -> None:
    """Read the columns that an expression of the formula `text` uses into `variables`."""
    for name in columns_used(parse_expression(expression)):
        if name not in variables and (name in table.keys or name not in CONSTANTS):
            variables[name] = read_column(table, name, text)


def read_column(table: Table, name: str, text: str) -> Variable:
    """One column that the formula `text` names; a caret shows one that is not there."""
    if name in table.keys:
        return table.read(name)
    listed = ", ".join(table.names[:20]) + (", ..." if len(table.names) > 20 else "")
    problem = f"There is no column {name!r} in the data."
    hint = f"{did_you_mean(name, table.names)}Columns: {listed}."
    place = find_name(text, name)
    if place is None:
        raise DataError(f"{problem} {hint}")
    raise DataError(str(FormulaError.at(text, *place, problem, hint)))


def read_argument(
    argument: str, given: PerRow, table: Table, variables: dict[str, Variable]
) -> str | NDArray[Any] | None:
    """`weights` or `offset`: an expression whose columns are now in `variables`, or numbers."""
    if given is None:
        return None
    if isinstance(given, str):
        expression = quoted(given) if given in table.keys else given
        read_expression(expression, expression, table, variables)
        return expression
    values = read_array(given if hasattr(given, "__len__") else [given], argument)
    n = len(values.codes if isinstance(values, Factor) else values)
    if n != table.n:
        raise DataError(
            f"{argument} has {n} values and the data have {table.n} rows. "
            "Give one value per row, or a column's name."
        )
    if isinstance(values, Factor):
        raise DataError(f"{argument} must be numbers; {values.levels[0]!r} is not.")
    return values


@dataclass(frozen=True, slots=True)
class _Builder:
    """Drops incomplete rows, then evaluates what is not a model matrix."""

    formulas: tuple[Formula, ...]
    table: Table
    variables: dict[str, Variable]
    contrasts: ContrastChoice

    def frame(
        self,
        weights: str | NDArray[Any] | None,
        frequencies: str | NDArray[Any] | None,
        offset: str | NDArray[Any] | None,
        *,
        binary: bool,
        ordered: tuple[str, ...] | None,
    ) -> ModelFrame:
        extra = {
            name: value
            for name, value in (
                ("weights", weights),
                ("frequency_weights", frequencies),
                ("offset", offset),
            )
            if isinstance(value, np.ndarray)
        }
        keep, missing = complete_rows(self.variables, extra, self.table.n)
        weighed, n_zero = self.positive_weights(weights, keep)
        weighed, none = self.positive_weights(frequencies, weighed, "frequency_weights")
        rows = np.flatnonzero(weighed)
        n_distinct = len(rows)
        if frequencies is not None:
            rows = np.repeat(rows, self.whole_numbers(frequencies, rows))
        variables = {
            name: _at(value, rows, self.table.n) for name, value in self.variables.items()
        }
        _check_contrasts(self.contrasts, variables)
        frame = ModelFrame(
            formulas=self.formulas,
            rows=rows,
            n_given=self.table.n,
            missing=missing,
            n_distinct=n_distinct,
            n_zero_weight=n_zero + none,
            variables=variables,
            response=None,
            weights=None,
            offsets=(),
            offset_argument=offset if isinstance(offset, str) else None,
            offset_is_array=offset is not None and not isinstance(offset, str),
            learned={},
            contrasts=self.contrasts,
            backend=self.table.backend,
        )
        learned: Learned = {}
        weight = _argument_values(weights, frame, {})
        added = _argument_values(offset, frame, learned)
        offsets = [
            offset_of(f, evaluator(variables, f.text, frame.n, learned)) for f in self.formulas
        ]
        if added is not None:
            offsets[0] = offsets[0] + added
        first = self.formulas[0]
        response = (
            None
            if first.response is None
            else observe_response(
                first.response, frame.evaluator(first), weight, binary=binary, ordered=ordered
            )
        )
        _check_magnitudes(response, weight, offsets)
        return replace(
            frame, response=response, weights=weight, offsets=tuple(offsets), learned=learned
        )

    def values_at(self, given: str | NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
        """An argument's values at some rows, before any are dropped."""
        if not isinstance(given, str):
            return given[rows]
        taken = {k: _at(v, rows, self.table.n) for k, v in self.variables.items()}
        return evaluator(taken, given, len(rows), {}).numbers(parse_expression(given))

    def whole_numbers(
        self, frequencies: str | NDArray[Any], rows: NDArray[np.intp]
    ) -> NDArray[np.int64]:
        """How many rows each of some rows stands for."""
        values = self.values_at(frequencies, rows)
        broken = np.flatnonzero(values != np.floor(values))
        if len(broken):
            label = frequencies.strip("`") if isinstance(frequencies, str) else "given"
            raise DataError(
                f"The frequency weights {label!r} are not all whole numbers: "
                f"{values[broken[0]]:.6g} in row {rows[broken[0]]}, counting from 0. They say "
                "how many rows a row stands for; for precisions give weights."
            )
        total = float(values.sum())
        if total > _MOST_ROWS:
            raise DataError(
                f"The frequency weights stand for {total:.4g} rows, and at most "
                f"{_MOST_ROWS:.0e} are repeated. Use weights, or counts as the response."
            )
        return values.astype(np.int64)

    def positive_weights(
        self,
        weights: str | NDArray[Any] | None,
        keep: NDArray[np.bool_],
        argument: str = "weights",
    ) -> tuple[NDArray[np.bool_], int]:
        """The rows to keep that have a weight above zero, and how many have zero."""
        if weights is None:
            return keep, 0
        rows = np.flatnonzero(keep)
        values = self.values_at(weights, rows)
        label = weights.strip("`") if isinstance(weights, str) else argument
        if not np.isfinite(values).all():
            raise DataError(
                f"The weights {label!r} are not all finite. Correct or remove them."
            )
        if (values < 0).any():
            row = int(np.argmax(values < 0))
            raise DataError(
                f"The weights {label!r} have a negative value ({values[row]:.6g} in row "
                f"{rows[row]}, counting from 0). Weights are 0 or more."
            )
        if not (values > 0).any():
            raise DataError(f"The weights {label!r} are all zero. Give a positive weight.")
        kept = keep.copy()
        kept[rows[values == 0]] = False
        return kept, int((values == 0).sum())


def complete_rows(
    variables: Mapping[str, Variable], extra: Mapping[str, NDArray[Any]], n: int
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which rows have every variable, and how many values each one lacks.

    Raises
    ------
    DataError
        For an infinite value, or if no row is complete.
    """
    keep = np.ones(n, dtype=bool)
    missing: dict[str, int] = {}
    for name, value in (*variables.items(), *extra.items()):
        absent = missing_values(name, value)
        if absent is None:
            continue
        missing[name] = int(absent.sum())
        keep &= ~absent
    if not keep.any():
        counts = ", ".join(f"{name}: {count}" for name, count in missing.items())
        raise DataError(
            f"No row has a value in every variable used; missing values of {n} rows: {counts}. "
            "Leave out the variable that is missing, or fill it in."
        )
    return keep, missing


def missing_values(name: str, value: Variable) -> NDArray[np.bool_] | None:
    """Which values are missing (n,), or None if none is; infinite or vast ones are errors."""
    if isinstance(value, Factor):
        return value.missing if value.codes.min(initial=0) < 0 else None
    if value.dtype.kind != "f" or not value.size:
        return None
    absent = None
    low, high = float(value.min()), float(value.max())
    if math.isnan(low):
        absent = np.isnan(value)
        if absent.all():
            return absent
        low, high = float(np.nanmin(value)), float(np.nanmax(value))
    if math.isinf(low) or math.isinf(high):
        row = int(np.argmax(np.isinf(value)))
        raise DataError(
            f"Column {name!r} has an infinite value in row {row} (counting from 0). "
            "Correct it or remove the row."
        )
    require_ordinary(max(high, -low), name)
    return absent


def offset_of(formula: Formula, evaluate: Evaluator) -> Vector:
    """The sum of the formula's offset() terms, zero without any; shape (n,)."""
    total = np.zeros(evaluate.n)
    for expression in formula.offsets:
        total += evaluate.numbers(parse_expression(expression))
    return total


def _expressions(formula: Formula) -> list[str]:
    response = formula.response.expressions if formula.response else ()
    random = (text for term in formula.random for text in (term.effects, *term.group))
    return [*response, formula.fixed, *formula.offsets, *random]


def _argument_values(
    given: str | NDArray[Any] | None, frame: ModelFrame, learned: Learned
) -> Vector | None:
    if given is None:
        return None
    if isinstance(given, str):
        evaluate = evaluator(frame.variables, given, frame.n, learned)
        return evaluate.numbers(parse_expression(given))
    return given[frame.rows].astype(np.float64)


def _at(value: Variable, rows: NDArray[np.int64], n: int) -> Variable:
    """The variable in the rows kept, without levels that occur in none of them."""
    if isinstance(value, Factor):
        taken = value if len(rows) == n else value.take(rows)
        return taken.without_unused_levels()
    return value if len(rows) == n else value[rows]


def _check_magnitudes(
    response: ObservedResponse | None, weights: Vector | None, offsets: Sequence[Vector]
) -> None:
    named = [("offset", offset) for offset in offsets]
    if response is not None:
        named.append((response.label, response.y))
    if weights is not None:
        named.append(("weights", weights))
    for name, values in named:
        require_ordinary(largest_size(values), name)


def _check_contrasts(contrasts: ContrastChoice, variables: Mapping[str, Variable]) -> None:
    if isinstance(contrasts, str):
        contrasts_named(contrasts)
        return
    if contrasts is not None and not isinstance(contrasts, Mapping):
        raise ModelError(
            f"contrasts must be a name or a dict from factor to name, not {contrasts!r}. "
            'For example contrasts="sum", or contrasts={"variety": "helmert"}.'
        )
    for factor, name in (contrasts or {}).items():
        contrasts_named(name)
        used = columns_used(parse_expression(factor)) if factor not in variables else ()
        unknown = [column for column in used if column not in variables]
        if unknown:
            factors = [name for name, value in variables.items() if isinstance(value, Factor)]
            raise DataError(
                f"contrasts names {factor!r}, which the model does not use. "
                f"{did_you_mean(factor, list(variables))}"
                f"Factors of the model: {', '.join(factors) or 'none'}."
            )
