"""The parametric bootstrap against what theory says of balanced designs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2

import henderson as hd
from henderson.errors import ModelError
from henderson.inference.parametric_bootstrap import bootstrap
from henderson.inference.refitting import refit


def dyestuff() -> hd.FittedModel:
    return hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))


def test_the_spread_is_that_of_theory() -> None:
    found = bootstrap(dyestuff(), n=400, rng=7)
    assert found.names == ("(Intercept)", "sd (Intercept) | Batch", "dispersion")
    assert_allclose(found.std_error[0], dyestuff().bse["(Intercept)"], rtol=0.12)
    # 24 σ̂²/σ² is chi-squared with 24 degrees of freedom unless the batch variance is 0
    median = np.median(found.draws[:, 2] ** 2) / found.observed[2] ** 2
    assert_allclose(median, chi2.median(24) / 24, rtol=0.05)
    assert found.converged == 400


def test_a_seed_gives_the_same_draws() -> None:
    one, two = (bootstrap(dyestuff(), n=5, rng=3).draws for _ in range(2))
    assert_allclose(one, two)
    assert not np.allclose(one, bootstrap(dyestuff(), n=5, rng=4).draws)


def test_any_function_of_the_model_can_be_taken() -> None:
    model = dyestuff()
    done = []
    found = bootstrap(
        model, lambda m: [m.sigma, m.params["(Intercept)"]], n=4, rng=3, report=done.append
    )
    assert found.names == ("value0", "value1")
    assert_allclose(found.observed, [model.sigma, model.params["(Intercept)"]])
    assert_allclose(found.draws, bootstrap(model, n=4, rng=3).draws[:, [2, 0]])
    assert done == [1, 2, 3, 4]


def test_intervals_are_quantiles() -> None:
    found = bootstrap(dyestuff(), n=50, rng=3)
    ends = np.quantile(found.draws, [0.05, 0.95], axis=0)
    table = found.intervals(level=0.9)
    assert_allclose([table["lower"], table["upper"]], ends)
    basic = found.intervals(level=0.9, kind="basic")
    assert_allclose(basic["lower"], 2 * found.observed - ends[1])


def test_other_families_and_weights_are_refitted_as_they_were_fitted() -> None:
    cbpp = hd.fit(
        "cbind(incidence, size - incidence) ~ period + (1 | herd)",
        hd.datasets.load("cbpp"),
        family="binomial",
    )
    found = bootstrap(cbpp, n=40, rng=5)
    assert_allclose(found.std_error[1:4], [cbpp.bse[f"period{i}"] for i in (2, 3, 4)], rtol=0.4)
    rng = np.random.default_rng(1)
    data = {"y": rng.normal(size=40), "x": rng.normal(size=40), "w": rng.uniform(0.1, 9, 40)}
    weighted = hd.fit("y ~ x", data, weights="w")
    again = refit(weighted.estimates, y=weighted.estimates.response.y)
    assert_allclose(again.log_likelihood, weighted.llf, rtol=1e-12)


def test_a_number_of_refits_must_be_one() -> None:
    with pytest.raises(ModelError, match="n=1 is not a number of refits"):
        bootstrap(dyestuff(), n=1)
