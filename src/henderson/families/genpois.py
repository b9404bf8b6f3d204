"""The generalized Poisson distribution."""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.families.best_location import best_log_density
from henderson.families.response import Response
from henderson.families.summed_counts import SummedCounts


@final
@dataclass(frozen=True, slots=True, init=False)
class GeneralizedPoisson(SummedCounts):
    """Over- or mildly underdispersed counts.

        f(y) = θ t^(y − 1) e^−t / y!,   t = θ + λy,   θ = μ / √φ,   λ = 1 − 1/√φ

    E(y) = μ, Var(y) = μφ; dispersion predictor log φ. y in 0, 1, 2, ... Link: log.

    For φ < 1 the density is zero where t ≤ 0. It then sums to a number near 1, not to 1, and
    mean and variance are near those stated. The likelihood is that of f as it stands, as in
    other packages; distribution function, quantiles and draws are of f divided by its sum. The
    Conway-Maxwell-Poisson distribution has no such defect.

    Notes
    -----
    Consul & Famoye (1992), Communications in Statistics: Theory and Methods 21(1), 89–109.

    Examples
    --------
    >>> GeneralizedPoisson().variance(np.array([[0.0, np.log(3.0)]]), np.ones(1))
    array([3.])
    """

    name = "genpois"
    dispersion_label = "φ, with variance φμ"

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return self.mean(eta) * self.dispersion(eta)

    def _below(self, eta: Matrix, last: float, end: float) -> Matrix:
        under = eta[:, 1] < 0.0
        below = SummedCounts._below(self, eta, np.inf if under.any() else last, end)
        below[under] /= below[under, -1:]
        return below

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [log f(y | best μ) − log f(y | μ)] at the given φ."""
        plain = Response.of(response.y)
        # t > 0 needs μ > y (1 − √φ)
        lowest = np.log(np.maximum(plain.y * -np.expm1(0.5 * eta[:, 1]), 1e-17)) + 1e-12
        upper = np.log(np.maximum(plain.y, 1e-17)) + 2.0
        best = best_log_density(self, plain, eta, lowest, upper)
        return 2.0 * np.maximum(best - self.log_density(plain, eta).value, 0.0)

    def initial_dispersion(self, response: Response) -> Vector:
        phi = float(response.y.var()) / max(float(response.y.mean()), 1e-8)
        return np.array([np.log(np.clip(phi, 0.7, 100.0))])
