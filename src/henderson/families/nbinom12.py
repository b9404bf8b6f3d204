"""The negative binomial distribution with linear and quadratic variance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.families.negative_binomial import POISSON, NegativeBinomial
from henderson.families.response import Response


@final
@dataclass(frozen=True, slots=True, init=False)
class NegativeBinomial12(NegativeBinomial):
    """Overdispersed counts between nbinom1 and nbinom2.

    E(y) = μ, Var(y) = μ(1 + φ + μ/ψ); dispersion predictor log φ, "shape" log ψ. nbinom1 as ψ
    grows, nbinom2 as φ goes to 0. y in 0, 1, 2, ... Link: log.

    Examples
    --------
    >>> NegativeBinomial12().variance(np.zeros((1, 3)), np.ones(1))
    array([3.])
    """

    name = "nbinom12"
    links = ("log",)
    dispersion_label = "φ, with variance μ(1 + φ + μ/ψ)"
    further_labels = (("shape", "ψ"),)

    @property
    def predictors(self) -> tuple[str, ...]:
        return ("location", "dispersion", "shape")

    def limit_of(self, predictor: str, value: float) -> str | None:
        if predictor == "dispersion" and value < -POISSON:
            return "nbinom2"
        return "nbinom1" if predictor == "shape" and value > POISSON else None

    def shape(self, eta: Matrix) -> Vector:
        with np.errstate(divide="ignore", over="ignore"):  # Poisson counts: infinite
            return 1.0 / (self.dispersion(eta) / self.mean(eta) + np.exp(-eta[:, 2]))

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        mu = self.mean(eta)
        return mu * (1.0 + self.dispersion(eta) + mu * np.exp(-eta[:, 2]))

    def initial_dispersion(self, response: Response) -> Vector:
        mean, variance = float(response.y.mean()), float(response.y.var())
        excess = max(variance / mean - 1.0, 0.1) if mean > 0.0 else 1.0
        psi = 2.0 * mean / excess
        return np.log(np.clip([0.5 * excess, psi], 0.05, 100.0))

    def other_starts(self, response: Response) -> tuple[Mapping[str, float], ...]:
        """Nearly nbinom2, and nearly nbinom1."""
        return ({"dispersion": -3.0}, {"shape": 3.0})
