"""Responses of ordered categories: how they are read, fitted and predicted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.families import Cumulative


@pytest.fixture
def tasting() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 240
    judge, warm = np.repeat(np.arange(12), 20), np.tile([0.0, 1.0], 120)
    latent = 1.2 * warm + 0.8 * rng.standard_normal(12)[judge] + rng.logistic(size=n)
    rating = np.digitize(latent, [-0.5, 0.7, 2.0]) + 1
    names = np.array(["bad", "fair", "good", "fine"])[rating - 1]
    ordered = pd.Categorical(names, ["bad", "fair", "good", "fine"], ordered=True)
    return pd.DataFrame(
        {"rating": rating, "name": names, "ordered": ordered, "warm": warm, "judge": judge}
    )


def test_numbers_ordered_levels_and_named_categories_are_the_same_response(
    tasting: pd.DataFrame,
) -> None:
    numbers = hd.fit("rating ~ warm + (1 | judge)", tasting, family="cumulative")
    levels = hd.fit("ordered ~ warm + (1 | judge)", tasting, family="ordinal")
    family = Cumulative(categories=["bad", "fair", "good", "fine", "never seen"])
    named = hd.fit("name ~ warm + (1 | judge)", tasting, family=family)
    assert numbers.llf == levels.llf == named.llf
    assert list(numbers.estimates.predictors) == ["location", "1|2", "2|3", "3|4"]
    assert list(named.estimates.predictors)[1:] == ["bad|fair", "fair|good", "good|fine"]


def test_two_categories_are_a_logistic_model_with_the_threshold_for_an_intercept(
    tasting: pd.DataFrame,
) -> None:
    tasting["high"] = (tasting["rating"] > 2).astype(int)
    ordinal = hd.fit("high ~ warm + (1 | judge)", tasting, family="cumulative")
    binomial = hd.fit("high ~ warm + (1 | judge)", tasting, family="binomial")
    assert_allclose(ordinal.llf, binomial.llf, rtol=1e-9)
    assert_allclose(ordinal.params["warm"], binomial.params["warm"], rtol=1e-5)
    threshold = ordinal.estimates.predictors["0|1"].beta[0]
    assert_allclose(threshold, -binomial.params["(Intercept)"], rtol=1e-4)


def test_an_intercept_in_the_formula_makes_no_difference(tasting: pd.DataFrame) -> None:
    with_one = hd.fit("rating ~ warm", tasting, family="cumulative")
    without = hd.fit("rating ~ 0 + warm", tasting, family="cumulative")
    assert with_one.llf == without.llf
    assert list(with_one.params) == ["warm"]


def test_without_effects_the_probabilities_are_the_shares(tasting: pd.DataFrame) -> None:
    model = hd.fit("rating ~ 1", tasting, family="cumulative", link="probit")
    found = model.predict(kind="probabilities")
    assert list(found.columns) == ["1", "2", "3", "4"]
    shares = tasting["rating"].value_counts(normalize=True).sort_index()
    assert_allclose(found.iloc[0], shares, rtol=1e-5)
    assert_allclose(model.predict()[0], tasting["rating"].mean(), rtol=1e-5)


def test_differences_of_marginal_means_are_those_of_the_location(tasting: pd.DataFrame) -> None:
    tasting["temp"] = np.where(tasting["warm"] > 0.0, "warm", "cold")
    model = hd.fit("rating ~ temp + (1 | judge)", tasting, family="cumulative")
    difference = hd.emmeans(model, "temp").contrasts("pairwise").table()
    assert_allclose(difference["estimate"], [-model.params["tempwarm"]])


def test_levels_without_order_are_refused_with_what_to_do(tasting: pd.DataFrame) -> None:
    with pytest.raises(hd.DataError, match=r"have no order.*Cumulative\(categories="):
        hd.fit("name ~ warm", tasting, family="cumulative")
    with pytest.raises(hd.DataError, match="not among the categories given"):
        hd.fit("name ~ warm", tasting, family=Cumulative(categories=["bad", "fair"]))
    with pytest.raises(hd.DataError, match="whole numbers or levels"):
        hd.fit("half ~ warm", tasting.assign(half=tasting["rating"] / 2), family="ordinal")
    with pytest.raises(hd.DataError, match="is constant"):
        hd.fit("one ~ warm", tasting.assign(one=3), family="ordinal")


def test_probabilities_are_for_categories_and_have_no_intervals(tasting: pd.DataFrame) -> None:
    gaussian = hd.fit("rating ~ warm", tasting)
    with pytest.raises(hd.ModelError, match="ordered categories"):
        gaussian.predict(kind="probabilities")
    ordinal = hd.fit("rating ~ warm", tasting, family="ordinal")
    with pytest.raises(hd.ModelError, match="no intervals of probabilities"):
        ordinal.predict(kind="probabilities", interval="confidence")
    with pytest.raises(hd.ModelError, match="two or more different"):
        Cumulative(categories=["a", "a"])


def test_means_of_the_response_are_expected_categories(tasting: pd.DataFrame) -> None:
    tasting["temp"] = np.where(tasting["warm"] > 0.0, "warm", "cold")
    tasting["shelf"] = np.where(np.arange(240) % 3 == 0, "low", "high")
    model = hd.fit("rating ~ temp * shelf + (1 | judge)", tasting, family="cumulative")
    table = model.emmeans("temp * shelf", component="response").table()
    found = model.predict(table[["temp", "shelf"]], random=False)
    assert_allclose(table["estimate"], found, rtol=1e-10)
    assert model.emmeans("temp * shelf", scale="response").table().equals(table)
    across = model.emmeans("temp", component="response")
    estimate = across.table()["estimate"]
    assert_allclose(estimate, table.groupby("temp")["estimate"].mean(), rtol=1e-10)
    difference = across.contrasts("pairwise").table()
    assert_allclose(difference["estimate"], [estimate[0] - estimate[1]], rtol=1e-10)


def test_standard_errors_of_expected_categories_are_by_the_delta_method(
    tasting: pd.DataFrame,
) -> None:
    tasting["temp"] = np.where(tasting["warm"] > 0.0, "warm", "cold")
    model = hd.fit("rating ~ temp + (1 | judge)", tasting, family="cumulative")
    at = model.estimates
    table = model.emmeans("temp", component="response").table()
    beta = np.concatenate([each.beta for each in at.predictors.values()])
    sizes = [each.beta.size for each in at.predictors.values()]

    def expected(values: np.ndarray) -> np.ndarray:
        pieces = np.split(values, np.cumsum(sizes)[:-1])
        moved = tuple(
            replace(each, beta=piece)
            for each, piece in zip(at.result.predictors, pieces, strict=True)
        )
        other = hd.FittedModel(replace(at, result=replace(at.result, predictors=moved)))
        return np.asarray(other.predict(table[["temp"]], random=False))

    h = 1e-5 * np.eye(len(beta))
    slopes = np.array([(expected(beta + d) - expected(beta - d)) / 2e-5 for d in h]).T
    errors = np.sqrt(np.einsum("ij,jk,ik->i", slopes, at.vcov, slopes))
    assert_allclose(table["std_error"], errors, rtol=1e-6)
