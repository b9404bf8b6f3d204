"""Likelihood ratio tests: which models can be compared, and by what distribution."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2

import henderson as hd
from henderson.errors import ModelError
from henderson.inference import compare, drop1
from henderson.refits.refitting import refit


@cache
def sleep() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    table = hd.datasets.load("sleepstudy")
    assert isinstance(table, pd.DataFrame)
    return table.assign(x=rng.normal(size=180), h=rng.integers(0, 6, 180))


@cache
def fitted(formula: str, **options: str) -> hd.FittedModel:
    return hd.fit(formula, sleep(), **options)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("smaller", "larger", "reference"),
    [
        ("Days + (1 | Subject)", "Days + x + (1 | Subject)", "χ²(1)"),
        ("Days", "Days + (1 | Subject)", "½ χ²(0) + ½ χ²(1)"),
        ("Days + (1 | Subject)", "Days + (Days | Subject)", "½ χ²(1) + ½ χ²(2)"),
        ("Days + (1 | Subject)", "Days + x + (Days | Subject)", "½ χ²(2) + ½ χ²(3)"),
        ("Days + (Days || Subject)", "Days + (Days | Subject)", "χ²(1)"),
        ("Days", "Days + (Days | Subject)", "χ²(3), an upper bound: 2 variances at zero"),
    ],
)
def test_the_distribution_fits_what_is_set_to_zero(
    smaller: str, larger: str, reference: str
) -> None:
    models = [fitted(f"Reaction ~ {formula}", method="ML") for formula in (larger, smaller)]
    table = compare(*models)
    assert table["reference"][1] == reference
    T = 2 * (models[0].llf - models[1].llf)
    assert_allclose(table["statistic"][1], T)
    d = models[0].df - models[1].df
    expected = {"χ": chi2.sf(T, d), "½": (chi2.sf(T, d) + chi2.sf(T, max(d - 1, 1e-9))) / 2}
    assert_allclose(table["p_value"][1], expected[reference[0]], rtol=1e-6)


def test_restricted_likelihoods_are_compared_where_the_fixed_effects_are_the_same() -> None:
    one = fitted("Reaction ~ Days + (1 | Subject)")
    two = fitted("Reaction ~ I(2 * Days) + (Days | Subject)")
    table = compare(one, two)
    assert table["method"].tolist() == ["REML", "REML"]
    assert_allclose(table["log_likelihood"], [one.llf, two.llf])


def test_restricted_fits_with_other_fixed_effects_are_refitted_by_maximum_likelihood() -> None:
    formulas = ["Reaction ~ Days + (1 | Subject)", "Reaction ~ Days + x + (1 | Subject)"]
    table = compare(*[fitted(formula) for formula in formulas])
    assert table["method"].tolist() == ["ML, refitted"] * 2
    by_ml = [fitted(formula, method="ML").llf for formula in formulas]
    assert_allclose(table["log_likelihood"], by_ml, rtol=1e-10)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("x + (1 | Subject)", "Days + (Days | Subject)", "fixed effects not nested"),
        ("Days + (1 | h)", "Days + (Days | Subject)", "random effects not nested"),
        ("Days + (1 | h)", "Days + (1 | Subject)", "not nested"),
    ],
)
def test_models_that_are_not_nested_are_listed_without_a_test(
    one: str, other: str, why: str
) -> None:
    table = compare(*[fitted(f"Reaction ~ {each}", method="ML") for each in (one, other)])
    assert why in table["reference"][1]
    assert np.isnan(table["p_value"][1])


def test_models_of_different_data_are_refused() -> None:
    part = hd.fit("Reaction ~ Days + (1 | Subject)", sleep().iloc[:150])
    with pytest.raises(ModelError, match=r"180 rows.*150"):
        compare(fitted("Reaction ~ Days + (1 | Subject)"), part)
    with pytest.raises(ModelError, match="two models"):
        compare(part)


@pytest.mark.parametrize("contrasts", ["treatment", "helmert"])
def test_dropping_a_term_is_the_model_without_it(contrasts: str) -> None:
    table = sleep().assign(f=sleep()["h"].map(str).str.cat(["f"] * 180))
    model = hd.fit("Reaction ~ Days * f + x + (1 | Subject)", table, contrasts=contrasts)
    found = drop1(model).set_index("term")
    assert list(found.index) == ["<none>", "x", "Days:f"]
    for term, left in {"x": "Days * f", "Days:f": "Days + f + x"}.items():
        without = hd.fit(f"Reaction ~ {left} + (1 | Subject)", table, method="ML")
        assert_allclose(found.loc[term, "log_likelihood"], without.llf, rtol=1e-10)


def test_other_families_are_dropped_from_too() -> None:
    counts = sleep().assign(y=np.random.default_rng(1).poisson(2.0, 180))
    model = hd.fit("y ~ Days + x + (1 | Subject)", counts, family="poisson")
    without = hd.fit("y ~ Days + (1 | Subject)", counts, family="poisson")
    found = drop1(model).set_index("term")
    assert_allclose(found.loc["x", "statistic"], 2 * (model.llf - without.llf), atol=1e-6)
    assert compare(without, model)["reference"][1] == "χ²(1)"


def test_a_refit_to_the_same_response_is_the_same_fit() -> None:
    at = fitted("Reaction ~ Days + (Days | Subject)").estimates
    again = refit(at, y=at.response.y)
    assert_allclose(again.log_likelihood, at.log_likelihood, rtol=1e-12)
    assert_allclose(again.vcov_all, at.vcov_all, rtol=1e-6)
    other = sleep().assign(Reaction=at.response.y[::-1])
    fresh = hd.fit("Reaction ~ Days + (Days | Subject)", other)
    assert_allclose(refit(at, y=at.response.y[::-1]).log_likelihood, fresh.llf, rtol=1e-10)


def test_terms_of_the_dispersion_and_the_zeros_are_dropped_as_models_without_them_are() -> None:
    salamanders = hd.datasets.load("salamanders")
    formulas: dict[str, Any] = {"dispersion": "~ mined", "zero_inflation": "~ mined"}

    def fitted(**others: Any) -> hd.FittedModel:  # noqa: ANN401
        return hd.fit("count ~ mined + (1 | site)", salamanders, family="nbinom2", **others)

    whole = fitted(**formulas)
    for component in formulas:
        table = whole.drop1(component=component)
        assert list(table["term"]) == ["<none>", "mined"]
        smaller = fitted(**{**formulas, component: "~ 1"})
        assert_allclose(table["log_likelihood"][1], smaller.llf, atol=1e-5)
        compared = hd.compare(smaller, whole)
        assert_allclose(compared["p_value"][1], table["p_value"][1], rtol=1e-4)
        assert compared["reference"][1] == "χ²(1)"


def test_models_of_the_dispersion_must_be_nested_too() -> None:
    salamanders = hd.datasets.load("salamanders")
    one = hd.fit("count ~ mined", salamanders, family="nbinom2", dispersion="~ mined")
    other = hd.fit("count ~ mined + spp", salamanders, family="nbinom2", dispersion="~ DOP")
    table = hd.compare(one, other)
    assert table["reference"][1] == "no test: fixed effects of the dispersion not nested"
