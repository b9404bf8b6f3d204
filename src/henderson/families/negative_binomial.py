"""What the two negative binomial families share: mean μ and size k, Var(y) = μ + μ² / k."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.counts import check_counts, poisson_draws, smallest_count
from henderson.families.response import Response

POISSON = 9.0  # |log φ| beyond which the variance is the Poisson's to 4 digits


@dataclass(frozen=True, slots=True, init=False)
class NegativeBinomial(Family):
    """Counts that are Poisson with a gamma-distributed mean, of mean μ and shape k.

    Subclasses are final and say what k is in terms of μ and φ.
    """

    links = ("log", "sqrt", "identity", "inverse", "softplus", "power")
    discrete = True

    @abstractmethod
    def shape(self, eta: Matrix) -> Vector:
        """k, (n,)."""

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        """P(Y ≤ y) = I(k, y + 1; k / (k + μ))."""
        mu, k = self.mean(eta), self.shape(eta)
        count = np.floor(y)
        success = mu / (mu + k)
        tail = special.betaincc(np.maximum(count, 0.0) + 1.0, k, success)
        return np.where(count < 0.0, 0.0, tail)

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        mu = self.mean(eta)
        largest = np.full_like(mu, np.inf)
        return smallest_count(probability, lambda y: self.cdf(y, size, eta), mu, largest)

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        k = np.minimum(self.shape(eta), 1e100)  # beyond it, gamma variables are their mean
        return poisson_draws(self.mean(eta) * (rng.standard_gamma(k) / k), rng)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [y log(y / μ) − (y + k) log((y + k) / (μ + k))]."""
        y, mu, k = response.y, self.mean(eta), self.shape(eta)
        with np.errstate(divide="ignore", invalid="ignore"):
            deviance = special.xlogy(y, y / mu) - (y + k) * np.log1p((y - mu) / (mu + k))
        return 2.0 * np.maximum(deviance, 0.0)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        check_counts(response, name, rows, self.name)

    def initial_mean(self, response: Response) -> Vector:
        return response.y + 0.1
