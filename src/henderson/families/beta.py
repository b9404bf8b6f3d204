"""The beta distribution."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.response import Response
from henderson.families.support import require, require_finite


@final
@dataclass(frozen=True, slots=True, init=False)
class Beta(Family):
    """Proportions strictly between 0 and 1, with shapes μφ and (1 − μ)φ.

    E(y) = μ, Var(y) = μ(1 − μ) / (1 + φ): φ is a precision, dispersion predictor log φ.
    0 < y < 1. Links: logit (default), probit, cloglog, loglog, cauchit.

    Notes
    -----
    Ferrari & Cribari-Neto (2004), J. Appl. Stat. 31(7), 799–815.

    Examples
    --------
    >>> Beta("logit").variance(np.zeros((1, 2)), np.ones(1))
    array([0.125])
    """

    name = "beta"
    links = ("logit", "probit", "cloglog", "loglog", "cauchit")
    dispersion_label = "precision φ, with variance μ(1 − μ)/(1 + φ)"

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        at = self.inverse_link(eta[:, 0])
        return at.mu * at.complement / (1.0 + self.dispersion(eta))

    def _shapes(self, eta: Matrix) -> tuple[Vector, Vector]:
        at, phi = self.inverse_link(eta[:, 0]), self.dispersion(eta)
        return at.mu * phi, at.complement * phi

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        return special.betainc(*self._shapes(eta), np.clip(y, 0.0, 1.0))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        return special.betaincinv(*self._shapes(eta), probability)

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        """Draws are kept strictly inside (0, 1), where doubles would round to its ends."""
        draws = rng.beta(*self._shapes(eta))
        return np.clip(draws, np.finfo(float).tiny, 1.0 - np.finfo(float).epsneg)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [log f(y | best μ) − log f(y | μ)] at the given φ."""
        unweighted = Response.of(response.y)
        best = np.array(eta, dtype=np.float64)
        best[:, 0] = self._best_location(unweighted, best)
        gain = (
            self.log_density(unweighted, best).value - self.log_density(unweighted, eta).value
        )
        return 2.0 * np.maximum(gain, 0.0)

    def _best_location(self, response: Response, eta: Matrix) -> Vector:
        """The location that maximizes the density of each observation, given φ.

        It solves ψ(μφ) − ψ((1 − μ)φ) = logit y, whose left side increases in logit μ: Newton's
        method from μ = y, kept in a bracket.
        """
        y, phi = response.y, self.dispersion(eta)
        target, x = special.logit(y), special.logit(y)
        lower, upper = np.full_like(x, -700.0), np.full_like(x, 700.0)
        for _ in range(100):
            mu, complement = special.expit(x), special.expit(-x)
            a, b = mu * phi, complement * phi
            excess = special.digamma(a) - special.digamma(b) - target
            found = np.abs(excess) <= 1e-12 * (1.0 + np.abs(target))
            if found.all():
                break
            lower, upper = np.where(excess < 0.0, x, lower), np.where(excess < 0.0, upper, x)
            slope = special.polygamma(1, a) + special.polygamma(1, b)
            step = x - excess / (slope * mu * complement * phi)
            inside = (step > lower) & (step < upper)
            x = np.where(found, x, np.where(inside, step, 0.5 * (lower + upper)))
        return self.link.link(special.expit(x))

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        y = response.y
        require_finite(y, name, rows)
        require(
            (y > 0.0) & (y < 1.0),
            y,
            name,
            rows,
            rule="for the beta family, values must lie strictly between 0 and 1",
            remedy="percentages need dividing by 100. For exact zeros and ones choose "
            'family="ordbeta" or, if the values are counts out of a total, family="binomial".',
        )

    def initial_mean(self, response: Response) -> Vector:
        return np.clip(response.y, 0.01, 0.99)

    def initial_dispersion(self, response: Response) -> Vector:
        mean, variance = float(response.y.mean()), float(response.y.var())
        phi = mean * (1.0 - mean) / variance - 1.0 if variance > 0.0 else 100.0
        return np.array([np.log(np.clip(phi, 0.5, 1000.0))])
