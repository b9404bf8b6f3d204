"""Predictions at places and times without rows: kriging, against covariances in full."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.arrays import Matrix
from henderson.errors import DataError

TIMES = np.array([1.0, 2.0, 3.0, 5.0, 8.0, 9.0])


def series(family: str = "gaussian") -> pd.DataFrame:
    """Subjects at unequal times, a process that fades within each."""
    rng = np.random.default_rng(2)
    subject, time = np.repeat(np.arange(15), 6), np.tile(TIMES, 15)
    L = np.linalg.cholesky(np.exp(-0.3 * np.abs(TIMES[:, None] - TIMES)))
    eta = 1.0 + 0.1 * time + (rng.standard_normal((15, 6)) @ L.T).ravel()
    y = rng.poisson(np.exp(eta)) if family == "poisson" else eta + rng.normal(0, 0.5, 90)
    table = pd.DataFrame({"y": y, "time": time, "subject": subject, "visit": time})
    return table.loc[rng.random(90) > 0.1]


def correlation(keyword: str, apart: Matrix, parameter: float) -> Matrix:
    x = np.abs(apart)
    if keyword == "ou":
        return np.exp(-parameter * x)
    if keyword == "ar1":
        return parameter**x
    return np.exp(-x / parameter) if keyword == "exp" else np.exp(-((x / parameter) ** 2))


@pytest.mark.parametrize("keyword", ["ou", "exp", "gau", "ar1"])
def test_effects_at_new_times_are_kriged(keyword: str) -> None:
    table = series()
    if keyword == "ar1":  # its levels are steps
        table = table.loc[table["time"] <= 3.0]
    effects = "factor(time)" if keyword == "ar1" else "time"
    model = hd.fit(f"y ~ time + {keyword}(0 + {effects} | subject)", table)
    own = model.covariance_parameters().set_index("parameter")["estimate"]
    sd, parameter = own.iloc[0], own.iloc[1]
    new = pd.DataFrame({"time": [4.0, 5.0, 2.0, 7.0, 4.0], "subject": [3, 3, 0, 2, 99]})

    def covariance(a: pd.DataFrame, b: pd.DataFrame) -> Matrix:
        apart = a["time"].to_numpy()[:, None] - b["time"].to_numpy()
        same = a["subject"].to_numpy()[:, None] == b["subject"].to_numpy()
        return np.where(same, sd**2 * correlation(keyword, apart, parameter), 0.0)

    X, y, beta = model.X, model.estimates.response.y, model.estimates.location.beta
    V = covariance(table, table) + model.sigma**2 * np.eye(len(table))
    across = covariance(table, new)
    x = np.column_stack([np.ones(5), new["time"]])
    inverse = np.linalg.inv(V)
    Phi = np.linalg.inv(X.T @ inverse @ X)
    a = x - across.T @ inverse @ X
    variance = sd**2 - np.sum(across * (inverse @ across), axis=0)
    variance += np.sum(a @ Phi * a, axis=1)
    found = model.predict(new, interval="confidence")
    assert_allclose(found["prediction"], x @ beta + across.T @ inverse @ (y - X @ beta), 1e-6)
    assert_allclose(found["std_error"] ** 2, variance, rtol=1e-6)
    again = model.predict(new, interval="prediction")
    assert_allclose(again["std_error"], found["std_error"])
    half = 1.959963984540054 * np.sqrt(variance + model.sigma**2)
    assert_allclose(again["upper"] - again["prediction"], half, rtol=1e-6)


def test_new_places_of_a_field_are_kriged() -> None:
    rng = np.random.default_rng(6)
    places = rng.uniform(0, 10, (60, 2)).round(1)
    d = np.linalg.norm(places[:, None] - places, axis=2)
    field = np.linalg.cholesky(np.exp(-d / 3.0) + 1e-9 * np.eye(60)) @ rng.standard_normal(60)
    table = pd.DataFrame({"x": places[:, 0], "y": places[:, 1], "one": "field"})
    table["z"] = 5.0 + 2.0 * field + rng.normal(0, 0.3, 60)
    model = hd.fit("z ~ 1 + exp(0 + x:y | one)", table)
    near = table[["x", "y", "one"]].copy()
    near["x"] += 1e-7
    at = model.predict(table, interval="confidence")
    beside = model.predict(near, interval="confidence")
    assert_allclose(beside["prediction"], at["prediction"], rtol=1e-5)
    assert_allclose(beside["std_error"], at["std_error"], rtol=1e-3)
    far = {"x": [1e4], "y": [1e4], "one": ["field"]}
    lost = model.predict(far, interval="confidence")
    assert_allclose(lost["prediction"], model.estimates.location.beta[0])
    variance = model.covariance_parameters()["estimate"].iloc[0] ** 2
    variance += model.estimates.vcov[0, 0]
    assert_allclose(lost["std_error"] ** 2, variance, rtol=1e-6)


def test_counts_at_new_times_have_the_weighted_modes() -> None:
    table = series("poisson")
    model = hd.fit("y ~ 1 + ou(0 + time | subject)", table, family="poisson")
    at = model.predict({"time": [5.0], "subject": [3]}, interval="confidence", kind="link")
    new = {"time": [5.0 + 1e-6, 1e4], "subject": [3, 3]}
    found = model.predict(new, interval="confidence", kind="link")
    assert_allclose(found["prediction"][0], at["prediction"][0], rtol=1e-4)
    assert_allclose(found["std_error"][0], at["std_error"][0], rtol=1e-3)
    assert_allclose(found["prediction"][1], model.estimates.location.beta[0])
    far = model.covariance_parameters()["estimate"].iloc[0] ** 2 + model.estimates.vcov[0, 0]
    assert_allclose(found["std_error"][1] ** 2, far, rtol=1e-6)


def test_levels_that_are_no_steps_have_no_effects_between_them() -> None:
    model = hd.fit("y ~ time + ar1(0 + factor(time) | subject)", series())
    with pytest.raises(DataError, match="equally spaced"):
        model.predict({"time": [4.0], "subject": [3]})
    model = hd.fit("y ~ time + diag(0 + factor(time) | subject)", series())
    with pytest.raises(DataError, match="not fitted with"):
        model.predict({"time": [4.0], "subject": [3]})
