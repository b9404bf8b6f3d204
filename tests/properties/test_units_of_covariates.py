"""No origin and no unit of a covariate changes a model that spans the same space."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.refits.refitting import Refits

SHIFTS = (0.0, 1e2, 1e4, 1e6)  # standard deviations of the covariate
SCALES = (1e-8, 1.0, 1e8)

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "REML": ("y ~ x + (x | g)", {}),
    "ML": ("y ~ x + (x | g)", {"method": "ML"}),
    "crossed": ("y ~ x + (x | g) + (1 | h)", {}),
    "with a factor": ("y ~ x + f + (x + f | g)", {}),
    "dispersion": ("y ~ x + (x | g)", {"dispersion": "~ x", "method": "ML"}),
    "residual": ("y ~ x + (x | g)", {"residual": "ar1(t | g)"}),
    "binomial": ("success ~ x + (x | g)", {"family": "binomial"}),
    "binomial REML": ("success ~ x + (x | g)", {"family": "binomial", "method": "REML"}),
    "quadrature": ("success ~ x + (x | g)", {"family": "binomial", "quadrature": 5}),
    "poisson": ("count ~ x + (x | g)", {"family": "poisson"}),
    "nbinom2": ("count ~ x + (x | g)", {"family": "nbinom2"}),
    "separate": ("y ~ x + (0 + x | g)", {}),
}


# Without an intercept the origin makes another model: only its unit does not matter.
CASES = [(m, shift) for m in MODELS for shift in SHIFTS if m != "separate" or not shift]


@cache
def table() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    g, each = 25, 12
    group = np.repeat(np.arange(g), each)
    x = rng.normal(size=g * each)
    eta = 0.3 + 0.5 * x + rng.normal(size=g)[group] + 0.6 * rng.normal(size=g)[group] * x
    return pd.DataFrame(
        {
            "g": group,
            "h": rng.integers(0, 9, g * each),
            "t": np.tile(np.arange(each), g),
            "f": rng.choice(["a", "b"], g * each),
            "x": x,
            "y": eta + np.exp(0.2 * x) * rng.normal(size=g * each),
            "success": (rng.random(g * each) < 1 / (1 + np.exp(-eta))).astype(int),
            "count": rng.negative_binomial(3, 3 / (3 + np.exp(eta))),
        }
    )


def fitted(name: str, shift: float, scale: float) -> tuple[hd.FittedModel, pd.DataFrame]:
    formula, options = MODELS[name]
    data = table().assign(x=(table()["x"] + shift * table()["x"].std()) * scale)
    return hd.fit(formula, data, **options), data


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("name", "shift"), CASES)
def test_a_shifted_or_rescaled_covariate_has_the_same_fit(
    name: str, shift: float, scale: float
) -> None:
    usual, _ = fitted(name, 0.0, 1.0)
    model, _ = fitted(name, shift, scale)
    assert usual.converged
    assert model.converged, model.outcome
    expected = usual.llf
    if model.estimates.specification.method == "REML":  # R's criterion has the units of X
        expected -= np.log(scale)
    assert model.llf == pytest.approx(expected, abs=1e-8 * abs(expected) + 1e-8)
    apart = np.abs(np.asarray(model.predict()) - np.asarray(usual.predict()))
    assert apart.max() < 1e-8 * shift + 2e-5 * np.ptp(np.asarray(usual.predict()))
    slope, se = model.params["x"] * scale, model.bse["x"] * scale
    assert slope == pytest.approx(usual.params["x"], rel=1e-4)
    assert se == pytest.approx(usual.bse["x"], rel=1e-4)


def calendar(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        [(i, y) for i in range(20) for y in range(2000, 2012)], columns=["site", "year"]
    )
    slope = rng.normal(0, 0.15, 20)
    data["y"] = 5 + 0.2 * (data.year - 2005) + rng.normal(0, 1, 20)[data.site]
    rng = np.random.default_rng(seed + 1000)
    data["y"] += slope[data.site] * (data.year - 2005) + rng.normal(size=len(data))
    data["day"] = (data.year - 1970) * 365.25
    data["second"] = data["day"] * 86400.0
    data["centred"] = data.year - 2005.5
    return data


@pytest.mark.parametrize("name", ["year", "day", "second"])
@pytest.mark.parametrize("seed", range(5))
def test_slopes_on_calendar_time_are_those_on_centred_time(name: str, seed: int) -> None:
    data = calendar(seed)
    model = hd.fit(f"y ~ {name} + ({name} | site)", data, method="ML")
    centred = hd.fit("y ~ centred + (centred | site)", data, method="ML")
    unit = {"year": 1.0, "day": 365.25, "second": 365.25 * 86400.0}[name]
    assert model.converged, model.outcome
    assert model.llf == pytest.approx(centred.llf, abs=1e-7)
    assert model.bse[name] * unit == pytest.approx(centred.bse["centred"], rel=1e-6)
    term, other = (m.estimates.location.terms[0] for m in (model, centred))
    A = np.array([[1.0, -2005.5 + (1970 if name != "year" else 0)], [0.0, 1.0 / unit]])
    np.testing.assert_allclose(term.covariance, A @ other.covariance @ A.T, rtol=1e-5)
    found, known = (m.variance_intervals() for m in (model, centred))
    row = f"sd_{name}|site"
    left = found.set_index("term").loc[row, "std_error"] * unit
    right = known.set_index("term").loc["sd_centred|site", "std_error"]
    assert left == pytest.approx(right, rel=1e-4)
    T = term.structure.factor(term.theta, 2)
    np.testing.assert_allclose(T @ T.T, term.covariance, rtol=1e-9)


def test_the_first_table_has_the_log_likelihood_of_centred_years() -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame(
        [(i, y) for i in range(20) for y in range(2000, 2012)], columns=["site", "year"]
    )
    data["y"] = (
        5
        + 0.2 * (data.year - 2005)
        + rng.normal(0, 1, 20)[data.site]
        + rng.normal(0, 0.15, 20)[data.site] * (data.year - 2005)
        + rng.normal(size=len(data))
    )
    model = hd.fit("y ~ year + (year | site)", data)
    assert model.converged
    assert model.llf == pytest.approx(-369.190, abs=1e-3)
    again = hd.fit("y ~ year + I(year^2) + (year + I(year^2) | site)", data)
    other = hd.fit("y ~ poly(year, 2) + (poly(year, 2) | site)", data, method="ML")
    assert again.converged or "correlation" in again.outcome or "rank" in again.outcome
    assert hd.fit(
        "y ~ year + I(year^2) + (year + I(year^2) | site)", data, method="ML"
    ).llf == pytest.approx(other.llf, abs=1e-6)


def test_refits_of_uncentred_slopes_are_those_of_centred_ones() -> None:
    data = calendar(3)
    model = hd.fit("y ~ year + (year | site)", data)
    centred = hd.fit("y ~ centred + (centred | site)", data)
    rng = np.random.default_rng(5)
    refits = [Refits.of(m.estimates) for m in (model, centred)]
    for _ in range(4):
        y = data["y"].to_numpy() + 0.5 * rng.normal(size=len(data))
        one, other = (each.fit(y) for each in refits)
        assert one.certificate.converged
        assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-7)
        assert one.location.beta[1] == pytest.approx(other.location.beta[1], rel=1e-5)


@pytest.mark.parametrize("slopes", ["(year || site)", "(0 + year | site)", "diag(year | site)"])
def test_check_says_where_the_origin_of_a_covariate_matters(slopes: str) -> None:
    data = calendar(2)
    found = str(hd.fit(f"y ~ year + {slopes}", data).check(n=0))
    assert "depends on where year is 0, far from its values (2000 to 2011)" in found
    assert "(year | site)" in found


def test_check_says_nothing_of_origins_that_do_not_matter() -> None:
    data = calendar(2)
    for model in (
        hd.fit("y ~ year + (year | site)", data),
        hd.fit("y ~ centred + (0 + centred | site)", data),
        hd.fit("y ~ year + (1 | site)", data),
    ):
        assert "origin" not in [each.topic for each in model.check(n=0).findings]
