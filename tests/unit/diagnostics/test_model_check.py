"""`check` says what is wrong, and only that."""

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

import henderson as hd
from henderson.diagnostics import ModelCheck
from henderson.diagnostics.collinearity import inflation


def counts(zeros: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    g = np.repeat(np.arange(30), 10)
    x = rng.normal(size=g.size)
    y = rng.poisson(np.exp(0.8 + 0.4 * x + 0.3 * rng.normal(size=30)[g])).astype(float)
    y[rng.random(g.size) < zeros] = 0.0
    return pd.DataFrame({"y": y, "x": x, "g": g.astype(str)})


def problems(check: ModelCheck) -> set[str]:
    return {each.topic for each in check.findings if each.verdict == "problem"}


def test_a_right_model_has_no_problems() -> None:
    model = hd.fit("y ~ x + (1 | g)", counts(), family="poisson")
    found = model.check(rng=1)
    assert found.good
    assert problems(found) == set()


def test_zeros_that_are_not_of_the_counts_are_named_with_a_remedy() -> None:
    model = hd.fit("y ~ x + (1 | g)", counts(0.4), family="poisson")
    found = model.check(rng=1)
    assert {"overdispersion", "simulated zero inflation"} <= problems(found)
    assert 'zero_inflation="~ 1"' in repr(found)


def test_where_the_response_varies_too_little_no_more_dispersion_is_advised() -> None:
    severity = hd.datasets.load("severity")
    model = hd.fit("severity ~ fungicide + (1 | block)", severity, family="gamma")
    found = model.check(rng=1)
    assert "simulated dispersion" in problems(found)
    assert "such as compois for counts or beta for shares" in repr(found)
    assert "nbinom2" not in repr(found)


def test_too_few_zeros_are_no_reason_for_zero_inflation() -> None:
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"y": 1.0 + rng.poisson(0.8, 200), "x": rng.normal(size=200)})
    found = hd.fit("y ~ x", data, family="poisson").check(rng=1)
    assert "simulated zero inflation" in problems(found)
    assert "There are too few zeros" in repr(found)
    assert "zero_inflation=" not in repr(found)


def test_boundaries_few_levels_and_missing_rows_are_notes() -> None:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"g": list("abcd") * 12, "x": np.arange(48.0), "y": 0.0})
    e = rng.normal(size=(12, 4))
    data["y"] = (e - e.mean(axis=0)).ravel()  # the levels have the same mean
    data.loc[3, "x"] = np.nan
    data.loc[3, "y"] = np.nan
    found = hd.fit("y ~ x + (1 | g)", data).check(n=0)
    notes = {each.topic for each in found.findings if each.verdict == "note"}
    assert {"boundary", "levels", "missing"} <= notes
    assert found.good


def test_two_covariates_that_say_the_same_are_a_problem() -> None:
    data = counts()
    data["z"] = data["x"] + 0.01 * np.random.default_rng(1).normal(size=len(data))
    found = hd.fit("y ~ x + z + (1 | g)", data, family="poisson").check(n=0)
    assert "collinearity" in problems(found)


def test_an_interaction_is_not_collinear_with_what_it_is_of() -> None:
    data = counts()
    data["x"] += 20.0  # far from its origin
    data["f"] = np.where(np.arange(len(data)) % 11 == 0, "rare", "usual")
    model = hd.fit("y ~ x * f + (1 | g)", data, family="poisson")
    assert hd.vif(model)["se_factor"].max() > 3.0
    assert "collinearity" not in problems(model.check(n=0))
    data["z"] = data["x"] + 0.01 * np.random.default_rng(1).normal(size=len(data))
    same = hd.fit("y ~ x * f + z + (1 | g)", data, family="poisson").check(n=0)
    assert "collinearity" in problems(same)


def test_the_inflation_of_a_main_effect_is_that_of_the_model_of_main_effects() -> None:
    data = counts()
    data["y"] = data["x"] + np.random.default_rng(1).normal(size=len(data))
    data["f"] = np.where(data["x"] + np.sin(np.arange(len(data))) > 0.3, "b", "a")
    names, _, factors = inflation(hd.fit("y ~ x * f", data).estimates, marginal=True)
    main = hd.vif(hd.fit("y ~ x + f", data))
    assert names == ["x", "f", "x:f"]
    assert_allclose(factors, [*main["gvif"], 1.0], rtol=1e-6)


def test_a_group_that_moves_everything_is_a_problem() -> None:
    data = counts()
    data["y"] = data["x"] + np.random.default_rng(1).normal(size=len(data))
    last = data["g"] == "29"
    data.loc[last, "x"] += 8.0
    data.loc[last, "y"] -= 2.0 * data.loc[last, "x"]
    found = hd.fit("y ~ x + (1 | g)", data).check(n=0)
    assert "influence" in problems(found)
    assert "29" in next(f.sentence for f in found.findings if f.topic == "influence")


def test_the_table_has_the_findings() -> None:
    found = hd.fit("y ~ x + (1 | g)", counts(), family="poisson").check(n=0)
    table = found.table()
    assert table.columns.tolist() == ["topic", "verdict", "sentence", "advice"]
    assert len(table) == len(found.findings)


def test_binary_responses_have_no_pearson_dispersion() -> None:
    data = counts()
    data["y"] = (data["y"] > 2).astype(float)
    found = hd.fit("y ~ x + (1 | g)", data, family="binomial").check(n=0)
    assert "overdispersion" not in {each.topic for each in found.findings}
