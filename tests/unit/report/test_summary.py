import json
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy.stats import t

from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.inference import linear_estimates
from henderson.optimize import Certificate, Outcome
from henderson.report import tables
from henderson.report.layout import Grid, numbers, p_value
from henderson.report.machine_readable import machine_readable
from henderson.report.summary import summarize
from tests.unit.by_hand import fitted_by_hand

SLOPES = np.array([[600.0, 9.6], [9.6, 35.0]])


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        {
            "Days": np.tile(np.arange(10.0), 6),
            "Subject": np.repeat([308, 309, 310, 330, 331, 332], 10),
            "Half": np.repeat([1.0, 2.0], 30),
        }
    )
    table["Reaction"] = 250 + 10 * table["Days"] + rng.normal(0, 25, size=60)
    table["count"] = rng.poisson(3.0, size=60)
    return table


@pytest.fixture(scope="module")
def linear(data: pd.DataFrame) -> Estimates:
    with_missing = data.copy()
    with_missing.loc[3, "Reaction"] = np.nan
    return fitted_by_hand(
        "Reaction ~ Days + (Days | Subject)", with_missing, [SLOPES], others=[np.log(25.0)]
    ).estimates


@pytest.fixture(scope="module")
def counts(data: pd.DataFrame) -> Estimates:
    return fitted_by_hand(
        "count ~ Days + (1 | Subject)", data, [0.25], family="nbinom2", others=[0.7]
    ).estimates


def test_a_linear_model_is_summarized_as_one(linear: Estimates) -> None:
    text = str(summarize(linear))
    for part in (
        "Linear mixed model fitted by maximum likelihood",
        "Formula: Reaction ~ Days + (Days | Subject)",
        "gaussian, identity link",
        "59 of 60 rows; dropped: 1 missing Reaction",
        "Observations: 59; levels: Subject 6",
        "Converged: the gradient is zero and the curvature positive",
        "5 evaluations",
    ):
        assert part in text, text


def test_the_random_effects_are_laid_out_as_in_lme4(linear: Estimates) -> None:
    lines = str(summarize(linear)).splitlines()
    start = lines.index("Random effects")
    assert lines[start + 1].split() == ["Group", "Term", "Variance", "Std.Dev.", "Corr"]
    assert lines[start + 2].split() == ["Subject", "(Intercept)", "600.00", "24.495"]
    assert lines[start + 3].split() == ["Days", "35.00", "5.916", "0.07"]
    assert lines[start + 4].split() == ["Residual", "625.00", "25.000"]


def test_restricted_likelihood_is_called_that(linear: Estimates) -> None:
    reml = replace(linear, specification=replace(linear.specification, method="REML"))
    text = str(summarize(reml))
    assert "fitted by REML" in text
    assert "REML criterion" in text
    assert "deviance" not in text


def test_a_count_model_names_its_method_and_dispersion(counts: Estimates) -> None:
    text = str(summarize(counts))
    assert "Generalized linear mixed model" in text
    assert "(Laplace approximation)" in text
    assert "Dispersion: 2.014 (φ, with variance μ + μ²/φ)" in text
    nodes = replace(counts, specification=replace(counts.specification, quadrature=7))
    assert "quadrature, 7 nodes" in str(summarize(nodes))


def test_a_boundary_is_said_in_plain_words(linear: Estimates) -> None:
    sentence = "the variance of Subject is estimated as 0"
    found = Certificate(Outcome.BOUNDARY, 7, 1e-10, 0.3, boundary=(sentence,))
    text = str(summarize(replace(linear, result=replace(linear.result, certificate=found))))
    assert f"Boundary: {sentence}" in text


def test_what_was_dropped_from_the_fixed_effects_is_named(data: pd.DataFrame) -> None:
    doubled = data.assign(Twice=2.0 * data["Days"])
    at = fitted_by_hand("Reaction ~ Days + Twice + (1 | Subject)", doubled, [9.0])
    assert "Dropped, determined by the others: Twice" in str(summarize(at.estimates))


def test_html_says_what_the_text_says(linear: Estimates) -> None:
    summary = summarize(linear)
    html = summary._repr_html_()
    assert html.count("<table>") == 3
    assert "Reaction ~ Days + (Days | Subject)" in html
    assert "<td" in html
    assert "600.00" in html


def test_html_escapes_what_the_user_wrote(data: pd.DataFrame) -> None:
    at = fitted_by_hand("Reaction ~ I(Days < 5) + (1 | Subject)", data, [9.0])
    html = summarize(at.estimates)._repr_html_()
    assert "&lt;" in html
    assert "Days < 5" not in html


def test_a_summary_fits_the_width_of_a_page(linear: Estimates, counts: Estimates) -> None:
    for estimates in (linear, counts):
        lines = str(summarize(estimates)).splitlines()
        assert max(map(len, lines)) <= 96
        assert len(lines) < 40


def test_many_effects_of_one_term_are_counted_not_listed(data: pd.DataFrame) -> None:
    days = data.assign(day=data["Days"].astype(int).astype(str))
    at = fitted_by_hand("Reaction ~ 1 + (0 + day | Half)", days, [np.eye(10)])
    assert "day7 (and 2 more)" in str(summarize(at.estimates))


def test_coefficients_have_normal_tests_and_intervals_where_asked(linear: Estimates) -> None:
    table = tables.coefficients(linear, ddf="infinite")
    assert list(table.columns) == [
        "component",
        "term",
        "estimate",
        "std_error",
        "df",
        "statistic",
        "p_value",
        "lower",
        "upper",
    ]
    assert list(table["component"]) == ["location", "location", "dispersion"]
    assert list(table["term"]) == ["(Intercept)", "Days", "(Intercept)"]
    assert_allclose(table["std_error"], np.sqrt(np.diag(linear.vcov)))
    assert_allclose(table["statistic"], table["estimate"] / table["std_error"])
    half = 1.959963984540054 * table["std_error"]
    assert_allclose(table["upper"] - table["estimate"], half)
    narrow = tables.confidence_intervals(linear, level=0.5, ddf="infinite")
    assert np.all(narrow["lower"] > table["lower"])
    assert list(narrow.columns) == ["component", "term", "estimate", "lower", "upper"]


def test_coefficients_have_the_degrees_of_freedom_of_the_models_method(
    linear: Estimates, counts: Estimates
) -> None:
    table = tables.coefficients(linear)
    expected = linear_estimates(linear, np.eye(2), ddf="satterthwaite").df  # by ML
    assert_allclose(table["df"], [*expected, np.inf])
    assert_allclose(table["p_value"][:2], 2 * t.sf(np.abs(table["statistic"][:2]), expected))
    half = t.ppf(0.975, expected) * table["std_error"][:2]
    assert_allclose(table["upper"][:2] - table["estimate"][:2], half)
    assert np.isinf(tables.coefficients(counts)["df"]).all()
    header = ["Term", "Estimate", "Std.Error", "df", "t", "value", "p", "(t)"]
    assert header in [line.split() for line in str(summarize(linear)).splitlines()]
    assert "Degrees of freedom: Satterthwaite" in str(summarize(linear))
    assert "z value  p (normal)" in str(summarize(counts))


def test_a_level_given_in_percent_is_refused(linear: Estimates) -> None:
    with pytest.raises(ModelError, match=r"level=95.*0\.95"):
        tables.coefficients(linear, level=95)


def test_variance_components_have_a_row_a_variance_and_a_row_a_pair(linear: Estimates) -> None:
    table = tables.variance_components(linear)
    assert list(table["group"]) == ["Subject", "Subject", "Subject", "Residual"]
    assert list(table["term"].iloc[:3]) == ["(Intercept)", "Days", "(Intercept)"]
    assert table["term2"].iloc[2] == "Days"
    assert table["term2"].iloc[[0, 1, 3]].isna().all()
    assert_allclose(table["variance"], [600.0, 35.0, 9.6, 625.0])
    assert_allclose(table["sd"].iloc[[0, 1, 3]], np.sqrt([600.0, 35.0, 625.0]))
    assert_allclose(table["correlation"].iloc[2], 9.6 / np.sqrt(600 * 35))


def test_uncorrelated_effects_have_no_rows_for_pairs(data: pd.DataFrame) -> None:
    at = fitted_by_hand("Reaction ~ Days + (Days || Subject)", data, [np.diag([4.0, 1.0])])
    table = tables.variance_components(at.estimates)
    assert list(table["term"].iloc[:2]) == ["(Intercept)", "Days"]
    assert len(table) == 3


def test_a_correlation_with_a_zero_variance_is_not_a_number(data: pd.DataFrame) -> None:
    at = fitted_by_hand("Reaction ~ Days + (Days | Subject)", data, [np.diag([4.0, 0.0])])
    table = tables.variance_components(at.estimates)
    assert len(table) == 4
    assert np.isnan(table["correlation"].iloc[2])
    assert "n/a" in str(summarize(at.estimates))


def test_random_effects_have_a_row_an_effect_of_a_level(linear: Estimates) -> None:
    table = tables.random_effects(linear)
    term = linear.location.terms[0]
    assert len(table) == 12
    assert list(table["level"].iloc[:3]) == ["308", "308", "309"]
    assert list(table["term"].iloc[:2]) == ["(Intercept)", "Days"]
    assert_allclose(table["mode"], term.modes.ravel())
    assert_allclose(table["sd"].iloc[1], np.sqrt(term.mode_covariance[0, 1, 1]))


def test_tables_of_a_polars_model_are_polars_tables(data: pd.DataFrame) -> None:
    frame = pl.from_pandas(data)
    at = fitted_by_hand("Reaction ~ Days + (Days | Subject)", frame, [SLOPES])
    for make in (
        tables.coefficients,
        tables.confidence_intervals,
        tables.variance_components,
        tables.random_effects,
    ):
        assert isinstance(make(at.estimates), pl.DataFrame)


def test_the_covariance_matrix_is_read_by_name(linear: Estimates) -> None:
    matrix = tables.covariance_matrix(linear)
    assert matrix.names == ("(Intercept)", "Days")
    assert matrix["Days", "(Intercept)"] == linear.vcov[1, 0]
    assert_allclose(np.asarray(matrix), linear.vcov[:2, :2])
    everything = tables.covariance_matrix(linear, component=None)
    assert everything.names[-1] == "dispersion:(Intercept)"
    with pytest.raises(ModelError, match="Did you mean 'Days'"):
        matrix["Day", "Days"]
    with pytest.raises(ModelError, match="'scale'"):
        tables.covariance_matrix(linear, component="scale")
    assert "Days" in repr(matrix)
    assert "<table>" in matrix._repr_html_()


def test_machine_readable_estimates_survive_json(linear: Estimates, counts: Estimates) -> None:
    for estimates in (linear, counts):
        record = json.loads(json.dumps(machine_readable(estimates), allow_nan=False))
        assert record["converged"] is True
        assert record["formula"] == estimates.specification.formula.text
        assert record["groups"] == {"Subject": 6}
        first = record["coefficients"][0]
        assert first["estimate"] == estimates.location.beta[0]
        assert record["variance_components"][0]["correlation"] is None


def test_numbers_of_a_column_share_their_decimals() -> None:
    assert numbers([251.405, 10.467]) == ["251.41", "10.47"]
    assert numbers([0.001234, 2.0]) == ["0.001234", "2.000000"]
    assert numbers([612.09, 35.07, np.nan]) == ["612.09", "35.07", ""]
    assert numbers([1e-30, 5.0]) == ["0.000", "5.000"]
    assert numbers([1e12, 3.0]) == ["1e+12", "3"]
    assert numbers([0.0, 0.0]) == ["0.0", "0.0"]
    assert numbers([]) == []


def test_p_values_print_as_in_r() -> None:
    assert p_value(0.04321) == "0.0432"
    assert p_value(1.234e-5) == "1.23e-05"
    assert p_value(1e-300) == "<2e-16"
    assert p_value(np.nan) == ""


def test_a_grid_aligns_labels_left_and_numbers_right() -> None:
    grid = Grid(("Term", "Estimate"), (("a", "1.25"), ("long name", "-10.50")))
    assert grid.text().splitlines() == [
        "  Term       Estimate",
        "  a              1.25",
        "  long name    -10.50",
    ]
