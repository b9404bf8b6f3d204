"""Orders and times of levels: from the call to the sentence that is read."""

import re
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import henderson as hd
from henderson.errors import DataError, FormulaError

WEEKS = [4, 8, 12, 24]


def series(times: list[float], rho: float = 0.8, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    R = rho ** np.abs(np.subtract.outer(times, times))
    table = pd.DataFrame([(i, t) for i in range(60) for t in times], columns=["id", "t"])
    table["y"] = (rng.normal(size=(60, len(times))) @ np.linalg.cholesky(R).T).ravel()
    return table


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    table = series([1, 2, 3, 4])
    table["visit"] = [f"Week {WEEKS[t - 1]}" for t in table["t"]]
    return table


STRUCTURES = ["ar1", "hetar1", "toep", "hettoep", "ad"]


@pytest.mark.parametrize("structure", STRUCTURES)
def test_visits_as_text_are_in_the_order_of_their_numbers(
    visits: pd.DataFrame, structure: str
) -> None:
    ordered = visits.assign(
        visit=pd.Categorical(visits["visit"], [f"Week {w}" for w in WEEKS], ordered=True)
    )
    residual = f"{structure}(visit | id)"
    as_text = hd.fit("y ~ 1", visits, residual=residual)
    in_order = hd.fit("y ~ 1", ordered, residual=residual)
    assert as_text.llf == pytest.approx(in_order.llf, abs=1e-6)
    line = f"Order of visit: Week 4, Week 8, Week 12, Week 24 ({structure})"
    assert line in str(as_text.summary())
    polars = hd.fit("y ~ 1", pl.from_pandas(visits), residual=residual)
    assert polars.llf == pytest.approx(as_text.llf, abs=1e-6)


def test_random_effects_and_polynomials_take_the_same_order(visits: pd.DataFrame) -> None:
    model = hd.fit("y ~ 1 + ar1(0 + visit | id)", visits)
    assert "Order of visit: Week 4, Week 8, Week 12, Week 24 (ar1)" in str(model.summary())
    linear = hd.fit("y ~ visit", visits, contrasts={"visit": "poly"}, method="ML")
    numbers = hd.fit("y ~ poly(t, 3)", visits, method="ML")
    assert linear.params["visit.L"] == pytest.approx(numbers.params["poly(t, 3)1"] / 60**0.5)


@pytest.mark.parametrize(
    ("formula", "arguments"),
    [("y ~ 1", {"residual": f"{structure}(stage | id)"}) for structure in STRUCTURES]
    + [(f"y ~ 1 + {structure}(0 + stage | id)", {}) for structure in ("ar1", "toep", "ad")]
    + [("y ~ stage", {"contrasts": {"stage": "poly"}}), ("y ~ ordered(stage)", {})],
)
def test_texts_without_an_order_are_refused_where_one_is_needed(
    visits: pd.DataFrame, formula: str, arguments: dict[str, Any]
) -> None:
    stages = dict(enumerate(["base", "early", "mid", "late"], 1))
    table = visits.assign(stage=[stages[t] for t in visits["t"]])
    with pytest.raises(DataError, match="alphabet they are base, early, late, mid"):
        hd.fit(formula, table, **arguments)
    table["stage"] = pd.Categorical(table["stage"], list(stages.values()))
    hd.fit(formula, table, **arguments)


def test_a_category_in_the_order_of_the_alphabet_is_refused(visits: pd.DataFrame) -> None:
    table = visits.assign(visit=visits["visit"].astype("category"))
    with pytest.raises(DataError, match="Week 12, Week 24, Week 4"):
        hd.fit("y ~ 1", table, residual="ar1(visit | id)")


@pytest.mark.parametrize("structure", ["ar1", "hetar1", "toep", "homtoep", "ad", "cs", "homcs"])
def test_numbers_are_times_in_random_effects(structure: str) -> None:
    table = series([1, 2, 3, 4, 5], 0.6)
    rest = f"y ~ 1 + {structure}(0 + {{}} | id)"
    number = hd.fit(rest.format("t"), table)
    factor = hd.fit(rest.format("factor(t)"), table)
    assert number.llf == pytest.approx(factor.llf, abs=1e-5)
    assert number.estimates.n_parameters == factor.estimates.n_parameters


def test_a_time_that_nobody_has_is_a_gap_of_two_steps() -> None:
    table = series([1, 2, 4, 5], 0.7, seed=1)
    model = hd.fit("y ~ 1", table, residual="ar1(t | id)", method="ML")
    ou = hd.fit("y ~ 1", table, residual="ou(t | id)", method="ML")
    assert model.llf == pytest.approx(-271.2508921, abs=1e-6)  # corAR1(form = ~ t | id)
    assert model.llf == pytest.approx(ou.llf, abs=1e-6)
    said = "Times of t: 1, 2, 4, 5; one step is 1, 2 and 4 are 2 steps apart (ar1)"
    assert said in str(model.summary())
    effects = hd.fit("y ~ 1 + ar1(0 + t | id)", table, method="ML")
    assert effects.llf == pytest.approx(model.llf, abs=1e-3)
    assert said in str(effects.summary())
    hundred = table.assign(t=table["t"] * 0.1 + 2000.0)
    assert hd.fit("y ~ 1", hundred, residual="ar1(t | id)", method="ML").llf == pytest.approx(
        model.llf, abs=1e-6
    )


def test_correlations_over_gaps_may_be_negative() -> None:
    table = series([1, 2, 4, 5], -0.6)
    model = hd.fit("y ~ 1", table, residual="ar1(t | id)")
    (R,) = {tuple(np.round(model.R.toarray()[:4, :4].ravel(), 8))}
    R = np.array(R).reshape(4, 4) / R[0]
    assert R[0, 1] < -0.4
    assert R[1, 2] == pytest.approx(R[0, 1] ** 2, abs=1e-6)
    assert R[0, 3] == pytest.approx(R[0, 1] ** 4, abs=1e-6)


def test_rows_of_a_grid_that_are_missing_are_gaps() -> None:
    table = series([1, 2, 4, 5], 0.7)
    table["col"] = 1 + table["id"] % 2
    table["field"] = table["id"] // 2
    model = hd.fit("y ~ 1 + (ar1(t):homcs(col) | field)", table)
    assert len(model.estimates.location.terms[0].design.effects) == 10


UNEQUAL = re.compile(r"whole multiples of one step.*1.5.*ou\(t \| id\).*factor\(t\)")


@pytest.mark.parametrize("structure", ["ar1", "hetar1"])
def test_unequal_times_are_pointed_to_ou(structure: str) -> None:
    table = series([0.0, 1.0, 2.5, 7.0])
    with pytest.raises(DataError, match=UNEQUAL):
        hd.fit("y ~ 1", table, residual=f"{structure}(t | id)")
    with pytest.raises(DataError, match=UNEQUAL):
        hd.fit(f"y ~ 1 + {structure}(0 + t | id)", table)
    hd.fit("y ~ 1", table, residual="ou(t | id)")
    hd.fit("y ~ 1", table, residual=f"{structure}(factor(t) | id)")


def test_toeplitz_needs_equal_steps_and_a_slope_beside_times_is_refused() -> None:
    table = series([1, 2, 4, 5])
    with pytest.raises(DataError, match="differences go from 1 to 2"):
        hd.fit("y ~ 1", table, residual="toep(t | id)")
    with pytest.raises(FormulaError, match="without an intercept"):
        hd.fit("y ~ 1 + ar1(t | id)", table)
