"""The negative binomial distribution with linear variance."""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.families.negative_binomial import POISSON, NegativeBinomial
from henderson.families.response import Response


@final
@dataclass(frozen=True, slots=True, init=False)
class NegativeBinomial1(NegativeBinomial):
    """Overdispersed counts whose variance is proportional to the mean.

    E(y) = μ, Var(y) = μ(1 + φ); dispersion predictor log φ. Poisson as φ goes to 0.
    y in 0, 1, 2, ... Links: log (default), sqrt, identity, inverse,
    softplus, power.

    Notes
    -----
    Hardin & Hilbe (2018), Generalized Linear Models and Extensions, 4th ed., chapter 13.

    Examples
    --------
    >>> NegativeBinomial1().variance(np.zeros((1, 2)), np.ones(1))
    array([2.])
    """

    name = "nbinom1"
    dispersion_label = "φ, with variance μ(1 + φ)"

    def limit_of(self, predictor: str, value: float) -> str | None:
        return (
            "the Poisson distribution"
            if predictor == "dispersion" and value < -POISSON
            else None
        )

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return self.mean(eta) * (1.0 + self.dispersion(eta))

    def shape(self, eta: Matrix) -> Vector:
        with np.errstate(divide="ignore", over="ignore"):  # Poisson counts: infinite
            return self.mean(eta) / self.dispersion(eta)

    def initial_dispersion(self, response: Response) -> Vector:
        mean, variance = float(response.y.mean()), float(response.y.var())
        phi = variance / mean - 1.0 if mean > 0.0 else 1.0
        return np.array([np.log(np.clip(phi, 0.05, 100.0))])
