import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from henderson.errors import ModelError
from henderson.simulation import simulate
from tests.unit.by_hand import ByHand, fitted_by_hand

SLOPES = np.array([[4.0, 0.5], [0.5, 0.6]])


@pytest.fixture(scope="module")
def linear() -> ByHand:
    rng = np.random.default_rng(4)
    data = pd.DataFrame(
        {
            "x": rng.normal(size=12),
            "g": np.repeat(list("abc"), 4),
            "w": rng.uniform(0.5, 2.0, size=12),
            "y": rng.normal(size=12),
        }
    )
    return fitted_by_hand("y ~ x + (x | g)", data, [SLOPES], others=[0.2], weights="w")


def test_new_draws_have_the_marginal_mean_and_covariance(linear: ByHand) -> None:
    draws = simulate(linear.estimates, 20_000, rng=5)
    V = linear.Z @ linear.G @ linear.Z.T + np.diag(1.0 / linear.W)
    error = np.sqrt(np.diag(V) / 20_000)
    mean = linear.estimates.location.fixed_eta
    assert np.all(np.abs(draws.mean(axis=1) - mean) < 5 * error)
    assert_allclose(np.cov(draws), V, atol=0.06 * np.diag(V).max())


def test_draws_at_the_modes_vary_around_the_fitted_values(linear: ByHand) -> None:
    draws = simulate(linear.estimates, 20_000, rng=6, random="modes")
    sd = 1.0 / np.sqrt(linear.W)
    off = np.abs(draws.mean(axis=1) - linear.estimates.location.eta)
    assert np.all(off < 5 * sd / np.sqrt(20_000))
    assert_allclose(draws.std(axis=1), sd, rtol=0.05)


def test_a_seed_repeats_its_draws_and_a_generator_moves_on(linear: ByHand) -> None:
    assert_allclose(simulate(linear.estimates, 3, rng=1), simulate(linear.estimates, 3, rng=1))
    rng = np.random.default_rng(1)
    first, second = (
        simulate(linear.estimates, 1, rng=rng),
        simulate(linear.estimates, 1, rng=rng),
    )
    assert not np.allclose(first, second)
    assert first.shape == (12, 1)


def test_binomial_draws_are_proportions_of_the_trials_observed() -> None:
    data = {"won": [1, 2, 0, 4, 3, 2], "n": [4, 4, 1, 7, 5, 3], "g": list("aabbcc")}
    at = fitted_by_hand("cbind(won, n - won) ~ 1 + (1 | g)", data, [0.5], family="binomial")
    draws = simulate(at.estimates, 50, rng=2)
    counts = draws * np.array(data["n"])[:, None]
    assert draws.min() >= 0.0
    assert draws.max() <= 1.0
    assert_allclose(counts, np.round(counts), atol=1e-12)


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "ten"])
def test_a_number_of_draws_that_is_none_is_refused(linear: ByHand, n: int) -> None:
    with pytest.raises(ModelError, match="number of draws"):
        simulate(linear.estimates, n)


def test_an_unknown_kind_of_random_effects_is_refused(linear: ByHand) -> None:
    with pytest.raises(ModelError, match="random='old'"):
        simulate(linear.estimates, random="old")  # pyright: ignore[reportArgumentType]
