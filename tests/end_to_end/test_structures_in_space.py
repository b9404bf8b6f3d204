"""Effects at places, in grids, of relatives, of few dimensions: against V written in full."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from scipy.special import gamma, kv

import henderson as hd
from henderson.fitted_model import FittedModel
from tests.reference.corpus import read

Parameters = dict[str, float]


def natural(model: FittedModel) -> Parameters:
    """The parameters of the only random term, by name."""
    table = model.covariance_parameters()
    return dict(zip(table["parameter"], table["estimate"], strict=True))


def plots(rows: int, columns: int, seed: int) -> pd.DataFrame:
    """A smooth surface with noise over a grid of which some plots are missing."""
    rng = np.random.default_rng(seed)
    row, column = np.indices((rows, columns)).reshape(2, -1)
    distance = np.hypot(row[:, None] - row, column[:, None] - column)
    surface = np.linalg.cholesky(np.exp(-distance / 4.0)) @ rng.normal(size=len(row))
    table = pd.DataFrame(
        {
            "y": 10.0 + 2.0 * surface + 0.7 * rng.normal(size=len(row)),
            "row": row + 1,
            "column": column + 1,
            "treatment": rng.choice(list("abc"), len(row)),
            "field": np.where(column < columns // 2, "west", "east"),
        }
    )
    return table.drop(index=[3, 17, 18, 40]).reset_index(drop=True)


def visits(seed: int) -> pd.DataFrame:
    """Subjects seen at times of their own."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(40):
        time = np.sort(rng.choice(np.arange(12) / 2.0, 6, replace=False))
        G = 1.5**2 * np.exp(-0.6 * np.abs(time[:, None] - time))
        y = 5.0 + time + rng.multivariate_normal(np.zeros(6), G) + 0.5 * rng.normal(size=6)
        rows.append(pd.DataFrame({"y": y, "time": time, "subject": f"s{subject}"}))
    return pd.concat(rows, ignore_index=True)


def distances(table: pd.DataFrame) -> np.ndarray:
    row, column = table["row"].to_numpy(float), table["column"].to_numpy(float)
    return np.hypot(row[:, None] - row, column[:, None] - column)


def same(table: pd.DataFrame, name: str) -> np.ndarray:
    values = table[name].to_numpy()
    return (values[:, None] == values).astype(float)


def lags(table: pd.DataFrame, name: str) -> np.ndarray:
    values = table[name].to_numpy(float)
    return np.abs(values[:, None] - values)


def matern(d: np.ndarray, phi: float, nu: float) -> np.ndarray:
    x = np.where(d > 0.0, d / phi, 1.0)
    return np.where(d > 0.0, 2.0 ** (1.0 - nu) / gamma(nu) * x**nu * kv(nu, x), 1.0)


Covariance = Callable[[pd.DataFrame, Parameters], np.ndarray]
CASES: dict[str, tuple[str, Covariance]] = {
    "exp": (
        "exp(0 + row:column | 1)",
        lambda t, p: p["sd"] ** 2 * np.exp(-distances(t) / p["range"]),
    ),
    "exp of two fields": (
        "exp(0 + row:column | field)",
        lambda t, p: p["sd"] ** 2 * np.exp(-distances(t) / p["range"]) * same(t, "field"),
    ),
    "gau": (
        "gau(0 + numFactor(row, column) | 1)",
        lambda t, p: p["sd"] ** 2 * np.exp(-((distances(t) / p["range"]) ** 2)),
    ),
    "mat, smoothness given": (
        "mat(0 + row:column | 1, nu = 1.5)",
        lambda t, p: p["sd"] ** 2 * matern(distances(t), p["range"], 1.5),
    ),
    "mat": (
        "mat(0 + row:column | 1)",
        lambda t, p: p["sd"] ** 2 * matern(distances(t), p["range"], p["smoothness"]),
    ),
    "ar1 by ar1": (
        "(ar1(row):ar1(column) | 1)",
        lambda t, p: (
            p["sd"] ** 2
            * p["correlation along row"] ** lags(t, "row")
            * p["correlation along column"] ** lags(t, "column")
        ),
    ),
}


def deviance_in_full(model: FittedModel, V: np.ndarray) -> float:
    """−2 log of the restricted likelihood of a covariance of the response."""
    X, y = model.X, model.estimates.response.y
    inverse = np.linalg.inv(V)
    information = X.T @ inverse @ X
    residual = y - X @ np.linalg.solve(information, X.T @ inverse @ y)
    log_determinants = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1]
    constant = (len(y) - X.shape[1]) * np.log(2.0 * np.pi)
    return log_determinants + residual @ inverse @ residual + constant


def assert_at_the_minimum(
    model: FittedModel, table: pd.DataFrame, covariance: Covariance
) -> None:
    """The deviance is that of V in full, and no change of a parameter makes it smaller."""
    found = natural(model) | {"sigma": model.sigma}

    def deviance(p: Parameters) -> float:
        V = covariance(table, p) + p["sigma"] ** 2 * np.eye(len(table))
        return deviance_in_full(model, V)

    lowest = deviance(found)
    assert_allclose(-2.0 * model.llf, lowest, rtol=1e-7)
    for name, value in found.items():
        for c in (0.98, 1.02):
            assert deviance(found | {name: c * value}) > lowest - 1e-6


@pytest.mark.parametrize("name", CASES)
def test_a_field_is_fitted_by_the_covariance_written_in_full(name: str) -> None:
    formula, covariance = CASES[name]
    table = plots(8, 10, seed=3)
    model = hd.fit(f"y ~ treatment + {formula}", table)
    assert model.converged
    assert_at_the_minimum(model, table, covariance)


def test_continuous_time_is_fitted_by_the_covariance_written_in_full() -> None:
    table = visits(seed=1)
    model = hd.fit("y ~ time + ou(0 + time | subject)", table)
    assert model.converged
    assert_at_the_minimum(
        model,
        table,
        lambda t, p: p["sd"] ** 2 * np.exp(-p["decay"] * lags(t, "time")) * same(t, "subject"),
    )


def test_times_may_be_levels_that_read_as_numbers() -> None:
    table = visits(seed=2)
    levels = table.assign(time=table["time"].astype(str))
    one = hd.fit("y ~ 1 + ou(0 + time | subject)", table)
    other = hd.fit("y ~ 1 + ou(0 + time | subject)", levels)
    assert_allclose(one.llf, other.llf, rtol=1e-12)


def relatives(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Records of animals, and a relationship matrix that also has others."""
    rng = np.random.default_rng(seed)
    names = [f"a{i}" for i in range(45)]
    root = rng.normal(size=(45, 60)) / np.sqrt(60.0)
    K = pd.DataFrame(root @ root.T + 0.3, index=names, columns=names)
    effect = 1.5 * rng.multivariate_normal(np.zeros(45), K.to_numpy())
    animal = rng.integers(0, 40, 150)
    table = pd.DataFrame(
        {
            "y": effect[animal] + rng.normal(size=150),
            "x": rng.normal(size=150),
            "animal": [names[i] for i in animal],
            "herd": rng.choice(list("uvw"), 150),
        }
    )
    return table, K


def test_relatives_are_fitted_by_the_covariance_written_in_full() -> None:
    table, K = relatives(seed=4)
    model = hd.fit("y ~ x + propto(1 | animal, A)", table, matrices={"A": K})
    assert model.converged
    among = K.loc[table["animal"], table["animal"]].to_numpy()
    assert_at_the_minimum(model, table, lambda _, p: p["sd"] ** 2 * among)


def test_a_matrix_may_be_dense_or_sparse_and_its_names_in_any_order() -> None:
    table, K = relatives(seed=5)
    turned = K.iloc[::-1, ::-1]
    pair = (csr_array(turned.to_numpy()), list(turned.columns))
    formula = "y ~ x + propto(1 | animal, A)"
    fits = [hd.fit(formula, table, matrices={"A": each}) for each in (K, turned, pair)]
    assert_allclose([m.llf for m in fits], fits[0].llf, rtol=1e-10)


def test_unrelated_levels_are_independent_effects() -> None:
    table, K = relatives(seed=6)
    identity = pd.DataFrame(np.eye(45), index=K.index, columns=K.columns)
    related = hd.fit("y ~ x + propto(1 | animal, A)", table, matrices={"A": identity})
    independent = hd.fit("y ~ x + (1 | animal)", table)
    assert_allclose(related.llf, independent.llf, rtol=1e-10)
    assert_allclose(related.sigma, independent.sigma, rtol=1e-5)


def test_related_effects_may_repeat_in_groups() -> None:
    table, K = relatives(seed=7)
    model = hd.fit("y ~ x + propto(0 + animal | herd, A)", table, matrices={"A": K})
    among = K.loc[table["animal"], table["animal"]].to_numpy() * same(table, "herd")
    assert_at_the_minimum(model, table, lambda _, p: p["sd"] ** 2 * among)


# glmmTMB 1.1.5, maximum likelihood; log-likelihoods and residual standard deviations
R_FITS = {
    "exp": ("y ~ trt + exp(0 + row:col | one)", "syn_spatial", -152.101584057, 0.444093),
    "ou": ("weight ~ Diet * Time + ou(0 + Time | Rat)", "bodyweight", -571.44782701, 2.525334),
    "rr": ("Weight ~ Time + rr(0 + factor(Time) | Pig, 2)", "dietox", -2063.84921103, 1.890729),
}


@pytest.mark.parametrize("name", R_FITS)
def test_a_fit_agrees_with_glmmtmb(name: str) -> None:
    formula, data, llf, sigma = R_FITS[name]
    table = read(data)
    for column in {"row", "col", "y", "Time", "weight", "Weight"} & set(table.columns):
        table[column] = pd.to_numeric(table[column])
    model = hd.fit(formula, table, method="ML")
    assert_allclose(model.llf, llf, atol=2e-5)
    assert_allclose(model.sigma, sigma, rtol=1e-5)


def test_reduced_rank_of_all_effects_is_unstructured() -> None:
    rng = np.random.default_rng(8)
    root = rng.normal(size=(3, 3))
    effects = rng.normal(size=(60, 3)) @ root
    table = pd.DataFrame(
        {
            "y": np.repeat(effects.ravel(), 3) + rng.normal(size=540),
            "g": np.repeat(np.arange(60), 9),
            "species": np.tile(np.repeat(list("abc"), 3), 60),
        }
    )
    full = hd.fit("y ~ species + rr(0 + species | g, 3)", table)
    unstructured = hd.fit("y ~ species + us(0 + species | g)", table)
    assert_allclose(full.llf, unstructured.llf, rtol=1e-9)
    two = hd.fit("y ~ species + rr(0 + species | g, 2)", table)
    assert two.converged
    assert two.llf < full.llf
    (term,) = two.estimates.location.terms
    assert np.linalg.matrix_rank(term.covariance, tol=1e-6) == 2
    assert_allclose(-2.0 * two.llf, deviance_in_full(two, two.V), rtol=1e-9)


def test_a_count_may_have_a_spatial_effect() -> None:
    table = plots(6, 8, seed=9)
    rng = np.random.default_rng(9)
    table["count"] = rng.poisson(np.exp(0.4 * (table["y"] - 9.0)))
    model = hd.fit("count ~ 1 + exp(0 + row:column | 1)", table, family="poisson")
    assert model.converged
    found = natural(model)
    G = found["sd"] ** 2 * np.exp(-distances(table) / found["range"])
    (term,) = model.estimates.location.terms
    places = term.design.columns
    assert places is not None
    among = term.covariance[np.ix_(places[:, 0], places[:, 0])]
    assert_allclose(among, G, rtol=1e-6)


def test_missing_plots_are_cells_without_rows() -> None:
    table = plots(6, 9, seed=10)
    model = hd.fit("y ~ 1 + (ar1(row):ar1(column) | 1)", table)
    (term,) = model.estimates.location.terms
    assert term.design.n_effects == 54
    assert model.nobs == 50


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("exp(row:column | field)", "no intercept beside them"),
        ("exp(0 + row + column | field)", "no intercept beside them"),
        ("ou(0 + row:column | field)", "takes one coordinate, not 2"),
        ("ou(0 + treatment | field)", "are not numbers"),
        ("mat(0 + row:column | field, nu = -1)", "no smoothness"),
        ("ar1(0 + treatment | field, 2)", "after the effects and the group"),
        ("rr(0 + treatment | field)", "number of latent effects is missing"),
        ("rr(0 + treatment | 1, 1)", "has only one level"),
        ("propto(1 | treatment)", "name of a matrix is missing"),
        ("propto(1 | treatment, A)", "'A' is not among the matrices given"),
        ("propto(1 | treatment, K)", "has no row 'b'"),
        ("propto(1 + row | treatment, K)", "must be the levels of one factor"),
        ("propto(1 | treatment:field, K)", "levels of one factor, not of"),
        ("(ar1(row):log(column) | field)", r"log\(\) cannot be one side"),
        ("(ar1(row):us(column) | field)", r"us\(\) cannot be one side"),
        ("(ar1(row + column):ar1(column) | field)", "one factor on each side"),
        ("ar1(row):ar1(column)", "has no group here"),
    ],
)
def test_what_is_not_written_in_its_way_is_refused_with_the_way(
    term: str, message: str
) -> None:
    matrices = {"K": (np.eye(2), ["a", "c"])}
    with pytest.raises(hd.HendersonError, match=message):
        hd.fit(f"y ~ 1 + {term}", plots(5, 10, seed=1), matrices=matrices)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ((np.eye(3), ["a", "b"]), "3 x 3 and has 2 names"),
        ((np.eye(3), ["a", "b", "a"]), "'a' twice"),
        ((np.diag([1.0, np.nan, 1.0]), ["a", "b", "c"]), "not finite"),
        ((np.triu(np.ones((3, 3))), ["a", "b", "c"]), "not symmetric"),
        ((np.diag([1.0, -1.0, 1.0]), ["a", "b", "c"]), "not positive semidefinite"),
        (3.0, "of type float"),
    ],
)
def test_a_matrix_that_is_no_covariance_of_names_is_refused(
    matrix: object, message: str
) -> None:
    with pytest.raises(hd.DataError, match=message):
        hd.fit(
            "y ~ 1 + propto(1 | treatment, K)",
            plots(5, 10, seed=1),
            matrices={"K": matrix},
        )


TRUTHS = {
    "exp": {"sd": 1.5, "range": 2.0},
    "exp of two fields": {"sd": 1.5, "range": 2.0},
    "gau": {"sd": 1.5, "range": 2.5},
    "mat, smoothness given": {"sd": 1.5, "range": 1.2},
    "ar1 by ar1": {"sd": 1.5, "correlation along row": 0.7, "correlation along column": 0.5},
}


def assert_centred(errors: list[list[float]]) -> None:
    """The medians are within four of their Monte-Carlo standard errors of 0."""
    low, middle, high = np.quantile(np.array(errors), (0.16, 0.5, 0.84), axis=0)
    of_median = 1.25 * 0.5 * (high - low) / np.sqrt(len(errors))
    assert np.all(np.abs(middle) < 4.0 * of_median)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRUTHS)
def test_parameters_of_a_field_are_recovered(name: str) -> None:
    """Sixty fits to draws from the covariance written in full."""
    formula, covariance = CASES[name]
    table, truth = plots(9, 10, seed=0), TRUTHS[name] | {"sigma": 0.7}
    V = covariance(table, truth) + truth["sigma"] ** 2 * np.eye(len(table))
    root, rng = np.linalg.cholesky(V), np.random.default_rng(11)
    errors = []
    for _ in range(60):
        table["y"] = root @ rng.normal(size=len(table))
        model = hd.fit(f"y ~ 1 + {formula}", table)
        found = natural(model) | {"sigma": model.sigma}
        errors.append([found[key] - value for key, value in truth.items()])
    assert_centred(errors)


@pytest.mark.slow
def test_the_variance_of_relatives_is_recovered() -> None:
    """The truth is a standard deviation of 1.5 beside a residual of 1."""
    found = []
    for seed in range(60):
        table, K = relatives(seed)
        model = hd.fit("y ~ 1 + propto(1 | animal, A)", table, matrices={"A": K})
        found.append([natural(model)["sd"] - 1.5, model.sigma - 1.0])
    assert_centred(found)


@pytest.mark.slow
def test_the_decay_in_continuous_time_is_recovered() -> None:
    """The truth is a decay of 0.6, and standard deviations of 1.5 and 0.5."""
    found = []
    for seed in range(60):
        model = hd.fit("y ~ time + ou(0 + time | subject)", visits(seed))
        here = natural(model)
        found.append([here["sd"] - 1.5, here["decay"] - 0.6, model.sigma - 0.5])
    assert_centred(found)
