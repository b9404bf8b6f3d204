"""The profiled Gaussian likelihood against the n x n textbook, derivatives by complex step."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from henderson.equations import MixedModelEquations, ThreadExecutor
from henderson.likelihood.chain_rule import factor_curvature
from henderson.likelihood.gaussian import GaussianLikelihood
from tests.small_models import PATTERNS, SmallModel, small_model


def dense_deviance(
    model: SmallModel, y: np.ndarray, w: np.ndarray, theta: np.ndarray, *, restricted: bool
) -> np.complex128:
    """−2 log L from V itself; analytic in θ, so that complex steps give its derivatives."""
    half = model.Z @ model.Lambda(theta)
    V = np.diag(1.0 / w) + half @ half.T
    n, p = model.X.shape
    VX, Vy = np.linalg.solve(V, model.X), np.linalg.solve(V, y)
    XVX = model.X.T @ VX
    beta = np.linalg.solve(XVX, model.X.T @ Vy)
    residual = y - model.X @ beta
    r2 = residual @ np.linalg.solve(V, residual)
    nu = n - p if restricted else n
    value = log_det(V) + nu * (1.0 + np.log(2.0 * np.pi * r2 / nu))
    return value + log_det(XVX) if restricted else value


def log_det(matrix: np.ndarray) -> complex:
    """log of the determinant, analytic near a positive definite matrix."""
    sign, size = np.linalg.slogdet(matrix)
    return size + np.log(sign)


def complex_step(function, at: np.ndarray) -> np.ndarray:  # noqa: ANN001
    """Derivatives to rounding error."""
    h = 1e-30
    return np.array([function(at + 1j * h * e).imag / h for e in np.eye(len(at))])


@pytest.fixture(params=PATTERNS)
def model(request: pytest.FixtureRequest) -> SmallModel:
    return small_model(request.param, seed=11)


def likelihood_of(
    model: SmallModel, y: np.ndarray, w: np.ndarray | None, *, restricted: bool, parts: int = 1
) -> GaussianLikelihood:
    equations = MixedModelEquations(
        model.terms, model.n, 1, parts=parts, executor=ThreadExecutor(2)
    )
    return GaussianLikelihood(equations, model.parameters, model.X, y, w, restricted=restricted)


@pytest.mark.parametrize("restricted", [False, True], ids=["ML", "REML"])
@pytest.mark.parametrize("parts", [1, 3])
def test_deviance_and_gradient_equal_the_textbook(
    model: SmallModel, restricted: bool, parts: int
) -> None:
    rng = np.random.default_rng(4)
    y, w = rng.normal(size=model.n), rng.uniform(0.5, 2.0, model.n)
    theta = rng.normal(size=len(model.parameters))
    likelihood = likelihood_of(model, y, w, restricted=restricted, parts=parts)
    at = likelihood.evaluate(theta)

    def dense(t: np.ndarray) -> complex:
        return dense_deviance(model, y, w, t, restricted=restricted)

    assert_allclose(at.value, dense(theta), rtol=1e-11)
    assert_allclose(likelihood.deviance_at(theta), dense(theta), rtol=1e-11)
    assert_allclose(at.gradient, complex_step(dense, theta), rtol=1e-8, atol=1e-8)
    assert_allclose(likelihood.gradient(theta), at.gradient, rtol=1e-12, atol=1e-12)


def test_model_hessian_is_average_information_plus_curvature(model: SmallModel) -> None:
    """y'P∂ᵢVP∂ⱼVPy in units of σ², σ² profiled out, with all matrices in full."""
    rng = np.random.default_rng(5)
    y = rng.normal(size=model.n)
    theta = rng.normal(size=len(model.parameters))
    likelihood = likelihood_of(model, y, None, restricted=True)
    at = likelihood.evaluate(theta)
    half = model.Z @ model.Lambda(theta)
    Vi = np.linalg.inv(np.eye(model.n) + half @ half.T)
    X = model.X
    P = Vi - Vi @ X @ np.linalg.solve(X.T @ Vi @ X, X.T @ Vi)
    nu = model.n - X.shape[1]
    sigma2 = y @ P @ y / nu
    dV = []
    for e in np.eye(len(theta)):
        change = model.Z @ model.Lambda(e) @ half.T
        dV.append(change + change.T)
    moved = np.array([d @ P @ y for d in dV]).reshape(len(theta), model.n)
    c = moved @ P @ y / sigma2
    information = moved @ P @ moved.T / sigma2 - np.outer(c, c) / nu
    # the gradient in T itself, by complex steps in an unstructured T of each term
    gradient_T = []
    start = 0
    for term, T in zip(model.terms, model.parameters.factors(theta), strict=True):
        block = np.zeros((term.k, term.k))
        Z = model.Z[:, start : start + term.size]
        rest = half.copy()
        rest[:, start : start + term.size] = 0.0
        for i in range(term.k):
            for j in range(term.k):
                step = np.zeros((term.k, term.k))
                step[i, j] = 1e-30
                mine = Z @ np.kron(np.eye(term.levels), T + 1j * step)
                V = np.eye(model.n) + rest @ rest.T + mine @ mine.T
                XVX = X.T @ np.linalg.solve(V, X)
                beta = np.linalg.solve(XVX, X.T @ np.linalg.solve(V, y))
                r = y - X @ beta
                value = log_det(V) + log_det(XVX) + nu * np.log(r @ np.linalg.solve(V, r))
                block[i, j] = value.imag / 1e-30
        gradient_T.append(block)
        start += term.size
    curvature = factor_curvature(
        model.parameters,
        theta,
        model.parameters.factors(theta),
        model.parameters.factor_derivatives(theta),
        gradient_T,
    )
    assert_allclose(at.hessian, information + curvature, rtol=1e-7, atol=1e-7)


def test_solution_has_generalized_least_squares_and_best_linear_prediction(
    model: SmallModel,
) -> None:
    rng = np.random.default_rng(6)
    y, w = rng.normal(size=model.n), rng.uniform(0.5, 2.0, model.n)
    theta = rng.normal(size=len(model.parameters))
    likelihood = likelihood_of(model, y, w, restricted=True)
    solution = likelihood.solution(theta)
    half = model.Z @ model.Lambda(theta)
    V = np.diag(1.0 / w) + half @ half.T
    XVX = model.X.T @ np.linalg.solve(V, model.X)
    beta = np.linalg.solve(XVX, model.X.T @ np.linalg.solve(V, y))
    residual = y - model.X @ beta
    sigma2 = residual @ np.linalg.solve(V, residual) / (model.n - model.X.shape[1])
    assert_allclose(solution.beta, beta, rtol=1e-9)
    assert_allclose(solution.sigma2, sigma2, rtol=1e-9)
    assert_allclose(solution.vcov, sigma2 * np.linalg.inv(XVX), rtol=1e-8)
    u = half.T @ np.linalg.solve(V, residual)
    got = likelihood.equations.by_term(solution.u)
    assert_allclose(np.concatenate([np.empty(0), *[g.ravel() for g in got]]), u, atol=1e-9)

    def log_sigma(t: np.ndarray) -> np.ndarray:
        h = model.Z @ model.Lambda(t)
        V = np.diag(1.0 / w) + h @ h.T
        XVX = model.X.T @ np.linalg.solve(V, model.X)
        b = np.linalg.solve(XVX, model.X.T @ np.linalg.solve(V, y))
        r = y - model.X @ b
        return 0.5 * np.log(r @ np.linalg.solve(V, r))

    assert_allclose(solution.sigma_slope, complex_step(log_sigma, theta), rtol=1e-7, atol=1e-9)


def test_a_zero_variance_is_an_ordinary_point() -> None:
    model = small_model("crossed", seed=2)
    y = np.random.default_rng(1).normal(size=model.n)
    likelihood = likelihood_of(model, y, None, restricted=True)
    theta = np.zeros(len(model.parameters))
    at = likelihood.evaluate(theta)
    dense = dense_deviance(model, y, np.ones(model.n), theta, restricted=True)
    assert_allclose(likelihood.deviance_at(theta), dense, rtol=1e-12)
    assert_allclose(at.value, dense, rtol=1e-9)
    assert np.all(np.isfinite(at.hessian))


@pytest.mark.parametrize("restricted", [False, True], ids=["ML", "REML"])
def test_exact_hessian_is_the_derivative_of_the_gradient(
    model: SmallModel, restricted: bool
) -> None:
    rng = np.random.default_rng(7)
    y, w = rng.normal(size=model.n), rng.uniform(0.5, 2.0, model.n)
    theta = rng.normal(size=len(model.parameters))
    likelihood = likelihood_of(model, y, w, restricted=restricted)
    exact = likelihood.evaluate(theta).exact
    assert exact is not None
    for i, e in enumerate(np.eye(len(theta))):
        h = 1e-5
        up, down = likelihood.gradient(theta + h * e), likelihood.gradient(theta - h * e)
        assert_allclose(exact[i], (up - down) / (2 * h), rtol=1e-6, atol=1e-6)
