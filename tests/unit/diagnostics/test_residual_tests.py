"""Tests of residuals: against SciPy where it has them, size on right models, power on wrong."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import henderson as hd
from henderson.diagnostics import residual_tests as tests
from henderson.diagnostics.quantile_regression import (
    knots_along,
    quantile_curve,
    score_statistic,
    spline_basis,
)
from henderson.diagnostics.quantile_residuals import QuantileResiduals, against_draws
from henderson.refits.refitting import refit
from henderson.simulation import draw_response

Test = Callable[[QuantileResiduals], tests.ResidualTest]
OF_ALL: dict[str, Test] = {
    "uniformity": tests.uniformity,
    "dispersion": tests.dispersion,
    "outliers": tests.outliers,
    "zero inflation": tests.zero_inflation,
    "quantiles": tests.quantiles,
}


def of_values(values: np.ndarray) -> QuantileResiduals:
    """Residuals with given values, from draws at a fine grid of (0, 1)."""
    grid = (np.arange(5000) + 0.5) / 5000
    draws = (np.full(values.size, u) for u in grid)
    rng = np.random.default_rng(1)
    return against_draws(values, draws, np.arange(values.size) * 1.0, discrete=False, rng=rng)


def of_truth(draw: Callable[[], np.ndarray], mean: np.ndarray, seed: int) -> QuantileResiduals:
    y = draw()
    rng = np.random.default_rng(seed)
    return against_draws(y, (draw() for _ in range(100)), mean, discrete=True, rng=rng)


@pytest.mark.parametrize("n", [1, 6, 30, 99])
def test_the_exact_distribution_of_the_largest_distance_is_scipys(n: int) -> None:
    for D in (0.55 / n, 1.1 / n, 0.5 / np.sqrt(n), 1.4 / np.sqrt(n)):
        if D < 1.0:
            found = tests._exact_kolmogorov(D, n)
            assert_allclose(found, stats.kstwo.sf(D, n), rtol=1e-9, atol=1e-14)


def test_uniformity_is_exact_for_few_residuals_without_ties() -> None:
    found = of_values(np.sort(np.random.default_rng(8).random(30)) ** 1.3)
    reference = stats.kstest(found.values, "uniform", method="exact")
    assert_allclose(tests.uniformity(found).statistic, reference.statistic, rtol=1e-12)
    assert_allclose(tests.uniformity(found).p_value, reference.pvalue, rtol=1e-9)


@pytest.mark.parametrize("power", [0.6, 1.8], ids=["too high", "too low"])
def test_the_largest_distance_from_uniform_is_found_on_both_sides(power: float) -> None:
    found = of_values(np.random.default_rng(8).random(30) ** power)
    reference = stats.kstest(found.values, "uniform")
    assert reference.statistic_sign == (1 if power > 1.0 else -1)
    assert_allclose(tests.uniformity(found).statistic, reference.statistic, rtol=1e-12)


@pytest.mark.parametrize("k", [0, 1, 4, 9])
def test_the_binomial_test_is_scipys(k: int) -> None:
    assert_allclose(tests._binomial_p(k, 300, 0.01), stats.binomtest(k, 300, 0.01).pvalue)


def test_durbin_watson_has_its_mean_and_variance_under_the_null() -> None:
    rng = np.random.default_rng(2)
    n = 40
    e = rng.normal(size=(20_000, n))
    e -= e.mean(axis=1, keepdims=True)
    d = np.sum(np.diff(e) ** 2, axis=1) / np.sum(e**2, axis=1)
    test = tests.temporal_autocorrelation(of_values(rng.random(n)), rng.permutation(n))
    z = stats.norm.isf(test.p_value / 2.0)
    assert_allclose(d.mean(), 2.0, atol=0.01)
    assert_allclose(abs(test.statistic - 2.0) / z, d.std(), rtol=0.02)


def test_moran_has_its_mean_and_variance_under_permutation() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.random((2, 25))
    found = of_values(rng.random(25))
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    w = 1.0 / np.where(distance > 0.0, distance, np.inf)
    w /= w.sum(axis=1, keepdims=True)
    e = found.values - found.values.mean()
    shuffled = rng.permuted(np.tile(e, (20_000, 1)), axis=1)
    moran = np.sum((shuffled @ w.T) * shuffled, axis=1) / np.sum(e**2)
    test = tests.spatial_autocorrelation(found, x, y)
    assert_allclose(test.statistic, e @ w @ e / (e @ e), rtol=1e-12)
    z = (test.statistic - moran.mean()) / moran.std()
    assert_allclose(test.p_value, 2.0 * stats.norm.sf(abs(z)), rtol=0.05)


def test_autocorrelation_in_time_and_space_is_found() -> None:
    t = np.arange(60)
    smooth = of_values(0.5 + 0.45 * np.sin(t / 6.0))
    assert tests.temporal_autocorrelation(smooth, t).p_value < 1e-6
    assert tests.spatial_autocorrelation(smooth, t, 0 * t).p_value < 1e-6
    with pytest.raises(hd.DataError, match="each only once"):
        tests.temporal_autocorrelation(smooth, t // 2)
    with pytest.raises(hd.DataError, match="not numbers"):
        tests.temporal_autocorrelation(smooth, [f"day {i}" for i in t])


def autoregressive(seed: int, k: int, correlation: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    e = rng.normal(size=k)
    for t in range(1, k):
        e[t] = correlation * e[t - 1] + np.sqrt(1.0 - correlation**2) * e[t]
    return e


def test_autocorrelation_that_the_model_has_is_no_evidence_against_it() -> None:
    t, found = np.arange(80), []
    for seed in range(25):
        data = {"y": autoregressive(seed, 80, 0.6), "t": t, "s": np.zeros(80)}
        model = hd.fit("y ~ 1", data, residual="ar1(t | s)")
        residuals = model.simulate_residuals(n=100, rng=seed)
        found.append(residuals.temporal_autocorrelation("t"))
        if seed < 5:
            found.append(residuals.spatial_autocorrelation("t", 0.0 * t))
    assert np.mean([test.p_value < 0.05 for test in found]) < 0.15
    assert all("in draws from the model" in test.finding for test in found)


def test_autocorrelation_beside_random_effects_that_do_not_explain_it_is_found() -> None:
    k = 240
    t = np.arange(k)
    effects = 0.7 * np.random.default_rng(2).normal(size=12)
    months = {"y": autoregressive(1, k, 0.8) + effects[t % 12], "t": t, "month": t % 12}
    model = hd.fit("y ~ 1 + (1 | month)", months)
    assert np.any(model.G.toarray())  # rows are dependent by the model, but not in time
    found = model.simulate_residuals(rng=1)
    assert found.temporal_autocorrelation(t).p_value < 0.05
    assert found.spatial_autocorrelation(t, 0.0 * t).p_value < 0.05


@pytest.mark.parametrize("name", ["poisson", "gaussian"])
def test_the_size_is_five_percent_where_the_model_is_known(name: str) -> None:
    rng, repeats = np.random.default_rng(4), 400
    mean = np.exp(rng.normal(0.3, 0.5, size=120))
    draw = {"poisson": lambda: 1.0 * rng.poisson(mean), "gaussian": lambda: rng.normal(mean)}
    p = {test: [] for test in OF_ALL}
    for repeat in range(repeats):
        found = of_truth(draw[name], mean, repeat)
        for test, run in OF_ALL.items():
            p[test].append(run(found).p_value)
    for test, values in p.items():
        margin = 3.0 * np.sqrt(0.05 * 0.95 / len(values))
        assert np.mean(np.array(values) < 0.05) < 0.05 + margin, test
    for test in ("uniformity", "dispersion", "quantiles"):
        assert np.mean(np.array(p[test]) < 0.05) > 0.02, test


def test_draws_outside_all_others_are_counted() -> None:
    draws = np.array([[1.0, 5.0, 2.0], [2.0, 5.0, 3.0], [3.0, 5.0, 3.0]])  # a draw a row
    found = against_draws(
        np.zeros(3), iter(draws), np.zeros(3), discrete=True, rng=np.random.default_rng(1)
    )
    assert found.drawn_outside.tolist() == [2.0, 0.0, 1.0]
    assert tests.outliers(found).statistic == 3.0


def test_outliers_of_many_counts_hold_their_size_where_the_binomial_test_does_not() -> None:
    rng, repeats = np.random.default_rng(11), 40
    mean = np.exp(rng.normal(0.3, 0.5, size=10_000))
    p = {"draws": [], "binomial": []}
    for repeat in range(repeats):
        found = of_truth(lambda: 1.0 * rng.poisson(mean), mean, repeat)
        p["draws"].append(tests.outliers(found).p_value)
        p["binomial"].append(tests.outliers(found, kind="binomial").p_value)
    assert np.mean(np.array(p["draws"]) < 0.05) < 0.05 + 3.0 * np.sqrt(0.05 * 0.95 / repeats)
    assert np.mean(np.array(p["binomial"]) < 0.05) > 0.5


def grouped(seed: int, groups: int = 40, each: int = 10) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), each)
    x = rng.uniform(-1.0, 1.0, size=g.size)
    eta = 0.8 + 0.5 * x + 0.3 * rng.normal(size=groups)[g]
    return pd.DataFrame({"x": x, "g": g, "eta": eta})


@pytest.mark.slow
@pytest.mark.parametrize(
    "family", ["gaussian", "poisson", "nbinom1", "nbinom2", "binomial", "gamma", "beta", "t"]
)
def test_no_test_rejects_right_fitted_models_too_often(family: str) -> None:
    rng, repeats = np.random.default_rng(5), 100
    data = grouped(6)
    size = data["eta"].size
    mean = np.exp(data["eta"])
    proportion = mean / (1.0 + mean)
    data["n"] = 8
    data["y"] = {
        "gaussian": rng.normal(data["eta"]),
        "t": data["eta"] + rng.standard_t(6.0, size),
        "poisson": rng.poisson(mean),
        "nbinom1": rng.negative_binomial(mean, 0.5),
        "nbinom2": rng.negative_binomial(2.0, 2.0 / (2.0 + mean)),
        "binomial": rng.binomial(8, proportion),
        "gamma": rng.gamma(3.0, mean / 3.0),
        "beta": rng.beta(6.0 * proportion, 6.0 * (1.0 - proportion)),
    }[family]
    response = "cbind(y, n - y)" if family == "binomial" else "y"
    model = hd.fit(f"{response} ~ x + (1 | g)", data, family=family)
    p = {name: [] for name in OF_ALL}
    for repeat in range(repeats):
        again = refit(model.estimates, y=draw_response(model.estimates, rng))
        found = hd.simulate_residuals(again, 100, rng=repeat).found
        for name, test in OF_ALL.items():
            p[name].append(test(found).p_value)
    for name, values in p.items():
        margin = 3.0 * np.sqrt(0.05 * 0.95 / len(values))
        assert np.mean(np.array(values) < 0.05) <= 0.05 + margin, name


def test_overdispersed_counts_are_found() -> None:
    data, rng = grouped(7), np.random.default_rng(7)
    mean = np.exp(data["eta"])
    data["y"] = rng.negative_binomial(1.5, 1.5 / (1.5 + mean))
    wrong = hd.fit("y ~ x + (1 | g)", data, family="poisson").simulate_residuals(rng=1)
    right = hd.fit("y ~ x + (1 | g)", data, family="nbinom2").simulate_residuals(rng=1)
    assert wrong.dispersion().p_value < 0.05
    assert wrong.dispersion(kind="pearson").p_value < 1e-6
    assert wrong.uniformity().p_value < 0.01
    assert right.dispersion().p_value > 0.05
    assert right.uniformity().p_value > 0.05


def test_missing_zero_inflation_is_found() -> None:
    data, rng = grouped(8), np.random.default_rng(8)
    data["y"] = rng.poisson(np.exp(data["eta"])) * (rng.random(len(data)) > 0.25)
    wrong = hd.fit("y ~ x + (1 | g)", data, family="poisson").simulate_residuals(rng=1)
    assert wrong.zero_inflation().p_value < 0.01
    assert wrong.zero_inflation().statistic > 1.5


def test_unequal_variances_are_found() -> None:
    data, rng = grouped(9), np.random.default_rng(9)
    data["y"] = data["eta"] + np.exp(1.5 * data["x"]) * rng.normal(size=len(data))
    wrong = hd.fit("y ~ x + (1 | g)", data).simulate_residuals(rng=1)
    assert wrong.quantiles().p_value < 1e-4


def test_a_p_value_of_zero_is_shown_as_below_what_the_draws_can_tell() -> None:
    rng = np.random.default_rng(1)
    draws = [rng.normal(size=50) for _ in range(100)]
    found = against_draws(9.0 * draws[0], draws, np.zeros(50), discrete=False, rng=rng)
    test = tests.dispersion(found)
    assert test.p_value == 0.0
    assert test.sentence.endswith("evidence against the model (p < 0.02).")


def test_what_does_not_apply_is_refused_with_what_to_do() -> None:
    data = grouped(9).assign(y=lambda d: d["eta"])
    data["y"] += np.random.default_rng(1).normal(size=len(data))
    model = hd.fit("y ~ x + (1 | g)", data)
    groups = model.simulate_residuals(by="g", n=20, rng=1)
    with pytest.raises(hd.ModelError, match="without by="):
        groups.dispersion(kind="pearson")
    with pytest.raises(hd.ModelError, match="alternative='more'"):
        groups.dispersion(alternative="more")  # pyright: ignore[reportArgumentType]
    few = against_draws(
        np.ones(3), [np.ones(3)] * 2, np.ones(3), discrete=False, rng=np.random.default_rng()
    )
    with pytest.raises(hd.ModelError, match="too few"):
        tests.quantiles(few)


def test_quartiles_by_level_are_tested_by_pearsons_chi_square_of_the_quarters() -> None:
    found = of_values(np.random.default_rng(5).random(90) ** 1.4)
    level = np.arange(90) % 3
    counts = np.array(
        [
            np.histogram(found.values[level == each], [0, 0.25, 0.5, 0.75, 1])[0]
            for each in range(3)
        ]
    )
    expected = stats.chisquare(counts, 7.5, axis=1).statistic.sum()
    test = tests.quantiles(found, np.array(["a", "b", "c"])[level])
    assert_allclose(test.statistic, expected, rtol=1e-12)
    assert_allclose(test.p_value, stats.chi2.sf(expected, 9), rtol=1e-9)


def test_two_distinct_numbers_are_two_levels() -> None:
    """Splines have more columns than such numbers can tell apart."""
    found = of_values(np.random.default_rng(5).random(80))
    number = np.repeat([0.1, 0.9], 40)
    by_number = tests.quantiles(found, number)
    by_level = tests.quantiles(found, np.array(["low", "high"])[(number > 0.5).astype(int)])
    assert_allclose(by_number.statistic, by_level.statistic, rtol=1e-10)
    assert by_number.p_value == pytest.approx(by_level.p_value)
    curve = quantile_curve(number, found.values, 0.5, np.array([0.1, 0.9]))
    assert_allclose(curve[0], np.median(found.values[:40]), atol=0.05)


def test_the_scores_of_quartiles_have_the_covariance_of_their_chi_square() -> None:
    rng, x = np.random.default_rng(6), np.linspace(0.01, 1.0, 60)
    basis = spline_basis(x, knots_along(x))
    tau = np.array(tests.QUARTILES)
    y = rng.random((20_000, 60))
    scores = np.stack(
        [(y < level) @ basis - level * basis.sum(axis=0) for level in tau], axis=2
    )
    flat = scores.transpose(0, 2, 1).reshape(len(y), -1)  # quartile by quartile
    inverse = np.linalg.inv(np.cov(flat, rowvar=False))
    expected = [flat[i] @ inverse @ flat[i] for i in range(5)]
    found = [
        score_statistic(S, np.linalg.solve(basis.T @ basis, S), tests.QUARTILES)
        for S in scores[:5]
    ]
    assert_allclose(found, expected, rtol=0.05)


@pytest.mark.parametrize("shape", ["higher at the ends", "wider to the right"])
def test_curved_and_spreading_residuals_are_found_along_a_covariate(shape: str) -> None:
    rng, x = np.random.default_rng(7), np.linspace(0.0, 1.0, 200)
    z = rng.normal(size=200)
    z = z + 3.0 * (x - 0.5) ** 2 - 0.25 if shape == "higher at the ends" else z * (0.5 + x)
    found = of_values(stats.norm.cdf(z))
    assert tests.quantiles(found, x).p_value < 0.01
    assert tests.quantiles(found, rng.permutation(x)).p_value > 0.05
