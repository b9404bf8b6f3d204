"""The binomial distribution."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.counts import smallest_count
from henderson.families.response import Response
from henderson.families.support import require, require_finite

_WHOLE = 1e-3


@final
@dataclass(frozen=True, slots=True, init=False)
class Binomial(Family):
    """y successes in `size` trials, with probability μ each; no dispersion parameter.

    E(y / size) = μ, Var(y / size) = μ(1 − μ) / size. y in 0, 1, ..., size.
    Links: logit (default), probit, cloglog, loglog, cauchit, log, identity.

    Examples
    --------
    >>> Binomial("probit").predictors
    ('location',)
    """

    name = "binomial"
    links = ("logit", "probit", "cloglog", "loglog", "cauchit", "log", "identity")
    discrete = True
    counts_trials = True
    concave_links = frozenset(links) - {"cauchit"}

    @property
    def predictors(self) -> tuple[str, ...]:
        return ("location",)

    def response(self, y: Vector, trials: Vector, weights: Vector) -> Response:
        return Response.of(y, trials, weights)

    def observed(self, response: Response) -> Vector:
        return response.y / response.size

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        at = self.inverse_link(eta[:, 0])
        return at.mu * at.complement / size

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        k = np.floor(y)
        inside = (k >= 0.0) & (k < size)
        tail = special.betaincc(
            np.where(inside, k + 1.0, 1.0), np.where(inside, size - k, 1.0), self.mean(eta)
        )
        return np.where(inside, tail, (k >= 0.0).astype(np.float64))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        return smallest_count(
            probability, lambda k: self.cdf(k, size, eta), size * self.mean(eta), size
        )

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        return rng.binomial(size.astype(np.int64), self.mean(eta)).astype(np.float64)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [y log(y / (size μ)) + (size − y) log((size − y) / (size (1 − μ)))]."""
        at, y, n = self.inverse_link(eta[:, 0]), response.y, response.size
        with np.errstate(divide="ignore", invalid="ignore"):
            deviance = special.kl_div(y, n * at.mu) + special.kl_div(n - y, n * at.complement)
        return 2.0 * np.maximum(deviance, 0.0)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        y, size = response.y, response.size
        require_finite(y, name, rows)
        require(
            y >= 0.0,
            y,
            name,
            rows,
            rule="successes cannot be negative",
            remedy="code failure as 0 and success as 1, or give counts of successes.",
        )
        require(
            (size > 0.0) & (np.abs(size - np.round(size)) < _WHOLE),
            size,
            name,
            rows,
            rule="that is the number of trials, which must be a whole number above 0",
            remedy="check the column of trials, and remove rows without trials.",
        )
        single = bool((size == 1.0).all())
        require(
            y <= size,
            y,
            name,
            rows,
            rule="there are more successes than trials"
            if not single
            else "each row counts as one trial, so it must be 0 or 1",
            remedy="for counts out of n write `cbind(y, n - y) ~ ...` or `y/n ~ ...`; "
            'for counts without a limit, choose family="poisson".',
        )
        require(
            np.abs(y - np.round(y)) < _WHOLE,
            y,
            name,
            rows,
            rule="a proportion needs the number of trials it is out of"
            if single
            else "the number of successes is not whole",
            remedy="give the trials as weights= (or write `successes/trials ~ ...`); for "
            'proportions that are not counts, choose family="beta".',
        )

    def initial_mean(self, response: Response) -> Vector:
        return (response.y + 0.5) / (response.size + 1.0)

    def initial_dispersion(self, response: Response) -> Vector:
        return np.zeros(0)
