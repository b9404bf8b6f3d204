"""How often tests of simulated residuals speak against right and wrong models."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.diagnostics import QuantileResiduals
from henderson.diagnostics import residual_tests as tests
from henderson.diagnostics.quantile_residuals import against_draws
from henderson.families import FAMILIES as REGISTRY
from henderson.families import Family, family_named
from henderson.families.registry import WRAPPERS

FAMILIES = {  # with the linear predictors after the location
    "gaussian": [0.5],
    "t": [0.0, 1.6],
    "skewnormal": [0.5, 2.0],
    "gamma": [-0.5],
    "lognormal": [-0.5],
    "inverse_gaussian": [-0.5],
    "exponential": [],
    "weibull": [0.5],
    "tweedie": [0.0, 0.2],
    "binomial": [],
    "betabinomial": [1.0],
    "beta": [1.5],
    "ordbeta": [1.5, -1.0, 0.9],
    "cumulative": [-0.5, 0.4, 1.3],
    "poisson": [],
    "nbinom1": [0.3],
    "nbinom2": [0.7],
    "nbinom12": [-0.3, 1.0],
    "genpois": [0.5],
    "compois": [-0.4],
    "bell": [],
    "truncated_poisson": [],
    "truncated_nbinom2": [0.7],
    "zero_inflated_poisson": [-1.0],
    "zero_inflated_nbinom1": [0.3, -1.0],
    "zero_inflated_nbinom2": [0.7, -1.0],
    "zero_inflated_gamma": [-0.5, -1.0],
    "zero_inflated_beta": [1.5, -1.0],
    "hurdle_poisson": [-1.0],
    "hurdle_nbinom2": [0.7, -1.0],
}
FEWER = {"compois": 10}  # fits, of a family that takes seconds for each
TESTS = {
    "uniformity": tests.uniformity,
    "dispersion": tests.dispersion,
    "outliers": tests.outliers,
    "quantiles": tests.quantiles,
}
LEVEL = 0.05


def above(repeats: int) -> float:
    """The rate that a test of size 5 % stays below, but for 1 in 1000 of such tests."""
    return LEVEL + 3.3 * np.sqrt(LEVEL * (1.0 - LEVEL) / repeats)


def member(name: str) -> Family:
    family = family_named(name)
    return family.of_categories(tuple("abcd")) if family.observes_categories else family


def predictors(name: str, location: np.ndarray) -> np.ndarray:
    return np.column_stack([location, *(np.full(location.size, v) for v in FAMILIES[name])])


def test_every_family_of_the_registry_is_here() -> None:
    assert set(REGISTRY) <= set(FAMILIES)
    assert {name for prefix in WRAPPERS for name in FAMILIES if name.startswith(prefix)}


def true_model(name: str, rng: np.random.Generator) -> QuantileResiduals:
    """Residuals of 120 responses with the parameters known, so that all are exchangeable."""
    family, n, draws = member(name), 120, 100
    size = np.full(n, 8.0 if family.counts_trials else 1.0)
    eta = predictors(name, rng.normal(0.4, 0.4, n))
    every = family.simulate(np.tile(size, draws + 1), np.tile(eta, (draws + 1, 1)), rng)
    y, *drawn = every.reshape(draws + 1, n)
    return against_draws(y, drawn, family.mean(eta) * size, discrete=family.discrete, rng=rng)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_tests_have_their_size_where_the_parameters_are_known(name: str) -> None:
    rng, repeats = np.random.default_rng(7), 200
    refused = dict.fromkeys(TESTS, 0)
    for _ in range(repeats):
        found = true_model(name, rng)
        for test, run in TESTS.items():
            refused[test] += run(found).p_value < LEVEL
    rates = {test: count / repeats for test, count in refused.items()}
    assert all(rate < above(repeats) for rate in rates.values()), rates
    # Those with a continuous distribution; the number of outliers has few values.
    assert min(rates["uniformity"], rates["quantiles"], rates["dispersion"]) > 0.0, rates


def grouped(name: str, rng: np.random.Generator) -> pd.DataFrame:
    """240 rows in 40 levels, from the family."""
    family = member(name)
    g = np.repeat(np.arange(40), 6)
    x = rng.normal(size=g.size)
    eta = predictors(name, 0.4 + 0.3 * x + 0.4 * rng.normal(size=40)[g])
    size = np.full(g.size, 8.0 if family.counts_trials else 1.0)
    y = family.simulate(size, eta, rng)
    data = pd.DataFrame({"y": y, "rest": size - y, "x": x, "g": g.astype(str)})
    if family.observes_categories:
        data["y"] = pd.Categorical.from_codes(y.astype(int) - 1, list("abcd"), ordered=True)
    return data


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_right_models_are_not_refused_too_often(name: str) -> None:
    rng, repeats = np.random.default_rng(11), FEWER.get(name, 40)
    response = "cbind(y, rest)" if family_named(name).counts_trials else "y"
    refused = dict.fromkeys(TESTS, 0)
    for _ in range(repeats):
        model = hd.fit(f"{response} ~ x + (1 | g)", grouped(name, rng), family=name)
        found = model.simulate_residuals(100, rng=rng).found
        for test, run in TESTS.items():
            refused[test] += run(found).p_value < LEVEL
    rates = {test: count / repeats for test, count in refused.items()}
    assert all(rate < above(repeats) for rate in rates.values()), rates


def wrong_data(wrong: str, rng: np.random.Generator) -> tuple[pd.DataFrame, str]:
    """240 rows in 40 levels for which a model with x alone is wrong, and its family."""
    g = np.repeat(np.arange(40), 6)
    x = rng.normal(size=g.size)
    eta = 0.8 + 0.3 * x + 0.3 * rng.normal(size=40)[g]
    noise = rng.normal(size=g.size)
    y = {
        "overdispersed": rng.negative_binomial(1, 1.0 / (1.0 + np.exp(eta))),
        "many zeros": rng.poisson(np.exp(eta)) * (rng.random(g.size) < 0.7),
        "unequal spread": eta + np.exp(x) * noise,
        "curved": eta + 0.7 * x**2 + noise,
    }[wrong].astype(float)
    family = "poisson" if np.all(y == np.round(y)) else "gaussian"
    return pd.DataFrame({"y": y, "x": x, "g": g.astype(str)}), family


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "test"),
    [
        ("overdispersed", "dispersion"),
        ("many zeros", "zero_inflation"),
        ("unequal spread", "quantiles"),
        ("curved", "quantiles"),
    ],
)
def test_wrong_models_are_found_four_times_out_of_five(wrong: str, test: str) -> None:
    rng, repeats = np.random.default_rng(13), 25
    found = 0
    for _ in range(repeats):
        data, family = wrong_data(wrong, rng)
        model = hd.fit("y ~ x + (1 | g)", data, family=family)
        residuals = model.simulate_residuals(100, rng=rng)
        found += getattr(residuals, test)().p_value < LEVEL
    assert found >= 0.8 * repeats


@pytest.mark.slow
@pytest.mark.parametrize("test", ["uniformity", "quantiles"])
def test_rows_that_share_strong_random_effects_do_not_refuse_a_right_model(test: str) -> None:
    rng, repeats = np.random.default_rng(17), 40
    refused, as_if_independent = 0, 0
    g = np.repeat(np.arange(20), 20)
    for _ in range(repeats):
        x = rng.normal(size=20)[g]  # one value in each level, as treatments of whole plots
        y = rng.poisson(np.exp(0.5 + 0.3 * x + 0.8 * rng.normal(size=20)[g]))
        data = pd.DataFrame({"y": y, "x": x, "g": g.astype(str)})
        model = hd.fit("y ~ x + (1 | g)", data, family="poisson")
        found = model.simulate_residuals(100, rng=rng).found
        refused += TESTS[test](found).p_value < LEVEL
        as_if_independent += TESTS[test](replace(found, places=None)).p_value < LEVEL
    assert refused / repeats < above(repeats)
    if test == "quantiles":
        assert as_if_independent > 0.5 * repeats
