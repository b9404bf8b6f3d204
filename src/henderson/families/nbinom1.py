"""The negative binomial distribution with linear variance."""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.counts import check_counts
from henderson.families.negative_binomial import (
    negative_binomial_cdf,
    negative_binomial_deviance,
    negative_binomial_draws,
    negative_binomial_quantile,
)
from henderson.families.response import Response

_POISSON = 9.0  # |log φ| beyond which the variance is the Poisson's to 4 digits


@final
@dataclass(frozen=True, slots=True, init=False)
class NegativeBinomial1(Family):
    """Overdispersed counts whose variance is proportional to the mean.

    E(y) = μ, Var(y) = μ(1 + φ); dispersion predictor log φ. Poisson as φ goes to 0.
    y in 0, 1, 2, ... Links: log (default), sqrt, identity, inverse.

    Notes
    -----
    Hardin & Hilbe (2018), Generalized Linear Models and Extensions, 4th ed., chapter 13.

    Examples
    --------
    >>> NegativeBinomial1().variance(np.zeros((1, 2)), np.ones(1))
    array([2.])
    """

    name = "nbinom1"
    links = ("log", "sqrt", "identity", "inverse")
    discrete = True
    dispersion_label = "φ, with variance μ(1 + φ)"

    def limit_of(self, predictor: str, value: float) -> str | None:
        return (
            "the Poisson distribution"
            if predictor == "dispersion" and value < -_POISSON
            else None
        )

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return self.mean(eta) * (1.0 + self.dispersion(eta))

    def _size(self, eta: Matrix) -> Vector:
        return self.mean(eta) / self.dispersion(eta)

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        return negative_binomial_cdf(y, self.mean(eta), self._size(eta))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        return negative_binomial_quantile(probability, self.mean(eta), self._size(eta))

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        return negative_binomial_draws(self.mean(eta), self._size(eta), rng)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """That of nbinom2 with μ / φ held in place of φ."""
        return negative_binomial_deviance(response.y, self.mean(eta), self._size(eta))

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        check_counts(response, name, rows, self.name)

    def initial_mean(self, response: Response) -> Vector:
        return response.y + 0.1

    def initial_dispersion(self, response: Response) -> Vector:
        mean, variance = float(response.y.mean()), float(response.y.var())
        phi = variance / mean - 1.0 if mean > 0.0 else 1.0
        return np.array([np.log(np.clip(phi, 0.05, 100.0))])
