"""The diagram of an experiment: its table, its boxes, its warnings."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import henderson as hd
from henderson.plots.design_diagram import design_table

mpl.use("Agg")


def texts(figure: Figure) -> list[str]:
    found = [text.get_text() for text in figure.axes[0].texts]
    plt.close(figure)
    return found


@pytest.fixture(scope="module")
def pigs() -> hd.FittedModel:
    table = hd.datasets.load("fecal_dm")
    return hd.fit("dry_matter_perc ~ Trt * Day + (1 | Room/Pen) + (1 | Pig)", table)


def test_the_table_has_the_variance_component_of_each_unit(pigs: hd.FittedModel) -> None:
    table = design_table(pigs)
    assert table["unit"].tolist() == ["Room", "Room:Pen", "Pig", "rows"]
    assert table["levels"].tolist() == [2, 60, 180, 540]
    assert table["treatments"].tolist() == ["", "Trt", "", "Day"]
    components = pigs.variance_components()
    by_group = dict(zip(components["group"], components["variance"], strict=True))
    expected = [by_group[name] for name in ("Room", "Room:Pen", "Pig", "Residual")]
    np.testing.assert_allclose(table["variance"], expected)
    assert table["share"].sum() == pytest.approx(1.0)


def test_a_random_slope_counts_by_its_mean_over_the_rows() -> None:
    model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    G = model.estimates.location.terms[0].covariance
    z = np.column_stack([np.ones(10), np.arange(10)])
    expected = np.einsum("ia,ab,ib->i", z, G, z).mean()
    assert design_table(model)["variance"][0] == pytest.approx(expected)


def test_without_a_model_there_are_counts_and_no_variances() -> None:
    found = hd.describe_design(hd.datasets.load("oats"), units="Block/Variety")
    table = design_table(found)
    assert table["levels"].tolist() == [6, 18, 72]
    assert np.isnan(table["variance"]).all()


def test_behind_a_link_the_rows_have_no_variance_on_the_scale_of_the_units() -> None:
    table = hd.datasets.load("salamanders")
    model = hd.fit("count ~ mined + (1 | site)", table, family="nbinom2")
    variances = design_table(model)["variance"]
    assert variances[0] > 0.0
    assert np.isnan(variances[1])


def test_the_diagram_names_units_counts_treatments_and_variances(pigs: hd.FittedModel) -> None:
    found = texts(pigs.plot_design())
    for text in ("Room", "Room:Pen", "Pig", "rows", "30 in each", "3 in each", "Trt", "Day"):
        assert text in found
    assert any(text.startswith("variance 6.93") for text in found)
    assert not any("Warning" in text for text in found)


def test_the_diagram_of_crossed_units_has_them_side_by_side() -> None:
    found = hd.describe_design(hd.datasets.load("penicillin"), units=["plate", "sample"])
    shown = texts(hd.plot_design(found))
    assert "24 in each" in shown
    assert "6 in each" in shown


def test_the_diagram_says_what_is_wrong() -> None:
    found = hd.describe_design(
        hd.datasets.load("fecal_dm"), "dry_matter_perc ~ Trt + (1 | Room)", units="Pen"
    )
    shown = " ".join(" ".join(texts(hd.plot_design(found))).split())
    assert "pseudoreplication" in shown
    assert "(1 | Pen)" in shown
