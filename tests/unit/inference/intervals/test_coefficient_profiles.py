"""Profile likelihood intervals against the likelihood itself."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2, norm

import henderson as hd
from henderson.errors import ModelError
from henderson.inference import profile_intervals


def test_the_likelihood_falls_by_half_a_chi_squared_at_the_ends() -> None:
    sleep = hd.datasets.load("sleepstudy")
    model = hd.fit("Reaction ~ Days + (Days | Subject)", sleep, method="ML")
    table = profile_intervals(model, ["Days"], level=0.9)
    for end in (*table["lower"], *table["upper"]):
        fixed = hd.fit(
            "Reaction ~ 1 + offset(slope * Days) + (Days | Subject)",
            {**{name: sleep[name] for name in sleep}, "slope": np.full(180, end)},  # pyright: ignore
            method="ML",
        )
        assert_allclose(2 * (model.llf - fixed.llf), chi2.ppf(0.9, 1), rtol=1e-4)


def test_without_random_effects_the_ends_have_a_closed_form() -> None:
    rng = np.random.default_rng(5)
    n, x = 40, rng.normal(size=40)
    model = hd.fit("y ~ x", {"y": 2 * x + rng.normal(size=n), "x": x}, method="ML")
    table = profile_intervals(model)
    half = np.sqrt(n * np.expm1(norm.ppf(0.975) ** 2 / n)) * np.sqrt(
        np.diag(model.estimates.vcov)[:2]
    )
    assert_allclose(table["upper"] - table["estimate"], half, rtol=1e-5)
    assert_allclose(table["estimate"] - table["lower"], half, rtol=1e-5)


def test_a_restricted_fit_is_profiled_by_maximum_likelihood() -> None:
    dyestuff = hd.datasets.load("dyestuff")
    ends = [
        profile_intervals(hd.fit("Yield ~ 1 + (1 | Batch)", dyestuff, method=method))
        for method in ("REML", "ML")
    ]
    assert_allclose(ends[0]["lower"], ends[1]["lower"], rtol=1e-6)


def test_an_end_that_the_likelihood_never_reaches_is_infinite() -> None:
    data = {"y": [0] * 5 + [2, 3, 1, 4, 2], "n": [5] * 10, "x": [0] * 5 + [1] * 5}
    model = hd.fit("cbind(y, n - y) ~ x", data, family="binomial")
    table = profile_intervals(model, "x")
    assert np.isinf(table["upper"][0])
    assert 0.0 < table["lower"][0] < 10.0


def test_names_that_are_no_coefficients_are_refused() -> None:
    model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    with pytest.raises(ModelError, match=r"no coefficient 'Batch'.*\(Intercept\)"):
        profile_intervals(model, "Batch")
