"""What can be asked of a model whose residuals vary together within subjects."""

import pickle
from typing import Literal

import numpy as np
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.errors import DataError, ModelError
from henderson.report.model_in_words import code, equation, random_sentences, sentences
from tests.unit.by_hand import generalized_least_squares

TRIAL = hd.datasets.load("trial")


@pytest.fixture(scope="module")
def trial() -> hd.FittedModel:
    return hd.fit(
        "change ~ baseline + arm * factor(week)", TRIAL, residual="us(week | patient)"
    )


@pytest.fixture(scope="module")
def pigs() -> hd.FittedModel:
    rng = np.random.default_rng(5)
    pig, day = np.repeat(np.arange(20), 5), np.tile([0, 1, 2, 4, 7], 20)
    data = {
        "y": 0.3 * day + rng.normal(size=5)[pig // 4] + rng.normal(size=20)[pig],
        "day": day,
        "pig": [f"p{each}" for each in pig],
        "pen": [f"n{each}" for each in pig // 4],
        "feed": np.where(pig % 2 == 0, "a", "b"),
        "size": rng.uniform(0.5, 2.0, 100),
    }
    data["y"] = data["y"] + rng.normal(size=100)
    keep = rng.random(100) < 0.9
    table = {name: np.asarray(value)[keep] for name, value in data.items()}
    return hd.fit(
        "y ~ feed * day + (1 | pen)", table, residual="ar1(day | pig)", weights="size"
    )


@pytest.mark.parametrize("name", ["trial", "pigs"])
def test_leaving_one_row_out_is_generalized_least_squares_without_it(
    name: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(name)
    found = model.influence()
    for row in (0, 7, 40):
        beta, errors = generalized_least_squares(model, np.arange(model.nobs) != row)
        assert_allclose(found.deleted_beta[row], beta, rtol=1e-8)
        assert_allclose(found.deleted_std_error[row], errors, rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "by"), [("trial", "patient"), ("pigs", "pen"), ("pigs", "pig"), ("pigs", "day")]
)
def test_leaving_a_group_out_is_generalized_least_squares_without_it(
    name: str, by: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(name)
    found = model.influence(by)
    column = model.estimates.frame.variables[by]
    values = column.keys[column.codes] if hasattr(column, "codes") else column
    for i, level in enumerate(found.cases[:6]):
        keep = np.array([str(value) != str(level) for value in values])
        assert not keep.all()
        beta, errors = generalized_least_squares(model, keep)
        assert_allclose(found.deleted_beta[i], beta, rtol=1e-8)
        assert_allclose(found.deleted_std_error[i], errors, rtol=1e-8)


@pytest.mark.parametrize("name", ["trial", "pigs"])
def test_leverages_are_how_far_fitted_values_follow(
    name: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(name)
    X, V, R = model.X, model.V, model.R.toarray()
    Vi = np.linalg.inv(V)
    P = Vi - Vi @ X @ np.linalg.solve(X.T @ Vi @ X, X.T @ Vi)
    assert_allclose(model.influence().leverage, 1.0 - np.diag(R @ P), rtol=1e-8)


def test_refits_without_a_subject_are_fits_of_the_other_rows(trial: hd.FittedModel) -> None:
    found = trial.influence("patient", refit=True)
    other = hd.fit(
        trial.formula, TRIAL[TRIAL["patient"] != "P02"], residual="us(week | patient)"
    )
    at = list(found.cases).index("P02")
    assert_allclose(found.deleted_beta[at], other.estimates.location.beta, rtol=1e-4)


def test_what_the_rest_does_not_determine_is_said() -> None:
    model = hd.fit("change ~ arm", TRIAL, residual="ar1(week | patient, by = arm)")
    found = model.influence("arm", refit=True)
    assert np.isnan(found.deleted_beta).all()
    assert "the other rows do not determine" in repr(found)


def test_a_check_looks_at_the_subjects(trial: hd.FittedModel) -> None:
    assert any("of patient, P50" in each.sentence for each in trial.check(n=0).findings)


def test_the_code_of_a_report_fits_the_same_model(
    trial: hd.FittedModel, pigs: hd.FittedModel
) -> None:
    lines = code(trial.estimates, [], source=None)
    assert "residual='us(week | patient)'" in lines
    assert "dispersion" not in lines
    called = lines[lines.index("hd.fit(") : lines.index("print(")]
    again = eval(called, {"hd": hd, "data": TRIAL})
    assert again.llf == trial.llf
    assert "residual='ar1(day | pig)'" in code(pigs.estimates, [], source=None)


def test_words_and_equation_tell_the_structure(trial: hd.FittedModel) -> None:
    words = " ".join([*sentences(trial.estimates), *random_sentences(trial.estimates)])
    assert "The residuals of a patient (80 levels) vary together" in words
    assert "4 positions (week) is unstructured" in words
    assert "dispersion" not in words
    lines = ["".join(p.text for p in line) for line in equation(trial.estimates).lines]
    assert lines[-1] == "e~N(0, R), unstructured, 4 × 4"
    assert not any("dispersion" in line for line in lines)


def test_subjects_are_units_of_the_experiment(trial: hd.FittedModel) -> None:
    found = trial.experiment()
    assert [unit.name for unit in found.units] == ["patient"]
    arm, week = (each for each in found.treatments if each.name in {"arm", "week"})
    assert (arm.applied_to, arm.replicates) == (("patient",), (40, 40))
    assert week.role == "time"
    assert not found.warnings


def test_autocorrelation_is_of_normalized_residuals(trial: hd.FittedModel) -> None:
    white = trial.autocorrelation("week", by="patient", lags=1)
    raw = trial.autocorrelation("week", by="patient", lags=1, kind="pearson")
    assert abs(white["correlation"][1]) < 0.1
    assert raw["correlation"][1] > 0.7


def test_a_cascade_adds_up_with_the_residual_variance_of_its_position(
    trial: hd.FittedModel, pigs: hd.FittedModel
) -> None:
    for model, row in ((trial, 2), (trial, 3), (pigs, 7)):
        steps = model.cascade(row=row)
        at = model.estimates
        assert steps["effect"].sum() == pytest.approx(at.response.y[row])
        assert steps["variance"].iloc[-1] == pytest.approx(model.R.diagonal()[row])


def test_power_extends_subjects(trial: hd.FittedModel, pigs: hd.FittedModel) -> None:
    few = trial.power("arm:factor(week)", n=20, rng=1, extend={"patient": 20})
    many = trial.power("arm:factor(week)", n=20, rng=1, extend={"patient": 300})
    assert np.mean(few.p_values[0] < 0.05) < np.mean(many.p_values[0] < 0.05) == 1.0
    more = pigs.power("day", n=3, rng=1, extend={"pen": 8})
    assert np.isfinite(more.p_values[0]).all()
    with pytest.raises(ModelError, match=r"repeat=2.*several rows at one position"):
        trial.power("arm", n=3, repeat=2)


def test_a_pickled_model_is_the_same(trial: hd.FittedModel) -> None:
    again = pickle.loads(pickle.dumps(trial))
    assert str(again.summary()) == str(trial.summary())
    assert_allclose(again.simulate(1, rng=1), trial.simulate(1, rng=1))


@pytest.mark.parametrize("term", ["(1 | pen)", "(day | pen) + (1 | block)", "(1 | block)"])
def test_errors_of_predictions_are_those_of_the_dense_covariance(
    term: str, crossing: dict[str, np.ndarray]
) -> None:
    model = hd.fit(
        f"y ~ day + {term}",
        crossing,
        residual="ar1(day | pig)",
        dispersion="~ feed",
        weights="size",
    )
    X, V, y = model.X, model.V, model.estimates.response.y
    beta, Z, G = model.estimates.location.beta, model.Z.toarray(), model.G.toarray()
    inverse = np.linalg.inv(V)
    Phi = np.linalg.inv(X.T @ inverse @ X)
    rows = [0, 5, 17, 80]
    new = {name: values[rows] for name, values in crossing.items()}
    across = V @ inverse @ Z @ G @ Z[rows].T
    a = X[rows] - across.T @ inverse @ X
    variance = np.diag(Z[rows] @ G @ Z[rows].T) - np.sum(across * (inverse @ across), axis=0)
    variance = variance + np.sum(a @ Phi * a, axis=1)
    found = model.predict(new, interval="confidence")
    mean = X[rows] @ beta + across.T @ inverse @ (y - X @ beta)
    assert_allclose(found["prediction"], mean, rtol=1e-8)
    assert_allclose(found["std_error"] ** 2, variance, rtol=1e-7)
    wide = model.predict(new, interval="prediction", size=new["size"])
    half = 1.959963984540054 * np.sqrt(variance + model.R.diagonal()[rows])
    assert_allclose(wide["upper"] - wide["prediction"], half, rtol=1e-7)
    unseen = {**new, "pen": ["elsewhere"] * 4, "block": ["another"] * 4}
    alone = np.diag(Z[rows] @ G @ Z[rows].T) + np.sum(X[rows] @ Phi * X[rows], axis=1)
    away = model.predict(unseen, interval="confidence")
    assert_allclose(away["std_error"] ** 2, alone, rtol=1e-7)
    whole = model.predict(new, random=False, interval="prediction", size=new["size"])
    half = 1.959963984540054 * np.sqrt(alone + model.R.diagonal()[rows])
    assert_allclose(whole["upper"] - whole["prediction"], half, rtol=1e-7)


@pytest.fixture(scope="module")
def crossing() -> dict[str, np.ndarray]:
    """Pigs in pens, measured in blocks that cross them."""
    rng = np.random.default_rng(5)
    pig, day = np.repeat(np.arange(20), 5), np.tile([0, 1, 2, 4, 7], 20)
    block = (pig + day) % 6
    y = 0.3 * day + rng.normal(size=5)[pig // 4] + rng.normal(size=6)[block]
    return {
        "y": y + 0.7 * rng.normal(size=20)[pig] + rng.normal(size=100),
        "day": day,
        "pig": np.array([f"p{each}" for each in pig]),
        "pen": np.array([f"n{each}" for each in pig // 4]),
        "block": np.array([f"b{each}" for each in block]),
        "feed": np.where(pig % 2 == 0, "a", "b"),
        "size": rng.uniform(0.5, 2.0, 100),
    }


def test_prediction_intervals_at_new_visits_have_the_variance_of_the_visit(
    trial: hd.FittedModel,
) -> None:
    new = {"baseline": [24.0, 24.0], "arm": ["drug", "drug"], "week": [2, 8]}
    found = trial.predict(new, interval="prediction")
    sure = trial.predict(new, interval="confidence")
    residual = trial.estimates.errors
    assert residual is not None
    variances = np.diag(residual.covariances[0])[[0, 3]]
    half = 1.959963984540054 * np.sqrt(np.asarray(sure["std_error"]) ** 2 + variances)
    assert_allclose(found["upper"] - found["prediction"], half)
    model = hd.fit("change ~ week", TRIAL, residual="us(week | patient)")
    with pytest.raises(DataError, match="was not fitted with"):
        model.predict({"week": [5]}, interval="prediction")


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_robust_covariances_are_sandwiches_of_the_model_covariance(
    method: Literal["ML", "REML"],
) -> None:
    model = hd.fit(
        "change ~ baseline + arm", TRIAL, residual="ar1(week | patient)", method=method
    )
    X, V, e = model.X, model.V, model.residuals()
    residual = model.estimates.errors
    assert residual is not None
    subject = residual.design.subject
    Vi = np.linalg.inv(V)
    Phi = np.linalg.inv(X.T @ Vi @ X)
    middle = np.zeros_like(Phi)
    for each in np.unique(subject):
        score = X.T @ Vi @ np.where(subject == each, e, 0.0)
        middle += np.outer(score, score)
    plain = model.robust_vcov("patient", kind="CR0")
    assert_allclose(plain.vcov, Phi @ middle @ Phi, rtol=1e-8)
    small = model.robust_vcov("patient", kind="CR2")
    assert np.all(small.std_error > plain.std_error)
    assert np.all(model.anova(ddf=small)["df2"] < 80)


def test_variances_by_a_formula_have_degrees_of_freedom_beside_plain_residuals() -> None:
    """The likelihood is that of the dispersion's formula alone."""
    data = hd.datasets.load("orthodont").drop(index=[3, 10, 50, 77])
    formula, plain = "distance ~ age * Sex + (1 | Subject)", "homdiag(1 | Subject)"
    alone = hd.fit(formula, data, dispersion="~ Sex", method="REML")
    beside = hd.fit(formula, data, dispersion="~ Sex", residual=plain)
    np.testing.assert_allclose(beside.llf, alone.llf, rtol=1e-12)
    with pytest.raises(ModelError, match=r'Give residual="homdiag\(1 . Subject\)", too'):
        alone.anova(ddf="kenward-roger")
    assert set(beside.anova()["ddf"]) == {"kenward-roger"}
    one, same = (hd.fit(formula, data, residual=r).anova() for r in (None, plain))
    np.testing.assert_allclose(one["df2"], same["df2"], rtol=1e-6)
    np.testing.assert_allclose(one["statistic"], same["statistic"], rtol=1e-4)
