"""Power by simulation against noncentral distributions; stated models; extended designs."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest, ncf

import henderson as hd
from henderson.inference.power.extended_design import extended


def split_plot(effect: float = 0.0) -> Any:  # noqa: ANN401
    """Two varieties on whole plots of eight blocks, two halves of each plot."""
    rows = [(b, v, t) for b in range(8) for v in "ab" for t in "xy"]
    design = pd.DataFrame(rows, columns=["block", "variety", "half"])
    return hd.stated_model(
        "y ~ variety * half + (1 | block/variety)",
        design,
        params={
            "(Intercept)": 10.0,
            "varietyb": effect,
            "halfy": 1.0,
            "varietyb:halfy": 0.0,
        },
        variances={"block": 4.0, "block:variety": 1.0},
        sigma=1.0,
    )


def test_power_is_that_of_the_noncentral_f_distribution() -> None:
    found = split_plot(1.5).power(["variety", "half"], n=400, rng=2)
    table = pd.DataFrame(found.table())
    # the variance of a difference of whole plots is 2 (1 + 1/2) and that of halves 2 · 1
    shares = [8 * 1.5**2 / 3.0, 16 * 1.0**2 / 2.0]
    for share, df, power in zip(shares, (7, 14), table["power"], strict=True):
        critical = ncf.isf(0.05, 1, df, 0.0)
        expected = ncf.sf(critical, 1, df, share)
        assert abs(power - expected) < 3.0 * np.sqrt(expected * (1 - expected) / 400)
    assert table["failed"].tolist() == [0, 0]


def test_a_true_hypothesis_is_refused_as_often_as_it_should() -> None:
    found = split_plot().power(["variety", "halfy = 1"], n=400, rng=3)
    for significant in pd.DataFrame(found.table())["significant"]:
        assert binomtest(int(significant), 400, 0.05).pvalue > 0.01


def test_the_intervals_are_clopper_and_pearsons_and_wilsons() -> None:
    found = split_plot(1.0).power("variety", n=40, rng=4)
    for interval in ("exact", "wilson"):
        row = pd.DataFrame(found.table(level=0.9, interval=interval)).iloc[0]
        ends = binomtest(int(row["significant"]), 40).proportion_ci(0.9, interval)
        assert_allclose([row["lower"], row["upper"]], [ends.low, ends.high], rtol=1e-10)
    never = pd.DataFrame(split_plot().power(lambda _: 1.0, n=5, rng=1).table()).iloc[0]
    assert (never["power"], never["lower"]) == (0.0, 0.0)


def test_the_p_values_do_not_depend_on_the_number_of_workers() -> None:
    one = split_plot(1.0).power(n=6, rng=5, extend={"block": [4, 9]})
    two = split_plot(1.0).power(n=6, rng=5, extend={"block": [4, 9]}, workers=2)
    for a, b in zip(one.p_values, two.p_values, strict=True):
        np.testing.assert_array_equal(a, b)
    assert [size["block"] for size in one.sizes] == [4, 9]


def test_any_function_of_the_fit_can_be_the_test() -> None:
    model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    found = model.power(lambda m: m.pvalues["Days"], n=5, rng=1)
    own = model.power("Days", n=5, rng=1)
    assert_allclose(found.p_values[0], own.p_values[0], rtol=1e-8)


def test_more_levels_repeat_the_rows_of_those_there_are() -> None:
    oats = hd.datasets.load("oats")
    estimates = hd.fit("yield ~ Variety + nitro + (1 | Block/Variety)", oats).estimates
    more = extended(estimates, {"Block": 14})
    groups = {term.design.group: term.design.n_levels for term in more.location.terms}
    assert groups == {"Block": 14, "Block:Variety": 42}
    n = estimates.frame.n
    assert more.frame.n == n * 14 // 6
    X = estimates.location.fixed.matrix
    by_block = [X[estimates.location.terms[0].design.codes == b] for b in range(6)]
    expected = np.concatenate([by_block[b % 6] for b in range(14)])
    assert_allclose(more.location.fixed.matrix, expected)
    fewer = extended(estimates, {"Block": 3}, repeat=2)
    assert fewer.frame.n == n
    assert fewer.location.terms[1].design.n_levels == 9


def test_factors_nested_in_a_new_level_have_new_levels_too() -> None:
    pastes = hd.datasets.load("pastes")
    estimates = hd.fit("strength ~ 1 + (1 | batch) + (1 | sample)", pastes).estimates
    more = extended(estimates, {"batch": 20})
    assert [term.design.n_levels for term in more.location.terms] == [20, 60]


def test_stated_models_of_other_families_have_power() -> None:
    sites = np.repeat(np.arange(8), 6).astype(str)
    design = pd.DataFrame({"site": sites, "t": ["c", "n"] * 24})
    model = hd.stated_model(
        "seen ~ t + (1 | site)",
        design,
        params={"(Intercept)": 0.5, "tn": 3.0},
        variances={"site": 0.3},
        family="poisson",
        zero_inflation="~ 1",
        others={"zero_inflation": {"(Intercept)": -2.0}},
    )
    assert (model.power(n=10, rng=1).p_values[0] < 0.05).all()
    drawn = model.simulate(200, rng=1)
    expected = np.exp(0.5 + 0.15) / (1.0 + np.exp(-2.0))
    assert_allclose(drawn[design["t"] == "c"].mean(), expected, rtol=0.1)


STATE: dict[str, Any] = {
    "params": {"(Intercept)": 1.0, "x": 0.5},
    "variances": {"g": [[1.0, 0.2], [0.2, 0.5]]},
    "sigma": 1.0,
}
TABLE = {"x": np.arange(12.0), "g": np.repeat(list("abc"), 4)}


def test_what_a_linear_model_would_estimate_has_its_standard_errors() -> None:
    model = hd.stated_model("y ~ x + (x | g)", TABLE, **STATE)
    at = model.estimates
    Z = np.zeros((12, 6))
    for i, g in enumerate(np.repeat(range(3), 4)):
        Z[i, 2 * g : 2 * g + 2] = 1.0, i
    V = Z @ np.kron(np.eye(3), STATE["variances"]["g"]) @ Z.T + np.eye(12)
    X = at.location.fixed.matrix
    assert_allclose(at.vcov[:2, :2], np.linalg.inv(X.T @ np.linalg.solve(V, X)), rtol=1e-8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": {"(Intercept)": 1.0}}, "without a value: x. State them"),
        ({"params": {"(Intercept)": 1.0, "X": 1.0}}, "params names 'X', which the location"),
        ({"sigma": None}, r"dispersion.*\(Intercept\). Give sigma"),
        ({"sigma": -1.0}, "sigma=-1.0 is not above 0"),
        ({"variances": {}}, r"\(x | g\) has no variance"),
        ({"variances": {"g": 1.0}}, "symmetric matrix of 2 x 2"),
        ({"variances": {"g": [[1.0, 2.0], [2.0, 1.0]]}}, "not positive semidefinite"),
        ({"variances": {**STATE["variances"], "h": 1.0}}, "'h', which is no random term"),
        ({"others": {"zeros": {}}}, "gaussian family has no 'zeros'"),
    ],
)
def test_what_is_missing_or_impossible_in_a_stated_model_is_named(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(hd.ModelError, match=message):
        hd.stated_model("y ~ x + (x | g)", TABLE, **{**STATE, **change})


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"extend": {"blok": 9}}, hd.DataError, "Did you mean 'block'"),
        ({"extend": {"block": 1}}, hd.ModelError, "not a number of levels"),
        ({"extend": {"variety": 4}}, hd.DataError, "has fixed effects"),
        ({"n": 1}, hd.ModelError, "n=1 is not a count"),
        ({"alpha": 5}, hd.ModelError, "alpha=5 is not an error rate"),
        ({"test": "varieti"}, hd.FormulaError, "neither a term.*nor a hypothesis"),
    ],
)
def test_what_cannot_be_simulated_is_said(
    asked: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        split_plot().power(**{"n": 4, "rng": 1, **asked})
