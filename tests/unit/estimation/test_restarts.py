"""What happens where the usual search does not reach a maximum."""

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.estimation import restarts
from henderson.optimize import Outcome, Search, SearchLimits, minimize
from henderson.optimize.covariance_search import Likelihood, search_covariances
from tests.reference.corpus import cases


def counts(seed: int, groups: int = 20, each: int = 8) -> pd.DataFrame:
    """Negative binomial counts with zeros whose probability varies between groups."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), each)
    x = rng.normal(size=len(g))
    mean = np.exp(0.7 + 0.4 * x + 0.5 * rng.normal(size=groups)[g])
    zero = rng.random(len(g)) < 1 / (1 + np.exp(1.0 - 1.5 * rng.normal(size=groups)[g]))
    y = np.where(zero, 0, rng.poisson(mean * rng.gamma(1.5, 1 / 1.5, len(g))))
    return pd.DataFrame({"y": y, "x": x, "g": g})


def stalling(likelihood: Likelihood, start: np.ndarray, limits: SearchLimits) -> Search:
    """A search that gives up after its first step."""
    return minimize(likelihood.evaluate, start, limits.at_most(2))


MODELS = {
    "gaussian": ("change ~ baseline + week + (week | patient)", "trial", {}),
    "residual": ("distance ~ age * Sex", "orthodont", {"residual": "ar1(age | Subject)"}),
    "poisson": (
        "TICKS ~ YEAR + (1 | BROOD) + (1 | LOCATION)",
        "grouseticks",
        {"family": "poisson"},
    ),
    "two predictors": (
        "SiblingNegotiation ~ FoodTreatment + (1 | Nest)",
        "owls",
        {"family": "nbinom1", "zero_inflation": "~ (1 | Nest)"},
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_restart_finds_what_the_usual_search_finds(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    formula, data, options = MODELS[name]
    table = hd.datasets.load(data)
    usual = hd.fit(formula, table, **options)
    assert usual.converged
    assert not usual.estimates.certificate.notes
    monkeypatch.setattr(restarts, "search_covariances", stalling)
    again = hd.fit(formula, table, **options)
    assert again.converged
    assert again.llf == pytest.approx(usual.llf, abs=1e-6)
    assert "converged from a restart" in again.outcome
    assert again.estimates.certificate.evaluations > 2


def test_a_fit_that_converges_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searches = []

    def counting(likelihood: Likelihood, start: np.ndarray, limits: SearchLimits) -> Search:
        searches.append(start)
        return search_covariances(likelihood, start, limits)

    monkeypatch.setattr(restarts, "search_covariances", counting)
    hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    assert len(searches) == 1


def test_a_fit_that_stalls_is_better_after_a_restart() -> None:
    """The correlation runs to its limit, and the first search with it."""
    case = next(c for c in cases().values() if c.data == "oats")
    fixed = "yield ~ Variety * nf + cs(0 + factor(Variety) | Block)"
    model = hd.fit(fixed, case.table(), family="t")
    assert model.converged
    assert model.llf > -297.52  # the first search ends at -300.55


def test_a_flat_direction_is_not_called_a_saddle() -> None:
    """The effect of each row and the residual are one."""
    model = hd.fit(
        "Reaction ~ Days + homdiag(0 + factor(Days) | Subject)",
        hd.datasets.load("sleepstudy"),
    )
    assert model.estimates.certificate.outcome is Outcome.FLAT


def test_a_broken_laplace_approximation_is_named() -> None:
    """Its log-likelihood has no bound where the data of a group allow zeros of both kinds."""
    case = hd.datasets.load("salamanders")
    model = hd.fit(
        "count ~ mined + (1 | site)",
        case,
        family="nbinom2",
        zero_inflation="~ mined + (1 | site)",
    )
    found = model.estimates.certificate
    assert not model.converged
    assert found.outcome is Outcome.BREAKDOWN
    assert "Laplace approximation breaks down" in model.outcome
    assert "restarts" in found.notes[-1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_random_zeros_of_a_negative_binomial_have_an_outcome_in_words(seed: int) -> None:
    table = counts(seed)
    model = hd.fit("y ~ x + (1 | g)", table, family="nbinom2", zero_inflation="~ (1 | g)")
    found = model.estimates.certificate
    assert found.outcome is not Outcome.SADDLE
    if found.outcome in (Outcome.STALLED, Outcome.BREAKDOWN):
        assert "restarts" in found.notes[-1]


def test_a_prior_mends_a_broken_laplace_approximation_as_its_advice_says() -> None:
    table = counts(8)
    formula, zeros = "y ~ x + (1 | g)", "~ (1 | g)"
    broken = hd.fit(formula, table, family="nbinom2", zero_inflation=zeros)
    assert broken.estimates.certificate.outcome is Outcome.BREAKDOWN
    assert 'priors={"zero_inflation:sd": "normal(0, 1)"}' in broken.outcome
    prior = {"zero_inflation:sd": "normal(0, 1)"}
    model = hd.fit(formula, table, family="nbinom2", zero_inflation=zeros, priors=prior)
    assert model.converged


@pytest.mark.parametrize("outcome", [o for o in Outcome if not o.good and o != Outcome.STATED])
def test_every_outcome_that_is_no_maximum_says_what_to_do(outcome: Outcome) -> None:
    assert outcome.advice.endswith(".")
