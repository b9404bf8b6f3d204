"""The fitted design over other rows."""

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from henderson.design import (
    FixedDesign,
    ModelFrame,
    RandomDesign,
    fixed_design,
    model_frame,
    new_design,
    random_design,
)
from henderson.errors import DataError
from henderson.formula import Formula, parse_formula


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    n = 60
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "n": rng.integers(1, 9, n),
            "f": rng.choice(["u", "v", "w"], n),
            "o": pd.Categorical(rng.choice(["lo", "mid", "hi"], n), ["lo", "mid", "hi"], True),
            "day": rng.integers(0, 4, n) / 10,
            "g": rng.integers(300, 309, n),
            "h": rng.choice(["r1", "r2", "r3"], n),
            "row": rng.integers(1, 4, n),
            "col": rng.integers(1, 3, n),
        }
    )


def designs(
    text: str,
    data: object,
    **options: Any,  # noqa: ANN401
) -> tuple[ModelFrame, Formula, FixedDesign, list[RandomDesign]]:
    formula = parse_formula(text)
    frame = model_frame(formula, data, **options)
    random = [random_design(frame, formula, term) for term in formula.random]
    return frame, formula, fixed_design(frame, formula), random


FORMULAS = [
    "y ~ x * f + (1 | g)",
    "y ~ poly(x, 2) + scale(n) + (poly(x, 2) | g)",
    "y ~ f * o + offset(log(n)) + (f | h/g)",
    "y ~ factor(day) + I(x - mean(x)) + (0 + factor(day) | g) + (0 + f | h:g)",
    "y ~ I(x > 0) + I(x^2) + relevel(f, 'v') + ar1(0 + o | factor(g))",
    "y ~ f:day + exp(0 + numFactor(row, col) | h)",
    "y ~ x + offset(n / mean(n)) + (1 | I(x > mean(x)):h)",
    "y ~ 0 + f + f:o + f:o:x + (x || g)",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_the_data_fitted_give_the_fitted_design(text: str, table: pd.DataFrame) -> None:
    frame, formula, fixed, random = designs(text, table)
    again = new_design(frame, formula, fixed, random, table)
    assert_allclose(again.matrix, fixed.matrix)
    assert_allclose(again.offset, frame.offsets[0])
    for new, old in zip(again.random, random, strict=True):
        assert_array_equal(new.codes, old.codes)
        assert_allclose(new.values, old.values)
        assert (new.columns is None) == (old.columns is None)
        if new.columns is not None and old.columns is not None:
            assert_array_equal(new.columns, old.columns)


@pytest.mark.parametrize("text", FORMULAS)
def test_one_row_has_its_row_of_the_fitted_design(text: str, table: pd.DataFrame) -> None:
    frame, formula, fixed, random = designs(text, table)
    for row in (0, 17):
        one = new_design(frame, formula, fixed, random, table.iloc[[row]])
        assert_allclose(one.matrix[0], fixed.matrix[row])
        assert [new.codes[0] for new in one.random] == [old.codes[row] for old in random]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_copies_build_the_same_design(again: Any, table: pd.DataFrame) -> None:  # noqa: ANN401
    parts = designs(FORMULAS[3], pl.from_pandas(table))
    frame, formula, fixed, random = again(parts)
    new = new_design(frame, formula, fixed, random, table)
    assert_allclose(new.matrix, parts[2].matrix)
    assert isinstance(frame.table({"a": [1.0]}), pl.DataFrame)
    assert random[0].levels == parts[3][0].levels


def test_a_new_group_has_code_minus_one(table: pd.DataFrame) -> None:
    frame, formula, fixed, random = designs("y ~ x + (1 | h/g)", table)
    first = table.iloc[[0]]
    new = {"x": [1.0] * 4, "h": [first.h.iloc[0], "r9", None, first.h.iloc[0]]}
    new["g"] = [first.g.iloc[0], first.g.iloc[0], first.g.iloc[0], 999]
    outer, inner = new_design(frame, formula, fixed, random, new).random
    assert outer.codes.tolist() == [random[0].codes[0], -1, -1, random[0].codes[0]]
    assert inner.codes.tolist() == [random[1].codes[0], -1, -1, -1]


def test_a_missing_value_gives_a_row_of_nan(table: pd.DataFrame) -> None:
    frame, formula, fixed, _ = designs("y ~ x + f + offset(day) + (1 | g)", table)
    new = {"x": [1.0, np.nan, 2.0], "f": ["u", "v", None], "day": [0.1, 0.2, np.nan]}
    made = new_design(frame, formula, fixed, [], new)
    assert np.isfinite(made.matrix[0]).all()
    assert np.isnan(made.matrix[1:]).all()
    assert_array_equal(np.isnan(made.offset), [False, False, True])


def test_population_predictions_need_no_groups(table: pd.DataFrame) -> None:
    frame, formula, fixed, random = designs("y ~ x + (1 | g)", table)
    assert new_design(frame, formula, fixed, [], {"x": [1.0]}).matrix.tolist() == [[1.0, 1.0]]
    with pytest.raises(DataError, match="no column 'g'"):
        new_design(frame, formula, fixed, random, {"x": [1.0]})


def test_an_unknown_level_of_a_fixed_factor_is_named(table: pd.DataFrame) -> None:
    frame, formula, fixed, _ = designs("y ~ f", table)
    with pytest.raises(DataError, match=r"'f' has a level 'q'.*Known levels: 'u', 'v', 'w'"):
        new_design(frame, formula, fixed, [], {"f": ["u", "q"]})


def test_levels_match_whatever_the_type_of_the_new_column(table: pd.DataFrame) -> None:
    frame, formula, fixed, random = designs("y ~ factor(n) + (1 | g)", table)
    texts = table.assign(g=table.g.astype(str), n=table.n.astype(float))
    again = new_design(frame, formula, fixed, random, texts)
    assert_allclose(again.matrix, fixed.matrix)
    assert_array_equal(again.random[0].codes, random[0].codes)


def test_dropped_columns_stay_dropped(table: pd.DataFrame) -> None:
    data = table.assign(twice=2 * table.x)
    frame, formula, fixed, _ = designs("y ~ x + twice + f", data)
    assert fixed.dropped == ("twice",)
    assert_allclose(new_design(frame, formula, fixed, [], data).matrix, fixed.matrix)


def test_the_offset_argument_is_evaluated_again(table: pd.DataFrame) -> None:
    frame, formula, fixed, _ = designs("y ~ x", table, offset="log(n)")
    new = new_design(frame, formula, fixed, [], {"x": [0.0, 0.0], "n": [1, 2]})
    assert_allclose(new.offset, np.log([1, 2]))
    other = new_design(frame, formula, fixed, [], {"x": [0.0, 0.0]}, offset=[3.0, 4.0])
    assert_allclose(other.offset, [3.0, 4.0])


def test_offsets_use_what_they_learned(table: pd.DataFrame) -> None:
    frame, formula, fixed, _ = designs(
        "y ~ x + offset(n - mean(n))", table, offset="max(n) - n"
    )
    new = new_design(frame, formula, fixed, [], {"x": [0.0], "n": [2]})
    assert_allclose(new.offset, 2 - table.n.mean() + table.n.max() - 2)


def test_an_offset_given_as_values_is_asked_for_again(table: pd.DataFrame) -> None:
    frame, formula, fixed, _ = designs("y ~ x", table, offset=np.log(table.n))
    with pytest.raises(DataError, match="Pass offset="):
        new_design(frame, formula, fixed, [], {"x": [0.0]})
