"""Cluster-robust covariances against dense matrices, and where they are known exactly."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import block_diag
from scipy.stats import multivariate_normal

import henderson as hd
from henderson.errors import DataError, ModelError
from henderson.inference import RobustCovariance, joint_test, robust_vcov
from henderson.inference.robust.score_sandwich import cluster_scores


@pytest.fixture(scope="module")
def model() -> hd.FittedModel:
    rng = np.random.default_rng(3)
    sizes = [3, 5, 8, 2, 6, 7, 4, 9]
    g = np.repeat(np.arange(8), sizes)
    n, x = len(g), rng.normal(size=len(g))
    data = {
        "y": 1 + x + rng.normal(size=8)[g] + rng.normal(size=n) * (1 + np.abs(x)),
        "x": x,
        "f": np.array(["a", "b", "c"])[rng.integers(0, 3, n)],
        "w": rng.uniform(0.5, 2.0, n),
        "g": g,
    }
    return hd.fit("y ~ x + f + (x | g)", data, weights="w")


def power(S: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(S)
    return vectors * values**exponent @ vectors.T


def dense(model: hd.FittedModel, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The sandwich, and A (n, n), by their definitions."""
    V, X = model.V, model.X
    inverse = np.linalg.inv(V)
    M = np.linalg.inv(X.T @ inverse @ X)
    e = model.estimates.response.y - model.estimates.location.fixed_eta
    codes = model.estimates.location.terms[0].design.codes
    order = np.argsort(codes, kind="stable")
    assert np.array_equal(order, np.arange(len(codes)))
    blocks = []
    for level in range(8):
        rows = np.flatnonzero(codes == level)
        Vi, Xi = V[np.ix_(rows, rows)], X[rows]
        D = power(Vi, 0.5)  # any root gives the same adjustment
        B = D @ (Vi - Xi @ M @ Xi.T) @ D
        A = {
            "CR0": np.eye(len(rows)),
            "CR1": np.sqrt(8 / 7) * np.eye(len(rows)),
            "CR2": D @ power(B, -0.5) @ D,
        }[kind]
        blocks.append(A)
    A = np.asarray(block_diag(*blocks))
    same = codes[:, None] == codes
    P = M @ X.T @ inverse @ A
    return P @ (np.outer(e, e) * same) @ P.T, A


@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR2"])
def test_it_is_the_sandwich_of_dense_matrices(model: hd.FittedModel, kind: str) -> None:
    expected, _ = dense(model, kind)
    assert_allclose(model.robust_vcov("g", kind=kind).vcov, expected, rtol=1e-8, atol=1e-12)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("kind", ["CR0", "CR2"])
def test_degrees_of_freedom_match_the_moments_of_a_quadratic_form(
    model: hd.FittedModel, kind: str
) -> None:
    robust = model.robust_vcov("g", kind=kind)  # pyright: ignore[reportArgumentType]
    V, X = model.V, model.X
    inverse = np.linalg.inv(V)
    M = np.linalg.inv(X.T @ inverse @ X)
    A = dense(model, kind)[1]
    codes = model.estimates.location.terms[0].design.codes
    same = codes[:, None] == codes
    annihilate = np.eye(len(V)) - X @ M @ X.T @ inverse
    covariance = annihilate @ V @ annihilate.T  # of e
    for j in range(X.shape[1]):
        weight = A @ inverse @ X @ M[:, j]
        form = np.outer(weight, weight) * same @ covariance  # l'V_R l = e' (ww' * same) e
        expected = np.trace(form) ** 2 / np.trace(form @ form)
        assert_allclose(robust.df(np.eye(X.shape[1])[[j]]), expected, rtol=1e-6)


def test_cr2_is_unbiased_where_the_model_is_right(model: hd.FittedModel) -> None:
    robust = model.robust_vcov("g")
    assert isinstance(robust, RobustCovariance)
    mean, _ = robust._shape(np.eye(4))
    assert_allclose(mean, model.estimates.vcov[:4, :4], rtol=1e-6, atol=1e-10)


def test_joint_tests_are_hotellings_for_balanced_clusters() -> None:
    rng = np.random.default_rng(8)
    g, t = np.repeat(np.arange(12), 3), np.tile(["a", "b", "c"], 12)
    y = rng.normal(size=12)[g] + rng.normal(size=36)
    model = hd.fit("y ~ 0 + t + (1 | g)", {"y": y, "t": t, "g": g})
    L = np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]])
    test = joint_test(model.estimates, L, ddf=model.robust_vcov("g"))
    differences = y.reshape(12, 3) @ L.T
    mean, S = differences.mean(axis=0), np.cov(differences.T)
    t2 = 12 * mean @ np.linalg.solve(S, mean)
    assert_allclose(test.df2, 10.0, rtol=1e-8)
    assert_allclose(test.statistic, 10 / (11 * 2) * t2, rtol=1e-8)


def test_clusters_may_be_a_column_of_values_and_serve_as_degrees_of_freedom() -> None:
    sleep = hd.datasets.load("sleepstudy")
    model = hd.fit("Reaction ~ Days + (Days | Subject)", sleep)
    named, given = model.robust_vcov("Subject"), model.robust_vcov(sleep["Subject"])
    assert_allclose(named.vcov, given.vcov, rtol=1e-10)
    table = model.coefficients(ddf=named)
    assert_allclose(table["std_error"][:2], named.std_error, rtol=1e-12)
    assert model.anova(ddf=named)["df2"].round(6).tolist() == [17.0]


def test_with_fewer_clusters_than_coefficients_terms_are_tested() -> None:
    oats = hd.datasets.load("oats")
    model = hd.fit("yield ~ Variety * nitro + (1 | Block / Variety)", oats)
    robust = model.robust_vcov("Block")
    assert np.linalg.matrix_rank(robust.vcov) < 6
    table = model.anova(ddf=robust)
    assert_allclose(table["df2"], [4.0, 5.0, 4.0], rtol=1e-6)
    wide = hd.fit("yield ~ Variety * factor(nitro) + (1 | Block / Variety)", oats)
    with pytest.raises(ModelError, match="6 hypotheses cannot be tested jointly with 6"):
        wide.anova(ddf=wide.robust_vcov("Block"))


def test_what_cannot_be_done_is_refused(model: hd.FittedModel) -> None:
    with pytest.raises(ModelError, match="no robust covariance 'CR9'"):
        robust_vcov(model, "g", kind="CR9")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ModelError, match="'g' has rows in several"):
        robust_vcov(model, "f")
    with pytest.raises(DataError, match="no cluster 'h'"):
        robust_vcov(model, "h")
    with pytest.raises(DataError, match="have 44 rows"):
        robust_vcov(model, [1, 2, 3])
    with pytest.raises(DataError, match="missing values"):
        robust_vcov(model, [np.nan, *range(43)])
    with pytest.raises(ModelError, match="one cluster only"):
        robust_vcov(model, np.zeros(44))
    data = {"y": [1, 2, 0, 4] * 3, "g": [1, 2, 3] * 4}
    counts = hd.fit("y ~ 1 + (1 | g)", data, family="poisson")
    with pytest.raises(ModelError, match=r'CR2 is for.*kind="CR1"'):
        robust_vcov(counts, "g", kind="CR2")


def test_scores_of_clusters_are_derivatives_of_their_log_likelihoods() -> None:
    rng = np.random.default_rng(8)
    g = np.repeat(np.arange(12), 5)
    x = rng.normal(size=60)
    y = 1 + x + rng.normal(size=12)[g] + rng.normal(size=60) * np.exp(0.3 * x)
    spread = hd.fit("y ~ x + (1 | g)", {"y": y, "x": x, "g": g}, dispersion="~ x", method="ML")
    estimates = spread.estimates
    theta = estimates.location.terms[0].theta
    dispersion = estimates.predictors["dispersion"].beta
    psi = np.concatenate([estimates.location.beta, dispersion, theta])
    X = np.column_stack([np.ones(60), x])

    def log_likelihood(at: np.ndarray, rows: np.ndarray) -> float:
        V = np.diag(np.exp(2.0 * X[rows] @ at[2:4])) + at[4] ** 2
        return float(multivariate_normal.logpdf(y[rows], X[rows] @ at[:2], V))

    scores = cluster_scores(estimates, g, 12)
    for level in (0, 7):
        rows = np.flatnonzero(g == level)
        numeric = [
            (log_likelihood(psi + h, rows) - log_likelihood(psi - h, rows)) / 2e-6
            for h in 1e-6 * np.eye(5)
        ]
        assert_allclose(scores[level], numeric, rtol=1e-5, atol=1e-6)
    robust = spread.robust_vcov("g", kind="CR0")
    M = estimates.vcov_all
    assert_allclose(robust.vcov, (M @ scores.T @ scores @ M)[:2, :2], rtol=1e-10)
    larger = spread.robust_vcov("g")
    assert_allclose(larger.vcov, robust.vcov * 12 / 11, rtol=1e-10)
    assert larger.kind == "CR1"
    table = spread.anova(ddf=robust)
    assert_allclose(table["statistic"], spread.params["x"] ** 2 / robust.vcov[1, 1])


def test_without_random_effects_it_is_the_sandwich_of_a_generalized_linear_model() -> None:
    salamanders = hd.datasets.load("salamanders").astype({"mined": str})
    model = hd.fit("count ~ mined + DOP", salamanders, family="poisson")
    robust = model.robust_vcov(salamanders["site"], kind="CR0")
    # sandwich::vcovCL(type = "HC0", cadjust = FALSE)
    assert_allclose(robust.std_error, [0.1004903106, 0.3224804798, 0.0435997430], rtol=1e-6)
