"""What the family registry says, and what families refuse."""

import numpy as np
import pytest

from henderson.errors import DataError, ModelError
from henderson.families import Response, StudentT, family_named


@pytest.mark.parametrize(
    ("spelling", "name", "link"),
    [
        ("Gamma", "gamma", "log"),
        ("negative_binomial", "nbinom2", "log"),
        ("student", "t", "identity"),
        ("binomial(probit)", "binomial", "probit"),
        ("beta_family(link = 'logit')", "beta", "logit"),
        ("Bernoulli", "binomial", "logit"),
        ("inverse.gaussian", "inverse_gaussian", "log"),
        ("truncated_poisson", "truncated_poisson", "log"),
        ("zero_inflated_negative_binomial", "zero_inflated_nbinom2", "log"),
    ],
)
def test_families_answer_to_the_names_people_use(spelling: str, name: str, link: str) -> None:
    family = family_named(spelling)
    assert (family.name, family.link.name) == (name, link)


def test_an_unknown_family_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ModelError, match=r"no family called 'poison'.*'poisson'"):
        family_named("poison")


def test_an_unknown_link_is_refused_with_those_the_family_has() -> None:
    with pytest.raises(ModelError, match=r"binomial.*no link 'logti'.*'logit'"):
        family_named("binomial", "logti")
    with pytest.raises(ModelError, match=r"poisson.*no link 'logit'.*log, sqrt"):
        family_named("poisson", "logit")


@pytest.mark.parametrize("df", [0.0, -1.0, np.inf, np.nan])
def test_degrees_of_freedom_are_positive_and_finite(df: float) -> None:
    with pytest.raises(ModelError, match="degrees of freedom"):
        StudentT(df=df)


@pytest.mark.parametrize(
    ("family", "y", "words"),
    [
        ("poisson", [1.0, -2.0], ["'hits'", "-2", "row 31", "negative"]),
        ("nbinom2", [1.0, 2.5], ["'hits'", "2.5", "row 31", "whole", "offset"]),
        ("gamma", [1.0, 0.0], ["'hits'", "0", "row 31", "above 0"]),
        ("lognormal", [1.0, 0.0], ["'hits'", "0", "row 31", "above 0"]),
        ("inverse_gaussian", [1.0, -1.0], ["'hits'", "-1", "row 31", "above 0"]),
        ("betabinomial", [1.0, 2.0], ["'hits'", "2", "row 31", "0 or 1"]),
        ("truncated_nbinom1", [1.0, 0.0], ["'hits'", "0", "row 31", "zero_inflation"]),
        ("beta", [0.2, 1.0], ["'hits'", "1", "row 31", "strictly between 0 and 1"]),
        ("beta", [0.2, 20.0], ["'hits'", "20", "dividing by 100"]),
        ("binomial", [0.0, 0.25], ["'hits'", "0.25", "trials", "weights="]),
        ("binomial", [0.0, 7.0], ["'hits'", "7", "0 or 1", "cbind"]),
        ("gaussian", [0.0, np.inf], ["'hits'", "inf", "finite"]),
        ("t", [0.0, np.nan], ["'hits'", "nan", "finite"]),
    ],
)
def test_an_observation_outside_the_support_is_named(
    family: str, y: list[float], words: list[str]
) -> None:
    with pytest.raises(DataError) as refusal:
        family_named(family).check_response(Response.of(y), "hits", rows=np.array([20, 31]))
    for word in words:
        assert word in str(refusal.value)


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(DataError, match="more successes than trials"):
        family_named("binomial").check_response(Response.of([3.0, 9.0], [5.0, 8.0]), "germ")


def test_weights_mean_precision_trials_or_repetition() -> None:
    y, trials, weights = np.array([1.0]), np.array([4.0]), np.array([3.0])

    def parts(name: str) -> tuple[float, float]:
        response = family_named(name).response(y, trials, weights)
        return response.size[0], response.weight[0]

    assert parts("gaussian") == (3.0, 1.0)
    assert parts("binomial") == (4.0, 3.0)
    assert parts("poisson") == (1.0, 3.0)
