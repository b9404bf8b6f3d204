"""Influence: against fits without the case, dense twins, and numbers by lme4 and car."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.diagnostics.case_deletion import updated
from henderson.inference.separation import separating_direction
from tests.unit.by_hand import generalized_least_squares

FAMILIES = ["gaussian", "binomial", "poisson", "gamma"]


@pytest.fixture(scope="module")
def sleep() -> hd.FittedModel:
    return hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))


@pytest.fixture(scope="module")
def oats() -> hd.FittedModel:
    return hd.fit("yield ~ Variety * nitro + (1 | Block/Variety)", hd.datasets.load("oats"))


@pytest.mark.parametrize("name", ["sleep", "oats"])
def test_leaving_one_row_out_is_generalized_least_squares_without_it(
    name: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(name)
    found = model.influence()
    for row in (0, 7, 40):
        beta, errors = generalized_least_squares(model, np.arange(model.nobs) != row)
        assert_allclose(found.deleted_beta[row], beta, rtol=1e-9)
        assert_allclose(found.deleted_std_error[row], errors, rtol=1e-9)


@pytest.mark.parametrize(("name", "by"), [("sleep", "Subject"), ("oats", "Block")])
def test_leaving_a_group_out_is_generalized_least_squares_without_it(
    name: str, by: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(name)
    codes = model.estimates.frame.variables[by].codes
    found = model.influence(by=by)
    for group in range(len(found.cases)):
        beta, errors = generalized_least_squares(model, codes != group)
        assert_allclose(found.deleted_beta[group], beta, rtol=1e-9)
        assert_allclose(found.deleted_std_error[group], errors, rtol=1e-9)


def test_one_row_at_a_time_is_the_same_by_the_formula_and_by_new_equations(
    oats: hd.FittedModel,
) -> None:
    rows = [np.array([i]) for i in range(oats.nobs)]
    by_equations, found = updated(oats.estimates, rows), oats.influence()
    assert_allclose(by_equations.beta, found.deleted_beta, rtol=1e-10)
    assert_allclose(by_equations.std_error, found.deleted_std_error, rtol=1e-10)


def test_leverages_are_the_diagonal_of_the_hat_matrix(sleep: hd.FittedModel) -> None:
    X, V, R = sleep.X, sleep.V, sleep.R.toarray()
    Vi = np.linalg.inv(V)
    P = Vi - Vi @ X @ np.linalg.solve(X.T @ Vi @ X, X.T @ Vi)
    leverage = sleep.influence().leverage
    assert_allclose(leverage, np.diag(np.eye(len(V)) - R @ P), rtol=1e-9)
    # by lme4's hatvalues
    assert_allclose(leverage[:4], [0.2293040, 0.1697300, 0.1268237, 0.1005852], rtol=1e-4)


def test_refits_without_subjects_have_the_numbers_of_lme4(sleep: hd.FittedModel) -> None:
    found = sleep.influence("Subject", refit=True)
    # lme4's sign is that of leaving out
    assert_allclose(
        -found.dfbetas[:3],
        [[0.05872488, -0.44892744], [0.41087492, 0.30989690], [0.42760879, 0.15834122]],
        atol=3e-5,
    )
    lme4 = np.array([0.082148405, 0.132020798, 0.098240744, 0.074146502])
    assert_allclose(found.cooks_distance[:4], lme4 * 18 / (18 - 2), rtol=1e-4)


def test_a_refit_is_a_fit_to_the_other_rows(sleep: hd.FittedModel) -> None:
    data = hd.datasets.load("sleepstudy")
    other = hd.fit(sleep.formula, data[data["Subject"].astype(str) != "309"])
    found = sleep.influence("Subject", refit=True)
    here = found.cases.tolist().index("309")
    assert_allclose(found.deleted_beta[here], list(other.params.values()), rtol=1e-6)
    assert_allclose(found.deleted_std_error[here], list(other.bse.values()), rtol=1e-5)


def grouped(family: str) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(24), 12)
    x = rng.normal(size=g.size)
    eta = 0.4 + 0.5 * x + 0.5 * rng.normal(size=24)[g]
    mean = np.exp(eta)
    y = {
        "gaussian": eta + rng.normal(size=g.size),
        "binomial": (rng.random(g.size) < 1.0 / (1.0 + np.exp(-eta))).astype(float),
        "poisson": rng.poisson(mean).astype(float),
        "gamma": rng.gamma(4.0, mean / 4.0),
    }[family]
    return pd.DataFrame({"y": y, "x": x, "g": g.astype(str)})


@pytest.mark.parametrize("family", FAMILIES)
def test_one_step_is_near_a_refit(family: str) -> None:
    data = grouped(family)
    link = "log" if family == "gamma" else None
    model = hd.fit("y ~ x + (1 | g)", data, family=family, link=link)
    step, refit = model.influence("g"), model.influence("g", refit=True)
    moved = np.abs(refit.dfbetas).max()
    assert np.abs(step.dfbetas - refit.dfbetas).max() < 0.25 * moved
    assert np.corrcoef(step.dfbetas[:, 1], refit.dfbetas[:, 1])[0, 1] > 0.98


def test_a_level_that_alone_determines_a_coefficient_leaves_not_a_number(
    oats: hd.FittedModel,
) -> None:
    model = hd.fit("yield ~ Variety + nitro + (1 | Block)", hd.datasets.load("oats"))
    for refit in (False, True):
        found = model.influence("Variety", refit=refit)
        assert np.isnan(found.cooks_distance).all()


def test_an_outlier_is_the_most_influential_row() -> None:
    data = grouped("gaussian")
    data.loc[17, "y"] += 40.0
    found = hd.fit("y ~ x + (1 | g)", data).influence()
    assert found.influential[0] == 17
    assert "17" in repr(found)


def test_rows_are_called_as_in_the_users_table() -> None:
    data = grouped("gaussian")
    data.loc[[0, 5], "y"] = np.nan
    table = hd.fit("y ~ x + (1 | g)", data).influence().table()
    assert table["row"].tolist()[:5] == [1, 2, 3, 4, 6]
    assert table.columns.tolist() == [
        "row",
        "leverage",
        "cooks_distance",
        "dfbetas_(Intercept)",
        "dfbetas_x",
    ]


def test_without_random_effects_the_numbers_are_those_of_linear_models() -> None:
    data = grouped("poisson")
    model = hd.fit("y ~ x", data, family="poisson")
    X, mu = model.X, model.fitted
    H = X @ np.linalg.inv(X.T @ (mu[:, None] * X)) @ X.T * mu
    assert_allclose(model.influence().leverage, np.diag(H), rtol=1e-7)


def test_what_cannot_be_left_out_is_refused(sleep: hd.FittedModel) -> None:
    with pytest.raises(hd.DataError, match="by='Subjet' is not a variable"):
        sleep.influence("Subjet")
    data = hd.datasets.load("sleepstudy").assign(one="a")
    model = hd.fit("Reaction ~ Days + (1 | Subject)", data)
    with pytest.raises(hd.DataError, match="'one'"):
        model.influence("one")


def test_inflation_has_the_numbers_of_car() -> None:
    model = hd.fit("distance ~ age * Sex + (1 | Subject)", hd.datasets.load("orthodont"))
    assert_allclose(model.vif()["gvif"], [1.687500, 4.076998, 4.764498], rtol=1e-5)


def test_inflation_of_a_factor_is_the_ratio_of_determinants() -> None:
    rng = np.random.default_rng(5)
    f = rng.integers(0, 3, 90)
    data = pd.DataFrame({"x": f + rng.normal(size=90), "f": f.astype(str)})
    data["y"] = rng.normal(size=90)
    table = hd.fit("y ~ x + f", data).vif()
    R2 = hd.fit("x ~ f", data, method="ML").fitted
    r2 = np.var(R2) / np.var(data["x"])
    assert_allclose(table["gvif"], 1.0 / (1.0 - r2), rtol=1e-8)
    assert table["df"].tolist() == [1, 2]
    assert_allclose(table["se_factor"], table["gvif"] ** [0.5, 0.25])


def test_inflation_of_one_term_is_refused(sleep: hd.FittedModel) -> None:
    with pytest.raises(hd.ModelError, match="two terms or more"):
        sleep.vif()


def test_separation_names_the_covariates_and_nothing_else() -> None:
    data = grouped("binomial")
    data["never"] = np.where(data["g"].astype(int) < 3, "yes", "no")
    fine = hd.fit("y ~ x + never + (1 | g)", data, family="binomial")
    assert fine.separated() == ()
    data.loc[data["never"] == "yes", "y"] = 0.0
    wrong = hd.fit("y ~ x + never + (1 | g)", data, family="binomial")
    assert wrong.separated() == ("neveryes",)


def test_counts_without_any_in_a_level_are_separated() -> None:
    data = grouped("poisson")
    data["never"] = np.where(data["g"].astype(int) < 3, "yes", "no")
    data.loc[data["never"] == "yes", "y"] = 0.0
    model = hd.fit("y ~ x + never + (1 | g)", data, family="poisson")
    assert model.separated() == ("neveryes",)


def test_measurements_are_never_separated(sleep: hd.FittedModel) -> None:
    assert sleep.separated() == ()


def test_a_separating_direction_separates() -> None:
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(80), rng.normal(size=(80, 2))])
    y = (X @ [0.1, 1.0, -2.0] > 0.0).astype(np.int64)
    direction = separating_direction(X, 2 * y - 1)
    assert np.all((2 * y - 1) * (X @ direction) >= -1e-9)
    y[:40] = rng.integers(0, 2, 40)
    assert not separating_direction(X, 2 * y - 1).any()
