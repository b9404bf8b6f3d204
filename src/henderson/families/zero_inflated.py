"""Counts with more zeros than their distribution has."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.counts import smallest_count
from henderson.families.from_counts import FromCounts
from henderson.families.response import Response

_NONE = -9.0  # logit π below which there are no structural zeros, to 4 digits


@final
@dataclass(frozen=True, slots=True, init=False)
class ZeroInflated(FromCounts):
    """A point mass at zero mixed with a family of counts.

        P(Y = y) = π [y = 0] + (1 − π) f(y | μ)

    π is the probability of a structural zero; the last predictor, "zero_inflation", is
    logit π. μ and the dispersion are those of the counts f:

        E(y) = (1 − π) μ,   Var(y) = (1 − π)(V + π μ²),   V the variance of the counts

    Parameters
    ----------
    base : Family
        Poisson, NegativeBinomial1 or NegativeBinomial2, with its link.

    Notes
    -----
    Lambert (1992), Technometrics 34(1), 1–14.

    Examples
    --------
    >>> from henderson.families import Poisson
    >>> family = ZeroInflated(Poisson())
    >>> family.predictors
    ('location', 'zero_inflation')
    >>> family.mean(np.zeros((1, 2)))
    array([0.5])
    """

    zero_label = "probability of a zero that is not of the counts"

    @property
    def prefix(self) -> str:
        return "zero_inflated_"

    @property
    def predictors(self) -> tuple[str, ...]:
        return (*self.base.predictors, "zero_inflation")

    def structural_zero(self, eta: Matrix) -> Vector:
        """π, (n,)."""
        return special.expit(eta[:, -1])

    def limit_of(self, predictor: str, value: float) -> str | None:
        if predictor == "zero_inflation":
            return "no structural zeros" if value < _NONE else None
        return self.base.limit_of(predictor, value)

    def mean(self, eta: Matrix) -> Vector:
        return special.expit(-eta[:, -1]) * self.base.mean(self.of_base(eta))

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        counts = self.of_base(eta)
        inflated = self.structural_zero(eta) * self.base.mean(counts) ** 2
        return special.expit(-eta[:, -1]) * (self.base.variance(counts, size) + inflated)

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        below = self.base.cdf(y, size, self.of_base(eta))
        mixed = self.structural_zero(eta) + special.expit(-eta[:, -1]) * below
        return np.where(y < 0.0, 0.0, mixed)

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        guess = self.mean(eta)
        return smallest_count(
            probability, lambda k: self.cdf(k, size, eta), guess, np.full_like(guess, np.inf)
        )

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        counts = self.base.simulate(size, self.of_base(eta), rng)
        return np.where(rng.random(len(eta)) < self.structural_zero(eta), 0.0, counts)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """−2 log P(0) of a zero; otherwise that of the counts, and −2 log(1 − π)."""
        y = response.y
        plain = Response.of(y, response.size)
        of_zero = -2.0 * self.log_density(Response.of(np.zeros(y.size)), eta).value
        of_count = self.base.unit_deviance(plain, self.of_base(eta))
        return np.where(y == 0.0, of_zero, of_count - 2.0 * special.log_expit(-eta[:, -1]))

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
        share = np.clip(0.5 * float(np.mean(response.y == 0.0)), 0.02, 0.9)
        return np.append(self.base.initial_dispersion(counts), special.logit(share))
