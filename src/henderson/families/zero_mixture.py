"""What hurdles and zero inflation share: with probability π a zero, else a draw of another."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.counts import smallest_count
from henderson.families.from_counts import FromCounts
from henderson.families.response import Response

_NONE = -9.0  # logit π below which there are no such zeros, to 4 digits


@dataclass(frozen=True, slots=True, init=False)
class ZeroMixture(FromCounts):
    """A point mass at zero of probability π, mixed with `counts` of mean m and variance V.

        E(y) = (1 − π) m,   Var(y) = (1 − π)(V + π m²)

    The last predictor, "zero_inflation", is logit π. Subclasses are final and say which counts.
    """

    without_zeros = ""  # the limit as π goes to 0

    @property
    @abstractmethod
    def counts(self) -> Family:
        """The distribution of what is not of the point mass."""

    @property
    def predictors(self) -> tuple[str, ...]:
        return (*self.base.predictors, "zero_inflation")

    def point_mass(self, eta: Matrix) -> Vector:
        """π, (n,)."""
        return special.expit(eta[:, -1])

    def limit_of(self, predictor: str, value: float) -> str | None:
        if predictor == "zero_inflation":
            return self.without_zeros if value < _NONE else None
        return self.counts.limit_of(predictor, value)

    def mean(self, eta: Matrix) -> Vector:
        return special.expit(-eta[:, -1]) * self.counts.mean(self.of_base(eta))

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        counts = self.of_base(eta)
        inflated = self.point_mass(eta) * self.counts.mean(counts) ** 2
        return special.expit(-eta[:, -1]) * (self.counts.variance(counts, size) + inflated)

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        below = self.counts.cdf(y, size, self.of_base(eta))
        mixed = self.point_mass(eta) + special.expit(-eta[:, -1]) * below
        return np.where(y < 0.0, 0.0, mixed)

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        guess = np.maximum(self.base.mean(self.of_base(eta)), 1.0)
        return smallest_count(
            probability, lambda k: self.cdf(k, size, eta), guess, np.full_like(guess, np.inf)
        )

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        counts = self.counts.simulate(size, self.of_base(eta), rng)
        return np.where(rng.random(len(eta)) < self.point_mass(eta), 0.0, counts)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """−2 log P(0) of a zero; otherwise that of the counts, and −2 log(1 − π)."""
        zero = response.y == 0.0
        without = Response.of(np.where(zero, 1.0 if self.discrete else 0.5, response.y))
        of_count = self.counts.unit_deviance(without, self.of_base(eta))
        of_zero = -2.0 * self.log_density(Response.of(np.zeros(len(eta))), eta).value
        above = of_count - 2.0 * special.log_expit(-eta[:, -1])
        return np.where(response.y == 0.0, of_zero, above)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        self.base.check_response(response, name, rows)

    def initial_mean(self, response: Response) -> Vector:
        """That of the counts; of a zero, the mean of those above zero."""
        y = response.y
        above = float(y[y > 0.0].mean()) if (y > 0.0).any() else 1.0
        return np.where(y > 0.0, self.base.initial_mean(response), above)

    def initial_dispersion(self, response: Response) -> Vector:
        positive = response.y[response.y > 0.0]
        counts = Response.of(positive) if positive.size else response
        share = self.initial_point_mass(float(np.mean(response.y == 0.0)))
        return np.append(self.base.initial_dispersion(counts), special.logit(share))

    @abstractmethod
    def initial_point_mass(self, zeros: float) -> float:
        """π to start from, by the share of zeros."""
