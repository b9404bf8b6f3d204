"""The Tweedie distribution with a power between 1 and 2."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.bisection import positive_quantile
from henderson.families.counts import poisson_draws
from henderson.families.response import Response
from henderson.families.support import require, require_finite
from henderson.links import InverseLink, Link

_EDGE = 7.0  # |logit(p - 1)| beyond which p is within a thousandth of 1 or 2
_TERMS = 9.0  # standard deviations of the number of gamma variables


@final
@dataclass(frozen=True, slots=True)
class PowerLink(Link):
    """g(p) = logit(p − 1), for 1 < p < 2."""

    name = "logit(p - 1)"

    def link(self, mu: Vector) -> Vector:
        """η = log((p − 1) / (2 − p))."""
        return special.logit(mu - 1.0)

    def inverse(self, eta: Vector) -> InverseLink:
        """h = 1 + 1 / (1 + e^−η)."""
        rest, one = special.expit(-eta), special.expit(eta)
        slope = rest * one
        return InverseLink(
            mu=1.0 + one,
            dmu=slope,
            d2mu=(rest - one) * slope,
            d3mu=(1.0 - 6.0 * slope) * slope,
            complement=-one,
        )


@final
@dataclass(frozen=True, slots=True, init=False)
class Tweedie(Family):
    """Amounts that may be exactly zero: a Poisson number of gamma variables, added up.

    E(y) = μ, Var(y) = φ μ^p with 1 < p < 2; dispersion predictor log φ, "shape" logit(p − 1).
    P(Y = 0) = exp(−μ^(2 − p) / (φ(2 − p))). y ≥ 0. Link: log. As p goes to 1 the amounts become
    multiples of φ, and a likelihood of rounded measurements has no bound: it has high, narrow
    maxima there, and the fit says that the power is at its limit.

    Notes
    -----
    Jørgensen (1987), J. R. Stat. Soc. B 49(2), 127–162; Dunn & Smyth (2005), Statistics and
    Computing 15, 267–280, for the series of the density.

    Examples
    --------
    >>> Tweedie().variance(np.log([[4.0, 3.0, 1.0]]), np.ones(1))
    array([24.])
    """

    name = "tweedie"
    links = ("log",)
    dispersion_label = "φ, with variance φμ^p"
    further_labels = (("shape", "power p"),)

    @property
    def predictors(self) -> tuple[str, ...]:
        return ("location", "dispersion", "shape")

    def link_of(self, predictor: str) -> Link:
        return PowerLink() if predictor == "shape" else Family.link_of(self, predictor)

    def power(self, eta: Matrix) -> Vector:
        """p, (n,)."""
        return PowerLink().mean(eta[:, 2])

    def limit_of(self, predictor: str, value: float) -> str | None:
        if predictor != "shape" or abs(value) < _EDGE:
            return None
        return "the gamma distribution, power 2" if value > 0.0 else "power 1"

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return self.dispersion(eta) * self.mean(eta) ** self.power(eta)

    def _parts(self, eta: Matrix) -> tuple[Vector, Vector, Vector]:
        """λ, and shape and scale of the gamma variables."""
        mu, phi, p = self.mean(eta), self.dispersion(eta), self.power(eta)
        rest = special.expit(-eta[:, 2])  # 2 − p
        return mu**rest / (phi * rest), np.exp(-eta[:, 2]), phi * (p - 1.0) * mu ** (p - 1.0)

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        """Σⱼ Poisson(j; λ) P(Gamma of shape ja ≤ y)."""
        rate, shape, scale = self._parts(eta)
        at = np.maximum(y, 0.0) / scale
        low = np.floor(np.maximum(rate - _TERMS * np.sqrt(rate), 0.0))
        count = int(np.ceil(np.max(2.0 * _TERMS * np.sqrt(rate) + 40.0, initial=1.0)))
        total = np.zeros(len(eta))
        for j in range(count):
            number = low + j
            weight = np.exp(special.xlogy(number, rate) - rate - special.gammaln(number + 1.0))
            below = special.gammainc(np.maximum(number * shape, 1e-300), at)
            total += weight * np.where(number == 0.0, 1.0, below)
        return np.where(y < 0.0, 0.0, np.minimum(total, 1.0))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        above = positive_quantile(probability, lambda y: self.cdf(y, size, eta), self.mean(eta))
        return np.where(probability <= np.exp(-self._parts(eta)[0]), 0.0, above)

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        rate, shape, scale = self._parts(eta)
        number = poisson_draws(rate, rng)
        draws = rng.standard_gamma(np.where(number > 0.0, number * shape, 1.0)) * scale
        return np.where(number > 0.0, draws, 0.0)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [y (y^(1−p) − μ^(1−p)) / (1 − p) − (y^(2−p) − μ^(2−p)) / (2 − p)]."""
        y, mu, p = response.y, self.mean(eta), self.power(eta)
        rest = special.expit(-eta[:, 2])
        first = y**rest - y * mu ** (1.0 - p)  # y^(2 − p), which is 0 at 0
        deviance = -first / (p - 1.0) - (y**rest - mu**rest) / rest
        return 2.0 * np.maximum(deviance, 0.0)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        require_finite(response.y, name, rows)
        require(
            response.y >= 0.0,
            response.y,
            name,
            rows,
            rule="the tweedie family needs values at or above 0",
            remedy='correct the value, or choose family="gaussian" for either sign.',
        )

    def initial_mean(self, response: Response) -> Vector:
        return response.y + 0.1 * (float(response.y.mean()) or 1.0)

    def initial_dispersion(self, response: Response) -> Vector:
        mean, variance = float(response.y.mean()) or 1.0, float(response.y.var())
        return np.array([np.log(np.clip(variance / mean**1.5, 1e-3, 1e3)), 0.0])

    def other_starts(self, response: Response) -> tuple[Mapping[str, float], ...]:
        """Powers of 1.2 and 1.8 where no amount is 0; where some are, these tell the power."""
        if np.any(response.y == 0.0):
            return ()
        return tuple({"shape": float(special.logit(p - 1.0))} for p in (1.2, 1.8))
