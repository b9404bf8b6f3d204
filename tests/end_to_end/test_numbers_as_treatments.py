"""Codes of treatments as numbers, labels numbered anew: from the call to the sentence."""

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.errors import ModelError


@pytest.fixture(scope="module")
def blocks() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        [(b, t) for b in "ABCDE" for t in range(1, 5)], columns=["Block", "Trt"]
    )
    table["y"] = rng.normal(size=20) + rng.normal(size=5).repeat(4)
    return table


def test_whole_numbers_as_treatments_are_noted(blocks: pd.DataFrame) -> None:
    said = "Trt is a number with 4 whole values"
    model = hd.fit("y ~ Trt + (1 | Block)", blocks)
    assert said in str(hd.check(model, n=0))
    assert hd.check(model, n=0).good
    assert "factor(Trt)" in str(hd.describe_design(blocks, "y ~ Trt + (1 | Block)"))
    for fixed in ("factor(Trt)", "poly(Trt, 2)", "Trt + I(Trt^2)"):
        other = hd.fit(f"y ~ {fixed} + (1 | Block)", blocks)
        assert said not in str(hd.check(other, n=0))


def test_letters_of_a_single_mean_are_refused(blocks: pd.DataFrame) -> None:
    model = hd.fit("y ~ Trt + (1 | Block)", blocks)
    with pytest.raises(ModelError, match=r"write factor\(Trt\)"):
        model.emmeans("Trt").letters()
    with pytest.raises(ModelError, match=r"write factor\(Trt\)"):
        model.emmeans("Trt").letters_text()
    assert len(model.emmeans("Trt", at={"Trt": [1, 4]}).letters()) == 2


def test_a_check_has_every_warning_of_the_design() -> None:
    rng = np.random.default_rng(5)
    rows = [(b, p, t) for b in range(8) for p, t in enumerate(rng.permutation(list("abcd")), 1)]
    table = pd.DataFrame([r for r in rows for _ in range(3)], columns=["block", "plot", "trt"])
    table["y"] = rng.normal(size=96) + rng.normal(size=32).repeat(3)
    formula = "y ~ trt + (1 | block) + (1 | plot)"
    described = hd.describe_design(table, formula)
    assert "ids reused" in {each.kind for each in described.warnings}
    checked = str(hd.check(hd.fit(formula, table), n=0))
    for each in described.warnings:
        assert each.kind == "few levels" or each.sentence in checked
    assert "numbered anew" in checked
