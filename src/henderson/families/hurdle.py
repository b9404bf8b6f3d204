"""Counts whose zeros and whose other values have models of their own."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.counts import smallest_count
from henderson.families.from_counts import FromCounts
from henderson.families.response import Response
from henderson.families.truncated import Truncated

_NONE = -9.0  # logit π below which there are no zeros, to 4 digits


@final
@dataclass(frozen=True, slots=True, init=False)
class Hurdle(FromCounts):
    """Zeros with probability π, and truncated counts.

        P(Y = 0) = π,   P(Y = y) = (1 − π) f(y | μ) / (1 − f(0 | μ)),   y in 1, 2, ...

    The last predictor, "zero_inflation", is logit π; μ and the dispersion are those of the
    counts f before truncation. E(y) = (1 − π) μ / (1 − f(0)).

    Parameters
    ----------
    base : Family
        Poisson, NegativeBinomial1 or NegativeBinomial2, with its link; or these `Truncated`.

    Notes
    -----
    Mullahy (1986), Journal of Econometrics 33(3), 341–365.

    Examples
    --------
    >>> from henderson.families import Poisson
    >>> Hurdle(Poisson()).mean(np.zeros((1, 2))).round(4)
    array([0.791])
    """

    zero_label = "probability of a zero"

    def __init__(self, base: Family) -> None:
        FromCounts.__init__(self, base.base if isinstance(base, Truncated) else base)

    @property
    def prefix(self) -> str:
        return "hurdle_"

    @property
    def predictors(self) -> tuple[str, ...]:
        return (*self.base.predictors, "zero_inflation")

    @property
    def positive(self) -> Truncated:
        """The distribution of counts that are not zero."""
        return Truncated(self.base)

    @property
    def is_log_concave(self) -> bool:
        return self.positive.is_log_concave

    def zero(self, eta: Matrix) -> Vector:
        """π, (n,)."""
        return special.expit(eta[:, -1])

    def limit_of(self, predictor: str, value: float) -> str | None:
        if predictor == "zero_inflation":
            return "no zeros" if value < _NONE else None
        return self.positive.limit_of(predictor, value)

    def mean(self, eta: Matrix) -> Vector:
        return special.expit(-eta[:, -1]) * self.positive.mean(self.of_base(eta))

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        counts = self.of_base(eta)
        inflated = self.zero(eta) * self.positive.mean(counts) ** 2
        return special.expit(-eta[:, -1]) * (self.positive.variance(counts, size) + inflated)

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        below = self.positive.cdf(y, size, self.of_base(eta))
        return np.where(y < 0.0, 0.0, self.zero(eta) + special.expit(-eta[:, -1]) * below)

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        guess = np.maximum(self.base.mean(self.of_base(eta)), 1.0)
        return smallest_count(
            probability, lambda k: self.cdf(k, size, eta), guess, np.full_like(guess, np.inf)
        )

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        counts = self.positive.simulate(size, self.of_base(eta), rng)
        return np.where(rng.random(len(eta)) < self.zero(eta), 0.0, counts)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """−2 log π of a zero; otherwise that of truncated counts, and −2 log(1 − π)."""
        at_least_one = Response.of(np.maximum(response.y, 1.0))
        of_count = self.positive.unit_deviance(at_least_one, self.of_base(eta))
        return np.where(
            response.y == 0.0,
            -2.0 * special.log_expit(eta[:, -1]),
            of_count - 2.0 * special.log_expit(-eta[:, -1]),
        )

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
        share = np.clip(float(np.mean(response.y == 0.0)), 0.01, 0.99)
        return np.append(self.base.initial_dispersion(counts), special.logit(share))
