"""Reference grids, weights, nesting, offsets and what cannot be estimated."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.errors import DataError, ModelError
from henderson.marginal_means import emmeans, emtrends
from henderson.marginal_means.reference_grid import reference_grid


def table(n: int = 60, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    data = {
        "a": np.array(["x", "y", "z"])[rng.integers(0, 3, n)],
        "b": np.array(["p", "q"])[rng.integers(0, 2, n)],
        "u": rng.normal(size=n) + 3.0,
        "two": rng.integers(0, 2, n).astype(float),
        "effort": rng.uniform(1.0, 4.0, n),
        "g": rng.integers(0, 8, n).astype(str),
    }
    level = {"x": 0.0, "y": 1.0, "z": 2.5}
    data["y"] = np.array([level[v] for v in data["a"]]) + 0.5 * data["u"] + rng.normal(size=n)
    data["count"] = rng.poisson(np.exp(0.3 + np.log(data["effort"])))
    return data


def fit(formula: str, data: Any = None, **options: Any) -> hd.FittedModel:  # noqa: ANN401
    return hd.fit(formula, table() if data is None else data, **options)


def test_means_are_predictions_averaged_over_the_grid() -> None:
    data = table()
    model = fit("y ~ a * b + u + (1 | g)", data)
    new = {
        "a": list("xyz") * 2,
        "b": ["p"] * 3 + ["q"] * 3,
        "u": [float(np.mean(data["u"]))] * 6,
    }
    predicted = model.predict(new, random=False).reshape(2, 3)
    assert_allclose(emmeans(model, "a").estimate, predicted.mean(axis=0), rtol=1e-12)
    assert_allclose(emmeans(model, "a * b").estimate, predicted.ravel(), rtol=1e-12)
    assert_allclose(emmeans(model, "1").estimate, [predicted.mean()], rtol=1e-12)


def test_at_chooses_levels_and_values() -> None:
    model = fit("y ~ a + u + (1 | g)")
    found = emmeans(model, ["a", "u"], at={"a": ["z", "x"], "u": [0, 2]}).table()
    assert found["a"].tolist() == ["z", "x", "z", "x"]
    assert found["u"].tolist() == [0.0, 0.0, 2.0, 2.0]
    slope = model.params["u"]
    assert_allclose(found["estimate"][2] - found["estimate"][0], 2.0 * slope, rtol=1e-12)


def test_a_number_with_two_values_is_at_both_of_them() -> None:
    grid = reference_grid(fit("y ~ two + u + (1 | g)").estimates)
    assert grid.variable("two").labels == ("0", "1")
    assert len(grid.variable("u").labels) == 1


def test_a_number_that_the_formula_makes_a_factor_is_at_all_levels() -> None:
    data = table()
    data["dose"] = np.resize([1.0, 2.0, 4.0], 60)
    model = fit("y ~ factor(dose) + (1 | g)", data)
    found = emmeans(model, "factor(dose)")
    assert found.table()["dose"].tolist() == [1.0, 2.0, 4.0]
    assert found.contrasts().table()["contrast"].tolist()[0] == "dose1 - dose2"


def test_weights_count_observations() -> None:
    data = table()
    model = fit("y ~ a + b + (1 | g)", data)
    of_b = model.params["bq"]
    share = np.mean(data["b"] == "q")
    base = model.params["(Intercept)"]
    assert_allclose(emmeans(model, "a").estimate[0], base + 0.5 * of_b)
    for weights in ("proportional", "outer"):
        assert_allclose(emmeans(model, "a", weights=weights).estimate[0], base + share * of_b)
    within = np.mean(data["b"][data["a"] == "x"] == "q")
    assert_allclose(emmeans(model, "a", weights="cells").estimate[0], base + within * of_b)


def test_means_weighted_by_cells_are_those_of_fitted_values() -> None:
    data = table()
    model = fit("y ~ a * b + (1 | g)", data)
    fitted = model.predict(data, random=False)
    expected = [fitted[data["a"] == level].mean() for level in "xyz"]
    assert_allclose(emmeans(model, "a", weights="cells").estimate, expected, rtol=1e-12)


def nested_table() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    data = {
        "school": np.repeat(["s1", "s2", "s3", "s4", "s5"], 12),
        "region": np.repeat(["north", "south"], [24, 36]),
        "arm": np.tile(["t", "c"], 30),
        "g": np.tile(np.arange(6).astype(str), 10),
    }
    data["y"] = rng.normal(size=60) + (data["region"] == "south")
    return data


def test_nested_levels_are_averaged_within_theirs() -> None:
    model = fit("y ~ region / school + arm + (1 | g)", nested_table())
    found = emmeans(model, "school")
    assert found.rows.factors == ("school", "region")
    assert found.table()["school"].tolist() == ["s1", "s2", "s3", "s4", "s5"]
    assert found.contrasts().table()["contrast"][1] == "s1 north - s3 south"
    assert len(found.contrasts(by="region").table()) == 1 + 3
    means = emmeans(model, "region").estimate
    assert_allclose(means[1], found.estimate[2:].mean(), rtol=1e-10)


def test_empty_cells_are_not_estimable_and_what_does_not_need_them_is() -> None:
    data = pd.DataFrame(table(90))
    data = data[(data["a"] != "z") | (data["b"] != "q")]
    model = fit("y ~ a * b + (1 | g)", data)
    cells = emmeans(model, "a * b")
    assert np.isnan(cells.estimate).tolist() == [False] * 5 + [True]
    of_a = emmeans(model, "a")
    assert np.isnan(of_a.estimate).tolist() == [False, False, True]
    within_p = emmeans(model, "a | b").contrasts().table()
    assert np.isnan(within_p["estimate"]).tolist() == [False] * 3 + [False, True, True]
    assert "nonEst" in repr(cells)
    assert cells.letters()["letters"].tolist()[-1] == ""


def test_what_is_not_determined_may_cancel() -> None:
    """With v = 2u the data say nothing about v = 1 at the mean of u, but all about a there."""
    data = table()
    data["v"] = 2.0 * data["u"]
    model = fit("y ~ a + u + v + (1 | g)", data)
    found = emmeans(model, "a", at={"v": 1.0})
    assert np.isnan(found.estimate).all()
    differences = found.contrasts().table()["estimate"]
    assert_allclose(differences[0], -model.params["ay"], rtol=1e-9)
    at_both = emmeans(model, "a", at={"u": 1.0, "v": 2.0}).estimate
    assert np.isfinite(at_both).all()


def test_offsets_are_those_of_the_grid_unless_given() -> None:
    data = table()
    model = fit("count ~ a + offset(log(effort)) + (1 | g)", data, family="poisson")
    by_argument = fit("count ~ a + (1 | g)", data, family="poisson", offset="log(effort)")
    at_mean = np.log(np.mean(data["effort"]))
    none = emmeans(model, "a", offset=0.0).estimate
    assert_allclose(emmeans(model, "a").estimate, none + at_mean, rtol=1e-10)
    assert_allclose(emmeans(by_argument, "a").estimate, none + at_mean, rtol=1e-6)
    values = fit("count ~ a + (1 | g)", data, family="poisson", offset=np.log(data["effort"]))
    expected = none + np.mean(np.log(data["effort"]))
    assert_allclose(emmeans(values, "a").estimate, expected, rtol=1e-6)


def test_slopes_are_derivatives() -> None:
    model = fit("y ~ a * u + I(u^2) + (1 | g)")
    beta = model.params
    slope = beta["u"] + 2.0 * 1.5 * beta["I(u^2)"]
    found = emtrends(model, "a", "u", at={"u": 1.5}).estimate
    assert_allclose(found[0], slope, rtol=1e-9)
    assert_allclose(found[1], slope + beta["ay:u"], rtol=1e-9)
    both = emtrends(model, ["u"], "u", at={"u": [0.0, 1.5]}).estimate
    assert_allclose(both[1] - both[0], 3.0 * beta["I(u^2)"], rtol=1e-7)


def test_the_dispersion_has_means_of_its_own() -> None:
    model = fit("count ~ a + (1 | g)", family="nbinom2")
    found = emmeans(model, "1", component="dispersion", scale="response").table()
    assert_allclose(found["estimate"], np.exp(model.estimates.predictors["dispersion"].beta))


def test_tables_are_of_the_users_kind() -> None:
    polars = pytest.importorskip("polars")
    model = fit("y ~ a + (1 | g)", polars.DataFrame(table()))
    found = emmeans(model, "a")
    for made in (found.table(), found.contrasts().table(), found.letters(), found.lsd()):
        assert isinstance(made, polars.DataFrame)
    assert found.table().columns == ["a", "estimate", "std_error", "df", "lower", "upper"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"specs": "c"}, DataError, "no variable 'c'"),
        ({"specs": "a | bb"}, DataError, "Did you mean 'b'"),
        ({"specs": "a", "at": {"w": 1}}, DataError, "at names 'w'"),
        ({"specs": "a", "at": {"a": "X"}}, DataError, "'a' has no level 'X'"),
        ({"specs": "a", "at": {"u": "high"}}, DataError, "'u', which is numeric"),
        ({"specs": "a", "weights": "equall"}, ModelError, "'equal'"),
        ({"specs": "a", "scale": "log"}, ModelError, "no scale='log'"),
        ({"specs": "a", "level": 95}, ModelError, "level=95"),
        ({"specs": "a", "component": "zero"}, ModelError, "no component 'zero'"),
        ({"specs": "a", "random": "integrate"}, ModelError, "scale='response'"),
        ({"specs": "a", "random": "some"}, ModelError, "no random='some'"),
        ({"specs": "a", "ddf": "satterwaite"}, ModelError, "'satterthwaite'"),
        ({"specs": "a", "offset": np.inf}, DataError, "finite"),
        ({"specs": "a", "offset": "log(u)"}, DataError, "finite"),
        ({"specs": "a", "level": "high"}, ModelError, "level='high'"),
        ({"specs": 5}, DataError, "specs=5"),
        ({"specs": "a", "by": 5}, DataError, "by=5"),
        ({"specs": "a", "at": 5}, DataError, "at=5"),
    ],
)
def test_what_does_not_exist_is_named_with_the_nearest(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    model = fit("y ~ a + b + u + (1 | g)")
    with pytest.raises(error, match=message):
        emmeans(model, **arguments)


def test_slopes_need_a_numeric_variable_of_the_model() -> None:
    model = fit("y ~ a + b + u + (1 | g)")
    with pytest.raises(DataError, match="is a factor"):
        emtrends(model, "a", "b")
    with pytest.raises(DataError, match="no covariate 'effort'"):
        emtrends(model, "a", "effort")


def test_a_grid_too_large_to_hold_is_refused() -> None:
    rng = np.random.default_rng(1)
    data = {f"f{i}": rng.integers(0, 40, 400).astype(str) for i in range(5)}
    data["y"] = rng.normal(size=400)
    data["g"] = rng.integers(0, 5, 400).astype(str)
    model = fit("y ~ f0 + f1 + f2 + f3 + f4 + (1 | g)", data)
    with pytest.raises(ModelError, match="reference grid would have"):
        emmeans(model, "f0")
    levels = {name: data[name][0] for name in ("f1", "f2", "f3")}
    assert len(emmeans(model, "f0", at=levels).estimate) == 40
