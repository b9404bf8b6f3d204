"""No unit of a response changes a model of location and scale."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.estimation import FitControl
from henderson.estimation.objectives.objective import Near
from henderson.estimation.routes import route
from henderson.refits.refitting import Refits

UNITS = (1e6, 1e-12, -1e6)

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("y ~ x + (x | g)", {}),
    "t": ("y ~ x + (1 | g)", {"family": "t"}),
    "t REML": ("y ~ x + (1 | g)", {"family": "t", "method": "REML"}),
    "t of 4 df": ("y ~ x + (x || g)", {"family": hd.families.StudentT(df=4)}),
    "skewnormal": ("y ~ x + (1 | g)", {"family": "skewnormal"}),
    "dispersion": ("y ~ x + (x | g)", {"dispersion": "~ x"}),
    "dispersion ML": ("y ~ x + (1 | g)", {"dispersion": "~ x", "method": "ML"}),
    "dispersion without intercept": ("y ~ x + (1 | g)", {"dispersion": "~ 0 + f"}),
    "random dispersion": ("y ~ x + (1 | g)", {"dispersion": "~ (1 | g)", "method": "ML"}),
    "ar1": ("y ~ x + (1 | g)", {"residual": "ar1(t | g)"}),
    "ar1 ML": ("y ~ x + (1 | g)", {"residual": "ar1(t | g)", "method": "ML"}),
    "hetar1": ("y ~ x + (1 | g)", {"residual": "hetar1(t | g)"}),
    "us": ("y ~ x", {"residual": "us(t | g)"}),
    "cs": ("y ~ x", {"residual": "cs(t | g)"}),
    "toep": ("y ~ x", {"residual": "toep(t | g)"}),
    "hettoep": ("y ~ x", {"residual": "hettoep(t | g)"}),
    "ad": ("y ~ x", {"residual": "ad(t | g)"}),
    "diag": ("y ~ x + (1 | g)", {"residual": "diag(t | g)"}),
    "homdiag": ("y ~ x + (1 | g)", {"residual": "homdiag(1 | f)"}),
    "ou": ("y ~ x + (1 | g)", {"residual": "ou(t | g)"}),
    "exp": ("y ~ x + (1 | g)", {"residual": "exp(s + w | g)"}),
    "ar1 with dispersion": ("y ~ x", {"residual": "ar1(t | g)", "dispersion": "~ x"}),
}


@cache
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    g, each = 30, 5
    n, group = g * each, np.repeat(np.arange(g), each)
    x = rng.normal(size=n)
    error = rng.standard_t(4, size=n) + 0.6 * rng.normal(size=n)
    error[1:] += 0.4 * error[:-1]
    return pd.DataFrame(
        {
            "g": group,
            "t": np.tile(np.arange(each), g),
            "f": rng.choice(["a", "b"], n),
            "s": rng.random(n),
            "w": rng.random(n),
            "weight": rng.integers(1, 4, n).astype(float),
            "exposure": rng.normal(size=n),
            "x": x,
            "y": 1.0
            + 0.5 * x
            + (0.9 + 0.5 * x) * rng.normal(size=g)[group]
            + np.exp(0.2 * x) * error,
        }
    )


def fitted(name: str, unit: float) -> hd.FittedModel:
    formula, options = MODELS[name]
    data = table().assign(y=table()["y"] * unit, exposure=table()["exposure"] * unit)
    return hd.fit(formula, data, **options)


def lost(model: hd.FittedModel, unit: float) -> float:
    """log L of y in units of 1 less that of y in this unit."""
    at = model.estimates
    p = len(at.location.beta) if at.specification.method == "REML" else 0
    return (float(at.response.weight.sum()) - p) * np.log(abs(unit))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", MODELS)
def test_a_response_in_another_unit_has_the_same_fit(name: str, unit: float) -> None:
    usual, model = fitted(name, 1.0), fitted(name, unit)
    assert usual.converged, usual.outcome
    assert model.converged, model.outcome
    assert model.llf + lost(model, unit) == pytest.approx(usual.llf, rel=1e-8)
    at, before = model.estimates, usual.estimates
    c = abs(unit)
    np.testing.assert_allclose(
        np.asarray(model.predict()) / unit, np.asarray(usual.predict()), atol=1e-4
    )
    np.testing.assert_allclose(at.location.beta / unit, before.location.beta, rtol=1e-3)
    p = len(at.location.beta)
    np.testing.assert_allclose(at.vcov[:p, :p] / c**2, before.vcov[:p, :p], rtol=2e-3)
    for term, other in zip(at.location.terms, before.location.terms, strict=True):
        np.testing.assert_allclose(term.covariance / c**2, other.covariance, atol=2e-3)
        np.testing.assert_allclose(term.modes / unit, other.modes, atol=2e-3)
        T = term.structure.factor(term.theta, len(term.covariance))
        np.testing.assert_allclose(T @ T.T / c**2, term.covariance / c**2, atol=1e-8)
    mine, its = (each.predictors["dispersion"] for each in (at, before))
    np.testing.assert_allclose(mine.eta - np.log(c), its.eta, atol=2e-3)
    if at.errors is None and not mine.terms:  # the coefficients hold the unit, no offset does
        np.testing.assert_allclose(mine.fixed.matrix @ mine.beta, mine.eta, rtol=1e-12)


@pytest.mark.parametrize("name", ["t", "dispersion ML", "ar1", "hetar1"])
def test_standard_errors_of_variances_follow_the_unit(name: str) -> None:
    usual, model = fitted(name, 1.0).variance_intervals(), fitted(name, 1e6)
    found = model.variance_intervals()
    for before, after in zip(usual.itertuples(), found.itertuples(), strict=True):
        ratio = 1e6 if str(before.term).startswith(("sd", "sigma")) else 1.0
        assert after.estimate == pytest.approx(ratio * before.estimate, rel=1e-3)
        assert after.std_error == pytest.approx(ratio * before.std_error, rel=1e-2)


@pytest.mark.parametrize("name", ["t", "skewnormal", "dispersion ML", "ar1"])
def test_refits_follow_the_unit(name: str) -> None:
    usual, model = fitted(name, 1.0), fitted(name, 1e6)
    rng = np.random.default_rng(4)
    refits = [Refits.of(m.estimates) for m in (usual, model)]
    for _ in range(3):
        y = table()["y"].to_numpy() + 0.3 * rng.normal(size=len(table()))
        one, other = refits[0].fit(y), refits[1].fit(1e6 * y)
        assert one.certificate.converged
        assert other.certificate.converged
        assert other.log_likelihood + lost(model, 1e6) == pytest.approx(
            one.log_likelihood, abs=1e-6
        )


@pytest.mark.parametrize("name", ["t", "dispersion ML", "ar1"])
def test_weights_and_offsets_follow_the_unit(name: str) -> None:
    formula, options = MODELS[name]
    fits = []
    for unit in (1.0, 1e6):
        data = table().assign(y=table()["y"] * unit, exposure=table()["exposure"] * unit)
        fits.append(hd.fit(formula + " + offset(exposure)", data, weights="weight", **options))
    usual, model = fits
    assert model.converged
    assert model.llf + lost(model, 1e6) == pytest.approx(usual.llf, abs=1e-6)
    assert model.params["x"] / 1e6 == pytest.approx(usual.params["x"], rel=1e-4)


@pytest.mark.parametrize("name", ["t", "dispersion ML", "ar1", "hetar1", "ar1 with dispersion"])
@pytest.mark.parametrize("independent", [False, True])
def test_a_start_near_a_fit_is_the_same_in_any_unit(name: str, independent: bool) -> None:
    usual, deviances = fitted(name, 1.0).estimates, []
    for unit in (2.0**30, 2.0**-40):  # both are searched in the same unit
        design = usual.design
        response = replace(design.response, y=unit * design.response.y)
        design = replace(design, response=response)
        near = Near.of(usual.result, usual.design)
        log = near.predictors[1] + np.log(unit) * (design.errors is None or independent)
        residuals = tuple(unit**2 * R for R in near.residuals or ())
        near = replace(
            near,
            predictors=(unit * near.predictors[0], log, *near.predictors[2:]),
            covariances=tuple(unit**2 * G for G in near.covariances or ()),
            residuals=None if independent or design.errors is None else residuals,
        )
        objective = route(usual.specification, design, FitControl())
        deviances.append(objective.likelihood.deviance_at(objective.start(near)))
    assert deviances[0] == pytest.approx(deviances[1], rel=1e-9)


@pytest.mark.parametrize("name", ["t", "skewnormal"])
def test_profile_intervals_follow_the_unit(name: str) -> None:
    usual, model = (fitted(name, unit).profile_intervals("x") for unit in (1.0, 1e6))
    ends = ["lower", "upper"]
    np.testing.assert_allclose(model[ends] / 1e6, usual[ends], rtol=1e-3)
