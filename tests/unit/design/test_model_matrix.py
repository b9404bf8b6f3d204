"""X against R's model.matrix: expected values in r_model_matrices/, with the R code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from henderson.design import FixedDesign, fixed_design, model_frame
from henderson.design.rank import independent_columns
from henderson.formula import parse_formula, parse_one_sided

FROM_R = json.loads(
    (Path(__file__).parent / "r_model_matrices/model_matrices.json").read_text()
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    data = pd.DataFrame(FROM_R["data"])
    data["o"] = pd.Categorical(data["o"], FROM_R["levels"]["o"], ordered=True)
    return data


def design_of(text: str, data: object, **options: Any) -> FixedDesign:  # noqa: ANN401
    formula = parse_one_sided(text) if text.startswith("~") else parse_formula(text)
    return fixed_design(model_frame(formula, data, **options), formula)


@pytest.mark.parametrize(
    "case", FROM_R["designs"], ids=lambda case: f"{case['formula']} {case['contrasts']}"
)
def test_columns_are_those_of_r(case: dict[str, Any], table: pd.DataFrame) -> None:
    design = design_of(case["formula"], table, contrasts=case["contrasts"])
    assert list(design.names) == case["kept"]
    assert set(design.dropped) == set(case["names"]) - set(case["kept"])
    columns = dict(zip(case["names"], case["columns"], strict=True))
    expected = np.array([columns[name] for name in case["kept"]]).T
    assert_allclose(design.matrix, expected, rtol=1e-10, atol=1e-10)
    assert design.matrix.flags.c_contiguous


def test_every_column_belongs_to_a_term(table: pd.DataFrame) -> None:
    design = design_of("~ a * x + b", table)
    assert design.terms == ("(Intercept)", "a", "x", "b", "a:x")
    assert design.assign.tolist() == [0, 1, 1, 2, 3, 4, 4]
    assert design_of("~ 0 + a", table).terms == ("a",)


def test_no_fixed_effects_give_no_columns(table: pd.DataFrame) -> None:
    assert design_of("~ 0", table).matrix.shape == (10, 0)


def test_contrasts_can_be_named_for_one_factor(table: pd.DataFrame) -> None:
    design = design_of("~ a + b", table, contrasts={"a": "sum"})
    assert design.names == ("(Intercept)", "a1", "a2", "bq")


def test_contrasts_for_all_factors_leave_ordered_ones_polynomial(table: pd.DataFrame) -> None:
    assert design_of("~ o", table, contrasts="sum").names[1] == "o.L"
    assert design_of("~ o", table, contrasts={"o": "sum"}).names[1] == "o1"


def test_treatment_contrasts_take_a_reference_level_by_name_or_number(
    table: pd.DataFrame,
) -> None:
    named = design_of('~ C(a, Treatment("v"))', table)
    numbered = design_of("~ C(a, contr.treatment, base = 2)", table)
    keyed = design_of('~ C(a, contr.treatment(base = "v"))', table)
    assert named.names[1:] == ('C(a, Treatment("v"))u', 'C(a, Treatment("v"))w')
    assert_allclose(named.matrix, numbered.matrix)
    assert_allclose(named.matrix, keyed.matrix)


def test_scale_takes_the_numbers_to_use(table: pd.DataFrame) -> None:
    design = design_of(
        "~ scale(x, center = 3, scale = 2) + I(x > 2 & x < 7) + I(!(x > 2))", table
    )
    assert design.names[2:] == ("I(x > 2 & x < 7)TRUE", "I(!(x > 2))TRUE")
    assert_allclose(design.matrix[:, 1], (table.x - 3) / 2)
    assert_allclose(design.matrix[:, 2], (table.x > 2) & (table.x < 7))


def test_levels_of_numbers_print_as_in_r() -> None:
    data = {"nf": [0.1 + 0.1, 1.0, 0.1 + 0.2, 1.0]}
    assert design_of("~ 0 + factor(nf)", data).names == (
        "factor(nf)0.2",
        "factor(nf)0.3",
        "factor(nf)1",
    )


def test_unused_levels_leave_with_their_rows(table: pd.DataFrame) -> None:
    data = table.assign(y=[1.0, 2, np.nan, 4, 5, np.nan, 7, 8, np.nan, 10])
    data["a"] = pd.Categorical(data["a"], ["z", "w", "u", "v"])
    assert design_of("y ~ a", data).names == ("(Intercept)", "av")


def test_nearly_collinear_columns_stay() -> None:
    year = np.arange(1990.0, 2020.0)
    design = design_of("~ year + I(year^2)", {"year": year})
    assert design.dropped == ()


def test_a_dependent_column_leaves_and_later_ones_stay() -> None:
    rng = np.random.default_rng(1)
    data = {name: rng.normal(size=40) for name in "abcd"}
    data["c"] = data["a"] - 2 * data["b"]
    data["zero"] = np.zeros(40)
    design = design_of("~ a + b + zero + c + d", data)
    assert design.dropped == ("zero", "c")
    assert design.names == ("(Intercept)", "a", "b", "d")


@pytest.mark.parametrize("noise", [0.0, 1e-12, 1e-9, 1e-5, 1e-3])
def test_a_column_leaves_where_its_residual_is_below_the_tolerance_of_r(noise: float) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(50, 3)) * [1.0, 1e6, 1e-6]
    x = np.column_stack([x, x[:, 0] + 1e-6 * x[:, 1] + noise * rng.normal(size=50)])
    x = np.column_stack([x, rng.normal(size=50)])
    assert independent_columns(x).tolist() == [True, True, True, noise > 1e-7, True]


def test_more_columns_than_rows_keep_as_many_as_rows() -> None:
    rng = np.random.default_rng(1)
    data = {f"x{j}": rng.normal(size=5) for j in range(9)}
    design = design_of("~ " + " + ".join(data), data)
    assert design.matrix.shape == (5, 5)
    assert len(design.dropped) == 5


def test_a_thousand_terms_are_no_trouble() -> None:
    data = {f"x{j}": np.eye(1, 1200, j)[0] for j in range(1000)}
    assert design_of("~ " + " + ".join(data), data).matrix.shape == (1200, 1001)
