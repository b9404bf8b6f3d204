"""The gamma distribution."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.response import Response
from henderson.families.support import require_positive


@final
@dataclass(frozen=True, slots=True, init=False)
class Gamma(Family):
    """Positive measurements with constant coefficient of variation φ.

    E(y) = μ, Var(y) = φ² μ²: shape 1 / φ², dispersion predictor log φ. y > 0.
    Links: log (default), inverse, identity, sqrt, softplus, power.

    Notes
    -----
    McCullagh & Nelder (1989), Generalized Linear Models, 2nd ed., chapter 8.

    Examples
    --------
    >>> Gamma("inverse").mean(np.array([[2.0, 0.0]]))
    array([0.5])
    """

    name = "gamma"
    links = ("log", "inverse", "identity", "sqrt", "softplus", "power")
    dispersion_label = "coefficient of variation φ, with variance φ²μ²"
    concave_links = frozenset({"log", "inverse"})

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return (self.dispersion(eta) * self.mean(eta)) ** 2

    def _shape(self, eta: Matrix) -> Vector:
        return np.exp(-2.0 * eta[:, 1])

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        shape = self._shape(eta)
        return special.gammainc(shape, np.maximum(y, 0.0) * (shape / self.mean(eta)))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        shape = self._shape(eta)
        return special.gammaincinv(shape, probability) * (self.mean(eta) / shape)

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        shape = self._shape(eta)
        return rng.standard_gamma(shape) * (self.mean(eta) / shape)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [(y − μ) / μ − log(y / μ)]: as for GLMs, not divided by φ²."""
        ratio = response.y / self.mean(eta)
        return 2.0 * np.maximum(ratio - 1.0 - np.log(ratio), 0.0)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        require_positive(response.y, name, rows, self.name)

    def initial_mean(self, response: Response) -> Vector:
        return response.y

    def initial_dispersion(self, response: Response) -> Vector:
        ratio = float(np.std(response.y) / np.mean(response.y))
        return np.array([np.log(np.clip(ratio, 0.01, 10.0))])
