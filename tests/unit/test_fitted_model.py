import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

import henderson as hd


@pytest.fixture(scope="module")
def sleep() -> hd.FittedModel:
    return hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))


@pytest.fixture(scope="module")
def cbpp() -> hd.FittedModel:
    return hd.fit(
        "cbind(incidence, size - incidence) ~ period + (1 | herd)",
        hd.datasets.load("cbpp"),
        family="binomial",
    )


def test_sleepstudy_has_the_numbers_of_lme4(sleep: hd.FittedModel) -> None:
    # lme4 1.1-31, REML
    assert_allclose(sleep.params["Days"], 10.4672859595958, rtol=1e-7)
    assert_allclose(sleep.bse["(Intercept)"], 6.8245565274758, rtol=1e-4)
    assert_allclose(sleep.llf, -871.814135979245, atol=1e-6)
    assert_allclose(sleep.aic, 1755.62827195849, atol=1e-5)
    assert_allclose(sleep.bic, 1774.78601306383, atol=1e-5)
    assert_allclose(sleep.sigma, 25.5918156276158, rtol=1e-4)
    assert_allclose(sleep.vcov()["(Intercept)", "Days"], -1.45109567875003, rtol=1e-3)
    assert (sleep.nobs, sleep.df) == (180, 6)
    assert_allclose(sleep.deviance, -2.0 * sleep.llf)
    assert_allclose(sleep.aicc, sleep.aic + 84.0 / 173.0)
    # predict(re.form = NULL) and predict(re.form = NA)
    new = pd.DataFrame({"Days": [0, 3, 10, 12], "Subject": ["308", "309", "308", "372"]})
    with_modes = [253.663670414542, 216.549275196848, 450.326248759081, 404.735432081852]
    without = [251.405104848487, 282.806962727274, 356.077964444441, 377.012536363632]
    assert_allclose(sleep.predict(new), with_modes, rtol=1e-5)
    assert_allclose(sleep.predict(new[["Days"]], random=False), without, rtol=1e-8)
    new["Subject"] = "999"
    assert_allclose(sleep.predict(new), without, rtol=1e-8)


def test_conditional_modes_and_their_sd_are_those_of_lme4(sleep: hd.FittedModel) -> None:
    table = sleep.random_effects()
    assert_allclose(table["mode"].iloc[:2], [2.25856558211297, 9.1989718746184], rtol=1e-3)
    assert_allclose(table["sd"].iloc[:2], [12.0708368989071, 2.30483701365063], rtol=1e-4)


def test_variance_components_are_those_of_lme4(sleep: hd.FittedModel) -> None:
    table = sleep.variance_components()
    assert_allclose(table["sd"].iloc[[0, 1, 3]], [24.7404514, 5.92213310, 25.5918156], 1e-4)
    assert_allclose(table["correlation"].iloc[2], 0.0655513230611501, rtol=1e-3)


def test_p_values_are_of_normal_tests(cbpp: hd.FittedModel) -> None:
    # lme4 1.1-31: glmer(cbind(incidence, size - incidence) ~ period + (1 | herd))
    assert_allclose(cbpp.pvalues["period2"], 0.0012, atol=1e-4)
    assert list(cbpp.pvalues) == list(cbpp.params) == list(cbpp.bse)


def test_fitted_values_of_a_binomial_model_are_proportions(cbpp: hd.FittedModel) -> None:
    data = hd.datasets.load("cbpp")
    assert np.all((cbpp.fitted > 0) & (cbpp.fitted < 1))
    assert_allclose(cbpp.residuals(), data["incidence"] / data["size"] - cbpp.fitted)
    assert_allclose(cbpp.fitted, cbpp.predict(), rtol=1e-10)
    assert cbpp.sigma == 1.0


def test_the_matrices_make_the_fit(sleep: hd.FittedModel) -> None:
    n, q = 180, 36
    assert sleep.X.shape == (n, 2)
    assert sleep.Z.shape == (n, q)
    assert sleep.G.shape == (q, q)
    assert sleep.R.shape == (n, n)
    V = sleep.V
    assert_allclose(V, (sleep.Z @ sleep.G @ sleep.Z.T + sleep.R).toarray())
    solved = np.linalg.solve(V, sleep.X)
    y = hd.datasets.load("sleepstudy")["Reaction"].to_numpy()
    beta = np.linalg.solve(sleep.X.T @ solved, solved.T @ y)
    assert_allclose(beta, list(sleep.params.values()), rtol=1e-8)
    assert_allclose(np.linalg.inv(sleep.X.T @ solved), np.asarray(sleep.vcov()), rtol=1e-6)
    modes = sleep.G @ sleep.Z.T @ np.linalg.solve(V, y - sleep.X @ beta)
    assert_allclose(sleep.fitted, sleep.X @ beta + sleep.Z @ modes, rtol=1e-9)


def test_pickling_and_copying_keep_everything(sleep: hd.FittedModel) -> None:
    new = {"Days": [1.0], "Subject": [308]}
    for again in (pickle.loads(pickle.dumps(sleep)), copy.copy(sleep), copy.deepcopy(sleep)):
        assert str(again.summary()) == str(sleep.summary())
        assert_allclose(again.predict(new), sleep.predict(new), rtol=0)
        assert_allclose(again.simulate(2, rng=1), sleep.simulate(2, rng=1), rtol=0)


def test_a_fitted_model_cannot_be_changed(sleep: hd.FittedModel) -> None:
    with pytest.raises(AttributeError):
        sleep.estimates = None  # pyright: ignore[reportAttributeAccessIssue]


def test_asking_changes_nothing(sleep: hd.FittedModel) -> None:
    before = str(sleep.summary())
    fitted = sleep.fitted
    fitted[:] = 0.0
    sleep.simulate(1, rng=3)
    sleep.predict(interval="prediction")
    assert str(sleep.summary()) == before
    assert not np.any(sleep.fitted == 0.0)


def test_it_shows_its_summary(sleep: hd.FittedModel) -> None:
    assert repr(sleep) == str(sleep.summary())
    assert sleep._repr_html_() == sleep.summary()._repr_html_()
    assert sleep.formula == "Reaction ~ Days + (Days | Subject)"
    assert sleep.converged
    assert "converged" in sleep.outcome


def test_a_model_of_a_polars_table_answers_in_polars() -> None:
    model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff", "polars"))
    for table in (
        model.coefficients(),
        model.conf_int(),
        model.variance_components(),
        model.random_effects(),
        model.predict(interval="confidence"),
    ):
        assert isinstance(table, pl.DataFrame)
