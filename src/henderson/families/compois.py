"""The Conway-Maxwell-Poisson distribution, by its mean."""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.families.response import Response
from henderson.families.summed_counts import SummedCounts


@final
@dataclass(frozen=True, slots=True, init=False)
class ConwayMaxwellPoisson(SummedCounts):
    """Under- or overdispersed counts.

        f(y) = λ^y / (y!)^ν / Z(λ, ν),   ν = 1 / φ,   λ such that the mean is μ

    E(y) = μ, Var(y) ≈ μφ; dispersion predictor log φ. φ = 1 is the Poisson distribution, φ < 1
    underdispersed, φ → ∞ geometric. y in 0, 1, 2, ... Link: log.

    Notes
    -----
    Huang (2017), Statistical Modelling 17(6), 359–380. Overdispersed counts of many thousands
    take long: their normalizing constant is a sum of as many terms.

    Examples
    --------
    >>> ConwayMaxwellPoisson().variance(np.array([[2.0, 0.0]]), np.ones(1)).round(4)
    array([7.3891])
    """

    name = "compois"
    dispersion_label = "φ = 1/ν, with variance about φμ"

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        """From the score (y − μ) μ / Var(y), exactly."""
        mu = self.mean(eta)
        y = np.floor(mu) + 2.0
        slope = self.log_density(Response.of(y), eta, 1).d1
        assert slope is not None
        return mu * (y - mu) / slope[:, 0]

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [log f(y | μ = y) − log f(y | μ)] at the given φ."""
        plain = Response.of(response.y)
        best = np.array(eta, dtype=np.float64)
        best[:, 0] = np.log(np.maximum(plain.y, 1e-17))
        gain = self.log_density(plain, best).value - self.log_density(plain, eta).value
        return 2.0 * np.maximum(gain, 0.0)

    def initial_dispersion(self, response: Response) -> Vector:
        phi = float(response.y.var()) / max(float(response.y.mean()), 1e-8)
        return np.array([np.log(np.clip(phi, 0.2, 10.0))])
