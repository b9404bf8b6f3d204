"""Counts without zeros."""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.families.best_location import best_log_density
from henderson.families.counts import smallest_count
from henderson.families.from_counts import FromCounts
from henderson.families.response import Response
from henderson.families.support import require

_DRAWS = 20
_ONE_ONLY = 1e-12  # probability of a count above 0 below which it is 1


@final
@dataclass(frozen=True, slots=True, init=False)
class Truncated(FromCounts):
    """Counts of which zeros are never seen.

        P(Y = y) = f(y | μ) / (1 − f(0 | μ)),   y in 1, 2, ...

    μ and the dispersion are those of the counts f before truncation:

        E(y) = μ / (1 − f(0)),   E(y²) = (V + μ²) / (1 − f(0)),   V the variance of the counts

    Parameters
    ----------
    base : Family
        A family of counts with its link, such as NegativeBinomial2().

    Examples
    --------
    >>> from henderson.families import Poisson
    >>> Truncated(Poisson()).mean(np.zeros((1, 1))).round(4)
    array([1.582])
    """

    @property
    def prefix(self) -> str:
        return "truncated_"

    @property
    def predictors(self) -> tuple[str, ...]:
        return self.base.predictors

    @property
    def is_log_concave(self) -> bool:
        return self.base.name == "poisson" and self.link.name == "log"

    def above_zero(self, eta: Matrix) -> Vector:
        """1 − f(0), (n,)."""
        return -np.expm1(self.log_zero(eta))

    def limit_of(self, predictor: str, value: float) -> str | None:
        limit = self.base.limit_of(predictor, value)
        return None if limit is None else f"{limit} without zeros"

    def mean(self, eta: Matrix) -> Vector:
        return self.base.mean(eta) / self.above_zero(eta)

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        mu, above = self.base.mean(eta), self.above_zero(eta)
        return (self.base.variance(eta, size) + mu**2) / above - (mu / above) ** 2

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        zero, above = np.exp(self.log_zero(eta)), self.above_zero(eta)
        rare = above < _ONE_ONLY
        below = (self.base.cdf(y, size, eta) - zero) / np.where(rare, 1.0, above)
        return np.where(y < 1.0, 0.0, np.where(rare, 1.0, below))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        guess = np.maximum(self.base.mean(eta), 1.0)
        return smallest_count(
            probability, lambda k: self.cdf(k, size, eta), guess, np.full_like(guess, np.inf)
        )

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        """Counts drawn again where they are 0; what is 0 nearly always, from its quantiles."""
        y = self.base.simulate(size, eta, rng)
        for _ in range(_DRAWS):
            zero = np.flatnonzero(y == 0.0)
            if not zero.size:
                return y
            y[zero] = self.base.simulate(size[zero], eta[zero], rng)
        zero = np.flatnonzero(y == 0.0)
        y[zero] = self.quantile(rng.random(zero.size), size[zero], eta[zero])
        return y

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [log f(y | best μ) − log f(y | μ)] at the given dispersion."""
        plain = Response.of(response.y)
        best = self._best_log_density(plain, eta)
        return 2.0 * np.maximum(best - self.log_density(plain, eta).value, 0.0)

    def _best_log_density(self, response: Response, eta: Matrix) -> Vector:
        """The largest log density of each observation over all μ."""
        on_log_scale = Truncated(type(self.base)(link="log"))
        lower, upper = np.full(len(eta), -40.0), np.log(response.y) + 1.0
        return best_log_density(on_log_scale, response, eta, lower, upper)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        self.base.check_response(response, name, rows)
        require(
            response.y > 0.0,
            response.y,
            name,
            rows,
            rule="truncated families are for counts of which no zero can be seen",
            remedy='give the zeros a model of their own, zero_inflation="~ 1", or choose '
            f'family="{self.base.name}".',
        )

    def initial_mean(self, response: Response) -> Vector:
        return self.base.initial_mean(response)

    def initial_dispersion(self, response: Response) -> Vector:
        return self.base.initial_dispersion(response)
