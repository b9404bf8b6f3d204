"""Pictures: the tables' numbers, and that what is in them is on the axes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from numpy.testing import assert_allclose
from scipy.special import ndtri

import henderson as hd
from henderson.drawing.curves import draw_effects, draw_scatter
from henderson.drawing.means import draw_contrasts, draw_means, p_text
from henderson.drawing.style import MARKERS, PALETTE, new_axes
from henderson.plots.model_residuals import normal_pairs
from henderson.plots.smoothing import local_line


@pytest.fixture(scope="module")
def sleep() -> hd.FittedModel:
    return hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))


@pytest.fixture(scope="module")
def oats() -> hd.FittedModel:
    formula = "yield ~ Variety * factor(nitro) + (1 | Block/Variety)"
    return hd.fit(formula, hd.datasets.load("oats"))


@pytest.fixture(scope="module")
def herds() -> hd.FittedModel:
    formula = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
    return hd.fit(formula, hd.datasets.load("cbpp"), family="binomial")


def points_of(line: Line2D) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)


def legend_of(ax: Axes) -> Legend:
    legend = ax.get_legend()
    assert legend is not None
    return legend


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_means_are_drawn_with_their_intervals_and_letters(oats: hd.FittedModel) -> None:
    em = oats.emmeans("nitro")
    (ax,) = em.plot(letters=True).axes
    table = em.letters(order="grid")
    (bars,) = ax.containers
    assert_allclose(points_of(bars[0])[1], table["estimate"])
    segments = np.array(bars[2][0].get_segments())
    assert_allclose(segments[:, :, 1], table[["lower", "upper"]])
    assert texts(ax) == table["letters"].tolist()
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "0.2", "0.4", "0.6"]
    assert ax.get_xlabel() == "nitro"
    assert ax.get_ylabel() == "Mean yield (95 % interval)"
    assert em.plot().axes[0].get_ylabel() == "Mean yield (95 % interval)"


def test_a_second_factor_has_colours_and_markers_and_a_legend(oats: hd.FittedModel) -> None:
    (ax,) = oats.emmeans("nitro * Variety").plot().axes
    assert len(ax.containers) == 3
    assert [c[0].get_color() for c in ax.containers] == list(PALETTE[:3])
    assert [c[0].get_marker() for c in ax.containers] == list(MARKERS[:3])
    assert legend_of(ax).get_title().get_text() == "Variety"


def test_groups_have_panels_with_their_names(oats: hd.FittedModel) -> None:
    figure = oats.emmeans("nitro | Variety").plot()
    expected = [f"Variety = {name}" for name in ("Golden Rain", "Marvellous", "Victory")]
    assert [ax.get_title() for ax in figure.axes] == expected


def test_an_interaction_plot_connects_means_at_the_numbers(oats: hd.FittedModel) -> None:
    (ax,) = oats.emmeans("nitro * Variety").plot_interaction().axes
    line = ax.containers[1][0]  # the middle one is not moved aside
    assert_allclose(points_of(line)[0], [0.0, 0.2, 0.4, 0.6])
    assert line.get_linestyle() != "None"


def test_an_overall_mean_and_slopes_have_pictures(sleep: hd.FittedModel) -> None:
    (ax,) = sleep.emmeans("1").plot().axes
    assert len(ax.containers) == 1
    growth = hd.fit("distance ~ age * Sex + (1 | Subject)", hd.datasets.load("orthodont"))
    (ax,) = hd.emtrends(growth, "Sex", var="age").plot().axes
    assert ax.get_ylabel().startswith("Slope of age")


def test_means_of_the_dispersion_are_called_so() -> None:
    owls = hd.datasets.load("owls")
    model = hd.fit(
        "SiblingNegotiation ~ FoodTreatment + (1 | Nest)",
        owls,
        family="nbinom2",
        dispersion="~ SexParent",
    )
    (ax,) = model.emmeans("SexParent", component="dispersion").plot().axes
    assert ax.get_ylabel().startswith("dispersion of SiblingNegotiation, log scale")


def test_a_variable_the_means_are_not_of_is_refused(oats: hd.FittedModel) -> None:
    with pytest.raises(hd.DataError, match="Variaty"):
        oats.emmeans("nitro * Variety").plot(x="Variaty")


def test_contrasts_that_differ_are_filled_and_ratios_are_around_one(
    oats: hd.FittedModel, herds: hd.FittedModel
) -> None:
    contrasts = oats.emmeans("nitro").contrasts()
    (ax,) = contrasts.plot().axes
    p = contrasts.table()["p_value"]
    points = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() != "white" for line in points] == (p < 0.05).tolist()
    assert texts(ax) == [p_text(value) for value in p]
    (ax,) = herds.emmeans("period", scale="response").contrasts().plot().axes
    assert ax.get_xscale() == "log"
    assert_allclose(points_of(ax.lines[0])[0], [1.0, 1.0])
    assert ax.get_xlabel().startswith("Odds ratio")


def test_the_matrix_of_p_values_has_a_tile_a_pair(oats: hd.FittedModel) -> None:
    (ax,) = oats.emmeans("nitro").plot_p_values().axes
    assert len(ax.patches) == 6
    assert len(oats.emmeans("nitro | Variety").plot_p_values().axes) == 3


def test_a_mean_alone_has_no_pairs_to_draw(sleep: hd.FittedModel) -> None:
    for draw in (sleep.emmeans("Days").contrasts().plot, sleep.emmeans("Days").plot_p_values):
        with pytest.raises(hd.ModelError, match="alone in its group"):
            draw()


def test_ratios_over_decades_have_a_tick_a_decade() -> None:
    table = {"contrast": ["a / b"], "ratio": [1.0], "p_value": [0.5]}
    shown = []
    for lower, upper in ((0.5, 2.0), (0.02, 50.0)):
        ax = draw_contrasts(table | {"lower": [lower], "upper": [upper]}, measure="ratio")
        shown.append([t for t in ax.get_xticks() if lower <= t <= upper])
    assert_allclose(shown[0], [0.5, 1.0, 2.0])
    assert_allclose(shown[1], [0.1, 1.0, 10.0])


@pytest.fixture(scope="module")
def odd() -> hd.FittedModel:
    """Names that are long, with dollars, spaces and brackets."""
    rng = np.random.default_rng(3)
    names = ["a very long name of a treatment with all its details, " + c for c in "$_$x"]
    table = pd.DataFrame({"who $_$ <b>": np.repeat([*"abcdefgh"], 8), "dose %": names * 16})
    table["Ertrag [kg/ha]"] = rng.normal(size=64) + np.repeat(rng.normal(size=8), 8)
    return hd.fit("`Ertrag [kg/ha]` ~ `dose %` + (1 | `who $_$ <b>`)", table)


def test_long_names_and_dollar_signs_are_drawn_with_room_for_the_data(
    odd: hd.FittedModel,
) -> None:
    means, found = odd.emmeans("dose %"), odd.simulate_residuals(40, rng=1)
    figures = [
        means.plot(letters=True),
        means.contrasts().plot(),
        means.plot_p_values(),
        odd.plot_effects("dose %"),
        odd.plot_residuals("dose %"),
        found.plot("dose %"),
        odd.plot_random_effects(),
        odd.plot_shrinkage(),
        odd.plot_profiles("`dose %`" + table_level(odd)),
        odd.influence().plot(),
        odd.plot_design(),
        odd.plot_cascade(),
    ]
    for figure in figures:
        figure.canvas.draw()  # a warning where there is no room, an error in mathematics
        assert all(min(ax.get_window_extent().size) > 60.0 for ax in figure.axes)


def table_level(model: hd.FittedModel) -> str:
    return list(model.params)[1].removeprefix("`dose %`")


def test_letters_that_are_long_are_turned_beside_one_another() -> None:
    table = {"x": [*"aabb"], "g": [*"1212"], "estimate": [1.0, 2.0, 3.0, 4.0]}
    table |= {"lower": [0.0] * 4, "upper": [5.0] * 4}
    for letters, degrees in (("ab", 0.0), ("abcdef", 90.0)):
        ax = draw_means(table | {"letters": [letters] * 4}, "x", colour="g")
        assert {text.get_rotation() for text in ax.texts} == {degrees}


def test_any_kind_of_table_is_drawn() -> None:
    table = pl.DataFrame(
        {"f": ["a", "b"], "estimate": [1.0, 2.0], "lower": [0.0, 1.0], "upper": [2.0, 3.0]}
    )
    assert len(draw_means(table, "f").containers) == 1
    with pytest.raises(hd.DataError, match="no column 'p_value'"):
        draw_contrasts(table.rename({"f": "contrast"}))


def test_means_that_cannot_be_estimated_are_left_out() -> None:
    table = {"f": ["a", "b"], "estimate": [1.0, np.nan]}
    table |= {"lower": [0.0, np.nan], "upper": [2.0, np.nan]}
    assert len(draw_means(table, "f").containers[0][0].get_xdata()) == 1


def test_effect_curves_are_predictions_at_the_mean_of_random_effects(
    sleep: hd.FittedModel,
) -> None:
    table = hd.plots.effect_curves(sleep, "Days")
    expected = sleep.predict({"Days": table["Days"]}, random=False, interval="confidence")
    assert_allclose(table["estimate"], expected["prediction"])
    assert_allclose(table["lower"], expected["lower"])
    (ax,) = sleep.plot_effects("Days").axes
    assert_allclose(points_of(ax.lines[-1])[1], table["estimate"])
    points = ax.lines[0]
    assert len(points_of(points)[0]) == 180
    assert len(sleep.plot_effects("Days", points=False).axes[0].lines) == 1


def test_effects_by_a_number_are_at_its_mean_and_a_deviation_away() -> None:
    grouse = hd.datasets.load("grouseticks")
    model = hd.fit("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)", grouse, family="poisson")
    table = hd.plots.effect_curves(model, "YEAR", by="cHEIGHT")
    sd = grouse["cHEIGHT"].std()
    assert_allclose(sorted(table["cHEIGHT"].unique()), [-sd, 0.0, sd], atol=0.06)
    (ax,) = model.plot_effects("YEAR", by="cHEIGHT").axes
    assert len(ax.containers) == 3


def test_effects_of_a_factor_are_its_marginal_means(herds: hd.FittedModel) -> None:
    table = hd.plots.effect_curves(herds, "period")
    assert_allclose(
        table["estimate"], herds.emmeans("period", scale="response").table()["estimate"]
    )
    (ax,) = herds.plot_effects("period").axes
    assert ax.get_ylabel().startswith("Mean proportion")


def test_an_unknown_variable_of_effects_is_refused(sleep: hd.FittedModel) -> None:
    with pytest.raises(hd.DataError, match="Day"):
        sleep.plot_effects("Day")


def test_residuals_are_drawn_three_ways(sleep: hd.FittedModel) -> None:
    figure = sleep.plot_residuals()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [
        "Residuals against fitted values",
        "Scale and location",
        "Quantiles of the residuals",
    ]
    left, middle, right = figure.axes
    assert_allclose(points_of(left.lines[1])[1], sleep.residuals(kind="pearson"))
    assert_allclose(points_of(middle.lines[0])[1] ** 2, np.abs(points_of(left.lines[1])[1]))
    assert_allclose(np.sort(points_of(right.lines[1])[1]), points_of(right.lines[1])[1])


def test_residuals_that_vary_together_are_drawn_without_their_correlation() -> None:
    trial = hd.datasets.load("trial")
    model = hd.fit("change ~ arm * factor(week)", trial, residual="us(week | patient)")
    drawn = hd.plots.residual_points(model)["residual"]
    assert_allclose(drawn, model.residuals(kind="normalized"))
    assert_allclose(np.std(drawn), 1.0, atol=0.05)
    left = model.plot_residuals().axes[0]
    assert left.get_ylabel() == "Normalized residual"
    raw = hd.plots.residual_points(model, kind="pearson")["residual"]
    assert np.abs(drawn - raw).max() > 1.0


def test_residuals_against_a_factor_are_boxes(sleep: hd.FittedModel) -> None:
    (ax,) = sleep.plot_residuals("Subject").axes
    assert len(ax.get_xticks()) == 18


def test_normal_quantiles_have_a_band_that_holds(sleep: hd.FittedModel) -> None:
    rng = np.random.default_rng(1)
    outside, pairs = [], {}
    for _ in range(200):
        pairs = normal_pairs(rng.normal(size=50))
        beyond = (pairs["observed"] < pairs["lower"]) | (pairs["observed"] > pairs["upper"])
        outside.append(beyond.mean())
    assert 0.01 < np.mean(outside) < 0.06  # less than 5 %: the scale is estimated
    assert_allclose(pairs["expected"], -pairs["expected"][::-1])


def test_modes_are_in_order_with_their_intervals(sleep: hd.FittedModel) -> None:
    table = hd.plots.mode_intervals(sleep)
    modes = sleep.random_effects()
    days = modes[modes["term"] == "Days"]
    here = table[table["term"] == "Days"]
    assert_allclose(here["upper"] - here["mode"], ndtri(0.975) * days["sd"])
    ax = sleep.plot_random_effects().axes[1]
    assert_allclose(points_of(ax.lines[1])[0], np.sort(days["mode"]))


def test_the_places_of_a_field_are_one_panel_and_one_influence_of_each_row() -> None:
    rng = np.random.default_rng(1)
    row, col = np.indices((8, 6)).reshape(2, -1)
    near = 0.8 ** np.abs(row[:, None] - row) * 0.6 ** np.abs(col[:, None] - col)
    y = 5.0 + np.linalg.cholesky(near) @ rng.normal(size=48) + 0.3 * rng.normal(size=48)
    trial = {"y": y, "v": rng.permutation(np.repeat(list("abcd"), 12)), "row": row, "col": col}
    model = hd.fit("y ~ v + (ar1(row):ar1(col) | 1)", trial)
    (ax,) = model.plot_random_effects().axes
    assert len(ax.get_yticks()) == 48
    with pytest.raises(hd.ModelError, match="two levels"):
        model.plot_random_quantiles()
    keep = np.arange(48) != 3
    V = np.linalg.inv(model.V[np.ix_(keep, keep)])
    X = model.X[keep]
    beta = np.linalg.solve(X.T @ V @ X, X.T @ V @ y[keep])
    assert_allclose(model.influence().deleted_beta[3], beta, rtol=1e-9)
    assert "levels" not in {each.topic for each in model.check(n=0).findings}


def test_standardized_modes_have_unit_variance_where_the_model_holds() -> None:
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(400), 4)
    y = 2.0 * rng.normal(size=400)[g] + rng.normal(size=g.size)
    model = hd.fit("y ~ 1 + (1 | g)", {"y": y, "g": g.astype(str)})
    term = model.estimates.location.terms[0]
    shrunk = term.covariance[0, 0] - term.mode_covariance[:, 0, 0]
    assert_allclose(np.var(term.modes[:, 0] / np.sqrt(shrunk)), 1.0, atol=0.05)
    assert len(hd.plots.mode_quantiles(model)) == 400
    assert len(model.plot_random_quantiles().axes) == 1


def test_estimates_without_pooling_are_those_of_single_fits(sleep: hd.FittedModel) -> None:
    data = hd.datasets.load("sleepstudy")
    table = hd.plots.pooled_estimates(sleep)
    alone = table[table["pooling"] == "none"].set_index("level")
    for subject in ("308", "372"):
        one = data[data["Subject"].astype(str) == subject]
        slope, intercept = np.polyfit(one["Days"], one["Reaction"], 1)
        assert_allclose(alone.loc[subject, "Days"], slope, rtol=1e-7)
        assert_allclose(alone.loc[subject, "(Intercept)"], intercept, rtol=1e-7)
    together = table[table["pooling"] == "complete"].iloc[0]
    assert_allclose(together["Days"], sleep.params["Days"])
    (ax,) = sleep.plot_shrinkage().axes
    labels = [text.get_text() for text in legend_of(ax).get_texts()]
    assert labels == ["no pooling", "partial pooling (model)", "complete pooling"]


def test_partial_pooling_is_between_none_and_complete(herds: hd.FittedModel) -> None:
    table = hd.plots.pooled_estimates(herds)
    by = {k: t["(Intercept)"].to_numpy() for k, t in table.groupby("pooling")}
    moved, whole = by["partial"] - by["complete"], by["none"] - by["complete"]
    assert np.all(np.abs(moved) < np.abs(whole))
    assert np.all(moved * whole > 0.0)
    (ax,) = herds.plot_shrinkage("herd").axes
    assert len(ax.get_xticks()) == 15


def test_correlations_of_effects_are_those_of_g(sleep: hd.FittedModel) -> None:
    table = hd.plots.random_correlations(sleep)
    components = sleep.variance_components()
    expected = components["correlation"].dropna().iloc[0]
    assert_allclose(table["correlation"], [expected])
    assert texts(sleep.plot_correlations().axes[0]) == [f"{expected:.2f}"]


def test_what_a_model_does_not_have_is_refused(herds: hd.FittedModel) -> None:
    with pytest.raises(hd.ModelError, match="several effects"):
        herds.plot_correlations()
    with pytest.raises(hd.ModelError, match="'herd'"):
        herds.plot_shrinkage("heard")
    alone = hd.fit("Yield ~ 1", hd.datasets.load("dyestuff"))
    with pytest.raises(hd.ModelError, match="no random effects"):
        alone.plot_random_effects()


def test_a_local_line_of_a_line_is_that_line() -> None:
    x = np.random.default_rng(1).uniform(size=300)
    at, fit = local_line(x, 3.0 - 2.0 * x)
    assert_allclose(fit, 3.0 - 2.0 * at, atol=1e-9)


def test_a_local_line_follows_a_curve_and_not_an_outlier() -> None:
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(0.0, 3.0, 400))
    y = np.sin(x) + 0.05 * rng.normal(size=400)
    y[200] = 50.0
    at, fit = local_line(x, y, share=0.3)
    assert np.abs(fit - np.sin(at)).max() < 0.1


def test_a_local_line_of_few_values_stands() -> None:
    at, fit = local_line(np.repeat([0.0, 1.0], 5), np.arange(10.0))
    assert_allclose(at, [0.0, 1.0])
    assert_allclose(fit, [2.0, 7.0])
    at, fit = local_line(np.repeat([0.0, 1.0, 2.0], 20), np.repeat([1.0, 5.0, 2.0], 20))
    assert np.all(np.isfinite(fit))


def test_influence_has_a_panel_a_coefficient(oats: hd.FittedModel) -> None:
    found = hd.fit("yield ~ Variety + nitro + (1 | Block)", hd.datasets.load("oats"))
    figure = found.influence("Block").plot()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["All coefficients", "VarietyMarvellous", "VarietyVictory", "nitro"]


def test_what_is_drawn_goes_into_axes_of_ones_own() -> None:
    _, (left, right) = new_axes(2)
    table = {"x": np.arange(30.0), "estimate": np.arange(30.0)}
    table |= {"lower": np.arange(30.0) - 1.0, "upper": np.arange(30.0) + 1.0}
    assert draw_effects(table, "x", ax=left) is left
    assert draw_scatter(pd.DataFrame(table), "x", "estimate", ax=right) is right
