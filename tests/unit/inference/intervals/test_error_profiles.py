"""Profile intervals of residuals that vary together, against likelihoods written out."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, minimize, minimize_scalar

import henderson as hd
from henderson.inference.ddf.methods import default_method

Z = 1.959963984540054


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    """Twenty-five subjects at two visits."""
    rng = np.random.default_rng(3)
    y = rng.standard_normal((25, 2)) @ np.array([[1.0, 0.6], [0.0, 1.1]])
    return pd.DataFrame(
        {"y": y.ravel(), "visit": [1, 2] * 25, "subject": np.repeat(np.arange(25), 2)}
    )


def test_the_correlation_of_two_visits_has_the_interval_of_the_bivariate_normal(
    pairs: pd.DataFrame,
) -> None:
    model = hd.fit("y ~ factor(visit)", pairs, residual="us(visit | subject)")
    found = model.profile_variances("cor_2.1|Residual").iloc[0]
    y = pairs["y"].to_numpy().reshape(25, 2)
    r = np.corrcoef(y.T)[0, 1]

    def beyond(rho: float) -> float:  # Fisher (1915): L(ρ) ∝ (1 − ρ²)^(n/2)/(1 − ρr)ⁿ
        ratio = (1.0 - rho * r) ** 2 / ((1.0 - rho**2) * (1.0 - r**2))
        return 25.0 * np.log(ratio) - Z**2

    assert found["estimate"] == pytest.approx(r, abs=1e-5)
    assert found["lower"] == pytest.approx(brentq(beyond, -0.9, r), abs=1e-4)
    assert found["upper"] == pytest.approx(brentq(beyond, r, 0.999), abs=1e-4)


@pytest.fixture(scope="module")
def fading() -> pd.DataFrame:
    """Twenty subjects at five times, a first-order autoregression."""
    rng = np.random.default_rng(4)
    R = 0.6 ** np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    y = rng.standard_normal((20, 5)) @ np.linalg.cholesky(R).T
    return pd.DataFrame(
        {"y": y.ravel(), "time": np.tile(np.arange(5), 20), "id": np.repeat(np.arange(20), 5)}
    )


def deviance(fading: pd.DataFrame, rho: float, sd: float | None) -> float:
    """−2 log L at a correlation, least over the mean and, where it is None, over σ."""
    R = rho ** np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    y = fading["y"].to_numpy().reshape(20, 5)
    inverse = np.linalg.inv(R)
    mean = np.sum(y @ inverse) / (20.0 * inverse.sum())
    squares = np.sum((y - mean) @ inverse * (y - mean))
    variance = squares / 100.0 if sd is None else sd**2
    return 100.0 * np.log(variance) + 20.0 * np.linalg.slogdet(R)[1] + squares / variance


def test_an_autoregression_has_the_intervals_of_its_likelihood(fading: pd.DataFrame) -> None:
    model = hd.fit("y ~ 1", fading, residual="ar1(time | id)")
    table = model.profile_variances().set_index("term")
    assert list(table.index) == ["sd|Residual", "correlation|Residual"]
    rho = table.loc["correlation|Residual"]
    best = deviance(fading, rho["estimate"], None)

    def of_rho(value: float) -> float:
        return deviance(fading, value, None) - best - Z**2

    assert rho["lower"] == pytest.approx(brentq(of_rho, 0.1, rho["estimate"]), abs=1e-4)
    assert rho["upper"] == pytest.approx(brentq(of_rho, rho["estimate"], 0.95), abs=1e-4)
    sd = table.loc["sd|Residual"]

    def of_sd(value: float) -> float:
        least = minimize_scalar(
            lambda r: deviance(fading, r, value), bounds=(0.05, 0.98), method="bounded"
        )
        return float(least.fun) - best - Z**2

    assert sd["lower"] == pytest.approx(brentq(of_sd, 0.5, sd["estimate"]), abs=1e-3)
    assert sd["upper"] == pytest.approx(brentq(of_sd, sd["estimate"], 3.0), abs=1e-3)


def test_random_terms_beside_them_and_groups_have_intervals_too(fading: pd.DataFrame) -> None:
    rng = np.random.default_rng(5)
    table = fading.assign(
        arm=np.where(fading["id"] % 2, "a", "b"), rater=rng.integers(0, 8, 100)
    )
    table["y"] += rng.standard_normal(8)[table["rater"]]
    model = hd.fit("y ~ 1 + (1 | rater)", table, residual="ar1(time | id, by = arm)")
    names = ["sd_(Intercept)|rater", "correlation|Residual (a)"]
    found = model.profile_variances(names)
    assert list(found["term"]) == names
    assert np.all(found["lower"] < found["estimate"])
    assert np.all(found["estimate"] < found["upper"])


def test_many_rows_linked_by_crossing_effects_have_satterthwaites_degrees_of_freedom() -> None:
    rng = np.random.default_rng(6)
    table = pd.DataFrame({"id": np.repeat(np.arange(150), 4), "t": np.tile(np.arange(4), 150)})
    table["item"] = rng.integers(0, 20, 600)
    table["y"] = rng.standard_normal(20)[table["item"]] + rng.standard_normal(600)
    model = hd.fit("y ~ t + (1 | item)", table, residual="ar1(t | id)")
    assert default_method(model.estimates) == "satterthwaite"
    few = hd.fit("y ~ t + (1 | item)", table.head(400), residual="ar1(t | id)")
    assert default_method(few.estimates) == "kenward-roger"
    assert 10 < model.coefficients()["df"].iloc[0] < 25


def of_three_times(structure: str, rho: float = 0.5) -> tuple[hd.FittedModel, np.ndarray]:
    """Thirty subjects at three times, y (30, 3), and a model of them."""
    R = rho ** np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    y = np.random.default_rng(8).standard_normal((30, 3)) @ np.linalg.cholesky(R).T
    table = {"y": y.ravel(), "t": np.tile(np.arange(3), 30), "id": np.repeat(np.arange(30), 3)}
    return hd.fit("y ~ 1", table, residual=f"{structure}(t | id)", method="ML"), y


def rise(y: np.ndarray, R: np.ndarray) -> float:
    """−2 log L at a covariance, least over the mean, less a constant."""
    inverse = np.linalg.inv(R)
    left = y - np.sum(y @ inverse) / (len(y) * inverse.sum())
    return len(y) * np.linalg.slogdet(R)[1] + np.sum((left @ inverse) * left)


def test_the_correlation_of_neighbours_has_its_interval_where_others_move_with_it() -> None:
    """The second correlation of `toep` is free at every value of the first."""
    model, y = of_three_times("toep")
    table = model.profile_variances().set_index("term")
    assert list(table.index) == ["sd|Residual", "correlation at lag 1|Residual"]

    def least(first: float) -> float:
        def at(free: np.ndarray) -> float:
            r = np.array([1.0, first, free[0]])
            R = np.exp(free[1]) * r[np.abs(np.subtract.outer(np.arange(3), np.arange(3)))]
            return rise(y, R) if np.linalg.eigvalsh(R)[0] > 0.0 else np.inf

        options = {"xatol": 1e-8, "fatol": 1e-9}
        return minimize(at, [first**2, 0.0], method="Nelder-Mead", options=options).fun

    found = table.loc["correlation at lag 1|Residual"]
    best = least(found["estimate"])
    for end in ("lower", "upper"):
        assert least(found[end]) - best == pytest.approx(Z**2, rel=1e-3)


def test_standard_deviations_of_each_time_have_intervals() -> None:
    model, y = of_three_times("diag", rho=0.0)
    found = model.profile_variances("sd_2|Residual").iloc[0]

    def least(sd: float) -> float:
        return minimize(
            lambda logs: rise(y, np.diag([*np.exp(logs), sd**2])), [0.0, 0.0], tol=1e-10
        ).fun

    best = least(found["estimate"])
    for end in ("lower", "upper"):
        assert least(found[end]) - best == pytest.approx(Z**2, rel=1e-3)
