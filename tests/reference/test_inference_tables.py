"""Coefficients, single terms, contrasts and predictions are those that R prints."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.estimation.estimates import Estimates
from henderson.inference import joint_test, linear_estimates
from henderson.inference.ddf.kenward_roger import KenwardRoger
from tests.reference.compare import fit
from tests.reference.corpus import cases
from tests.reference.test_inference import EXPECTED, fitted

# glmmTMB's standard errors by REML are those of another convention: see select_cases.py.
OTHER_ERRORS = {n for n in EXPECTED if cases()[n].engine == "glmmTMB"} & {
    n for n in EXPECTED if cases()[n].method == "REML"
}
# Standard errors of these engines are from numerical second derivatives.
NUMERICAL = {"glmmTMB": 5e-5, "glmer": 2e-4, "clmm": 1e-4}


def having(kind: str) -> list[str]:
    return [n for n, each in EXPECTED.items() if kind in each and n not in OTHER_ERRORS]


def rough(name: str) -> float:
    """How exact R's standard errors are, relatively."""
    return NUMERICAL.get(cases()[name].engine, 1e-5)


def assert_p(found: Any, expected: Any, statistic: Any, se: float) -> None:  # noqa: ANN401
    """P-values over 1e-8, to 1e-4 and what `se`, that of standard errors, makes of them."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    kept = expected > 1e-8
    allowed = (1e-4 + 2.0 * se * np.asarray(statistic, dtype=float) ** 2) * expected
    assert np.all(np.abs(found - expected)[kept] <= allowed[kept]), (found, expected)


@pytest.mark.parametrize("name", having("coefficients"))
def test_p_values_of_coefficients_are_lmertests_and_pbkrtests(name: str) -> None:
    for method, expected in EXPECTED[name]["coefficients"].items():
        model = fitted(name)
        found = linear_estimates(model.estimates, np.eye(len(model.params)), ddf=method)
        assert_p(found.p_value, expected["p"], found.statistic, 1e-6)


@pytest.mark.parametrize("name", having("coefficient_tests"))
def test_normal_tests_of_coefficients_are_rs(name: str) -> None:
    for component, rows in EXPECTED[name]["coefficient_tests"].items():
        predictor = fitted(name).estimates.predictors[component]
        L = np.eye(predictor.beta.size)
        found = linear_estimates(fitted(name).estimates, L, ddf="infinite", component=component)
        mine = dict(zip(predictor.fixed.names, range(len(L)), strict=True))
        kept = [term for term in rows if term in mine]
        assert kept
        at = [mine[term] for term in kept]
        estimate, se, p = np.array([rows[term] for term in kept]).T
        if component == "dispersion" and cases()[name].family == "gaussian":
            estimate, se = 0.5 * estimate, 0.5 * se  # of glmmTMB's logarithm of the variance
        assert_allclose((found.estimate[at] - estimate) / se, 0.0, atol=1e-4)
        assert_allclose(found.std_error[at], se, rtol=rough(name))
        assert_p(found.p_value[at], p, found.statistic[at], rough(name))


@pytest.mark.parametrize("name", having("wald_intervals"))
def test_normal_intervals_are_rs(name: str) -> None:
    estimates, expected = fitted(name).estimates, EXPECTED[name]["wald_intervals"]
    names = list(estimates.location.fixed.names)
    found = linear_estimates(estimates, np.eye(len(names)), ddf="infinite")
    at = [names.index(term) for term in expected]
    ends = np.array(list(expected.values()))
    half = 0.5 * (ends[:, 1] - ends[:, 0])
    for end, mine in zip(ends.T, found.interval(0.95), strict=True):
        assert_allclose((mine[at] - end) / half, 0.0, atol=1e-4 + rough(name))


@pytest.mark.parametrize("name", having("adjusted_vcov"))
def test_the_adjusted_covariance_is_pbkrtests(name: str) -> None:
    expected = np.array(EXPECTED[name]["adjusted_vcov"])
    se = np.sqrt(np.diag(expected))
    found = KenwardRoger.of(fitted(name).estimates).vcov
    assert_allclose(found / np.outer(se, se), expected / np.outer(se, se), atol=2e-5)


@pytest.mark.parametrize("name", having("drop1_F"))
def test_f_tests_of_single_terms_are_lmertests(name: str) -> None:
    found = hd.anova(fitted(name), type=3, ddf="satterthwaite", convention="sas")
    table = pd.DataFrame(found).set_index("term")
    for term, (statistic, df1, df2, p) in EXPECTED[name]["drop1_F"].items():
        row = table.loc[term]
        assert row["df1"] == df1
        assert_allclose([row["statistic"], row["df2"]], [statistic, df2], rtol=1e-3)
        assert_p(row["p_value"], p, 0.0, 0.0)


@pytest.mark.parametrize("name", having("as_coded"))
def test_tests_of_the_coefficients_of_a_term_are_cars_type_3_as_coded(name: str) -> None:
    estimates = fitted(name).estimates
    fixed = estimates.location.fixed
    for term, (statistic, df, p) in EXPECTED[name]["as_coded"].items():
        L = np.eye(len(fixed.names))[fixed.assign == fixed.terms.index(term)]
        found = joint_test(estimates, L, ddf="infinite")
        assert found.df1 == df
        assert_allclose(found.chi2, statistic, rtol=10.0 * rough(name))
        assert_p(found.p_value, p, np.sqrt(statistic), 10.0 * rough(name))


@pytest.mark.parametrize("name", having("random_terms"))
def test_likelihood_ratios_of_random_terms_are_those_of_ranova(name: str) -> None:
    case, model = cases()[name], fitted(name)
    for term, (statistic, df, _) in EXPECTED[name]["random_terms"].items():
        smaller = fit(replace(case, formula=without(model.estimates, term)), case.table())
        assert model.df - smaller.df == df
        assert_allclose(2.0 * (model.llf - smaller.llf), statistic, rtol=1e-4, atol=2e-5)


def without(estimates: Estimates, term: str) -> str:
    """The formula without a random term, or without the slopes of it."""
    _, slopes, whole = term.rpartition(" in ")
    group = whole.strip("()").split("|")[1].strip()
    kept = []
    for each in estimates.location.terms:
        own = each.design.group
        if sorted(own.split(":")) != sorted(group.split(":")):
            assert each.design.effects == ("(Intercept)",)
            kept.append(f"(1 | {own})")
        elif slopes:
            kept.append(f"(1 | {own})")
    formula = estimates.specification.formula
    assert formula.response is not None
    return " + ".join([f"{formula.response.text} ~ {formula.fixed}", *kept])


@pytest.mark.parametrize(
    ("name", "kind"),
    [(n, k) for n in EXPECTED for k in ("predict", "predict_new_levels") if k in EXPECTED[n]],
)
def test_predictions_are_rs(name: str, kind: str) -> None:
    """With conditional modes, and without; at levels that the fit has not seen they are 0."""
    expected, model = EXPECTED[name][kind], fitted(name)
    new = pd.DataFrame(expected["newdata"])
    spread = float(np.std(model.estimates.location.eta))
    compared = 0
    for key, values in expected.items():
        if key == "newdata" or "se" in key:
            continue
        values = values["fit"] if isinstance(values, Mapping) else values
        random = None if kind == "predict_new_levels" else "NA" not in key
        on = "response" if "response" in key else "link"
        found = np.asarray(model.predict(new, kind=on, random=random)).ravel()
        if "conditional" in key:  # the mean of the counts that may be other than 0
            found = model.estimates.family.link.inverse(found).mu
        assert_allclose(found, values, rtol=2e-5, atol=2e-5 * spread, err_msg=key)
        compared += 1
    assert compared


def test_custom_contrasts_are_those_of_emmeans() -> None:
    for entry in EXPECTED["kfert_random"]["custom_contrast"]:
        ddf = entry["df_method"].replace("asymptotic", "infinite")
        means = hd.emmeans(fitted("kfert_random"), entry["spec"], ddf=ddf)
        table = means.contrasts({"first less last": entry["coef"][0]}).table()
        (row,) = entry["result"]
        p = row.get("p.value")
        assert_allclose(
            [table["estimate"][0], table["std_error"][0], table["df"][0], table["p_value"][0]],
            [row["estimate"], row["SE"], float(row["df"]), p],
            rtol=1e-6,
        )


def test_means_of_zero_inflation_are_those_of_emmeans() -> None:
    for entry in EXPECTED["sal_zip"]["means_of_zeros"]:
        means = hd.emmeans(fitted("sal_zip"), entry["spec"], component="zero_inflation")
        table = means.table()
        assert_allclose(table["estimate"], [r["emmean"] for r in entry["link"]], rtol=1e-5)
        assert_allclose(table["std_error"], [r["SE"] for r in entry["link"]], rtol=5e-5)
        on = hd.emmeans(
            fitted("sal_zip"), entry["spec"], component="zero_inflation", scale="response"
        ).table()
        rows = entry["response"]
        assert_allclose(on["estimate"], [r["response"] for r in rows], rtol=1e-5)
        assert_allclose(on["lower"], [r["asymp.LCL"] for r in rows], rtol=1e-4)


def test_a_second_likelihood_ratio_is_rs() -> None:
    case, expected = cases()["sleep_corr_reml"], EXPECTED["sleep_corr_reml"]
    again = expected["second_likelihood_ratio"]
    smaller = fit(replace(case, formula=again["smaller"]), case.table())
    table = hd.compare(smaller, fitted("sleep_corr_reml"))
    found = [table[column][1] for column in ("statistic", "df", "p_value")]
    assert_allclose(found, again["test"], rtol=1e-4)
