"""The Weibull distribution, by its mean."""

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
class Weibull(Family):
    """Waiting times whose rate rises (k > 1) or falls (k < 1) with time.

        P(Y > y) = exp(−(y / s)^k),   μ = s Γ(1 + 1/k)

    E(y) = μ, Var(y) = μ² [Γ(1 + 2/k) / Γ(1 + 1/k)² − 1]; dispersion predictor log k. y > 0.
    Link: log, by which effects are on log s too.

    Notes
    -----
    Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions 1, chapter 21.

    Examples
    --------
    >>> Weibull().variance(np.zeros((1, 2)), np.ones(1)).round(4)
    array([1.])
    """

    name = "weibull"
    links = ("log",)
    dispersion_label = "shape k, with hazard growing as y^(k − 1)"
    concave_links = frozenset({"log"})

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        over = 1.0 / self.dispersion(eta)
        ratio = special.gammaln(1.0 + 2.0 * over) - 2.0 * special.gammaln(1.0 + over)
        return np.expm1(ratio) * self.mean(eta) ** 2

    def scale(self, eta: Matrix) -> Vector:
        """s = μ / Γ(1 + 1/k), (n,)."""
        return self.mean(eta) * np.exp(-special.gammaln(1.0 + 1.0 / self.dispersion(eta)))

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        return -np.expm1(-((np.maximum(y, 0.0) / self.scale(eta)) ** self.dispersion(eta)))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        return self.scale(eta) * (-np.log1p(-probability)) ** (1.0 / self.dispersion(eta))

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        return self.scale(eta) * rng.weibull(self.dispersion(eta))

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [log f(y | best μ) − log f(y | μ)] = 2 (e^x − 1 − x), x = k log(y / s)."""
        x = self.dispersion(eta) * np.log(response.y / self.scale(eta))
        return 2.0 * np.maximum(np.expm1(x) - x, 0.0)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        require_positive(response.y, name, rows, self.name)

    def initial_mean(self, response: Response) -> Vector:
        return response.y

    def initial_dispersion(self, response: Response) -> Vector:
        spread = float(np.std(np.log(response.y)))  # π / (k √6)
        return np.array([np.log(np.clip(1.2825 / max(spread, 1e-8), 0.1, 50.0))])
