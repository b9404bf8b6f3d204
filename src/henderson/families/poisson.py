"""The Poisson distribution."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.counts import check_counts, poisson_draws, smallest_count
from henderson.families.response import Response


@final
@dataclass(frozen=True, slots=True, init=False)
class Poisson(Family):
    """Counts with variance equal to their mean; no dispersion parameter.

    E(y) = Var(y) = μ. y in 0, 1, 2, ... Links: log (default), sqrt, identity, inverse,
    softplus, power.

    Examples
    --------
    >>> Poisson().mean(np.zeros((1, 1)))
    array([1.])
    """

    name = "poisson"
    links = ("log", "sqrt", "identity", "inverse", "softplus", "power")
    discrete = True
    concave_links = frozenset({"log", "identity", "softplus"})

    @property
    def predictors(self) -> tuple[str, ...]:
        return ("location",)

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return self.mean(eta)

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        k = np.floor(y)
        return np.where(
            k < 0.0, 0.0, special.gammaincc(np.maximum(k, 0.0) + 1.0, self.mean(eta))
        )

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        mu = self.mean(eta)
        return smallest_count(
            probability, lambda k: self.cdf(k, size, eta), mu, np.full_like(mu, np.inf)
        )

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        return poisson_draws(self.mean(eta), rng)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [y log(y / μ) − (y − μ)]."""
        return 2.0 * special.kl_div(response.y, self.mean(eta))

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        check_counts(response, name, rows, self.name)

    def initial_mean(self, response: Response) -> Vector:
        return response.y + 0.1

    def initial_dispersion(self, response: Response) -> Vector:
        return np.zeros(0)
