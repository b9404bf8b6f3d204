"""Which rows and values of the user's table a model uses, and what is refused."""

import copy
from decimal import Decimal
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from henderson.design import ModelFrame, ObservedResponse, fixed_design, model_frame
from henderson.design.factors import Factor, naturally_sorted
from henderson.errors import DataError, FormulaError, HendersonError, ModelError
from henderson.formula import parse_formula

COLUMNS = {
    "y": [1.0, 2.0, None, 4.0, 5.0, 6.0],
    "x": [0.5, 1.5, 2.5, 3.5, None, 5.5],
    "f": ["b", "a", "b", "a", "b", "c"],
    "g": [10, 2, 10, 2, 10, 2],
    "late": [True, False, True, False, True, False],
}


def frame_of(text: str, data: object = COLUMNS, **options: Any) -> ModelFrame:  # noqa: ANN401
    return model_frame(parse_formula(text), data, **options)


def response_of(
    text: str,
    data: object,
    *,
    binary: bool = True,
    **options: Any,  # noqa: ANN401
) -> ObservedResponse:
    response = frame_of(text, data, binary=binary, **options).response
    assert response is not None
    return response


TABLES = {
    "dict": lambda columns: columns,
    "pandas": pd.DataFrame,
    "pandas nullable": lambda columns: pd.DataFrame(columns).convert_dtypes(),
    "polars": pl.DataFrame,
    "polars lazy": pl.LazyFrame,
    "pyarrow": pa.table,
}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_every_kind_of_table_gives_the_same_frame(make: Any) -> None:  # noqa: ANN401
    frame = frame_of("y ~ x + f + late + (1 | g)", make(COLUMNS))
    assert frame.rows.tolist() == [0, 1, 3, 5]
    assert dict(frame.missing) == {"y": 1, "x": 1}
    assert (frame.n_given, frame.n, frame.n_dropped) == (6, 4, 2)
    design = fixed_design(frame, frame.formulas[0])
    assert design.names == ("(Intercept)", "x", "fb", "fc", "lateTRUE")[:4]
    assert design.dropped == ("lateTRUE",)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (TABLES["dict"], pd.DataFrame),
        (pd.DataFrame, pd.DataFrame),
        (pl.DataFrame, pl.DataFrame),
        (pl.LazyFrame, pl.DataFrame),
        (pa.table, pa.Table),
    ],
)
def test_tables_come_back_as_the_users_kind(make: Any, kind: type) -> None:  # noqa: ANN401
    table = frame_of("y ~ x", make(COLUMNS)).table(
        {"term": np.array(["a", "b"], dtype=object), "value": np.array([1.0, 2.0])}
    )
    assert isinstance(table, kind)
    assert nw.from_native(table).columns == ["term", "value"]


def test_the_data_are_never_written_to() -> None:
    data = pd.DataFrame(COLUMNS)
    before = data.copy(deep=True)
    frame = frame_of("y ~ x + factor(g) + (1 | f)", data, weights="x", offset="log(g)")
    assert frame.response is not None
    frame.response.y[:] = 0.0
    pd.testing.assert_frame_equal(data, before)
    whole = {"y": np.arange(3.0), "w": np.ones(3)}
    kept = copy.deepcopy(whole)
    frame = frame_of("y ~ 1", whole, weights=whole["w"], offset=whole["w"])
    for array in (frame.response.y, frame.weights, frame.offsets[0]):  # pyright: ignore
        array[:] = 7.0  # pyright: ignore[reportOptionalSubscript]
    assert_array_equal(whole["y"], kept["y"])
    assert_array_equal(whole["w"], kept["w"])


def levels(column: object) -> tuple[tuple[str, ...], bool]:
    frame = frame_of("y ~ f", {"y": [1.0, 2.0, 3.0], "f": column})
    factor = frame.variables["f"]
    assert isinstance(factor, Factor)
    return factor.levels, factor.ordered


def test_texts_are_levels_in_natural_order() -> None:
    assert levels(["b", "a10", "a2"]) == (("a2", "a10", "b"), False)
    weeks = ["Week 12", "Week 4", "Week 24"]
    for kind in (weeks, pd.Series(weeks), pl.Series(weeks), pa.array(weeks)):
        assert levels(kind) == (("Week 4", "Week 12", "Week 24"), False)
    doses = ["0.5 kg", "0.25 kg", "-2", "-10", "2024-02-01", "1.10.1", "1.9.1"]
    assert naturally_sorted(doses) == [
        *("-10", "-2", "0.25 kg", "0.5 kg", "1.9.1", "1.10.1", "2024-02-01")
    ]
    assert levels(np.array(["b", "a", "b"])) == (("a", "b"), False)


@pytest.mark.parametrize("ordered", [False, True])
def test_categories_keep_their_order_and_lose_the_unused(ordered: bool) -> None:
    categories = ["z", "lo", "hi", "mid"]
    texts = ["hi", "lo", "mid"]
    assert levels(pd.Categorical(texts, categories, ordered)) == (("lo", "hi", "mid"), ordered)
    assert levels(pl.Series(texts, dtype=pl.Enum(categories)))[0] == ("lo", "hi", "mid")
    assert levels(pl.Series(texts, dtype=pl.Categorical))[0] == ("hi", "lo", "mid")
    arrow = pa.DictionaryArray.from_arrays([2, 1, 3], categories, ordered=ordered)
    assert levels(pa.chunked_array([arrow])) == (("lo", "hi", "mid"), ordered)


@pytest.mark.parametrize(
    "column",
    [
        np.array([1, 2, 4], dtype=np.float16),
        np.array([1, 2, 4], dtype=np.uint8),
        np.ma.masked_array([1, 2, 4]),
        range(1, 4),
        [Decimal(1), Decimal(2), Decimal(4)],
        pd.array([1, 2, 4], dtype="Int64"),
        pl.Series([1, 2, 4], dtype=pl.Int8),
        pa.chunked_array([[1, 2], [4]]),
    ],
)
def test_numbers_come_in_many_kinds(column: Any) -> None:  # noqa: ANN401
    frame = frame_of("y ~ x", {"y": [1.0, 2.0, 3.0], "x": column})
    expected = [1, 2, 3] if isinstance(column, range) else [1, 2, 4]
    assert_allclose(fixed_design(frame, frame.formulas[0]).matrix[:, 1], expected)


def test_column_names_need_not_be_texts() -> None:
    data = pd.DataFrame([[1.0, 2.0], [2.0, 5.0]], columns=[0, 1])
    frame = frame_of("`0` ~ `1`", data)
    assert fixed_design(frame, frame.formulas[0]).names == ("(Intercept)", "`1`")


def test_levels_of_dropped_rows_are_dropped() -> None:
    factor = frame_of("y ~ f", COLUMNS | {"y": [1, 2, 3, 4, 5, None]}).variables["f"]
    assert isinstance(factor, Factor)
    assert factor.levels == ("a", "b")


def test_missing_groups_weights_and_offsets_drop_their_rows() -> None:
    data = {"y": np.arange(5.0), "g": ["a", None, "b", "a", "b"], "w": [1, 1, np.nan, 1, 0]}
    frame = frame_of("y ~ 1 + (1 | g)", data, weights="w", offset=[0, 0, 0, np.nan, 1])
    assert dict(frame.missing) == {"g": 1, "w": 1, "offset": 1}
    assert (frame.rows.tolist(), frame.n_zero_weight, frame.n_dropped) == ([0], 1, 4)


def test_weights_and_offsets_are_columns_expressions_or_values() -> None:
    data = {"y": np.arange(4.0), "effort": [1.0, 2.0, 4.0, 8.0], "log(effort)": [0.0] * 4}
    for given in ("effort", [1, 2, 4, 8], pd.Series([1.0, 2, 4, 8]), "effort * 1"):
        frame = frame_of("y ~ 1 + offset(effort)", data, weights=given, offset=given)
        assert frame.weights is not None
        assert_allclose(frame.weights, data["effort"])
        assert_allclose(frame.offsets[0], 2 * np.array(data["effort"]))
    assert_allclose(frame_of("y ~ 1", data, offset="log2(effort)").offsets[0], [0, 1, 2, 3])
    assert_allclose(frame_of("y ~ 1", data, offset="log(effort)").offsets[0], 0.0)


def test_each_formula_has_its_own_offset() -> None:
    both = (parse_formula("y ~ x + offset(g)"), parse_formula("y ~ 1 + offset(log(g))"))
    frame = model_frame(both, COLUMNS, offset="g")
    assert_allclose(frame.offsets[0], [20, 4, 4, 4])
    assert_allclose(frame.offsets[1], np.log([10, 2, 2, 2]))


COUNTS = {
    "s": [1, 0, 3],
    "n": [4, 2, 3],
    "p": [0.25, 0.0, 1.0],
    "yes": ["n", "y", "n"],
    "hit": [True, False, True],
    "zero": [0, 1, 0],
    "three": ["a", "b", "c"],
    "big": [5, 0, 3],
    "none": [4, 0, 3],
}


@pytest.mark.parametrize(
    ("left", "weights", "successes", "trials"),
    [
        ("cbind(s, n - s)", None, [1, 0, 3], [4, 2, 3]),
        ("s/n", None, [1, 0, 3], [4, 2, 3]),
        ("s/n", "n", [1, 0, 3], [4, 2, 3]),
        ("p", "n", [1, 0, 3], [4, 2, 3]),
        ("zero", None, [0, 1, 0], [1, 1, 1]),
        ("hit", None, [1, 0, 1], [1, 1, 1]),
        ("yes", None, [0, 1, 0], [1, 1, 1]),
        ("factor(zero)", None, [0, 1, 0], [1, 1, 1]),
        ("I(three == 'b')", None, [0, 1, 0], [1, 1, 1]),
    ],
)
def test_binary_responses_are_successes_out_of_trials(
    left: str, weights: str | None, successes: list[int], trials: list[int]
) -> None:
    response = response_of(f"{left} ~ 1", COUNTS, weights=weights)
    assert response.y.tolist() == successes
    assert response.trials.tolist() == trials
    assert response.weights.tolist() == [1, 1, 1]


def test_the_second_of_two_levels_is_success() -> None:
    assert response_of("yes ~ 1", COUNTS).events == ("n", "y")


def test_weights_of_counted_successes_multiply() -> None:
    response = response_of("cbind(s, n - s) ~ 1", COUNTS, weights=[1, 2, 3])
    assert response.trials.tolist() == [4, 2, 3]
    assert response.weights.tolist() == [1, 2, 3]


def test_a_ratio_is_just_a_number_for_other_families() -> None:
    assert_allclose(response_of("s/n ~ 1", COUNTS, binary=False).y, [0.25, 0, 1])
    assert_allclose(response_of("hit ~ 1", COUNTS, binary=False).y, [1, 0, 1])


WIDE = COLUMNS | {f"x{j}": [1.0] * 6 for j in range(40)}
BAD = [
    ("y ~ lat", COLUMNS, {}, DataError, "no column 'lat'.*Did you mean 'late'"),
    ("y ~ x + (1 | gg)", COLUMNS, {}, DataError, "Did you mean 'g'"),
    ("y ~ x", COLUMNS, {"weights": "gg"}, DataError, "Did you mean 'g'"),
    ("y ~ x", COLUMNS, {"weights": [1, 2]}, DataError, "weights has 2 values.*6 rows"),
    ("y ~ x", COLUMNS, {"weights": "f"}, DataError, "'f' holds levels"),
    ("y ~ x", COLUMNS, {"weights": ["a"] * 6}, DataError, "weights must be numbers"),
    ("y ~ x", COLUMNS, {"weights": "-g"}, DataError, "negative value .-10 in row 0"),
    ("y ~ x", COLUMNS, {"weights": "0 * g"}, DataError, "all zero"),
    ("y ~ x", COLUMNS, {"weights": "log(g - 2)"}, DataError, "not a finite number"),
    ("y ~ x", COLUMNS, {"weights": [np.inf] * 6}, DataError, "infinite value in row 0"),
    ("y ~ x", COLUMNS, {"offset": 3.0}, DataError, "offset has 1 values"),
    ("y ~ x", COLUMNS, {"contrasts": "summ"}, ModelError, "Did you mean 'sum'"),
    ("y ~ x", COLUMNS, {"contrasts": {"ff": "sum"}}, DataError, "Did you mean 'f'|'ff'"),
    ("f ~ x", COLUMNS, {}, DataError, "response 'f' holds levels.*needs numbers"),
    ("y ~ x", {"y": [1.0, np.inf], "x": [1, 2]}, {}, DataError, "'y' has an infinite.*row 1"),
    ("y ~ x", {"y": [1.0, None], "x": [None, 2]}, {}, DataError, "y: 1, x: 1"),
    ("y ~ x", {"y": [], "x": []}, {}, DataError, "no rows"),
    ("y ~ x", pd.DataFrame(COLUMNS).iloc[:0], {}, DataError, "no rows"),
    ("y ~ x", {"y": [1], "x": [1, 2]}, {}, DataError, "differ in length"),
    ("y ~ x", {"y": 1, "x": [1, 2]}, {}, DataError, "single value"),
    ("y ~ x", {"y": [[1, 2], [3, 4]], "x": [1, 2]}, {}, DataError, "'y'"),
    ("y ~ x", {"y": [1, 2], "x": ["a", 3]}, {}, DataError, "'x' mixes texts"),
    ("y ~ x", {"y": [1, 2], "x": [{}, {}]}, {}, DataError, "'x' holds values of type dict"),
    ("y ~ x", pd.DataFrame([[1, 2, 3]], columns=["y", "x", "x"]), {}, DataError, "one name"),
    ("y ~ x", {"y": [1, 2], "x": [None, None]}, {}, DataError, "No row.*x: 2"),
    ("y ~ x", pl.DataFrame({"y": [1, 2], "x": [None, None]}), {}, DataError, "No row.*x: 2"),
    ("y ~ x", pl.DataFrame({"y": [1, 2], "x": [[1], [2]]}), {}, DataError, "'x' holds List"),
    ("y ~ x", {"y": [1, 2], "x": [1j, 2j]}, {}, DataError, "'x' holds values of type complex"),
    ("y ~ x", 3, {}, DataError, "type int.*not a table"),
    ("y ~ log(x)", {"y": [1, 2], "x": [0, 3]}, {}, DataError, "log.x. is not a finite.*x = 0"),
    ("log(y) ~ x", {"y": [-1, 2], "x": [0, 3]}, {}, DataError, "log.y. is not a finite"),
    ("y ~ logg(x)", COLUMNS, {}, FormulaError, "no function logg.*Did you mean 'log'"),
    ("y ~ log(f)", COLUMNS, {}, DataError, "'f' holds levels"),
    ("y ~ poly(x, 9)", COLUMNS, {}, DataError, "more than 9 distinct values"),
    ("y ~ poly(x, 1.5)", COLUMNS, {}, FormulaError, "whole number"),
    ("y ~ poly(x, -2)", COLUMNS, {}, FormulaError, "whole number"),
    ("y ~ poly(x, z)", COLUMNS | {"z": [2] * 6}, {}, FormulaError, "whole number"),
    ("y ~ poly(x, deg = 2)", COLUMNS, {}, FormulaError, "does not take 'deg'.*x, degree, raw"),
    ("y ~ scale(x, 1, 2, 3)", COLUMNS, {}, FormulaError, "does not take 4 arguments"),
    ("y ~ factor(levels = 'a')", COLUMNS, {}, FormulaError, "needs a column"),
    ("y ~ log()", COLUMNS, {}, FormulaError, "takes one expression"),
    ("y ~ log(x, bas = 2)", COLUMNS, {}, FormulaError, "takes one expression"),
    ("y ~ scale(one)", COLUMNS | {"one": [1] * 6}, {}, DataError, "does not vary"),
    ("y ~ one", COLUMNS | {"one": ["a"] * 6}, {}, DataError, "'one' has only one level"),
    ("y ~ C(f, contr.foo)", COLUMNS, {}, ModelError, "no contrasts called 'contr.foo'"),
    ("y ~ C(f, Treatment('q'))", COLUMNS, {}, ModelError, "no level 'q'"),
    ("y ~ relevel(f, 'q')", COLUMNS, {}, FormulaError, "no level 'q'"),
    ("y ~ factor(f, levels = c('a', 'b'))", COLUMNS, {}, FormulaError, "level 'c' is not"),
    ("y ~ 2 + x", COLUMNS, {}, FormulaError, "1 or 0"),
    ("y ~ x^9999", COLUMNS, {}, FormulaError, "exponent"),
    (
        "y ~ " + "*".join(f"x{j}" for j in range(40)),
        WIDE,
        {},
        FormulaError,
        "thousands of terms",
    ),
    ("y ~ x:-x", COLUMNS, {}, FormulaError, "product"),
    ("y ~ 'x'", COLUMNS, {}, FormulaError, "not arithmetic"),
]


@pytest.mark.parametrize(("text", "data", "options", "kind", "words"), BAD)
def test_bad_input_is_named(
    text: str, data: object, options: dict[str, Any], kind: type[HendersonError], words: str
) -> None:
    def design() -> None:
        frame = frame_of(text, data, **options)
        fixed_design(frame, frame.formulas[0])

    with pytest.raises(kind, match=f"(?s){words}"):
        design()


BAD_BINARY = [
    ("cbind(s, s - n) ~ 1", "s - n is negative"),
    ("big/n ~ 1", "big is 5 where n is only 4"),
    ("s/none ~ 1", "number of trials, is 0"),
    ("three ~ 1", "has 3 levels"),
]


@pytest.mark.parametrize(("text", "words"), BAD_BINARY)
def test_impossible_successes_are_named(text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        response_of(text, COUNTS)


def test_counted_successes_need_a_binary_family() -> None:
    with pytest.raises(DataError, match='Give family="binomial"'):
        response_of("cbind(s, n) ~ 1", COUNTS, binary=False)


def test_an_unknown_column_is_shown_in_the_formula() -> None:
    with pytest.raises(DataError) as caught:
        frame_of("y ~ x + effort")
    shown, carets = str(caught.value).splitlines()[2:4]
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "effort"
