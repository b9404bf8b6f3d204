import tracemalloc
from typing import Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import henderson as hd
from henderson.diagnostics.quantile_residuals import against_draws
from henderson.diagnostics.residual_tests import ranks, uniformity
from henderson.plots.residual_plots import (
    draw_quantiles,
    quantile_curves,
    quantile_points,
)
from henderson.simulated_residuals import SimulatedResiduals

mpl.use("Agg")


def counts(groups: int = 30, each: int = 8, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), each)
    x = rng.normal(size=g.size)
    y = rng.poisson(np.exp(0.6 + 0.3 * x + 0.4 * rng.normal(size=groups)[g]))
    return pd.DataFrame({"y": y, "x": x, "g": g, "day": np.tile(np.arange(each), groups)})


@pytest.fixture(scope="module")
def poisson() -> hd.FittedModel:
    return hd.fit("y ~ x + (1 | g)", counts(), family="poisson")


def test_a_residual_is_the_share_of_draws_below_with_ties_broken_at_random() -> None:
    y, rng = np.array([2.0, 0.0, 9.0]), np.random.default_rng(1)
    draws = [np.array(row) for row in ([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [3.0, 3.0, 3.0])]
    found = against_draws(y, draws, np.ones(3), discrete=True, rng=rng)
    assert_allclose(found.lower, [1 / 3, 0.0, 1.0])
    assert_allclose(found.upper, [2 / 3, 0.0, 1.0])
    assert 1 / 3 < found.values[0] < 2 / 3
    assert_array_equal(found.values[1:], [0.0, 1.0])


def test_a_seed_gives_the_same_residuals(poisson: hd.FittedModel) -> None:
    one, two = (poisson.simulate_residuals(rng=5) for _ in range(2))
    assert_array_equal(one.residuals, two.residuals)
    assert np.any(one.residuals != poisson.simulate_residuals(rng=6).residuals)


def test_draws_at_the_modes_leave_less_spread_than_new_random_effects(
    poisson: hd.FittedModel,
) -> None:
    new = poisson.simulate_residuals(rng=5).found
    modes = poisson.simulate_residuals(condition="random", rng=5).found
    assert modes.drawn_variance.mean() < new.drawn_variance.mean()
    assert_allclose(modes.fitted, poisson.fitted)
    assert_allclose(new.fitted, poisson.predict(random=False))


@pytest.mark.parametrize("by", ["g", np.repeat([f"level {i}" for i in range(30)], 8)])
def test_grouped_residuals_are_those_of_the_sums(poisson: hd.FittedModel, by) -> None:  # noqa: ANN001
    found = poisson.simulate_residuals(by=by, rng=5).found
    sums = np.bincount(counts()["g"], weights=counts()["y"])
    assert_allclose(np.sort(found.observed), np.sort(sums))
    assert found.values.shape == (30,)


def test_binomial_responses_are_compared_as_numbers_of_successes() -> None:
    cbpp = hd.datasets.load("cbpp")
    formula = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
    found = hd.simulate_residuals(hd.fit(formula, cbpp, family="binomial"), rng=1).found
    assert_allclose(found.observed, cbpp["incidence"])


def test_a_share_of_trials_ties_with_draws_as_the_successes_do() -> None:
    rng = np.random.default_rng(2)
    size = rng.integers(3, 60, 80)
    data = {"share": rng.binomial(size, 0.3) / size, "x": rng.normal(size=80), "size": size}
    model = hd.fit("share ~ x", data, family="binomial", weights="size")
    found = model.simulate_residuals(rng=1).found
    assert_array_equal(found.observed, np.rint(data["share"] * size))
    inside = (found.lower > 0.0) & (found.upper < 1.0)
    assert np.all(found.lower[inside] < found.upper[inside])


def test_the_table_has_a_row_for_each_residual(poisson: hd.FittedModel) -> None:
    found = poisson.simulate_residuals(rng=5)
    assert list(found.table) == ["observed", "predicted", "predicted_rank", "residual"]
    assert_array_equal(found.table["residual"], found.residuals)


@pytest.mark.parametrize(("condition", "bytes_each"), [("random", 0.1), ("none", 4.0)])
def test_memory_of_a_draw_is_few_bytes_a_row_or_none(
    condition: Literal["none", "random"], bytes_each: float
) -> None:
    data = counts(groups=100, each=50)
    model = hd.fit("y ~ x + (1 | g)", data, family="poisson")
    peaks = []
    for n in (20, 400):
        tracemalloc.start()
        model.simulate_residuals(n, condition=condition, rng=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < bytes_each * 380 * len(data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1}, "n=1 is not a number of draws"),
        ({"n": 2.5}, "n=2.5 is not a number of draws"),
        ({"condition": "all"}, "There is no condition='all'"),
        ({"by": "pen"}, "by='pen' is not a variable of the model"),
        ({"by": [1, 2]}, "by= has shape"),
        ({"by": np.ones(240)}, "by= has 1 groups"),
        ({"by": np.where(np.arange(240) < 9, np.nan, 2.0 * np.arange(240))}, "9 rows without"),
    ],
)
def test_bad_arguments_are_refused_with_what_to_give(
    poisson: hd.FittedModel, arguments: dict, message: str
) -> None:
    with pytest.raises(hd.HendersonError, match=message.replace("(", r"\(")):
        poisson.simulate_residuals(**arguments)


def test_ranks_of_ties_are_their_mean() -> None:
    assert_allclose(ranks(np.array([3.0, 1.0, 3.0, 2.0])), [3.5 / 4, 0.25, 3.5 / 4, 0.5])


def test_the_figure_shows_both_tables_with_titles_and_p_values(
    poisson: hd.FittedModel,
) -> None:
    found = poisson.simulate_residuals(rng=5)
    figure = found.plot()
    left, right = figure.axes
    assert left.get_title() == "Quantiles of the residuals"
    assert right.get_title() == "Residuals against predictions"
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
    texts = [text.get_text() for text in left.texts]
    p_value = found.uniformity().p_value
    assert f"uniformity: p = {p_value:.4f}" in texts
    assert_allclose(np.asarray(left.lines[1].get_ydata()), np.sort(found.residuals))
    points = next(line for line in right.lines if line.get_marker() == ".")
    assert_allclose(np.asarray(points.get_ydata()), found.residuals)
    plt.close(figure)


def test_a_panel_is_drawn_on_the_axes_given(poisson: hd.FittedModel) -> None:
    found = poisson.simulate_residuals(rng=5).found
    figure, axes = plt.subplots()
    assert draw_quantiles(quantile_points(found), [uniformity(found)], axes) is axes
    plt.close(figure)


def test_smooth_quartiles_of_uniform_residuals_are_level() -> None:
    rng = np.random.default_rng(3)
    points = {"predicted_rank": np.arange(1, 8001) / 8000, "residual": rng.random(8000)}
    curves = quantile_curves(points)
    for level in (0.25, 0.5, 0.75):
        assert_allclose(curves[f"q{level:g}"], level, atol=0.06)


def test_refitted_residuals_are_uniform_and_need_no_random_effects_of_their_own() -> None:
    rng = np.random.default_rng(6)
    g = np.repeat(np.arange(10), 8)
    y = 3.0 * rng.normal(size=10)[g] + rng.normal(size=80)
    model = hd.fit("y ~ 1 + (1 | g)", {"y": y, "g": g.astype(str)})
    found = model.simulate_residuals(60, refit=True, rng=1)
    assert found.found.refitted
    assert found.uniformity().p_value > 0.05
    assert found.dispersion().p_value > 0.05
    assert "refits" in found.dispersion().sentence
    assert_allclose(found.found.observed, model.residuals())


def test_refits_find_overdispersion_that_the_random_effects_hide() -> None:
    rng = np.random.default_rng(2)
    g = np.repeat(np.arange(20), 10)
    y = rng.negative_binomial(1.5, 1.5 / (1.5 + np.exp(1.0 + 1.2 * rng.normal(size=20)[g])))
    data = {"y": y.astype(float), "g": g.astype(str)}
    model = hd.fit("y ~ 1 + (1 | g)", data, family="poisson")
    found = model.simulate_residuals(60, refit=True, rng=1)
    assert found.dispersion().p_value < 0.05
    assert found.dispersion().statistic > 1.5


def test_residuals_are_drawn_against_a_variable(poisson: hd.FittedModel) -> None:
    found = poisson.simulate_residuals(rng=5)
    right = found.plot(np.arange(240.0)).axes[1]
    assert right.get_xlabel() == "covariate (rank / n)"
    levels = np.repeat(["a", "b"], 120)
    right = found.plot(levels).axes[1]
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["a", "b"]
    assert found.quantiles(levels).finding.endswith("6 df")


def test_what_is_printed_says_what_was_found(poisson: hd.FittedModel) -> None:
    found = poisson.simulate_residuals(rng=5)
    assert isinstance(found, SimulatedResiduals)
    assert repr(found).startswith("240 residuals from 250 simulated responses")
    assert found.uniformity().sentence in repr(found)
