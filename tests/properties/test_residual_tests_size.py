"""How often tests of simulated residuals speak against right and wrong models."""

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.diagnostics import QuantileResiduals
from henderson.diagnostics import residual_tests as tests
from henderson.diagnostics.quantile_residuals import against_draws
from henderson.families import family_named

FAMILIES = {
    "gaussian": [0.5],
    "poisson": [],
    "binomial": [],
    "nbinom1": [0.3],
    "nbinom2": [0.7],
    "gamma": [-0.5],
    "beta": [1.5],
    "lognormal": [-0.5],
    "betabinomial": [1.0],
    "zero_inflated_poisson": [-1.0],
}
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


def true_model(family: str, rng: np.random.Generator) -> QuantileResiduals:
    """Residuals of 120 responses with the parameters known, so that all are exchangeable."""
    chosen, n = family_named(family), 120
    size = np.full(n, 8.0 if chosen.counts_trials else 1.0)
    location = rng.normal(0.4, 0.4, n)
    eta = np.column_stack([location, *(np.full(n, v) for v in FAMILIES[family])])
    draws = [chosen.simulate(size, eta, rng) for _ in range(101)]
    mean = chosen.mean(eta) * size
    return against_draws(draws[0], draws[1:], mean, discrete=chosen.discrete, rng=rng)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_tests_have_their_size_where_the_parameters_are_known(family: str) -> None:
    rng, repeats = np.random.default_rng(7), 400
    refused = dict.fromkeys(TESTS, 0)
    for _ in range(repeats):
        found = true_model(family, rng)
        for name, test in TESTS.items():
            refused[name] += test(found).p_value < LEVEL
    rates = {name: count / repeats for name, count in refused.items()}
    assert all(rate < above(repeats) for rate in rates.values()), rates
    # Those with a continuous distribution; the number of outliers has few values.
    assert min(rates["uniformity"], rates["quantiles"], rates["dispersion"]) > 0.015, rates


def grouped(family: str, rng: np.random.Generator) -> pd.DataFrame:
    """240 rows in 40 levels, from the family."""
    chosen = family_named(family)
    g = np.repeat(np.arange(40), 6)
    x = rng.normal(size=g.size)
    location = 0.4 + 0.3 * x + 0.4 * rng.normal(size=40)[g]
    eta = np.column_stack([location, *(np.full(g.size, v) for v in FAMILIES[family])])
    size = np.full(g.size, 8.0 if chosen.counts_trials else 1.0)
    y = chosen.simulate(size, eta, rng)
    return pd.DataFrame({"y": y, "rest": size - y, "x": x, "g": g.astype(str)})


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_right_models_are_not_refused_too_often(family: str) -> None:
    rng, repeats = np.random.default_rng(11), 60
    trials = family_named(family).counts_trials
    response = "cbind(y, rest)" if trials else "y"
    refused = dict.fromkeys(("dispersion", "outliers", "quantiles"), 0)
    for _ in range(repeats):
        model = hd.fit(f"{response} ~ x + (1 | g)", grouped(family, rng), family=family)
        found = model.simulate_residuals(100, rng=rng).found
        for name in refused:
            refused[name] += TESTS[name](found).p_value < LEVEL
    rates = {name: count / repeats for name, count in refused.items()}
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
