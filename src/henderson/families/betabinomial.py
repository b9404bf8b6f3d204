"""The beta-binomial distribution."""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.best_location import best_log_density
from henderson.families.binomial import Binomial
from henderson.families.counts import smallest_count
from henderson.families.response import Response

_BINOMIAL = 12.0  # log φ beyond which the variance is the binomial's to 4 digits


@final
@dataclass(frozen=True, slots=True, init=False)
class BetaBinomial(Family):
    """Overdispersed successes in `size` trials: a probability that varies as a beta.

    E(y / size) = μ, Var(y / size) = μ(1 − μ) / size × (1 + (size − 1) / (φ + 1)): φ is a
    precision, dispersion predictor log φ. Binomial as φ grows. y in 0, 1, ..., size.
    Links: logit (default), probit, cloglog, loglog, cauchit.

    Notes
    -----
    Morris (1997), Ecology 78(4), 1310; Crowder (1978), Appl. Stat. 27(1), 34–37.

    Examples
    --------
    >>> BetaBinomial().variance(np.zeros((1, 2)), np.ones(1))
    array([0.25])
    """

    name = "betabinomial"
    links = ("logit", "probit", "cloglog", "loglog", "cauchit")
    discrete = True
    counts_trials = True
    dispersion_label = "precision φ of the beta distribution of the probability"

    def limit_of(self, predictor: str, value: float) -> str | None:
        above = predictor == "dispersion" and value > _BINOMIAL
        return "the binomial distribution" if above else None

    def response(self, y: Vector, trials: Vector, weights: Vector) -> Response:
        return Response.of(y, trials, weights)

    def observed(self, response: Response) -> Vector:
        return response.y / response.size

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        at = self.inverse_link(eta[:, 0])
        inflation = 1.0 + (size - 1.0) / (self.dispersion(eta) + 1.0)
        return at.mu * at.complement / size * inflation

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        """The sum of the probabilities up to y."""
        total, last = np.zeros(len(eta)), np.minimum(np.floor(y), size)
        for k in range(int(np.max(last, initial=-1.0)) + 1):
            rows = np.flatnonzero(last >= k)
            response = Response.of(np.full(rows.size, float(k)), size[rows])
            total[rows] += np.exp(self.log_density(response, eta[rows]).value)
        return np.where(y >= size, 1.0, np.minimum(total, 1.0))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        return smallest_count(
            probability, lambda k: self.cdf(k, size, eta), size * self.mean(eta), size
        )

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        at, phi = self.inverse_link(eta[:, 0]), self.dispersion(eta)
        tiny = np.finfo(float).tiny
        p = rng.beta(np.maximum(at.mu * phi, tiny), np.maximum(at.complement * phi, tiny))
        return rng.binomial(size.astype(np.int64), p).astype(np.float64)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [log f(y | best μ) − log f(y | μ)] at the given φ."""
        plain = Response.of(response.y, response.size)
        end = np.full(response.y.size, 36.0)
        best = best_log_density(BetaBinomial(), plain, eta, -end, end)
        return 2.0 * np.maximum(best - self.log_density(plain, eta).value, 0.0)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        Binomial().check_response(response, name, rows)

    def initial_mean(self, response: Response) -> Vector:
        return (response.y + 0.5) / (response.size + 1.0)

    def initial_dispersion(self, response: Response) -> Vector:
        """By moments: of Pearson's statistic, the excess over the binomial's."""
        n = response.size
        p = float(np.clip(response.y.sum() / n.sum(), 1e-3, 1.0 - 1e-3))
        squares = np.mean((response.y - n * p) ** 2 / (n * p * (1.0 - p))) - 1.0
        excess = squares / max(float(np.mean(n)) - 1.0, 1e-3)
        phi = 1.0 / np.clip(excess, 0.01, 0.9) - 1.0
        return np.array([np.log(phi)])
