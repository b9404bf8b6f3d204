"""Profile traces go through the ends of the profile likelihood intervals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import henderson as hd


@pytest.fixture(scope="module")
def dyes() -> hd.FittedModel:
    return hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))


def at_zeta(table, name: str, z: float) -> float:  # noqa: ANN001
    here = table[table["parameter"] == name]
    return float(np.interp(z, here["zeta"], here["value"]))


def test_traces_reach_the_profile_intervals(dyes: hd.FittedModel) -> None:
    table = hd.plots.profile_traces(dyes, points=41)
    wanted = {
        **dyes.profile_intervals().set_index("term").to_dict("index"),
        **dyes.profile_variances().set_index("term").to_dict("index"),
    }
    assert set(table["parameter"]) == set(wanted)
    for name, interval in wanted.items():
        assert_allclose(at_zeta(table, name, 1.959964), interval["upper"], rtol=2e-3)
        assert_allclose(at_zeta(table, name, 0.0), interval["estimate"], rtol=2e-3)


def test_traces_of_a_model_that_is_not_linear_rise() -> None:
    formula = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
    model = hd.fit(formula, hd.datasets.load("cbpp"), family="binomial")
    table = hd.plots.profile_traces(model, ["period2", "sd_(Intercept)|herd"], points=5)
    for _, one in table.groupby("parameter"):
        assert np.all(np.diff(one["zeta"]) > 0.0)


def test_a_panel_a_parameter_with_the_ends_of_its_interval(dyes: hd.FittedModel) -> None:
    figure = dyes.plot_profiles(["(Intercept)", "sigma"])
    assert [ax.get_title() for ax in figure.axes] == ["(Intercept)", "sigma"]
    dotted = [line for line in figure.axes[1].lines if line.get_linestyle() == ":"]
    ends = sorted(float(np.asarray(line.get_xdata())[0]) for line in dotted)
    interval = dyes.profile_variances("sigma")
    assert_allclose(ends, [interval["lower"][0], interval["upper"][0]], rtol=0.02)


def test_names_and_points_are_checked(dyes: hd.FittedModel) -> None:
    with pytest.raises(hd.ModelError, match="sigma"):
        hd.plots.profile_traces(dyes, "sigmma")
    with pytest.raises(hd.ModelError, match="points=3"):
        hd.plots.profile_traces(dyes, points=3)
