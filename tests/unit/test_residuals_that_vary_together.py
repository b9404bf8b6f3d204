"""What can be asked of a model whose residuals vary together within subjects."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.errors import ModelError
from henderson.report.model_in_words import code, equation, random_sentences, sentences

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


def generalized_least_squares(model: hd.FittedModel, keep: np.ndarray):  # noqa: ANN201
    """β and its standard errors from the rows kept, with V of all rows: the definition."""
    X, y = model.X[keep], model.estimates.response.y[keep]
    V = np.linalg.inv(model.V[np.ix_(keep, keep)])
    S = np.linalg.inv(X.T @ V @ X)
    return S @ X.T @ V @ y, np.sqrt(np.diag(S))


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
