"""Correlations and ranges at the ends of their range: boundaries, with a sentence."""

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.covariance import STRUCTURES
from henderson.covariance.base import End
from henderson.optimize import Outcome


def table(kind: str, seed: int = 1, each: int = 2) -> pd.DataFrame:
    """20 groups at 4 times, `each` rows at each, with effects that are extreme of a kind."""
    rng = np.random.default_rng(seed)
    if kind == "one":  # the same at all times
        b = np.repeat(rng.normal(size=(20, 1)), 4, axis=1)
    elif kind == "sum":  # with a sum of zero
        b = rng.normal(size=(20, 4))
        b -= b.mean(axis=1, keepdims=True)
    else:  # of one size, the sign alternating
        b = rng.normal(size=(20, 1)) * [1.0, -1.0, 1.0, -1.0]
    g, t = np.repeat(np.arange(20), 4 * each), np.tile(np.repeat(np.arange(4), each), 20)
    y = 1.0 + b[g, t] + 0.5 * rng.normal(size=80 * each)
    return pd.DataFrame({"y": y, "t": t, "f": [f"t{i}" for i in t], "g": g})


CASES = {
    ("homcs", "one"): (1, "in g the correlation is estimated as 1"),
    ("cs", "one"): (1, "in g the correlation is estimated as 1"),
    ("homcs", "sum"): (1, "in g the correlation is estimated as -0.333, its lowest value"),
    ("cs", "sum"): (1, "in g the correlation is estimated as -0.333, its lowest value"),
    ("ar1", "one"): (1, "in g the correlation of neighbours is estimated as 1"),
    ("hetar1", "one"): (1, "in g the correlation of neighbours is estimated as 1"),
    ("ar1", "alternating"): (2, "in g the correlation of neighbours is estimated as -1"),
    ("toep", "one"): (1, "in g the partial correlation at lag 3 is estimated as 1"),
    ("homtoep", "sum"): (1, "in g the partial correlation at lag 3 is estimated as -1"),
    ("ad", "one"): (1, "in g the correlation 1 of neighbours is estimated as 1"),
    ("ou", "one"): (1, "in g the decay is estimated as 0"),
    ("ou", "alternating"): (1, "in g the decay is estimated as infinite"),
    ("exp", "one"): (1, "in g the range is estimated as infinite"),
    ("exp", "alternating"): (1, "in g the range is estimated as 0"),
}


@pytest.mark.parametrize("family", ["gaussian", "t"])
@pytest.mark.parametrize(("keyword", "kind"), CASES)
def test_a_correlation_at_its_limit_is_a_boundary(keyword: str, kind: str, family: str) -> None:
    seed, sentence = CASES[keyword, kind]
    times = "t" if keyword in ("ou", "exp") else "f"
    chosen = hd.families.StudentT(df=8) if family == "t" else family
    model = hd.fit(f"y ~ 1 + {keyword}(0 + {times} | g)", table(kind, seed), family=chosen)
    found = model.estimates.certificate
    assert found.outcome is Outcome.BOUNDARY
    assert sentence in found.boundary
    assert np.isfinite(model.vcov()).all()


def test_the_limit_is_the_model_it_says() -> None:
    """One effect for all times: a random intercept. No correlation: independent effects."""
    one = hd.fit("y ~ 1 + ar1(0 + f | g)", table("one"))
    assert one.llf == pytest.approx(hd.fit("y ~ 1 + (1 | g)", table("one")).llf, abs=1e-5)
    none = hd.fit("y ~ 1 + ou(0 + t | g)", table("alternating"))
    apart = hd.fit("y ~ 1 + homdiag(0 + f | g)", table("alternating"))
    assert none.llf == pytest.approx(apart.llf, abs=1e-5)


@pytest.mark.parametrize("keyword", ["ou", "exp"])
def test_residuals_without_correlation_are_at_a_limit(keyword: str) -> None:
    data = table("alternating", each=1)
    model = hd.fit("y ~ 1", data, residual=f"{keyword}(t | g)")
    (sentence,) = model.estimates.certificate.boundary
    assert sentence.startswith("in the residuals the ")
    apart = hd.fit("y ~ 1 + (1 | g)", data)  # its variance is 0
    assert model.llf == pytest.approx(apart.llf, abs=1e-5)


def test_residuals_whose_sum_does_not_vary_are_at_a_limit_beside_an_intercept() -> None:
    model = hd.fit("y ~ 1 + (1 | g)", table("sum", each=1), residual="hetcs(f | g)")
    assert model.estimates.certificate.outcome is Outcome.BOUNDARY
    assert model.estimates.certificate.boundary == (
        "in the residuals the correlation is estimated as -0.333, its lowest value",
    )


@pytest.mark.parametrize("k", [2, 4, 7])
def test_covariances_are_finite_at_every_end(k: int) -> None:
    for structure in STRUCTURES.values():
        complete = structure
        if structure.coordinates is not None:
            complete = structure.at(np.arange(k, dtype=float)[:, None] ** 1.3)
        if structure.needs_matrix:
            continue
        inside = complete.parameters_near(np.eye(k) + 0.3)
        for end in complete.ends(k):
            theta = inside.copy()
            theta[end.element] = end.at
            T = complete.factor(theta, k)
            if np.isfinite(T).all():  # smooth kernels have no factor where all are one
                assert not complete.free(theta, k)[end.element]
            assert end.is_reached(theta)


def test_an_end_is_reached_before_rounding_forbids_more() -> None:
    end = End(0, 4.0, 20.0, "")
    assert not end.is_near(np.array([3.0]))
    assert end.is_near(np.array([5.0]))
    assert not end.is_reached(np.array([5.0]))
    assert end.is_reached(np.array([13.0]))


def test_a_range_that_grows_with_its_variance_is_flat_and_said() -> None:
    """A random walk with a drift: only the variance of differences is known."""
    rng = np.random.default_rng(2)
    walk = np.cumsum(rng.normal(size=25)) + 0.8 * np.arange(25)
    y = np.repeat(walk, 2) + 0.3 * rng.normal(size=50)
    data = pd.DataFrame({"y": y, "t": np.repeat(np.arange(25.0), 2), "one": "a"})
    model = hd.fit("y ~ 1 + exp(0 + t | one)", data)
    assert not model.converged
    assert "in one the search went to where the range is estimated as infinite" in model.outcome
    assert model.outcome.endswith(model.estimates.certificate.outcome.advice)
