"""The analyses of a workshop, a script each in `examples`, come to what R says."""

import json
import re
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.reference.corpus import cases

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "examples").glob("workshop_*.py"))
R = json.loads((ROOT / "tests" / "reference" / "workshop.json").read_text(encoding="utf-8"))
MEANS = {  # script, table of means: R's model
    ("sorghum", "gen"): "omer_E3_tmb",
    ("oats", "nitro"): "yates_splitplot_tmb",
    ("temperature", "Treatment | Time"): "temperature_C_ar1_literal",
    ("faeces", "Trt | Day"): "fecal_ar1_literal",
    ("severity", "fungicide"): "severity_beta",
    ("seeds", "cells"): "seeds_binomial",
    ("webworms", "trt"): "webworms_nb1",
    ("potash", "random"): "kfert_random",
    ("potash", "fixed"): "kfert_fixed_lm",
}
TESTED = {
    "sorghum": "omer_E3_tmb",
    "oats": "yates_splitplot_tmb",
    "temperature": "temperature_C_ar1_literal",
    "faeces": "fecal_ar1_literal",
    "severity": "severity_beta",
    "seeds": "seeds_binomial",
    "webworms": "webworms_nb1",
    "serpentine": "gilmour_random_tmb",
}
UNBALANCED = {"temperature", "faeces"}  # where R's errors count that variances are estimated
CONCLUSIONS = {  # what R's numbers say, in the words of the script
    "nitrogen": r"highest at 2\d\d lb",
    "potash": r"falls by 0\.40 .* \(p = 0\.047\)",
    "serpentine": r"differ .*226\.1 on 106 df",
    "sorghum": r"differ .* G18 yields most",
    "oats": r"from 79 to 123 .* varieties alike .*0\.90.* do not differ \(p = 0\.17\)",
    "temperature": r"changes in time .* not depend on the treatment \(p = 0\.82\)",
    "faeces": r"p = 0\.042\); letters tell them apart on day 10 alone, where B",
    "severity": r"beta \(-72\.7\) to the gamma \(-60\.9\).* differ .*; 11 leaves least",
    "seeds": r"interaction: p = 0\.011",
    "webworms": r"AIC 3048 by Poisson, 3012 .*T4 leaves fewest, 0\.39 .*T1 the most, 1\.31",
}


def name_of(script: Path) -> str:
    return script.stem.removeprefix("workshop_")


@cache
def found_by(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "examples" / f"workshop_{name}.py"))["analyse"]()


def test_every_script_has_a_conclusion_of_r() -> None:
    assert {name_of(script) for script in SCRIPTS} == set(CONCLUSIONS)
    workshop = {name for name, case in cases().items() if "workshop" in case.tags}
    fitted = {model for name in CONCLUSIONS for model in found_by(name)["models"]}
    # One is the same temperatures in Fahrenheit, one the means of fixed blocks, below.
    assert workshop - fitted == {"temperature_F_ar1_literal", "kfert_fixed_lm"}


@pytest.mark.parametrize("name", CONCLUSIONS)
def test_models_are_those_of_r(name: str) -> None:
    for case_id, model in found_by(name)["models"].items():
        expected = cases()[case_id].expected
        assert model.converged
        if cases()[case_id].contrasts == "treatment":
            ours, theirs = model.params.values(), expected.fixed.values()
            assert_allclose(list(ours), list(theirs), rtol=1e-4, atol=1e-8)
        if cases()[case_id].engine != "lm":  # whose likelihood is not restricted
            assert_allclose(model.llf, expected.log_likelihood, atol=1e-4)


@pytest.mark.parametrize("name", TESTED)
def test_terms_have_rs_tests(name: str) -> None:
    rows, table = R[TESTED[name]]["anova"], found_by(name)["anova"]
    rtol = 0.05 if name in UNBALANCED else 1e-3
    assert_allclose(table["statistic"], [row["chi2"] for row in rows], rtol=rtol)
    assert_allclose(table["df1"], [row["df"] for row in rows])
    assert [p < 0.05 for p in table["p_value"]] == [row["p"] < 0.05 for row in rows]


def levels(values: Any) -> frozenset[str]:  # noqa: ANN401
    """Levels whatever their order and spaces, numbers as R writes them."""
    as_text = [f"{v:g}" if isinstance(v, float) else str(v) for v in values]
    return frozenset(text.replace(" ", "") for text in as_text)


@pytest.mark.parametrize(("name", "table"), MEANS)
def test_means_and_their_letters_are_rs(name: str, table: str) -> None:
    ours = found_by(name)["means"][table]
    at = [c for c in ours.columns[: list(ours.columns).index("estimate")] if c != "component"]
    rows = {levels(row[c] for c in at): row for _, row in ours.iterrows()}
    theirs = R[MEANS[name, table]]["means"]
    assert len(rows) == len(theirs)
    for row in theirs:
        own = rows[levels(row["at"].values())]
        assert_allclose(own["estimate"], row["estimate"], rtol=1e-4)
        rtol = 0.03 if name in UNBALANCED else 1e-3
        assert_allclose(own["std_error"], row["std_error"], rtol=rtol)
        if "letters" in ours:
            assert own["letters"] == row["letters"], row


def test_the_ends_of_potash_differ_as_in_r() -> None:
    for name, model in (("random", "kfert_random"), ("fixed", "kfert_fixed_lm")):
        own = found_by("potash")["ends"][name]
        numbers = own[["estimate", "std_error", "df", "p_value"]].astype(float)
        assert_allclose(numbers, R[model]["contrast"], rtol=1e-4)


@pytest.mark.parametrize("name", CONCLUSIONS)
def test_conclusions_are_drawn_from_the_numbers(name: str) -> None:
    conclusion = found_by(name)["conclusion"]
    assert re.search(CONCLUSIONS[name], conclusion), conclusion


def test_residuals_speak_for_the_models_that_are_kept_and_against_the_others() -> None:
    beta, gamma = found_by("severity")["residual_tests"]
    poisson, nbinom1 = found_by("webworms")["residual_tests"]
    assert min(beta.p_value, nbinom1.p_value) > 0.05
    assert max(gamma.p_value, poisson.p_value) < 0.05
    assert all(test.p_value > 0.05 for test in found_by("sorghum")["residual_tests"])


def test_fahrenheit_says_the_same_as_celsius() -> None:
    celsius = found_by("temperature")["models"]["temperature_C_ar1_literal"]
    expected = cases()["temperature_F_ar1_literal"].expected
    slopes = 1.8 * np.array(list(celsius.params.values()))[1:]
    assert_allclose(slopes, list(expected.fixed.values())[1:], rtol=1e-3, atol=1e-5)
