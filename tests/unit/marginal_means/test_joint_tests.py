"""Joint tests of terms within groups, against emmeans 1.8.4 and analyses of variance."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd


@pytest.fixture(scope="module")
def oats() -> hd.FittedModel:
    table = hd.datasets.load("oats").assign(nf=lambda d: d["nitro"].astype(str))
    return hd.fit("yield ~ Variety * nf + (1 | Block/Variety)", table)


@pytest.fixture(scope="module")
def salamanders() -> hd.FittedModel:
    return hd.fit(
        "count ~ spp * mined + (1 | site)",
        hd.datasets.load("salamanders"),
        family="nbinom2",
        zero_inflation="~ spp + mined",
        dispersion="~ mined",
    )


def test_within_groups_each_term_is_tested_as_emmeans_tests_it(oats: hd.FittedModel) -> None:
    table = pd.DataFrame(oats.joint_tests(by="Variety", ddf="satterthwaite"))
    assert table["Variety"].tolist() == ["Golden Rain", "Marvellous", "Victory"]
    assert table["term"].tolist() == ["nf"] * 3
    assert_allclose(table["statistic"], [13.023, 9.953, 15.316], atol=6e-4)
    assert_allclose(table["p_value"], [2.96904e-06, 3.76926e-05, 5.25691e-07], rtol=1e-4)
    other = pd.DataFrame(oats.joint_tests(by="nf", ddf="satterthwaite"))
    assert_allclose(other["df2"], 30.23, atol=0.006)
    expected = [0.308058867971, 0.169781153577, 0.807259574704, 0.673125899871]
    assert_allclose(other["p_value"], expected, rtol=1e-5)


def test_without_groups_they_are_type_3(oats: hd.FittedModel) -> None:
    joint, table = pd.DataFrame(oats.joint_tests()), pd.DataFrame(oats.anova(type=3))
    assert joint["term"].tolist() == table["term"].tolist()
    for column in ("df1", "df2", "statistic", "p_value"):
        assert_allclose(joint[column], table[column], rtol=1e-8)


def test_a_covariate_is_tested_by_its_slope_at_the_mean() -> None:
    data = hd.datasets.load("oats")
    straight = hd.fit("yield ~ Variety * nitro + (1 | Block/Variety)", data)
    table = pd.DataFrame(straight.joint_tests(by="Variety", ddf="satterthwaite"))
    assert_allclose(table["statistic"], [40.356, 29.660, 46.752], atol=6e-4)
    slopes = hd.emtrends(straight, "Variety", "nitro", ddf="satterthwaite")
    assert_allclose(table["statistic"], slopes.estimate**2 / np.diag(slopes.vcov), rtol=1e-8)
    assert_allclose(table["df2"], slopes.df, rtol=1e-8)


def test_zeros_and_dispersion_have_joint_tests_of_their_own(
    salamanders: hd.FittedModel,
) -> None:
    table = pd.DataFrame(salamanders.joint_tests(component="zero_inflation"))
    # GP has no zeros beside those of its counts, so that its logit has no finite estimate:
    # emmeans has 1.817 for spp, by standard errors of the order of 1,000
    assert_allclose(table["statistic"], [np.nan, 0.042], atol=6e-4)
    assert_allclose(table["df2"], [np.nan, np.inf])
    # car::Anova(model, component = "zi")
    waldish = pd.DataFrame(salamanders.anova(component="zero_inflation"))
    assert_allclose(waldish["statistic"], [np.nan, 0.042], atol=6e-4)  # car: 10.904
    assert_allclose(waldish["p_value"], [np.nan, 0.83762], atol=2e-5)
    one = pd.DataFrame(salamanders.anova(component="dispersion"))
    test = salamanders.wald_test("minedno", component="dispersion")
    assert_allclose(one["statistic"], test.rows["statistic"] ** 2, rtol=1e-10)


def test_empty_cells_leave_what_can_be_estimated() -> None:
    table = hd.datasets.load("oats").assign(nf=lambda d: d["nitro"].astype(str))
    table = table[~((table["Variety"] == "Victory") & (table["nf"] == "0.6"))]
    model = hd.fit("yield ~ Variety * nf + (1 | Block/Variety)", table)
    found = pd.DataFrame(model.joint_tests())
    assert found["df1"].tolist() == [1, 2, 5]
    within = pd.DataFrame(model.joint_tests(by="Variety"))
    assert within["df1"].tolist() == [3, 3, 2]


def test_a_nested_factor_is_compared_within_the_outer_one() -> None:
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"region": np.repeat(["n", "s"], 24)})
    table["town"] = [f"t{i}" for i in np.repeat(np.arange(6), 8)]
    table["g"] = np.tile(np.arange(12), 4).astype(str)
    table["y"] = rng.normal(size=48) + np.repeat(rng.normal(size=6), 8)
    model = hd.fit("y ~ region + town + (1 | g)", table)
    found = pd.DataFrame(model.joint_tests()).set_index("term")
    assert found.loc["town", "df1"] == 4
    assert found.loc["region", "df1"] == 1


def test_what_cannot_be_tested_is_said(oats: hd.FittedModel) -> None:
    with pytest.raises(hd.DataError, match="leaves no term"):
        oats.joint_tests(by=["Variety", "nf"])
    with pytest.raises(hd.DataError, match="Did you mean 'Variety'"):
        oats.joint_tests(by="variety")
    with pytest.raises(hd.ModelError, match=r"no component 'zi'.*'location', 'dispersion'"):
        oats.joint_tests(component="zi")
    with pytest.raises(hd.ModelError, match="are normal"):
        oats.anova(component="dispersion", ddf="satterthwaite")


@pytest.mark.parametrize("function", [hd.anova, hd.joint_tests, hd.compare])
def test_a_table_in_place_of_a_model_is_refused(function) -> None:  # noqa: ANN001
    with pytest.raises(hd.ModelError, match=r"needs a fitted model.*given a DataFrame"):
        function(hd.datasets.load("oats"))
