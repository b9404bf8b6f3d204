"""The negative binomial distribution with quadratic variance."""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.families.negative_binomial import POISSON, NegativeBinomial
from henderson.families.response import Response


@final
@dataclass(frozen=True, slots=True, init=False)
class NegativeBinomial2(NegativeBinomial):
    """Overdispersed counts: a Poisson whose mean varies with coefficient of variation 1 / √φ.

    E(y) = μ, Var(y) = μ + μ² / φ; dispersion predictor log φ. Poisson as φ grows.
    y in 0, 1, 2, ... Links: log (default), sqrt, identity, inverse,
    softplus, power.

    Notes
    -----
    Hardin & Hilbe (2018), Generalized Linear Models and Extensions, 4th ed., chapter 13.

    Examples
    --------
    >>> NegativeBinomial2().variance(np.zeros((1, 2)), np.ones(1))
    array([2.])
    """

    name = "nbinom2"
    dispersion_label = "φ, with variance μ + μ²/φ"
    concave_links = frozenset({"log"})

    def limit_of(self, predictor: str, value: float) -> str | None:
        return (
            "the Poisson distribution"
            if predictor == "dispersion" and value > POISSON
            else None
        )

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        mu = self.mean(eta)
        return mu + mu * (mu / self.dispersion(eta))

    def shape(self, eta: Matrix) -> Vector:
        return self.dispersion(eta)

    def initial_dispersion(self, response: Response) -> Vector:
        mean, variance = float(response.y.mean()), float(response.y.var())
        phi = mean**2 / (variance - mean) if variance > mean else 100.0
        return np.array([np.log(np.clip(phi, 0.1, 100.0))])
