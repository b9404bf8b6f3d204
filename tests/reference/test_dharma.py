"""Quantile residuals and their tests agree with what R computed from the same draws.

`quantile_residuals.json` was computed in R from the definitions of DHARMa 0.4.7, with R's own
ks.test and binom.test, for the 120 observations and 250 draws in `data/`.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from henderson.diagnostics import QuantileResiduals
from henderson.diagnostics.quantile_residuals import against_draws, within
from henderson.diagnostics.residual_tests import (
    dispersion,
    outliers,
    uniformity,
    zero_inflation,
)

HERE = Path(__file__).parent
FACTS = json.loads((HERE / "quantile_residuals.json").read_text())
NAMES = sorted(FACTS)


class FixedUniforms(np.random.Generator):
    """Gives the uniform numbers that R drew."""

    def __init__(self, values: list[float]) -> None:
        super().__init__(np.random.PCG64(0))
        self.values = np.array(values)

    def random(self, *_: object, **__: object) -> np.ndarray:  # pyright: ignore
        return self.values


@cache
def found(name: str) -> QuantileResiduals:
    path = HERE / "data" / f"quantile_residuals_{name}.csv.gz"
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    draws = table[:, 2:].T
    uniforms = FACTS[name].get("given_uniform_draws", [0.5] * len(table))
    return against_draws(
        table[:, 0],
        iter(draws),
        table[:, 1],
        discrete=name == "poisson",
        rng=FixedUniforms(uniforms),
    )


def fact(name: str, key: str) -> Any:  # noqa: ANN401
    return FACTS[name].get(key) or FACTS[name][f"{key}_given_draws"]


@pytest.mark.parametrize("name", NAMES)
def test_residuals_and_their_bounds_are_those_of_r(name: str) -> None:
    at = found(name)
    assert_allclose(at.lower, FACTS[name]["lower"], atol=1e-14)
    assert_allclose(at.upper, FACTS[name]["upper"], atol=1e-14)
    assert_allclose(at.values, fact(name, "scaled_residuals"), atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_uniformity_is_that_of_r(name: str) -> None:
    test, of_r = uniformity(found(name)), fact(name, "uniformity")
    assert_allclose(test.statistic, of_r["D"], rtol=1e-12)
    assert_allclose(test.p_value, of_r["p"], rtol=1e-6)  # R's series stops at 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_dispersion_is_that_of_r(name: str) -> None:
    of_r = FACTS[name]["dispersion"]
    test = dispersion(found(name))
    assert_allclose(test.statistic, of_r["statistic"], rtol=1e-12)
    assert_allclose(test.p_value, of_r["p_two_sided"], atol=1e-14)
    for side in ("greater", "less"):
        one_sided = dispersion(found(name), alternative=side)
        assert_allclose(one_sided.p_value, of_r[f"p_{side}"], atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_zero_inflation_is_that_of_r(name: str) -> None:
    of_r, at = FACTS[name]["zero_inflation"], found(name)
    assert at.zeros == of_r["observed_zeros"]
    test = zero_inflation(at)
    ratio = np.nan if of_r["ratio"] is None else of_r["ratio"]
    assert_allclose(test.statistic, ratio, rtol=1e-12)
    assert_allclose(test.p_value, of_r["p_two_sided"], atol=1e-14)
    greater = zero_inflation(at, alternative="greater")
    assert_allclose(greater.p_value, of_r["p_greater"], atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_the_exact_test_of_outliers_is_that_of_r(name: str) -> None:
    of_r = fact(name, "outliers_binomial")
    test = outliers(found(name), kind="binomial")
    assert test.statistic == of_r["count"]
    assert_allclose(test.p_value, of_r["p"], rtol=1e-10)


def test_the_bootstrap_counts_what_is_outside_all_draws() -> None:
    test = outliers(found("poisson"), kind="bootstrap", rng=1)
    of_r = FACTS["poisson"]["outlier_frequency_exact_0_or_1"]
    assert_allclose(test.statistic, of_r, rtol=1e-12)


def test_a_discrete_residual_lies_within_its_bounds() -> None:
    lower, upper = np.array([0.0, 0.2]), np.array([0.4, 0.2])
    assert_allclose(within(lower, upper, np.array([0.25, 0.9])), [0.1, 0.2])
