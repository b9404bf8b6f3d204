"""The inverse Gaussian distribution."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.bisection import positive_quantile
from henderson.families.response import Response
from henderson.families.support import require_positive


@final
@dataclass(frozen=True, slots=True, init=False)
class InverseGaussian(Family):
    """Positive, right-skewed measurements whose variance grows as the cube of the mean.

    E(y) = μ, Var(y) = φ μ³; dispersion predictor log φ. y > 0.
    Links: log (default), inverse, identity, sqrt, softplus, power; "1/mu^2" is
    power(-2).

    Notes
    -----
    McCullagh & Nelder (1989), Generalized Linear Models, 2nd ed., section 2.2; Johnson, Kotz &
    Balakrishnan (1994), Continuous Univariate Distributions 1, chapter 15.

    Examples
    --------
    >>> InverseGaussian().variance(np.full((1, 2), np.log(2.0)), np.ones(1))
    array([16.])
    """

    name = "inverse_gaussian"
    links = ("log", "inverse", "identity", "sqrt", "softplus", "power")
    dispersion_label = "φ, with variance φμ³"

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return self.dispersion(eta) * self.mean(eta) ** 3

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        """Φ(r(y/μ − 1)) + e^(2/(φμ)) Φ(−r(y/μ + 1)), r = 1/√(φy)."""
        mu, phi = self.mean(eta), self.dispersion(eta)
        positive = np.where(y > 0.0, y, 1.0)
        r, ratio = 1.0 / np.sqrt(phi * positive), positive / mu
        tail = np.exp(2.0 / (phi * mu) + special.log_ndtr(-r * (ratio + 1.0)))
        return np.where(y > 0.0, special.ndtr(r * (ratio - 1.0)) + tail, 0.0)

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        return positive_quantile(probability, lambda y: self.cdf(y, size, eta), self.mean(eta))

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        return rng.wald(self.mean(eta), 1.0 / self.dispersion(eta))

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """(y − μ)² / (μ² y): as for GLMs, not divided by φ."""
        mu = self.mean(eta)
        return (response.y / mu - 1.0) ** 2 / response.y

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        require_positive(response.y, name, rows, self.name)

    def initial_mean(self, response: Response) -> Vector:
        return response.y

    def initial_dispersion(self, response: Response) -> Vector:
        phi = float(np.var(response.y) / np.mean(response.y) ** 3)
        return np.array([np.log(phi)]) if phi > 0.0 else np.zeros(1)
