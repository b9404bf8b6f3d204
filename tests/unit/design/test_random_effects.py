"""Groups and effect columns of random terms."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from henderson.design import RandomDesign, fixed_design, model_frame, random_design
from henderson.errors import DataError
from henderson.formula import parse_formula

DATA = {
    "y": np.arange(8.0),
    "x": np.array([1.0, 2, 3, 4, 5, 6, 7, 8]),
    "block": ["I", "I", "II", "II", "I", "I", "II", "II"],
    "plot": [1, 2, 1, 2, 1, 2, 1, 3],
    "id": [30.0, 4.0, 4.0, 30.0, 100.0, 4.0, 30.0, 100.0],
    "day": ["d1", "d2", "d3", "d1", "d2", "d3", "d1", "d2"],
    "arm": ["a", "b", "a", "b", "a", "b", "a", "b"],
    "one": ["all"] * 8,
}


def terms_of(text: str, data: object = DATA, **options: Any) -> list[RandomDesign]:  # noqa: ANN401
    formula = parse_formula(text)
    frame = model_frame(formula, data, **options)
    return [random_design(frame, formula, term) for term in formula.random]


def test_numbers_are_levels_in_numeric_order() -> None:
    (term,) = terms_of("y ~ 1 + (1 | id)")
    assert term.levels == ("4", "30", "100")
    assert term.codes.tolist() == [1, 0, 0, 1, 2, 0, 1, 2]
    assert term.codes.dtype == np.int32
    assert term.level_values[0].tolist() == [4.0, 30.0, 100.0]


def test_nested_groups_are_the_combinations_that_occur() -> None:
    outer, inner = terms_of("y ~ 1 + (1 | block/plot)")
    assert (outer.group, inner.group) == ("block", "block:plot")
    assert inner.levels == ("I:1", "I:2", "II:1", "II:2", "II:3")
    assert inner.codes.tolist() == [0, 1, 2, 3, 0, 1, 2, 4]
    assert [values.tolist() for values in inner.level_values] == [
        ["I", "I", "II", "II", "II"],
        [1, 2, 1, 2, 3],
    ]


def test_intercepts_are_a_column_of_ones() -> None:
    (term,) = terms_of("y ~ 1 + (1 | block)")
    assert term.effects == ("(Intercept)",)
    assert term.columns is None
    assert_array_equal(term.values, np.ones((8, 1)))


def test_slopes_come_with_an_intercept_unless_removed() -> None:
    both, alone = terms_of("y ~ 1 + (x | id) + (0 + x | id)")
    assert both.effects == ("(Intercept)", "x")
    assert alone.effects == ("x",)
    assert_array_equal(both.values, np.column_stack([np.ones(8), DATA["x"]]))


@pytest.mark.parametrize("effects", ["0 + day", "day - 1", "0 + factor(id)"])
def test_indicators_of_many_levels_are_stored_by_column(effects: str) -> None:
    (term,) = terms_of(f"y ~ 1 + ({effects} | block)")
    assert term.n_effects == 3
    assert term.columns is not None
    assert_array_equal(term.values, np.ones((8, 1)))
    whole = np.zeros((8, 3))
    whole[np.arange(8), term.columns[:, 0]] = 1.0
    formula = parse_formula(f"y ~ {effects}")
    dense = fixed_design(model_frame(formula, DATA), formula)
    assert term.effects == dense.names
    assert_array_equal(whole, dense.matrix)


def test_other_effects_are_dense() -> None:
    two, crossed, poly = terms_of(
        "y ~ 1 + (0 + arm | block) + (arm * x | id) + (poly(x, 2) | id)"
    )
    assert two.columns is None
    assert two.effects == ("arma", "armb")
    assert crossed.effects == ("(Intercept)", "armb", "x", "armb:x")
    assert poly.effects == ("(Intercept)", "poly(x, 2)1", "poly(x, 2)2")


def test_contrasts_reach_the_random_effects() -> None:
    (term,) = terms_of("y ~ 1 + (arm | id)", contrasts="sum")
    assert term.effects == ("(Intercept)", "arm1")


def test_places_are_levels() -> None:
    (term,) = terms_of("y ~ 1 + exp(0 + numFactor(plot, x) | one)")
    assert term.effects[:3] == (
        "numFactor(plot, x)(1,1)",
        "numFactor(plot, x)(2,2)",
        "numFactor(plot, x)(1,3)",
    )
    assert term.columns is not None
    assert term.columns[:, 0].tolist() == list(range(8))


def test_a_grouping_factor_with_one_level_is_named() -> None:
    with pytest.raises(
        DataError, match="'one' of \\(1 \\| one\\) has only one level \\('all'\\)"
    ):
        terms_of("y ~ 1 + (1 | one)")


def test_effects_must_leave_a_column() -> None:
    with pytest.raises(DataError, match="has no effects"):
        terms_of("y ~ 1 + (x - x - 1 | id)")


def test_interaction_levels_match_a_pandas_grouping() -> None:
    rng = np.random.default_rng(3)
    data = pd.DataFrame(
        {
            "y": rng.normal(size=500),
            "a": rng.integers(-5, 5, 500) * 1_000_000_007,
            "b": rng.choice(["x", "yy", "z"], 500),
            "c": rng.integers(0, 20, 500) / 8,
        }
    )
    (term,) = terms_of("y ~ 1 + (1 | a:b:c)", data)
    assert_array_equal(term.codes, data.groupby(["a", "b", "c"]).ngroup())
    assert_allclose(
        term.level_values[2], [float(v) for v in [lv.split(":")[2] for lv in term.levels]]
    )
