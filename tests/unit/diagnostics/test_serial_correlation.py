"""Autocorrelation and variogram of residuals: numbers of nlme, definitions, and pictures."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd


@pytest.fixture(scope="module")
def sleep() -> hd.FittedModel:
    return hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))


def test_autocorrelations_are_those_of_nlme(sleep: hd.FittedModel) -> None:
    table = sleep.autocorrelation("Days", by="Subject", lags=3)
    nlme = [1.0, 0.1161175, -0.1670918, -0.3363419]
    assert_allclose(table["correlation"], nlme, atol=1e-5)
    assert table["pairs"].tolist() == [180, 162, 144, 126]


def test_semivariances_are_those_of_nlme(sleep: hd.FittedModel) -> None:
    table = sleep.variogram("Days", by="Subject", bins=9)
    assert_allclose(table["distance"], np.arange(1.0, 10.0))
    assert_allclose(
        table["semivariance"][:4], [0.7181215, 1.0056056, 1.1529209, 0.9090459], rtol=1e-5
    )


def independent() -> tuple[hd.FittedModel, pd.DataFrame]:
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"u": rng.random(90), "v": rng.random(90), "t": np.arange(90.0)})
    data["y"] = rng.normal(size=90)
    return hd.fit("y ~ u + v + t", data), data


def test_a_variogram_in_space_is_half_the_mean_squared_difference() -> None:
    model, data = independent()
    table = model.variogram("u", "v", bins=5)
    e = model.residuals(kind="pearson")
    i, j = np.triu_indices(90, 1)
    distance = np.hypot(*(data[n].to_numpy()[i] - data[n].to_numpy()[j] for n in "uv"))
    width = 0.5 * distance.max() / 5
    for bin_, row in table.iterrows():
        here = (distance > width * int(str(bin_))) & (distance <= width * (int(str(bin_)) + 1))
        assert row["pairs"] == here.sum()
        assert_allclose(row["semivariance"], 0.5 * np.mean((e[i] - e[j])[here] ** 2))
        assert_allclose(row["distance"], distance[here].mean())


def test_what_is_not_correlated_stays_in_the_band_and_what_is_leaves_it() -> None:
    model, data = independent()
    table = model.autocorrelation("t", lags=5)
    assert np.all(np.abs(table["correlation"][1:]) < 3.0 / np.sqrt(table["pairs"][1:]))
    rng = np.random.default_rng(4)
    e = np.zeros(90)
    for i in range(1, 90):
        e[i] = 0.8 * e[i - 1] + rng.normal()
    alike = hd.fit("y ~ u + t", data.assign(y=e)).autocorrelation("t", lags=1)
    assert alike["correlation"][1] > 0.4


def test_a_time_that_occurs_twice_is_refused_with_the_remedy(sleep: hd.FittedModel) -> None:
    with pytest.raises(hd.DataError, match="by="):
        sleep.autocorrelation("Days")
    with pytest.raises(hd.ModelError, match="lags=0"):
        sleep.autocorrelation("Days", by="Subject", lags=0)
    with pytest.raises(hd.ModelError, match="bins=0"):
        sleep.variogram("Days", bins=0)
    with pytest.raises(hd.DataError, match="different places"):
        sleep.variogram("Days", by="Days")


def test_both_have_pictures(sleep: hd.FittedModel) -> None:
    (ax,) = sleep.plot_autocorrelation("Days", by="Subject", lags=4).axes
    assert_allclose(np.asarray(ax.lines[-1].get_xdata()), np.arange(5))
    (ax,) = sleep.plot_variogram("Days", by="Subject", bins=4).axes
    assert ax.get_ylabel() == "Semivariance of residuals"
    assert np.shape(ax.collections[0].get_offsets()) == (4, 2)
