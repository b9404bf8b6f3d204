"""Profile intervals of variances against the likelihood itself, dense."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.stats import chi2, nbinom

import henderson as hd
from henderson.errors import ModelError
from henderson.inference import profile_variances


def deviance(model: hd.FittedModel, V: np.ndarray) -> float:
    """−2 log L with β profiled out."""
    X, y = model.X, model.estimates.response.y
    L = np.linalg.cholesky(V)
    A, r = np.linalg.solve(L, X), np.linalg.solve(L, y)
    r = r - A @ np.linalg.lstsq(A, r, rcond=None)[0]
    return float(len(y) * np.log(2 * np.pi) + 2 * np.log(np.diag(L)).sum() + r @ r)


def least(
    model: hd.FittedModel, covariance: Callable[[np.ndarray], np.ndarray], start: list[float]
) -> float:
    """The smallest deviance over what is left free."""
    options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000}
    found = minimize(
        lambda at: deviance(model, covariance(at)), start, method="Nelder-Mead", options=options
    )
    return float(found.fun)


def without_batches() -> dict[str, np.ndarray]:
    """Six batches with the same mean: their variance is estimated as 0."""
    y = np.random.default_rng(2).normal(size=(6, 5))
    return {"Yield": (y - y.mean(axis=1)[:, None]).ravel(), "Batch": np.repeat(np.arange(6), 5)}


@pytest.mark.parametrize("varying", [True, False])
def test_the_likelihood_falls_by_half_a_chi_squared_at_the_ends(varying: bool) -> None:
    data = hd.datasets.load("dyestuff") if varying else without_batches()
    model = hd.fit("Yield ~ 1 + (1 | Batch)", data, method="ML")
    table, ZZ = model.profile_variances(level=0.9), (model.Z @ model.Z.T).toarray()
    one = np.eye(len(ZZ))
    spread = float(np.log(model.sigma))
    for column in ("lower", "upper"):
        sd, sigma = table[column][0], table[column][1]
        if sd > 0.0:
            d = least(model, lambda at, v=sd: v**2 * ZZ + np.exp(2 * at[0]) * one, [spread])
            assert_allclose(d - model.deviance, chi2.ppf(0.9, 1), rtol=1e-4)
        d = least(model, lambda at, v=sigma: at[0] ** 2 * ZZ + v**2 * one, [np.exp(spread)])
        assert_allclose(d - model.deviance, chi2.ppf(0.9, 1), rtol=1e-4)


def test_the_profile_of_a_correlation_is_that_of_the_likelihood() -> None:
    model = hd.fit(
        "Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"), method="ML"
    )
    table = model.profile_variances("cor_Days.(Intercept)|Subject")
    Z, one = model.Z.toarray(), np.eye(180)
    for r in (table["lower"][0], table["upper"][0]):

        def covariance(at: np.ndarray, r: float = r) -> np.ndarray:
            a, b, s = np.exp(at)
            G = np.array([[a * a, r * a * b], [r * a * b, b * b]])
            return Z @ np.kron(np.eye(18), G) @ Z.T + s * s * one

        d = least(model, covariance, [3.1, 1.7, 3.2])
        assert_allclose(d - model.deviance, chi2.ppf(0.95, 1), rtol=1e-4)


def test_structures_of_the_same_model_have_the_same_ends() -> None:
    sleep = hd.datasets.load("sleepstudy")
    free, symmetric = (
        hd.fit(f"Reaction ~ Days + {term}", sleep, method="ML").profile_variances()
        for term in ("(Days | Subject)", "cs(1 + Days | Subject)")
    )
    sds = [term.startswith("sd_") for term in free["term"]]
    assert_allclose(free["lower"][sds], symmetric["lower"][:2], rtol=1e-5)
    assert_allclose(free["upper"][sds], symmetric["upper"][:2], rtol=1e-5)


def test_without_random_effects_sigma_has_a_closed_form() -> None:
    rng = np.random.default_rng(1)
    n, y = 30, rng.normal(size=30)
    model = hd.fit("y ~ 1", {"y": y}, method="ML")
    table = profile_variances(model)
    for end in (table["lower"][0], table["upper"][0]):
        x = 2 * np.log(end / model.sigma)
        assert_allclose(n * (x + np.exp(-x) - 1), chi2.ppf(0.95, 1), rtol=1e-5)


def test_a_variance_of_zero_has_an_interval_from_zero() -> None:
    model = hd.fit("Yield ~ 1 + (1 | Batch)", without_batches())
    table = profile_variances(model, "sd_(Intercept)|Batch")
    assert table["estimate"][0] == table["lower"][0] == 0.0
    assert 0.0 < table["upper"][0] < 1.0


def test_a_standard_deviation_near_zero_has_a_lower_end_of_zero() -> None:
    rng = np.random.default_rng(0)
    g, x = np.repeat(np.arange(200), 10), rng.normal(size=2000)
    y = x + rng.normal(size=200)[g] + rng.normal(size=2000)
    model = hd.fit("y ~ x + (x | g)", {"y": y, "x": x, "g": g})
    table = profile_variances(model, "sd_x|g")
    assert table["lower"][0] == 0.0
    assert 0.0 < table["upper"][0] < 0.3


def test_a_count_model_holds_its_correlation_by_the_structure() -> None:
    rng = np.random.default_rng(4)
    g, x = np.repeat(np.arange(25), 8), rng.normal(size=200)
    b = rng.normal(size=(25, 2)) @ np.array([[0.6, 0.2], [0.0, 0.4]])
    y = rng.poisson(np.exp(0.8 + b[g, 0] + (0.3 + b[g, 1]) * x))
    model = hd.fit("y ~ x + (x | g)", {"y": y, "x": x, "g": g}, family="poisson")
    table = profile_variances(model)
    assert list(table["term"]) == ["sd_(Intercept)|g", "cor_x.(Intercept)|g", "sd_x|g"]
    for low, middle, high in zip(
        table["lower"], table["estimate"], table["upper"], strict=True
    ):
        assert low < middle < high


def test_a_correlation_of_a_pattern_ends_where_the_dense_deviance_says() -> None:
    rng = np.random.default_rng(3)
    lag = np.abs(np.subtract.outer(range(5), range(5)))
    b = rng.multivariate_normal(np.zeros(5), 4.0 * 0.6**lag, 30)
    data = {"y": (b + rng.normal(size=(30, 5))).ravel()}
    data |= {"t": np.tile(np.arange(5), 30), "g": np.repeat(np.arange(30), 5)}
    model = hd.fit("y ~ 1 + ar1(0 + factor(t) | g)", data, method="ML")
    table = model.profile_variances("correlation|g")
    one = np.eye(150)
    for rho in (table["lower"][0], table["upper"][0]):

        def covariance(at: np.ndarray, rho: float = rho) -> np.ndarray:
            a, s = np.exp(at)
            return a * a * np.kron(np.eye(30), rho**lag) + s * s * one

        d = least(model, covariance, [0.7, 0.0])
        assert_allclose(d - model.deviance, chi2.ppf(0.95, 1), rtol=1e-4)
    assert table["lower"][0] < table["estimate"][0] < table["upper"][0]


def test_a_correlation_is_any_where_a_standard_deviation_may_be_zero() -> None:
    herds = hd.datasets.load("cbpp").assign(x=lambda d: d["period"].astype(int) - 2.5)
    formula = "cbind(incidence, size - incidence) ~ x + (x | herd)"
    model = hd.fit(formula, herds, family="binomial")
    without = hd.fit(formula.replace("(x |", "(1 |"), herds, family="binomial")
    assert without.deviance - model.deviance < chi2.ppf(0.95, 1)
    table = model.profile_variances("cor_x.(Intercept)|herd")
    assert (table["lower"][0], table["upper"][0]) == (-1.0, 1.0)


def test_a_dispersion_ends_where_the_likelihood_of_its_family_says() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=150)
    y = rng.negative_binomial(3.0, 3.0 / (3.0 + np.exp(1.0 + 0.5 * x)))
    model = hd.fit("y ~ x", {"y": y, "x": x}, family="nbinom2")
    table = model.profile_intervals(component="dispersion")
    assert list(table["term"]) == ["(Intercept)"]

    def loss(beta: np.ndarray, size: float) -> float:
        mu = np.exp(beta[0] + beta[1] * x)
        return -2.0 * float(np.sum(nbinom.logpmf(y, size, size / (size + mu))))

    for end in (table["lower"][0], table["upper"][0]):
        found = minimize(loss, [1.0, 0.5], args=(np.exp(end),), tol=1e-10)
        assert_allclose(found.fun - model.deviance, chi2.ppf(0.95, 1), rtol=1e-4)


def test_the_residual_of_a_linear_model_is_profiled_as_sigma() -> None:
    model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    with pytest.raises(ModelError, match=r"profile_variances\(\"sigma\"\)"):
        model.profile_intervals(component="dispersion")


def test_names_that_are_no_parameters_are_refused() -> None:
    model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    with pytest.raises(ModelError, match=r"no variance parameter 'sd_Batch'.*sigma"):
        profile_variances(model, "sd_Batch")


def test_where_a_variance_of_zero_is_likely_no_correlation_is_refused() -> None:
    herds = hd.datasets.load("cbpp").assign(x=lambda d: d["period"].astype(int))
    formula = "cbind(incidence, size - incidence) ~ x + (x | herd)"
    model = hd.fit(formula, herds, family="binomial")
    without = hd.fit(formula.replace("(x |", "(1 |"), herds, family="binomial")
    # Without slopes the deviance rises by less than 3.84, and so for any correlation.
    assert without.deviance - model.deviance < 2.5
    table = pd.DataFrame(model.profile_variances("cor_x.(Intercept)|herd"))
    assert (table["lower"][0], table["upper"][0]) == (-1.0, 1.0)  # as confint() of lme4 has it


def test_sigma_beside_a_pattern_that_can_do_without_it_ends_at_zero() -> None:
    """A free stationary correlation has a residual in it: the likelihood is flat towards 0."""
    rng, k, n = np.random.default_rng(1), 4, 40
    R = 0.7 ** np.abs(np.subtract.outer(np.arange(k), np.arange(k)))
    y = rng.standard_normal((n, k)) @ np.linalg.cholesky(R).T
    data = {"y": y.ravel(), "t": np.tile(np.arange(k), n), "id": np.repeat(np.arange(n), k)}
    model = hd.fit("y ~ 1 + homtoep(0 + factor(t) | id)", data, method="ML")
    table = model.profile_variances("sigma")
    assert table["lower"][0] == 0.0
    upper, lag = table["upper"][0], np.abs(np.subtract.outer(np.arange(k), np.arange(k)))
    residual = hd.fit("y ~ 1", data, residual="toep(t | id)", method="ML")
    assert_allclose(model.deviance, residual.deviance, atol=1e-5)

    def deviance_of(at: np.ndarray) -> float:
        V = at[0] * np.append(1.0, at[1:])[lag] + upper**2 * np.eye(k)
        if np.linalg.eigvalsh(V - upper**2 * np.eye(k))[0] < 0.0:
            return np.inf
        inverse = np.linalg.inv(V)
        left = y - np.sum(y @ inverse) / (n * inverse.sum())
        squares = np.sum((left @ inverse) * left)
        return float(n * (k * np.log(2 * np.pi) + np.linalg.slogdet(V)[1]) + squares)

    options = {"xatol": 1e-9, "fatol": 1e-10, "maxiter": 9000, "maxfev": 9000}
    d = min(
        minimize(deviance_of, start, method="Nelder-Mead", options=options).fun
        for start in ([0.8, 0.9, 0.8, 0.7], [0.6, 0.8, 0.6, 0.5])
    )
    assert_allclose(d - model.deviance, chi2.ppf(0.95, 1), rtol=1e-3)
