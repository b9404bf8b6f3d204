"""Structured random effects through the front door."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd


def autoregressive(seed: int, noise: float, groups: int = 30, times: int = 8) -> pd.DataFrame:
    """An autoregressive series in each group, with or without independent noise."""
    rng = np.random.default_rng(seed)
    lag = np.abs(np.subtract.outer(np.arange(times), np.arange(times)))
    series = rng.normal(size=(groups, times)) @ np.linalg.cholesky(0.7**lag).T
    return pd.DataFrame(
        {
            "y": 2.0 + series.ravel() + noise * rng.normal(size=groups * times),
            "t": np.tile(np.arange(times), groups),
            "g": np.repeat(np.arange(groups), times),
        }
    )


@pytest.mark.parametrize("seed", [0, 5, 8, 11])
def test_a_residual_variance_of_zero_is_a_boundary_said_in_words(seed: int) -> None:
    model = hd.fit("y ~ 1 + ar1(0 + factor(t) | g)", autoregressive(seed, noise=0.0))
    assert model.converged
    assert "the residual variance is estimated as 0" in model.outcome


def test_autoregression_with_noise_is_recovered() -> None:
    table = autoregressive(1, noise=0.5, groups=400)
    model = hd.fit("y ~ 1 + ar1(0 + factor(t) | g)", table)
    (term,) = model.estimates.location.terms
    assert_allclose(term.covariance[0, 0], 1.0, atol=0.15)
    assert_allclose(term.covariance[0, 1] / term.covariance[0, 0], 0.7, atol=0.05)
    assert_allclose(model.sigma, 0.5, atol=0.05)


def test_an_unknown_structure_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(hd.FormulaError, match="'ar2'"):
        hd.fit("y ~ 1 + ar2(0 + factor(t) | g)", autoregressive(1, noise=0.5))


def test_structures_of_one_pattern_agree_where_they_are_the_same_model() -> None:
    table = autoregressive(3, noise=0.5)
    unstructured = hd.fit("y ~ 1 + us(0 + t | g)", table)
    for keyword in ("diag", "homdiag"):
        assert_allclose(hd.fit(f"y ~ 1 + {keyword}(0 + t | g)", table).llf, unstructured.llf)


@pytest.mark.parametrize("keyword", ["hetar1", "ad", "toep"])
@pytest.mark.parametrize("seed", [1, 7])
def test_variances_of_each_time_may_leave_no_residual(keyword: str, seed: int) -> None:
    """One row for each effect, and all of it the structure's."""
    rng = np.random.default_rng(seed)
    lag = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    sd = np.array([1.0, 1.5, 2.0, 1.0, 0.7])
    series = rng.normal(size=(40, 5)) @ np.linalg.cholesky(0.6**lag).T * sd
    table = pd.DataFrame(
        {"y": series.ravel(), "t": np.tile(np.arange(5), 40), "g": np.repeat(np.arange(40), 5)}
    )
    model = hd.fit(f"y ~ factor(t) + {keyword}(0 + factor(t) | g)", table)
    assert model.converged
    assert "the residual variance is estimated as 0" in model.outcome
    (term,) = model.estimates.location.terms
    assert model.sigma < 0.002 * np.sqrt(np.diag(term.covariance).max())


@pytest.mark.parametrize("keyword", ["diag", "homcs", "ar1", "ad"])
def test_ten_effects_and_one_fixed_effect_have_a_start(keyword: str) -> None:
    """So many effects that moments give variances only, and so few fixed ones to allow for."""
    table = hd.datasets.load("sleepstudy")
    model = hd.fit(f"Reaction ~ 0 + Days + {keyword}(0 + factor(Days) | Subject)", table)
    assert model.converged
