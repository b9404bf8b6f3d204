"""The Bell distribution."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.response import Response
from henderson.families.summed_counts import SummedCounts


@final
@dataclass(frozen=True, slots=True, init=False)
class Bell(SummedCounts):
    """Overdispersed counts without a dispersion parameter.

        f(y) = θ^y e^(1 − e^θ) B_y / y!,   μ = θ e^θ,   B_y the Bell numbers

    E(y) = μ, Var(y) = μ(1 + θ). y in 0, 1, 2, ... Link: log.

    Notes
    -----
    Castellares, Ferrari & Lemonte (2018), Applied Mathematical Modelling 56, 172–185.

    Examples
    --------
    >>> Bell().variance(np.ones((1, 1)), np.ones(1)).round(4)
    array([5.4366])
    """

    name = "bell"

    @property
    def predictors(self) -> tuple[str, ...]:
        return ("location",)

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        mu = self.mean(eta)
        return mu * (1.0 + special.lambertw(mu).real)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [y log(θ_y / θ) − e^θ_y + e^θ], θ_y that of the mean y."""
        best, theta = special.lambertw(response.y).real, special.lambertw(self.mean(eta)).real
        ratio = np.where(response.y > 0.0, best / theta, 1.0)
        deviance = response.y * np.log(ratio) - (np.expm1(best) - np.expm1(theta))
        return 2.0 * np.maximum(deviance, 0.0)

    def initial_dispersion(self, response: Response) -> Vector:
        return np.zeros(0)
