"""Wald intervals of variance parameters against R, closed forms and likelihoods written out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

import henderson as hd
from henderson.errors import ModelError

Z = norm.ppf(0.975)


def test_standard_deviations_have_the_intervals_of_glmmtmb() -> None:
    """glmmTMB 1.1.5: confint() of log standard deviations."""
    sleep = hd.datasets.load("sleepstudy")
    model = hd.fit("Reaction ~ Days + (Days | Subject)", sleep, method="ML")
    table = model.variance_intervals().set_index("term")
    expected = {
        "sd_(Intercept)|Subject": (15.017090, 37.658145),
        "sd_Days|Subject": (3.805458, 8.588200),
        "sigma": (22.800466, 28.724921),
    }
    for term, ends in expected.items():
        assert_allclose(table.loc[term, ["lower", "upper"]].astype(float), ends, rtol=1e-5)
    assert list(table.index[1:2]) == ["cor_Days.(Intercept)|Subject"]
    herds = hd.fit(
        "cbind(incidence, size - incidence) ~ period + (1 | herd)",
        hd.datasets.load("cbpp"),
        family="binomial",
    )
    of_herds = herds.variance_intervals()
    assert_allclose(of_herds[["lower", "upper"]], [[0.37244322, 1.1075515]], rtol=1e-5)


def test_a_balanced_random_intercept_has_closed_forms() -> None:
    """E = σ² and S = σ² + nσ_b² are independent mean squares: Var = 2E²/ν, 2S²/(g − 1)."""
    g, n = 6, 5
    model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    table = model.variance_intervals(variances=True)
    between, within = table["estimate"]
    E, S = within, within + n * between
    errors = [
        np.sqrt(2.0 * E**2 / (g * (n - 1)) + 2.0 * S**2 / (g - 1)) / n,
        E * np.sqrt(2.0 / (g * (n - 1))),
    ]
    assert_allclose(table["std_error"], errors, rtol=1e-5)
    sds = model.variance_intervals()
    assert_allclose(sds["std_error"], errors / (2.0 * sds["estimate"]), rtol=1e-5)
    half = np.exp(Z * sds["std_error"] / sds["estimate"])
    assert_allclose(sds["upper"], sds["estimate"] * half, rtol=1e-9)
    assert_allclose(table["lower"], sds["lower"] ** 2, rtol=1e-12)


def test_a_correlation_of_two_visits_has_the_error_of_fisher() -> None:
    """(1 − r²)/√n, by maximum likelihood, and n^(−1/2) on the scale of artanh."""
    rng = np.random.default_rng(3)
    y = rng.standard_normal((25, 2)) @ np.array([[1.0, 0.6], [0.0, 1.1]])
    pairs = {"y": y.ravel(), "visit": [1, 2] * 25, "subject": np.repeat(np.arange(25), 2)}
    model = hd.fit("y ~ factor(visit)", pairs, residual="us(visit | subject)", method="ML")
    row = model.variance_intervals("cor_2.1|Residual").iloc[0]
    r = row["estimate"]
    assert_allclose(row["std_error"], (1.0 - r**2) / 5.0, rtol=1e-5)
    assert_allclose(row["upper"], np.tanh(np.arctanh(r) + Z / 5.0), rtol=1e-5)


def test_errors_are_those_of_the_observed_information_written_out() -> None:
    """Of `toep`, whose correlation at lag 2 is said by two elements together."""
    lag = np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    y = np.random.default_rng(8).standard_normal((80, 3)) @ np.linalg.cholesky(0.5**lag).T
    table = {"y": y.ravel(), "t": np.tile(np.arange(3), 80), "id": np.repeat(np.arange(80), 3)}
    model = hd.fit("y ~ 1", table, residual="toep(t | id)", method="ML")
    found = model.variance_intervals()
    assert found["term"].iloc[2] == "correlation at lag 2|Residual"

    def deviance(at: np.ndarray) -> float:
        V = at[0] ** 2 * np.append(1.0, at[1:])[lag]
        inverse = np.linalg.inv(V)
        left = y - np.sum(y @ inverse) / (80.0 * inverse.sum())
        return float(80.0 * np.linalg.slogdet(V)[1] + np.sum((left @ inverse) * left))

    at, h = found["estimate"].to_numpy(), 1e-4 * np.eye(3)
    hessian = [
        [
            (deviance(at + a + b) - deviance(at + a - b))
            - (deviance(at - a + b) - deviance(at - a - b))
            for a in h
        ]
        for b in h
    ]
    covariance = np.linalg.inv(np.array(hessian) / 4e-8 / 2.0)
    assert_allclose(found["std_error"], np.sqrt(np.diag(covariance)), rtol=1e-4)


def test_a_boundary_has_an_estimate_and_no_interval() -> None:
    y = np.random.default_rng(2).normal(size=(6, 5))
    data = {"y": (y - y.mean(axis=1)[:, None]).ravel(), "g": np.repeat(np.arange(6), 5)}
    table = hd.fit("y ~ 1 + (1 | g)", data).variance_intervals().set_index("term")
    assert table.loc["sd_(Intercept)|g", "estimate"] == 0.0
    assert table.loc["sd_(Intercept)|g"].isna().sum() == 3
    assert table.loc["sigma"].notna().all()


def test_loadings_are_on_the_scale_of_the_predictor() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=(30, 1)) * np.array([1.0, 2.0, 3.0]) + 2.0 * rng.normal(size=(30, 3))
    data = {"y": y.ravel(), "t": np.tile(list("abc"), 30), "g": np.repeat(np.arange(30), 3)}
    model = hd.fit("y ~ t + rr(0 + t | g, 1)", data)
    found = model.variance_intervals().set_index("term")["estimate"]
    for name, value in model.covariance_parameters()[["parameter", "estimate"]].to_numpy():
        assert_allclose(found[f"{name}|g"], value, rtol=1e-9)
    sds = model.variance_components()["sd"].dropna()
    assert_allclose(found[found.index.str.startswith("s")], sds, rtol=1e-9)


def test_an_unknown_parameter_gets_the_nearest() -> None:
    model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    with pytest.raises(ModelError, match=r"no variance parameter 'sigm'.*'sigma'"):
        model.variance_intervals("sigm")
