"""Ordered beta: proportions that may be exactly 0 or 1."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.best_location import best_log_density
from henderson.families.response import Response
from henderson.families.support import require, require_finite
from henderson.links import Link, link_named

_NEVER = 9.0  # of a cutpoint, beyond which its end of the interval is not reached


@final
@dataclass(frozen=True, slots=True, init=False)
class OrderedBeta(Family):
    """Proportions from 0 to 1, both included: one predictor moves values between, and ends.

        P(Y = 0) = 1 − F(η − c₁),   P(Y = 1) = F(η − c₂),   F the logistic distribution
        0 < Y < 1: beta of mean m = F(η) and precision φ

    E(y) = P(Y = 1) + P(0 < Y < 1) m. Dispersion predictor log φ; "lower_cutpoint" is c₁ and
    "cutpoint_gap" log(c₂ − c₁), both on the scale of η. 0 ≤ y ≤ 1. Link: logit.

    Notes
    -----
    Kubinec (2023), Political Analysis 31(4), 519–536.

    Examples
    --------
    >>> OrderedBeta().mean(np.array([[0.0, 0.0, -2.0, np.log(4.0)]]))
    array([0.5])
    """

    name = "ordbeta"
    links = ("logit",)
    dispersion_label = "precision φ of the values between, with variance m(1 − m)/(1 + φ)"
    further_labels = (
        ("lower_cutpoint", "lower cutpoint c₁, on the scale of the predictor"),
        ("cutpoint_gap", "distance c₂ − c₁ of the cutpoints"),
    )

    @property
    def predictors(self) -> tuple[str, ...]:
        return ("location", "dispersion", "lower_cutpoint", "cutpoint_gap")

    def link_of(self, predictor: str) -> Link:
        if predictor == "lower_cutpoint":
            return link_named("identity")
        return Family.link_of(self, predictor)

    @property
    def mean_is_of_location(self) -> bool:
        return False

    def limit_of(self, predictor: str, value: float) -> str | None:
        if predictor == "lower_cutpoint" and value < -_NEVER:
            return "no zeros"
        return "no ones" if predictor == "cutpoint_gap" and value > np.log(2 * _NEVER) else None

    def ends(self, eta: Matrix) -> tuple[Vector, Vector]:
        """P(Y = 0) and P(Y = 1), (n,) each."""
        above = eta[:, 0] - eta[:, 2]
        with np.errstate(over="ignore"):
            return special.expit(-above), special.expit(above - np.exp(eta[:, 3]))

    def mean(self, eta: Matrix) -> Vector:
        zero, one = self.ends(eta)
        return one + (1.0 - zero - one) * self.link.mean(eta[:, 0])

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        zero, one = self.ends(eta)
        at = self.inverse_link(eta[:, 0])
        between = at.mu**2 + at.mu * at.complement / (1.0 + self.dispersion(eta))
        return one + (1.0 - zero - one) * between - self.mean(eta) ** 2

    def _shapes(self, eta: Matrix) -> tuple[Vector, Vector]:
        at, phi = self.inverse_link(eta[:, 0]), self.dispersion(eta)
        return at.mu * phi, at.complement * phi

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        zero, one = self.ends(eta)
        between = special.betainc(*self._shapes(eta), np.clip(y, 0.0, 1.0))
        below = zero + (1.0 - zero - one) * between
        return np.where(y < 0.0, 0.0, np.where(y >= 1.0, 1.0, below))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        zero, one = self.ends(eta)
        inside = np.clip((probability - zero) / (1.0 - zero - one), 0.0, 1.0)
        between = special.betaincinv(*self._shapes(eta), inside)
        return np.where(
            probability <= zero, 0.0, np.where(probability > 1.0 - one, 1.0, between)
        )

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        zero, one = self.ends(eta)
        tiny, largest = np.finfo(float).tiny, 1.0 - np.finfo(float).epsneg
        between = np.clip(rng.beta(*self._shapes(eta)), tiny, largest)
        place = rng.random(len(eta))
        return np.where(place < zero, 0.0, np.where(place >= 1.0 - one, 1.0, between))

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [log f(y | best η) − log f(y | η)] at the given φ and cutpoints."""
        plain = Response.of(response.y)
        end = np.full(len(eta), 40.0)
        best = best_log_density(self, plain, eta, -end, end)
        return 2.0 * np.maximum(best - self.log_density(plain, eta).value, 0.0)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        y = response.y
        require_finite(y, name, rows)
        require(
            (y >= 0.0) & (y <= 1.0),
            y,
            name,
            rows,
            rule="for the ordbeta family, values must lie between 0 and 1, ends included",
            remedy="percentages need dividing by 100.",
        )

    def initial_mean(self, response: Response) -> Vector:
        return np.clip(response.y, 0.01, 0.99)

    def initial_dispersion(self, response: Response) -> Vector:
        y = response.y
        between = y[(y > 0.0) & (y < 1.0)]
        variance = float(between.var()) if between.size else 0.0
        phi = float(np.mean(between * (1.0 - between))) / variance if variance > 0.0 else 10.0
        middle = float(special.logit(np.clip(y.mean(), 0.05, 0.95)))
        shares = np.clip([np.mean(y == 0.0), np.mean(y == 1.0)], 0.01, 0.45)
        lower, upper = middle + special.logit(shares[0]), middle - special.logit(shares[1])
        return np.array([np.log(np.clip(phi, 0.5, 1000.0)), lower, np.log(upper - lower)])
