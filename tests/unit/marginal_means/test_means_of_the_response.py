"""Means of a response whose mean depends on several linear predictors."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.marginal_means.reference_grid import over_cells, reference_grid


@pytest.fixture(scope="module")
def salamanders() -> hd.FittedModel:
    return hd.fit(
        "count ~ spp + mined + (1 | site)",
        hd.datasets.load("salamanders"),
        family="nbinom2",
        zero_inflation="~ mined",
        dispersion="~ spp",
    )


def by_definition(model: hd.FittedModel, beta: np.ndarray) -> np.ndarray:
    """Mean counts by mined, averaged over species, of other coefficients."""
    estimates = model.estimates
    grid = reference_grid(estimates, others=True)
    ends = np.cumsum([each.beta.size for each in estimates.predictors.values()])
    eta = [
        over_cells(estimates, grid, None, name)[0] @ own
        for name, own in zip(estimates.predictors, np.split(beta, ends[:-1]), strict=True)
    ]
    mean = estimates.family.mean(np.column_stack(eta))
    place = grid.places[:, grid.names.index("mined")]
    return np.array([mean[place == level].mean() for level in (0, 1)])


def test_they_average_what_the_model_predicts_in_the_cells(salamanders: hd.FittedModel) -> None:
    found = salamanders.emmeans("mined", component="response")
    table = pd.DataFrame(found.table())
    cells = pd.DataFrame(hd.datasets.load("salamanders"))[["spp", "mined"]].drop_duplicates()
    predicted = np.asarray(salamanders.predict(cells, random=False))
    for level, estimate in zip(table["mined"], table["estimate"], strict=True):
        own = (cells["mined"] == level).to_numpy()
        assert_allclose(estimate, predicted[own].mean(), rtol=1e-8)
    of_response = salamanders.emmeans("spp * mined", component="response").table()
    of_counts = salamanders.emmeans("spp * mined", scale="response").table()
    assert np.all(of_response["estimate"] < of_counts["estimate"])  # zeros of another kind


def test_their_standard_errors_are_by_the_delta_method(salamanders: hd.FittedModel) -> None:
    estimates = salamanders.estimates
    beta = np.concatenate([each.beta for each in estimates.predictors.values()])
    steps = 1e-5 * np.eye(len(beta))
    J = (
        np.array(
            [
                by_definition(salamanders, beta + h) - by_definition(salamanders, beta - h)
                for h in steps
            ]
        ).T
        / 2e-5
    )
    se = np.sqrt(np.diag(J @ estimates.vcov @ J.T))
    mean = by_definition(salamanders, beta)
    table = pd.DataFrame(salamanders.emmeans("mined", component="response").table())
    assert_allclose(table["estimate"], mean, rtol=1e-10)
    assert_allclose(table["std_error"], se, rtol=1e-6)
    half = 1.959963984540054 * se / mean
    assert_allclose(table["lower"], mean * np.exp(-half), rtol=1e-6)
    assert_allclose(table["upper"], mean * np.exp(half), rtol=1e-6)


def test_their_contrasts_are_ratios_of_means(salamanders: hd.FittedModel) -> None:
    found = salamanders.emmeans("mined", component="response")
    pairs = pd.DataFrame(found.contrasts().table())
    table = pd.DataFrame(found.table())
    assert_allclose(pairs["ratio"], table["estimate"][0] / table["estimate"][1], rtol=1e-10)
    differences = pd.DataFrame(found.regrid().contrasts().table())
    gap = table["estimate"][0] - table["estimate"][1]
    assert_allclose(differences["estimate"], gap, rtol=1e-8)


def test_each_predictor_has_means_on_its_own_scale(salamanders: hd.FittedModel) -> None:
    zeros = salamanders.emmeans("mined", component="zero_inflation", scale="response")
    table = pd.DataFrame(zeros.table())
    beta = salamanders.estimates.predictors["zero_inflation"].beta
    assert_allclose(table["estimate"], 1.0 / (1.0 + np.exp(-np.array([beta[0], beta.sum()]))))
    spread = salamanders.emmeans("spp", component="dispersion")
    delta = salamanders.estimates.predictors["dispersion"].beta
    assert_allclose(spread.estimate, delta[0] + np.append(0.0, delta[1:]))


def test_a_mean_of_one_predictor_is_asked_for_by_scale(salamanders: hd.FittedModel) -> None:
    cbpp = hd.fit(
        "cbind(incidence, size - incidence) ~ period + (1 | herd)",
        hd.datasets.load("cbpp"),
        family="binomial",
    )
    with pytest.raises(hd.ModelError, match='scale="response" in place'):
        cbpp.emmeans("period", component="response")
    with pytest.raises(hd.ModelError, match="leave random out"):
        salamanders.emmeans("mined", component="response", random="integrate")
    with pytest.raises(hd.ModelError, match="Leave ddf out"):
        salamanders.emmeans("mined", component="response", ddf="satterthwaite")
