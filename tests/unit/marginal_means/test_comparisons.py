"""Contrasts, letters, equivalence, ratios and population means."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

import henderson as hd
from henderson.errors import DataError, ModelError
from henderson.links import link_named
from henderson.marginal_means import MarginalMeans, emmeans
from henderson.marginal_means.response_scale import Transformed, back_transformed


@pytest.fixture(scope="module")
def oats() -> hd.FittedModel:
    data = hd.datasets.load("oats")
    data["nf"] = data["nitro"].astype(str)
    return hd.fit("yield ~ Variety * nf + (1 | Block/Variety)", data)


@pytest.fixture(scope="module")
def herds() -> hd.FittedModel:
    formula = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
    return hd.fit(formula, hd.datasets.load("cbpp"), family="binomial")


@pytest.fixture(scope="module")
def varieties(oats: hd.FittedModel) -> MarginalMeans:
    return emmeans(oats, "Variety")


def test_whole_plots_are_compared_with_whole_plot_degrees_of_freedom(
    oats: hd.FittedModel,
) -> None:
    """The trap of the split plot: (6 − 1)(3 − 1) = 10, and 45 for subplots."""
    assert_allclose(emmeans(oats, "Variety").contrasts().table()["df"], 10.0)
    assert_allclose(emmeans(oats, "nf").contrasts().table()["df"], 45.0)
    within = emmeans(oats, "nf | Variety").contrasts().table()
    assert_allclose(within["df"], 45.0)
    across = emmeans(oats, "Variety | nf").contrasts().table()["df"]
    assert ((across > 10.0) & (across < 45.0)).all()


def test_a_group_is_a_family_of_its_own(oats: hd.FittedModel) -> None:
    within = emmeans(oats, "Variety | nf").contrasts(adjust="bonferroni").table()
    alone = emmeans(oats, "Variety", at={"nf": "0.2"}).contrasts(adjust="bonferroni").table()
    chosen = within[within["nf"] == "0.2"]
    assert_allclose(chosen["p_value"], alone["p_value"])
    assert list(within.columns)[:2] == ["nf", "contrast"]


def test_by_regroups_means(oats: hd.FittedModel) -> None:
    together = emmeans(oats, "Variety * nf")
    regrouped = together.contrasts(by="nf").table()
    assert_allclose(
        regrouped["p_value"], emmeans(oats, "Variety | nf").contrasts().table()["p_value"]
    )
    with pytest.raises(DataError, match="by names 'block'"):
        together.contrasts(by="block")
    with pytest.raises(DataError, match="nothing to compare"):
        together.contrasts(by=["nf", "Variety"])


def test_two_means_need_no_adjustment(herds: hd.FittedModel) -> None:
    two = emmeans(herds, "period", at={"period": ["1", "2"]}).contrasts()
    assert_allclose(two.table()["p_value"], two.table(adjust="none")["p_value"], rtol=1e-9)


def test_interaction_contrasts_are_differences_of_contrasts(oats: hd.FittedModel) -> None:
    means = emmeans(oats, "Variety * nf")
    found = means.contrasts(interaction=("pairwise", "poly")).table()
    assert len(found) == 9
    assert found["contrast"][0] == "Golden Rain - Marvellous : linear"
    slopes = emmeans(oats, "nf | Variety").contrasts("poly").table()
    linear = slopes.loc[slopes["contrast"] == "linear", "estimate"].to_numpy()
    assert_allclose(found["estimate"][0], linear[0] - linear[1])
    by_name = means.contrasts(interaction={"nf": "poly"}).table()
    assert_allclose(by_name["estimate"], found["estimate"])
    with pytest.raises(ModelError, match="one for each of two or more"):
        means.contrasts(interaction=["pairwise"])
    with pytest.raises(DataError, match="interaction names 'nitro'"):
        means.contrasts(interaction={"nitro": "poly"})


def test_adjustments_can_be_chosen_afterwards(varieties: MarginalMeans) -> None:
    pairs = varieties.contrasts(adjust="none")
    assert_allclose(
        pairs.table(adjust="tukey")["p_value"], varieties.contrasts().table()["p_value"]
    )
    assert_allclose(pairs.p_values, pairs.table()["p_value"])
    with pytest.raises(ModelError, match="one control"):
        varieties.contrasts(adjust="dunnett")


def test_equivalence_is_two_one_sided_tests(varieties: MarginalMeans) -> None:
    pairs = varieties.contrasts()
    raw = pairs.table()
    found = pairs.equivalence(25.0)
    lower = stats.t.sf((raw["estimate"] + 25.0) / raw["std_error"], raw["df"])
    upper = stats.t.cdf((raw["estimate"] - 25.0) / raw["std_error"], raw["df"])
    assert_allclose(found["p_value"], np.maximum(lower, upper), rtol=1e-8)
    not_lower = pairs.noninferiority(25.0)
    assert_allclose(not_lower["p_value"], lower, rtol=1e-8)
    assert_allclose(pairs.noninferiority(25.0, side="upper")["p_value"], upper, rtol=1e-8)
    assert_allclose(
        pairs.noninferiority(25.0, adjust="bonferroni")["p_value"], np.minimum(3 * lower, 1.0)
    )


def test_margins_that_are_none_are_refused(varieties: MarginalMeans) -> None:
    with pytest.raises(ModelError, match="not a margin"):
        varieties.contrasts().equivalence(0.0)
    with pytest.raises(ModelError, match="not a margin"):
        varieties.contrasts().equivalence("small")  # pyright: ignore
    with pytest.raises(ModelError, match="no side='left'"):
        varieties.contrasts().noninferiority(1.0, side="left")  # pyright: ignore
    with pytest.raises(ModelError, match="for these tests"):
        varieties.contrasts().equivalence(1.0, adjust="tukey")


def test_letters_follow_the_order_asked_for(oats: hd.FittedModel) -> None:
    means = emmeans(oats, "nf")
    up, down = means.letters(), means.letters(order="descending")
    assert up["nf"].tolist() == ["0.0", "0.2", "0.4", "0.6"]
    assert down["nf"].tolist() == ["0.6", "0.4", "0.2", "0.0"]
    assert up["letters"].tolist() == ["a", "b", "c", "c"]
    assert down["letters"].tolist() == ["a", "a", "b", "c"]
    assert means.letters(order="grid")["letters"].tolist() == ["a", "b", "c", "c"]
    with pytest.raises(ModelError, match="no order='up'"):
        means.letters(order="up")  # pyright: ignore
    with pytest.raises(ModelError, match="alpha=5"):
        means.letters(alpha=5)


def test_the_matrix_of_p_values_is_that_of_the_pairs(oats: hd.FittedModel) -> None:
    means = emmeans(oats, "nf")
    matrix = means.p_matrix()
    values = matrix.drop(columns="mean").to_numpy()
    upper = values[np.triu_indices(4, 1)]
    assert_allclose(upper, means.contrasts().table()["p_value"])
    assert_allclose(values, values.T)
    assert np.isnan(np.diag(values)).all()
    assert matrix["mean"].tolist() == ["nf0.0", "nf0.2", "nf0.4", "nf0.6"]


def test_the_least_significant_difference_is_just_significant(oats: hd.FittedModel) -> None:
    means = emmeans(oats, "nf")
    pairs = means.contrasts(adjust="none").table()
    lsd = means.lsd()
    assert_allclose(lsd["lsd"], stats.t.isf(0.025, 45.0) * pairs["std_error"][0], rtol=1e-6)
    assert_allclose(lsd["lowest"], lsd["highest"], rtol=1e-6)
    wider = means.lsd(adjust="tukey")["lsd"]
    assert wider[0] > lsd["lsd"][0]
    grouped = emmeans(oats, "nf | Variety").lsd()
    assert grouped["Variety"].tolist() == ["Golden Rain", "Marvellous", "Victory"]


def test_simultaneous_intervals_of_means_are_wider(varieties: MarginalMeans) -> None:
    single, all_of_them = varieties.table(), varieties.table(adjust="sidak")
    assert (all_of_them["lower"] < single["lower"]).all()


def test_vcov_is_that_of_the_linear_functions(varieties: MarginalMeans) -> None:
    vcov = varieties.L @ varieties.rows.reference.vcov @ varieties.L.T
    assert_allclose(varieties.vcov, vcov, rtol=1e-8)


def test_means_on_the_response_scale(herds: hd.FittedModel) -> None:
    link, response = emmeans(herds, "period"), emmeans(herds, "period", scale="response")
    on_link, shown = link.table(), response.table()
    for name in ("estimate", "lower", "upper"):
        assert_allclose(shown[name], stats.logistic.cdf(on_link[name]), rtol=1e-12)
    slope = shown["estimate"] * (1.0 - shown["estimate"])
    assert_allclose(shown["std_error"], slope * on_link["std_error"], rtol=1e-12)


def test_contrasts_of_logits_are_odds_ratios(herds: hd.FittedModel) -> None:
    response = emmeans(herds, "period", scale="response")
    odds = response.table()["estimate"] / (1.0 - response.table()["estimate"])
    pairs = response.contrasts().table()
    assert pairs["contrast"][0] == "period1 / period2"
    assert_allclose(pairs["odds_ratio"][0], odds[0] / odds[1], rtol=1e-10)
    on_link = emmeans(herds, "period").contrasts().table()
    assert_allclose(pairs["p_value"], on_link["p_value"])
    assert_allclose(pairs["lower"], np.exp(on_link["lower"]))


def test_regridded_means_are_compared_by_their_differences(herds: hd.FittedModel) -> None:
    response = emmeans(herds, "period", scale="response")
    regridded = response.regrid()
    shown = regridded.table()
    assert_allclose(shown["estimate"], response.table()["estimate"], rtol=1e-10)
    assert_allclose(shown["std_error"], response.table()["std_error"], rtol=1e-8)
    pairs = regridded.contrasts().table()
    first, second = shown["estimate"][0], shown["estimate"][1]
    assert_allclose(pairs["estimate"][0], first - second, rtol=1e-9)
    assert regridded.regrid() is regridded


def test_population_means_integrate_over_the_random_effects(herds: hd.FittedModel) -> None:
    link = emmeans(herds, "period").estimate
    tau = float(np.sqrt(herds.estimates.location.terms[0].covariance[0, 0]))
    found = emmeans(herds, "period", scale="response", random="integrate").table()["estimate"]
    for eta, mean in zip(link, found, strict=True):
        exact, _ = integrate.quad(
            lambda z, eta=eta: stats.logistic.cdf(eta + tau * z) * stats.norm.pdf(z), -9, 9
        )
        assert_allclose(mean, exact, rtol=1e-8)
    second_order = emmeans(herds, "period", scale="response", random="adjust").table()
    assert_allclose(second_order["estimate"], found, rtol=0.02)


def test_bias_adjusted_means_have_the_errors_of_emmeans(herds: hd.FittedModel) -> None:
    """emmeans 1.8.4, bias.adjust=TRUE, of glmer with tolPwrss=1e-12: see agreement_with_r."""
    found = emmeans(herds, "period", scale="response", random="adjust").table()
    expected = {
        "estimate": [0.21783163, 0.09706132, 0.08601102, 0.05696916],
        "std_error": [0.03728078, 0.02648573, 0.02537253, 0.02276049],
        "lower": [0.15298977, 0.05591838, 0.04744338, 0.02555819],
        "upper": [0.29859734, 0.16204936, 0.14982152, 0.12102489],
    }
    for column, values in expected.items():
        assert_allclose(found[column], values, rtol=2e-5)


@pytest.mark.parametrize("random", ["zero", "integrate", "adjust"])
def test_errors_of_the_response_are_the_slope_times_those_of_the_link(random: str) -> None:
    eta, tau, h = np.array([-2.0, 0.3, 1.1]), np.array([0.0, 0.6, 1.4]), 1e-5
    for name in ("logit", "log", "cloglog", "probit"):

        def mean(at: np.ndarray, name: str = name) -> Transformed:
            zero = np.zeros(3)
            return back_transformed(at, zero + 0.2, zero, link_named(name), tau, random)

        slope = (mean(eta + h).estimate - mean(eta - h).estimate) / (2.0 * h)
        assert_allclose(mean(eta).std_error, 0.2 * np.abs(slope), rtol=1e-8)


def test_the_population_mean_of_a_log_link_is_lognormal() -> None:
    """E e^(η + τZ) = e^(η + τ²/2), with random slopes through z'Gz at the grid."""
    sleep = hd.datasets.load("sleepstudy")
    formula = "Reaction ~ Days + (Days | Subject)"
    model = hd.fit(formula, sleep, family="gamma", link="log")
    at = {"Days": [0, 9]}
    link = emmeans(model, "Days", at=at).estimate
    found = emmeans(model, "Days", at=at, scale="response", random="integrate").table()
    z = np.array([[1.0, 0.0], [1.0, 9.0]])
    G = model.estimates.location.terms[0].covariance
    tau2 = np.einsum("ij,jk,ik->i", z, G, z)
    assert_allclose(found["estimate"], np.exp(link + tau2 / 2.0), rtol=1e-9)


def test_means_of_a_transformed_response_come_back_as_in_emmeans() -> None:
    """lmer and emmeans 1.8.4, type = "response"."""
    data = hd.datasets.load("oats").assign(nf=lambda d: d["nitro"].astype(str))
    formula = "({}) ~ Variety * nf + (1 | Block/Variety)"
    logs = hd.fit(formula.format("log(yield)"), data).emmeans("Variety", scale="response")
    table = logs.table()
    assert_allclose(table["estimate"], [101.15996055, 107.16310416, 93.43553965], rtol=1e-6)
    assert_allclose(table["std_error"], [7.34496739, 7.78084038, 6.78411684], rtol=1e-5)
    assert_allclose(table["lower"], [85.90920545, 91.00732228, 79.34930904], rtol=1e-5)
    pairs = logs.contrasts().table()
    assert_allclose(pairs["ratio"], [0.94398125, 1.08267112, 1.14692016], rtol=1e-6)
    assert_allclose(pairs["upper"], [1.1395525, 1.30697573, 1.3845357], rtol=1e-5)
    assert "On the scale of yield, as medians; intervals transformed from the log" in repr(logs)
    model = hd.fit(formula.format("sqrt(yield)"), data)
    roots = model.emmeans("Variety", scale="response").table()
    assert_allclose(roots["estimate"], [102.83319523, 108.50571179, 95.50811815], rtol=1e-6)
    assert_allclose(roots["std_error"], [7.57436523, 7.78047081, 7.29961108], rtol=1e-5)
    assert "On the sqrt scale of yield." in repr(model.emmeans("Variety"))
    tens = hd.fit("log10(yield) ~ Variety + (1 | Block)", hd.datasets.load("oats"))
    assert "On the scale of log10(yield), from" in repr(
        tens.emmeans("Variety", scale="response")
    )
    with pytest.raises(ModelError, match=r"sqrt\(yield\) transformed back has medians"):
        model.emmeans("Variety", scale="response", random="integrate")
    assert model.plot_effects("nf").axes[0].get_ylabel().startswith("Median yield")
    assert_allclose(hd.plots.observed_points(model, "nf")["y"], data["yield"], rtol=1e-12)


def test_what_is_printed_says_what_it_is(oats: hd.FittedModel, herds: hd.FittedModel) -> None:
    shown = repr(emmeans(oats, "Variety"))
    assert "Averaged over nf." in shown
    assert "kenward-roger" in shown
    pairs = repr(emmeans(oats, "Variety").contrasts())
    assert "adjusted by tukey for 3 comparisons" in pairs
    assert "intervals transformed from the logit" in repr(
        emmeans(herds, "period", scale="response")
    )


def test_a_long_table_is_cut_and_says_so() -> None:
    rng = np.random.default_rng(5)
    data = {"f": np.repeat(np.arange(70), 3).astype(str), "y": rng.normal(size=210)}
    data["g"] = np.tile(["1", "2", "3"], 70)
    assert "10 rows more" in repr(emmeans(hd.fit("y ~ f + (1 | g)", data), "f"))


def test_contrasts_written_before_the_tilde_are_pointed_to_their_place(
    oats: hd.FittedModel,
) -> None:
    with pytest.raises(DataError, match=r"means of 'nf' and then for .contrasts\('pairwise'\)"):
        oats.emmeans("pairwise ~ nf")
