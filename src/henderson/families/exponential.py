"""The exponential distribution."""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.response import Response
from henderson.families.support import require_positive


@final
@dataclass(frozen=True, slots=True, init=False)
class Exponential(Family):
    """Waiting times at a constant rate; no dispersion parameter.

    E(y) = μ, Var(y) = μ². y > 0. Links: log (default), inverse (of the rate), identity,
    softplus, power.

    Examples
    --------
    >>> Exponential().variance(np.log([[2.0]]), np.ones(1))
    array([4.])
    """

    name = "exponential"
    links = ("log", "inverse", "identity", "softplus", "power")
    concave_links = frozenset({"log", "inverse"})

    @property
    def predictors(self) -> tuple[str, ...]:
        return ("location",)

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return self.mean(eta) ** 2

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        return -np.expm1(-np.maximum(y, 0.0) / self.mean(eta))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        return -np.log1p(-probability) * self.mean(eta)

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        return rng.standard_exponential(len(eta)) * self.mean(eta)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [(y − μ) / μ − log(y / μ)]."""
        ratio = response.y / self.mean(eta)
        return 2.0 * np.maximum(ratio - 1.0 - np.log(ratio), 0.0)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        require_positive(response.y, name, rows, self.name)

    def initial_mean(self, response: Response) -> Vector:
        return response.y

    def initial_dispersion(self, response: Response) -> Vector:
        return np.zeros(0)
