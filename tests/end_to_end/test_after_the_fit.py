"""What a user reads after a fit that went wrong, or asks for with a slip."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import henderson as hd


@pytest.fixture(scope="module")
def germinated() -> hd.FittedModel:
    """A trial in which every seed of treatment a germinated."""
    rng = np.random.default_rng(5)
    k = rng.choice(list("abc"), 300)
    seeds = pd.DataFrame({"g": rng.integers(0, 20, 300), "k": k})
    seeds["y"] = np.where(k == "a", 1, rng.integers(0, 2, 300))
    return hd.fit("y ~ k + (1 | g)", seeds, family="binomial")


def test_other_levels_keep_the_numbers_of_the_model_without_the_separated_one(
    germinated: hd.FittedModel,
) -> None:
    rows = germinated.estimates.frame
    seeds = pd.DataFrame(
        {name: np.asarray(germinated.augment()[name]) for name in ("y", "k", "g")}
    )
    assert rows.n == 300
    left = hd.fit("y ~ k + (1 | g)", seeds[seeds.k != "a"], family="binomial")
    found, expected = germinated.emmeans("k"), left.emmeans("k").table()
    table = found.table()
    assert np.isnan(table["estimate"][0])
    assert np.isnan(table["std_error"][0])
    np.testing.assert_allclose(table["estimate"][1:], expected["estimate"], atol=1e-4)
    np.testing.assert_allclose(table["std_error"][1:], expected["std_error"], atol=1e-4)
    assert "The response is separated: (Intercept), kb, kc run off" in repr(found)
    assert "drop1()" in repr(found)
    assert found.letters()["letters"].tolist() == ["a", "a", ""]
    assert np.isfinite(found.contrasts().table()["p_value"]).tolist() == [False, False, True]


def test_tests_of_a_separated_term_are_no_tests_and_say_so(germinated: hd.FittedModel) -> None:
    for table in (germinated.anova(), germinated.joint_tests()):
        assert table["ddf"].tolist() == ["no test: separated, see drop1()"]
        assert np.isnan(table["p_value"][0])
    assert np.isfinite(germinated.wald_test("kb = kc").joint.p_value)
    assert np.isnan(germinated.wald_test("kb").joint.p_value)
    assert germinated.drop1()["p_value"][1] < 1e-20


def test_a_random_autoregression_of_variance_zero_has_a_summary() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"g": rng.integers(0, 6, 60), "f": rng.choice(["1", "2", "3"], 60)})
    table["y"] = np.random.default_rng(2).normal(size=60)
    assert "ar1" in str(hd.fit("y ~ 1 + ar1(0 + f | g)", table).summary())


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_a_model_without_fixed_effects_has_empty_tests(family: str) -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"y": rng.poisson(2, 60), "g": rng.integers(0, 10, 60)})
    model = hd.fit("y ~ 0 + (1 | g)", table, family=family)
    assert len(model.anova()) == 0
    assert model.drop1()["term"].tolist() == ["<none>"]


ASKED: dict[str, tuple[Callable[[hd.FittedModel], object], str]] = {
    "ddf": (lambda m: m.anova(ddf=5), "no method 5"),  # pyright: ignore
    "rng as text": (lambda m: m.simulate(rng="a"), "neither a seed"),  # pyright: ignore
    "rng below 0": (lambda m: m.simulate_residuals(rng=-1), "neither a seed"),
    "width of L": (lambda m: m.wald_test(np.ones((1, 7))), "2 columns"),
    "values": (lambda m: m.wald_test(np.eye(2), value=np.ones(3)), "a number for each row"),
    "report": (lambda m: m.report(None), "not a path"),  # pyright: ignore
    "folder": (lambda m: m.report("no such folder/a.html"), "does not exist"),
    "table": (lambda m: hd.to_latex(3), "not a table of results"),
    "one mean": (lambda m: m.emmeans("1").contrasts("dunnett"), "two means"),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_slip_in_an_argument_is_an_error_of_the_package(name: str) -> None:
    ask, says = ASKED[name]
    model = hd.fit("Reaction ~ Days + (1 | Subject)", hd.datasets.load("sleepstudy"))
    with pytest.raises(hd.HendersonError, match=says):
        ask(model)


def test_intervals_beside_letters_are_single_and_called_so() -> None:
    model = hd.fit("yield ~ Variety + (1 | Block)", hd.datasets.load("oats"))
    means = model.emmeans("Variety")
    single, letters = means.table(), means.letters(order="grid")
    assert letters["lower"].tolist() == single["lower"].tolist()
    assert "Each 95 % interval is for its mean alone." in means.letters_text()
    said = repr(means.contrasts(adjust="fdr"))
    assert "p-values adjusted by fdr, intervals by bonferroni for 3 comparisons." in said


def test_markdown_shows_raw_markup_as_text() -> None:
    text = hd.to_markdown(pd.DataFrame({"term": ["<b>a*b</b>", "c[1]"], "estimate": [1.0, 2]}))
    assert r"\<b>a\*b\</b>" in text
    assert r"c\[1\]" in text
