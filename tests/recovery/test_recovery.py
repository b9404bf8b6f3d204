"""Estimates lie around the truth they were drawn from, and intervals hold it."""

import numpy as np
import pytest

from henderson.covariance import STRUCTURES
from tests.recovery.scenarios import (
    COVARIANCES,
    SOME,
    Scenario,
    covariance_entries,
    covariance_of,
    of_family,
    scenarios,
)
from tests.recovery.study import Recovery, draws_of, estimated, study

DRAWS = 30
BIAS = 4.5  # Monte-Carlo errors: some 700 parameters are looked at
SMALL = 0.08  # of a standard deviation, that maximum likelihood and Laplace may leave
WEAK = ("nbinom12",)  # φ and ψ are hardly told apart: their medians are off in small samples

SCENARIOS = scenarios()


def expected_bias(found: Recovery) -> np.ndarray:
    """What is no error: of standard deviations a small share, of correlations a little."""
    allowed = np.zeros(len(found.names))
    for i, name in enumerate(found.names):
        if ": sd " in name:
            allowed[i] = SMALL * found.truth[i]
        elif ": correlation " in name or ": shape" in name:
            allowed[i] = 0.05
    return allowed


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_known_parameters_are_recovered(name: str) -> None:
    found = study(SCENARIOS[name](), draws_of(name, DRAWS), seed=1)
    draws = len(found.estimates)
    assert found.converged >= 0.9
    known = found.monte_carlo_error > 0
    if name.endswith(WEAK):
        known &= np.array([n.startswith("location") for n in found.names])
    away = np.maximum(np.abs(found.bias) - expected_bias(found), 0.0)
    far = away[known] > BIAS * found.monte_carlo_error[known]
    assert not far.any(), np.array(found.names)[known][far]
    least = 0.95 - 4.0 * np.sqrt(0.95 * 0.05 / draws)
    slopes = np.array([n == "location: x" for n in found.names])
    assert found.coverage[slopes].min() >= least
    assert np.nanmean(found.coverage[known]) >= least


def test_every_scenario_can_be_drawn_and_has_its_truth() -> None:
    for make in SCENARIOS.values():
        scenario = make()
        drawn = scenario.draw(np.random.default_rng(0))
        assert all(len(column) == len(scenario.table) for column in drawn.values())
        assert np.isfinite([*scenario.truth.values()]).all()


def test_a_structure_without_a_textbook_formula_has_a_truth_of_its_own_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A new structure is studied before anybody writes its covariance down."""
    monkeypatch.delitem(COVARIANCES, "hetar1")
    G = covariance_of("hetar1", STRUCTURES)
    sd = np.sqrt(np.diag(G))
    R = G / np.outer(sd, sd)
    assert R[0, 2] == pytest.approx(R[0, 1] ** 2)
    assert sd == pytest.approx(np.sqrt(np.diag(SOME)))


def test_a_wrong_truth_is_found() -> None:
    """The test can fail: a slope that is off by half of itself."""
    right = of_family("poisson")
    wrong = Scenario(
        right.name,
        right.formula,
        right.table,
        right.draw,
        right.truth | {"location: x": 0.6},
        right.options,
    )
    found = study(wrong, 10)
    at = found.names.index("location: x")
    assert abs(found.bias[at]) > BIAS * found.monte_carlo_error[at]
    assert found.coverage[at] < 0.5


def test_estimates_have_the_names_of_the_truth() -> None:
    scenario = SCENARIOS["residual us()"]()
    model = scenario.fit(np.random.default_rng(0))
    assert set(scenario.truth) <= set(estimated(model.estimates))
    assert model.estimates.errors is not None
    R = model.estimates.errors.covariances[0]
    sd = estimated(model.estimates)["location: sd 1"][0]
    assert sd == pytest.approx(covariance_entries("", R)[": sd 1"])


def test_errors_of_standard_deviations_are_those_of_their_logarithm() -> None:
    """By differences of log sd over the parameters, for a linear model and another."""
    for name in ("hetar1()", "poisson"):
        estimates = SCENARIOS[name]().fit(np.random.default_rng(0)).estimates
        term = estimates.location.terms[0]
        k, size = len(term.covariance), len(term.theta)
        at = slice(len(estimates.vcov_all) - size, None)
        linear = estimates.family.is_quadratic
        before = at.start - 1 if linear else at.start
        V = estimates.vcov_all[before:, before:]

        def log_sd(theta: np.ndarray, log_sigma: float) -> np.ndarray:
            T = term.structure.factor(theta, k)  # noqa: B023
            return 0.5 * np.log(np.sum(T**2, axis=1)) + log_sigma

        slopes = [np.ones(k)] if linear else []
        for e in 1e-6 * np.eye(size):
            slopes.append((log_sd(term.theta + e, 0) - log_sd(term.theta - e, 0)) / 2e-6)
        J = np.array(slopes)
        errors = np.sqrt(np.einsum("pi,pq,qi->i", J, V, J))
        found = estimated(estimates)
        for i in range(k):
            assert found[f"location: sd {i + 1}"][1] == pytest.approx(errors[i], rel=1e-5)
