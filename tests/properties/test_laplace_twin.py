"""The Laplace approximation against its definition in full matrices.

The twin finds the modes by Newton's method in full matrices. Derivatives are by complex step:
with the parameters moved by an imaginary amount, a few Newton steps move the modes along.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import gammaln

from henderson.equations import MixedModelEquations, ThreadExecutor
from henderson.families import Binomial, Family, Gaussian, Poisson, Response
from henderson.likelihood.adaptive_quadrature import AdaptiveQuadrature
from henderson.likelihood.laplace import LaplaceLikelihood
from henderson.likelihood.rows import Rows
from tests.properties.test_gaussian_twin import complex_step, log_det
from tests.small_models import SmallModel, small_model

Density = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


def poisson(y: np.ndarray) -> Density:
    """l, ∂l and ∂²l (n, 1, 1) in η, y ~ Poisson(e^η)."""

    def density(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        e = eta[:, 0]
        value = y * e - np.exp(e) - gammaln(y + 1.0)
        return value, (y - np.exp(e))[:, None], -np.exp(e)[:, None, None]

    return density


def bernoulli(y: np.ndarray) -> Density:
    """The same for a logit."""

    def density(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        e = eta[:, 0]
        mu = 1.0 / (1.0 + np.exp(-e))
        value = y * e - np.log(1.0 + np.exp(e))
        return value, (y - mu)[:, None], -(mu * (1.0 - mu))[:, None, None]

    return density


def location_scale(y: np.ndarray) -> Density:
    """The same for y ~ N(η¹, e^{2η²}): two predictors, not log-concave in the second."""

    def density(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        e, d = eta.T
        v = np.exp(-2.0 * d)
        r = y - e
        value = -d - 0.5 * r * r * v - 0.5 * np.log(2.0 * np.pi)
        first = np.column_stack([r * v, r * r * v - 1.0])
        second = np.empty((len(y), 2, 2), dtype=value.dtype)
        second[:, 0, 0], second[:, 1, 1] = -v, -2.0 * r * r * v
        second[:, 0, 1] = second[:, 1, 0] = -2.0 * r * v
        return value, first, second

    return density


class Case:
    """A small model with data, our likelihood, and the twin of it."""

    def __init__(self, name: str, pattern: str, *, restricted: bool, parts: int) -> None:
        rng = np.random.default_rng(8)
        family, make, K = {
            "poisson": (Poisson(), poisson, 1),
            "bernoulli": (Binomial(), bernoulli, 1),
            "location-scale": (Gaussian(), location_scale, 2),
        }[name]
        self.model: SmallModel = small_model(pattern, seed=9, n=80, predictors=K)
        n = self.model.n
        eta = 0.4 * self.model.X[:, 1] + 0.4 * self.model.Z[::K] @ rng.normal(
            size=self.model.Z.shape[1]
        )
        y = {
            "poisson": lambda: rng.poisson(np.exp(eta)).astype(float),
            "bernoulli": lambda: (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float),
            "location-scale": lambda: eta + rng.normal(size=n),
        }[name]()
        self.family: Family = family
        self.y, self.density, self.K = y, make(y), K
        self.X = [self.model.X[:, :2], np.ones((n, 1))][:K]
        self.columns = [slice(0, 2), slice(2, 3)][:K]
        self.offset = 0.1 * rng.normal(size=(n, K))
        self.inside = 2 if restricted else 0
        self.equations = MixedModelEquations(
            self.model.terms, n, K, parts=parts, executor=ThreadExecutor(2)
        )
        self.psi = np.concatenate(
            [
                0.5 * rng.normal(size=len(self.model.parameters)),
                np.array([0.1, 0.3, 0.2])[: self.columns[-1].stop][self.inside :],
            ]
        )

    def likelihood(self, nodes: int = 1) -> LaplaceLikelihood:
        rows = [self.rows(which) for which in self.equations.rows]
        quadrature = AdaptiveQuadrature(nodes, self.model.terms[0], 0) if nodes > 1 else None
        return LaplaceLikelihood(
            self.equations,
            self.model.parameters,
            rows,
            tuple(range(self.K)),
            slice(0, self.inside),
            quadrature=quadrature,
        )

    def rows(self, which: slice | np.ndarray) -> Rows:
        response = Response.of(self.y[which])
        return Rows(
            lambda eta, order: self.family.log_density(response, eta, order),
            tuple(np.ascontiguousarray(X[which]) for X in self.X),
            tuple(self.columns),
            self.offset[which],
        )

    def dense_deviance(self, psi: np.ndarray) -> complex:
        """−2h + log det C − p log 2π at the modes, all in full matrices."""
        n, K, count = self.model.n, self.K, len(self.model.parameters)
        X = np.zeros((n, K, self.columns[-1].stop))
        for a, (block, place) in enumerate(zip(self.X, self.columns, strict=True)):
            X[:, a, place] = block
        X = X.reshape(n * K, -1)
        half = self.model.Z @ self.model.Lambda(psi[:count])
        M = np.hstack([half, X[:, : self.inside]])
        ridge = np.concatenate([np.ones(half.shape[1]), np.zeros(self.inside)])
        fixed = self.offset.ravel() + X[:, self.inside :] @ psi[count:]

        def at(v: np.ndarray) -> tuple[complex, np.ndarray, np.ndarray]:
            value, first, second = self.density((fixed + M @ v).reshape(n, K))
            WM = (-second @ M.reshape(n, K, -1)).reshape(n * K, -1)
            h = value.sum() - 0.5 * (ridge * v) @ v
            return h, M.T @ first.ravel() - ridge * v, M.T @ WM + np.diag(ridge)

        v = np.zeros(M.shape[1], dtype=M.dtype)
        for _ in range(60):
            h, gradient, C = at(v)
            lowest = np.linalg.eigvalsh(np.real(C)).min(initial=0.5)
            step = np.linalg.solve(C + max(0.0, 0.5 - lowest) * np.diag(ridge), gradient)
            t = 1.0
            while at(v + t * step)[0].real < h.real - 1e-9 and t > 1e-8:
                t /= 2.0
            v = v + t * step
            if np.abs(step).max(initial=0.0) < 1e-13:
                break
        for _ in range(3):  # the imaginary part follows
            _, gradient, C = at(v)
            v = v + np.linalg.solve(C, gradient)
        h, _, C = at(v)
        return -2.0 * h + log_det(C) - self.inside * np.log(2.0 * np.pi)


CASES = [
    ("poisson", "crossed"),
    ("poisson", "nested"),
    ("poisson", "indicators"),
    ("bernoulli", "strip plot"),
    ("bernoulli", "one factor"),
    ("location-scale", "crossed"),
    ("location-scale", "fixed only"),
]


@pytest.mark.parametrize("restricted", [False, True], ids=["ML", "REML"])
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize(("name", "pattern"), CASES)
def test_deviance_and_gradient_equal_the_definition(
    name: str, pattern: str, restricted: bool, parts: int
) -> None:
    case = Case(name, pattern, restricted=restricted, parts=parts)
    likelihood = case.likelihood()
    at = likelihood.evaluate(case.psi)
    assert_allclose(at.value, case.dense_deviance(case.psi).real, rtol=1e-10)
    expected = complex_step(case.dense_deviance, case.psi.astype(complex))
    assert_allclose(at.gradient, expected, rtol=1e-8, atol=1e-8)
    assert_allclose(likelihood.gradient(case.psi), at.gradient, rtol=1e-9, atol=1e-9)


def test_modes_move_along_their_derivative() -> None:
    """From a point nearby, the predicted modes need no more than one step."""
    case = Case("poisson", "crossed", restricted=False, parts=1)
    likelihood = case.likelihood()
    likelihood.evaluate(case.psi)
    modes = likelihood.modes(
        np.concatenate([T.ravel() for T in case.model.parameters.factors(case.psi[:4] + 1e-4)]),
        case.psi[4:] + 1e-4,
    )
    assert modes is not None
    assert modes.steps <= 2


def test_laplace_is_exact_for_a_gaussian_response() -> None:
    """With σ given, the marginal density is that of the normal distribution."""
    case = Case("location-scale", "fixed only", restricted=False, parts=1)
    model = small_model("crossed", seed=9, n=80)
    case.model, case.K = model, 1
    case.equations = MixedModelEquations(model.terms, model.n, 1)
    theta = np.array([0.7, 0.2, 0.4, 0.9])
    beta = np.array([0.1, 0.3, 0.2])
    rows = case.rows(slice(None))
    likelihood = LaplaceLikelihood(case.equations, model.parameters, [rows], (0,))
    half = model.Z @ model.Lambda(theta)
    V = np.diag(np.exp(2.0 * (beta[2] + case.offset[:, 1]))) + half @ half.T
    residual = case.y - model.X[:, :2] @ beta[:2] - case.offset[:, 0]
    exact = log_det(V) + residual @ np.linalg.solve(V, residual) + 80 * np.log(2 * np.pi)
    value = likelihood.evaluate(np.concatenate([theta, beta])).value
    assert_allclose(value, exact, rtol=1e-12)


def test_one_node_of_quadrature_is_the_laplace_approximation() -> None:
    case = Case("bernoulli", "one factor", restricted=False, parts=1)
    laplace = case.likelihood().evaluate(case.psi)
    likelihood = case.likelihood(nodes=2)
    likelihood.quadrature = AdaptiveQuadrature(1, case.model.terms[0], 0)
    one = likelihood.evaluate(case.psi)
    assert_allclose(one.value, laplace.value, rtol=1e-12)
    assert_allclose(one.gradient, laplace.gradient, rtol=1e-8, atol=1e-8)


def test_quadrature_converges_to_the_integral_with_the_gradient_of_its_value() -> None:
    case = Case("bernoulli", "one factor", restricted=False, parts=1)
    T = case.model.parameters.factors(case.psi[:3])[0]
    term, fixed = case.model.terms[0], case.X[0] @ case.psi[3:] + case.offset[:, 0]
    grid = np.linspace(-9.0, 9.0, 181)
    u = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    total = 0.0
    for level in range(term.levels):
        mine = term.codes == level
        eta = fixed[mine] + u @ (term.values[mine] @ T).T
        log_density = case.y[mine] * eta - np.logaddexp(0.0, eta)
        integrand = np.exp(log_density.sum(axis=1) - 0.5 * (u**2).sum(axis=1))
        total += np.log(integrand.sum() * (grid[1] - grid[0]) ** 2 / (2.0 * np.pi))
    likelihood = case.likelihood(nodes=15)
    at = likelihood.evaluate(case.psi)
    assert_allclose(at.value, -2.0 * total, rtol=1e-6)
    rough = case.likelihood(nodes=3)
    gradient = rough.gradient(case.psi)
    for i, e in enumerate(np.eye(len(case.psi))):
        up, down = (rough.evaluate(case.psi + s * 1e-5 * e).value for s in (1, -1))
        assert_allclose(gradient[i], (up - down) / 2e-5, rtol=1e-6, atol=1e-6)


def test_quadrature_with_too_many_points_is_refused() -> None:
    model = small_model("indicators", seed=1)
    with pytest.raises(ValueError, match="15\\^4 points"):
        AdaptiveQuadrature(15, model.terms[0], 0)
