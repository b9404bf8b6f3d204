"""The lognormal distribution."""

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
class LogNormal(Family):
    """Positive measurements whose logarithm is normal, by their mean.

    E(y) = μ, sd(log y) = σ, so that E(log y) = log μ − σ²/2 and Var(y) = (e^σ² − 1) μ²;
    dispersion predictor log σ. y > 0. Links: log (default), identity, inverse, sqrt,
    softplus, power.

    Notes
    -----
    Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions 1, chapter 14.

    Examples
    --------
    >>> LogNormal().variance(np.zeros((1, 2)), np.ones(1)).round(4)
    array([1.7183])
    """

    name = "lognormal"
    links = ("log", "identity", "inverse", "sqrt", "softplus", "power")
    dispersion_label = "σ, standard deviation of log y"
    concave_links = frozenset({"log"})

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return np.expm1(self.dispersion(eta) ** 2) * self.mean(eta) ** 2

    def _median(self, eta: Matrix) -> Vector:
        return self.mean(eta) * np.exp(-0.5 * self.dispersion(eta) ** 2)

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        with np.errstate(divide="ignore"):
            log_ratio = np.log(np.maximum(y, 0.0) / self._median(eta))
        return special.ndtr(log_ratio / self.dispersion(eta))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        return self._median(eta) * np.exp(self.dispersion(eta) * special.ndtri(probability))

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        z = rng.standard_normal(len(eta))
        return self._median(eta) * np.exp(self.dispersion(eta) * z)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """(log y − E(log y))²: as for a normal response, not divided by σ²."""
        return np.log(response.y / self._median(eta)) ** 2

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        require_positive(response.y, name, rows, self.name)

    def initial_mean(self, response: Response) -> Vector:
        return response.y

    def initial_dispersion(self, response: Response) -> Vector:
        spread = float(np.std(np.log(response.y)))
        return np.array([np.log(np.clip(spread, 0.01, 10.0))])
