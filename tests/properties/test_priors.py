"""Priors: densities with their derivatives, and the penalty over every covariance structure."""

from typing import Literal

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, optimize, stats

import henderson as hd
from henderson.covariance import CovarianceStructure
from henderson.likelihood.parameters import CovarianceParameters
from henderson.likelihood.penalty import DeviationPrior, Penalty
from henderson.priors import PRIORS, Cauchy, Gamma, Normal, Prior, StudentT
from tests.properties.test_covariance_structures import complete, every_structure

EXAMPLES: dict[str, Prior] = {
    "normal": Normal(0.3, 1.5),
    "t": StudentT(-0.2, 0.7, 3.5),
    "cauchy": Cauchy(0.4, 2.0),
    "gamma": Gamma(2.5, 1.2),
}
TEXTBOOK = {
    "normal": lambda x: stats.norm.logpdf(x, 0.3, 1.5),
    "t": lambda x: stats.t.logpdf(x, 3.5, -0.2, 0.7),
    "cauchy": lambda x: stats.cauchy.logpdf(x, 0.4, 2.0),
    "gamma": lambda x: stats.gamma.logpdf(x, 2.5, scale=1.0 / 1.2),
}
POINTS = [1e-3, 0.2, 0.9, 4.0, 30.0]


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("x", POINTS)
def test_log_densities_are_those_of_textbooks(name: str, x: float) -> None:
    assert EXAMPLES[name].log_density(x).value == pytest.approx(TEXTBOOK[name](x))


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("x", POINTS)
def test_log_densities_have_their_derivatives(name: str, x: float) -> None:
    prior, h = EXAMPLES[name], 1e-5 * x
    low, at, high = (prior.log_density(x + step) for step in (-h, 0.0, h))
    assert at.d1 == pytest.approx((high.value - low.value) / (2 * h), rel=1e-6, abs=1e-8)
    assert at.d2 == pytest.approx((high.d1 - low.d1) / (2 * h), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("prior", [Normal(0, 1.5), StudentT(0, 0.7, 3.5), Gamma(2.5, 1.2)])
def test_a_prior_of_a_standard_deviation_is_a_density_above_zero(prior: Prior) -> None:
    on_scale = DeviationPrior(0, 0, 1.0, prior)
    total, _ = integrate.quad(
        lambda s: np.exp(on_scale.log_density(s).value), 0.0, np.inf, epsabs=1e-10
    )
    assert total == pytest.approx(1.0, abs=1e-7)


@every_structure
@pytest.mark.parametrize("prior", [Normal(0, 1.5), StudentT(0, 0.7, 3.5), Gamma(2.5, 1.2)])
def test_the_penalty_of_a_standard_deviation_has_its_derivatives(
    structure: CovarianceStructure, k: int, prior: Prior
) -> None:
    rng = np.random.default_rng(11)
    parameters = CovarianceParameters((complete(structure, k),), (k,))
    penalty = Penalty({}, (DeviationPrior(0, k - 1, 1.3, prior),))
    psi = np.append(0.3 + rng.random(len(parameters)), 0.4)
    at = penalty.of_deviations(parameters, psi[:-1], psi[-1])
    T = parameters.factors(psi[:-1])[0]
    s = np.exp(0.4) * np.sqrt((T @ T.T)[-1, -1]) / 1.3
    folded = 0.0 if prior.positive else np.log(2.0)
    assert at.value == pytest.approx(-2.0 * (prior.log_density(s).value + folded))
    for i, e in enumerate(np.eye(len(psi))):
        h = 1e-5
        up, down = (
            penalty.of_deviations(parameters, moved[:-1], moved[-1])
            for moved in (psi + h * e, psi - h * e)
        )
        assert_allclose(at.gradient[i], (up.value - down.value) / (2 * h), rtol=1e-6, atol=1e-7)
        assert_allclose(
            at.hessian[i], (up.gradient - down.gradient) / (2 * h), rtol=1e-5, atol=1e-5
        )


def _dense_mode(
    y: np.ndarray, X: np.ndarray, group: np.ndarray, x: np.ndarray, *, restricted: bool
) -> np.ndarray:
    """(σ, sd of intercepts, sd of slopes) at the highest posterior density, from V in full."""

    def penalized(at: np.ndarray) -> float:
        sigma, first, second = np.exp(at)
        same = group[:, None] == group[None, :]
        V = sigma**2 * np.eye(len(y)) + same * (first**2 + second**2 * np.outer(x, x))
        inverse = np.linalg.inv(V)
        information = X.T @ inverse @ X
        left = y - X @ np.linalg.solve(information, X.T @ inverse @ y)
        value = np.linalg.slogdet(V)[1] + left @ inverse @ left
        if restricted:
            value += np.linalg.slogdet(information)[1]
        return value - 2 * stats.gamma.logpdf([first, second], 2.5, scale=0.5).sum()

    found = optimize.minimize(
        penalized, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-11}
    )
    return np.exp(found.x)


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_the_mode_of_a_linear_model_is_that_of_its_dense_twin(
    method: Literal["ML", "REML"],
) -> None:
    rng = np.random.default_rng(5)
    group, x = np.repeat(np.arange(7), 5), rng.normal(size=35)
    y = 100.0 + 20.0 * x + 10.0 * rng.normal(size=35)
    data = {"y": y, "x": x, "g": group.astype(str)}
    X = np.column_stack([np.ones(35), x])
    model = hd.fit("y ~ x + (x || g)", data, method=method, priors={"sd": "gamma(2.5, 2)"})
    expected = _dense_mode(y, X, group, x, restricted=method == "REML")
    found = model.variance_components()["sd"]
    assert_allclose([model.sigma, *list(found)[:2]], expected, rtol=2e-5)
    assert model.converged
