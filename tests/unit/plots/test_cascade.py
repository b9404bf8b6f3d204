"""How one observation comes about: the steps add up, and their picture shows them."""

import matplotlib as mpl
import narwhals as nw
import numpy as np
import pytest
from matplotlib import pyplot as plt

import henderson as hd
from henderson.drawing.steps import draw_cascade
from henderson.drawing.style import new_figure
from henderson.plots.steps import cascade_of

mpl.use("Agg")


def columns(table: object) -> dict[str, np.ndarray]:
    frame = nw.from_native(table, eager_only=True)  # pyright: ignore
    return {name: frame.get_column(name).to_numpy() for name in frame.columns}


@pytest.fixture(scope="module")
def pigs() -> hd.FittedModel:
    table = hd.datasets.load("fecal_dm")
    return hd.fit("dry_matter_perc ~ Trt * Day + (1 | Room/Pen) + cs(0 + Day | Pig)", table)


@pytest.fixture(scope="module")
def oats() -> hd.FittedModel:
    table = hd.datasets.load("oats")
    return hd.fit("yield ~ Variety * factor(nitro) + (1 | Block/Variety)", table)


@pytest.fixture(scope="module")
def salamanders() -> hd.FittedModel:
    table = hd.datasets.load("salamanders")
    return hd.fit("count ~ mined + (1 | site)", table, family="nbinom2")


@pytest.mark.parametrize(("name", "response"), [("pigs", "dry_matter_perc"), ("oats", "yield")])
def test_the_effects_add_up_to_every_observation(
    name: str, response: str, request: pytest.FixtureRequest
) -> None:
    model: hd.FittedModel = request.getfixturevalue(name)
    dataset = {"pigs": "fecal_dm", "oats": "oats"}[name]
    observed = columns(hd.datasets.load(dataset))[response]
    for row in (0, 1, 7, len(observed) - 1):
        steps = columns(model.cascade(row=row))
        assert steps["effect"].sum() == pytest.approx(observed[row], rel=1e-13)
        assert steps["end"][-1] == observed[row]
        np.testing.assert_allclose(steps["start"][1:], steps["end"][:-1], rtol=1e-13)
        np.testing.assert_allclose(steps["end"] - steps["start"], steps["effect"], atol=1e-12)
        assert np.nansum(steps["share"]) == pytest.approx(1.0)


def test_the_steps_of_a_split_plot_are_its_conditional_modes_and_components(
    oats: hd.FittedModel,
) -> None:
    steps = columns(oats.cascade(row=2))
    modes = columns(oats.random_effects())
    of_level = dict(zip(modes["level"], modes["mode"], strict=True))
    np.testing.assert_allclose(
        steps["effect"],
        [
            oats.estimates.location.fixed_eta[2],
            of_level["I"],
            of_level["I:Victory"],
            oats.residuals()[2],
        ],
    )
    np.testing.assert_allclose(
        steps["variance"][1:], columns(oats.variance_components())["variance"]
    )


def test_the_steps_go_from_rooms_over_pens_and_pigs_to_the_residual(
    pigs: hd.FittedModel,
) -> None:
    steps = columns(pigs.cascade(row=0))
    assert steps["step"].tolist() == [
        "Fixed effects",
        "Room 1",
        "Room:Pen 1:2",
        "Pig 13-16, Day5",
        "Residual",
    ]
    assert steps["group"].tolist() == ["", "Room", "Room:Pen", "Pig", ""]


def test_a_random_slope_has_its_variance_where_the_row_is() -> None:
    model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    step = columns(model.cascade(row=9))
    G = model.estimates.location.terms[0].covariance
    z = np.array([1.0, 9.0])
    assert step["variance"][1] == pytest.approx(z @ G @ z)
    assert step["step"][1] == "Subject 308 (intercept, Days)"


def test_behind_a_link_the_steps_add_up_to_the_linear_predictor(
    salamanders: hd.FittedModel,
) -> None:
    row = 101
    steps = columns(salamanders.cascade(row=row))
    assert steps["scale"].tolist() == ["link", "link", "response"]
    eta = salamanders.estimates.location.eta[row]
    observed = columns(hd.datasets.load("salamanders"))["count"][row]
    assert steps["effect"][:2].sum() == pytest.approx(eta)
    np.testing.assert_allclose(steps["mean"][:2], np.exp(steps["end"][:2]))
    assert steps["start"][2] == pytest.approx(np.exp(eta))
    assert steps["start"][2] + steps["effect"][2] == pytest.approx(observed)
    assert steps["end"][2] == observed


def test_the_mean_of_a_zero_inflated_model_counts_its_zeros() -> None:
    table = hd.datasets.load("salamanders")
    model = hd.fit(
        "count ~ mined + (1 | site)", table, family="nbinom2", zero_inflation="~ mined"
    )
    steps = columns(model.cascade(row=3))
    assert steps["mean"][1] == pytest.approx(model.fitted[3])


def test_probabilities_of_the_observation_sum_to_one(salamanders: hd.FittedModel) -> None:
    found = cascade_of(salamanders.estimates, row=101)
    assert found.discrete
    assert found.heights.sum() == pytest.approx(1.0, abs=0.002)


def test_rows_are_those_of_the_users_table() -> None:
    table = hd.datasets.load("oats").astype({"yield": float})
    table.loc[0, "yield"] = np.nan
    model = hd.fit("yield ~ Variety + (1 | Block)", table)
    assert columns(model.cascade(row=1))["end"][-1] == table.loc[1, "yield"]
    assert columns(model.cascade())["end"][-1] == table.loc[1, "yield"]
    with pytest.raises(hd.DataError, match="nearest that it used is row 1"):
        model.cascade(row=0)
    with pytest.raises(hd.DataError, match="rows 0 to 71"):
        model.cascade(row=72)


def test_the_picture_has_a_row_for_each_step_and_a_star_at_the_observation(
    pigs: hd.FittedModel,
) -> None:
    figure = pigs.plot_cascade(row=0)
    (ax,) = figure.axes
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == columns(pigs.cascade(row=0))["step"].tolist()
    (star,) = [line for line in ax.lines if line.get_marker() == "*"]
    found = cascade_of(pigs.estimates, row=0)
    assert np.asarray(star.get_xdata()).item() == found.steps[-1].end
    plt.close(figure)


def test_curves_are_as_wide_as_their_standard_deviations(oats: hd.FittedModel) -> None:
    found = cascade_of(oats.estimates, row=2)
    figure, (ax,) = new_figure([3.0], width=6.0)
    draw_cascade(found, ax)
    curves = [line for line in ax.lines if len(np.asarray(line.get_xdata())) > 100]
    assert len(curves) == 3
    for curve, step in zip(curves, found.steps[1:], strict=True):
        x, y = np.asarray(curve.get_xdata()), np.asarray(curve.get_ydata())
        sd = np.sqrt(step.variance)
        assert x[np.argmax(y)] == pytest.approx(step.start)
        at_sd = np.interp(step.start + sd, x, y - y.min())
        assert at_sd / np.ptp(y) == pytest.approx(np.exp(-0.5), abs=0.01)
    plt.close(figure)


def test_behind_a_link_the_observation_has_a_panel_of_its_own(
    salamanders: hd.FittedModel,
) -> None:
    figure = salamanders.plot_cascade(row=101)
    above, below = figure.axes
    assert "log scale" in above.get_xlabel()
    assert [line.get_marker() for line in below.lines].count("*") == 1
    plt.close(figure)


def test_a_variance_of_zero_is_a_step_of_nothing() -> None:
    model = hd.fit(
        "severity ~ fungicide + (1 | block)", hd.datasets.load("severity"), family="beta"
    )
    steps = columns(model.cascade(row=5))
    assert steps["effect"][1] == 0.0
    assert steps["variance"][1] == 0.0
    figure = model.plot_cascade(row=5)
    assert len(figure.axes) == 2
    plt.close(figure)
