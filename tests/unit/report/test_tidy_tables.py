"""The tables with broom's columns, and shares of the variance."""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.errors import ModelError
from henderson.inference import variance_explained


@pytest.fixture(scope="module")
def sleep() -> hd.FittedModel:
    return hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))


def test_tidy_has_the_coefficients_and_the_variance_parameters(sleep: hd.FittedModel) -> None:
    table = hd.tidy(sleep)
    assert list(table["term"]) == [
        "(Intercept)",
        "Days",
        "sd__(Intercept)",
        "sd__Days",
        "cor__(Intercept).Days",
        "sd__Observation",
    ]
    coefficients = sleep.coefficients()
    for ours, theirs in (("std_error", "std_error"), ("conf_high", "upper"), ("df", "df")):
        assert_allclose(table[ours][:2], coefficients[theirs][:2], rtol=1e-12)
    assert_allclose(table["estimate"][5], sleep.sigma)
    assert np.isnan(table["p_value"][3])


def test_tidy_has_the_conditional_modes(sleep: hd.FittedModel) -> None:
    table, modes = sleep.tidy(effects="ran_vals"), sleep.random_effects()
    assert_allclose(table["estimate"], modes["mode"])
    assert_allclose(table["std_error"], modes["sd"])
    assert list(table["level"]) == list(modes["level"])


def test_effects_that_do_not_exist_are_refused(sleep: hd.FittedModel) -> None:
    with pytest.raises(ModelError, match="Did you mean 'fixed'"):
        sleep.tidy(effects="fixd")  # pyright: ignore[reportArgumentType]


def test_glance_is_one_row_in_the_users_kind_of_table() -> None:
    data = pl.DataFrame(
        {"y": [1.0, 2.0, 4.0, 3.0, 5.0, 7.0], "g": ["a", "a", "b", "b", "c", "c"]}
    )
    model = hd.fit("y ~ 1 + (1 | g)", data)
    table = hd.glance(model)
    assert isinstance(table, pl.DataFrame)
    assert table.shape == (1, 11)
    assert table["aic"][0] == model.aic
    assert table["df_residual"][0] == 3


def test_augment_has_the_rows_used() -> None:
    data = {
        "y": [1.0, None, 3.0, 2.5, 4.0],
        "g": ["a", "a", "b", "b", "a"],
        "x": [1, 2, 3, 4, 5],
    }
    model = hd.fit("y ~ x", data)
    table = hd.augment(model)
    assert list(table[".row"]) == [0, 2, 3, 4]
    assert_allclose(table[".observed"] - table[".mu"], table[".resid"])
    assert_allclose(table["x"], [1, 3, 4, 5])


def test_augment_tells_the_predictor_from_the_mean() -> None:
    model = hd.fit(
        "cbind(incidence, size - incidence) ~ period + (1 | herd)",
        hd.datasets.load("cbpp"),
        family="binomial",
    )
    table = model.augment()
    assert_allclose(1.0 / (1.0 + np.exp(-table[".fitted"])), table[".mu"])
    assert_allclose(table[".observed"], table["incidence"] / table["size"])
    assert len(set(table[".fixed"].round(9))) == 4


def test_shares_of_a_balanced_one_way_layout(sleep: hd.FittedModel) -> None:
    model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    parts = variance_explained(model)
    between = float(model.variance_components()["variance"][0])
    assert parts.r2_marginal == 0.0
    assert_allclose(parts.icc, between / (between + model.sigma**2))
    assert parts.icc_by_group == {"Batch": parts.icc}


def test_a_term_with_a_level_a_row_is_part_of_the_residual() -> None:
    rng = np.random.default_rng(6)
    g = np.repeat(np.arange(20), 6)
    y = rng.poisson(np.exp(1 + 0.5 * rng.normal(size=20)[g] + 0.4 * rng.normal(size=120)))
    data = {"y": y, "g": g, "row": np.arange(120)}
    parts = hd.fit("y ~ 1 + (1 | g) + (1 | row)", data, family="poisson").variance_explained()
    assert list(parts.random) == ["g"]
    assert 0.2 < parts.residual < 0.8


def test_a_varying_dispersion_has_no_r2(sleep: hd.FittedModel) -> None:
    data = hd.datasets.load("sleepstudy")
    model = hd.fit("Reaction ~ Days + (1 | Subject)", data, dispersion="~ Days")
    with pytest.raises(ModelError, match="a dispersion that varies"):
        model.variance_explained()
