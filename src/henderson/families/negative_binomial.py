"""What the two negative binomial families share: mean μ and size k, Var(y) = μ + μ² / k."""

import numpy as np
from scipy import special

from henderson.arrays import Vector
from henderson.families.counts import poisson_draws, smallest_count


def negative_binomial_cdf(y: Vector, mu: Vector, k: Vector) -> Vector:
    """P(Y ≤ y) = I(k, y + 1; k / (k + μ)); all (n,)."""
    count = np.floor(y)
    success = mu / (mu + k)
    tail = special.betaincc(np.maximum(count, 0.0) + 1.0, k, success)
    return np.where(count < 0.0, 0.0, tail)


def negative_binomial_quantile(probability: Vector, mu: Vector, k: Vector) -> Vector:
    """The smallest y with P(Y ≤ y) ≥ probability; all (n,)."""
    largest = np.full_like(mu, np.inf)
    return smallest_count(probability, lambda y: negative_binomial_cdf(y, mu, k), mu, largest)


def negative_binomial_draws(mu: Vector, k: Vector, rng: np.random.Generator) -> Vector:
    """One draw each: Poisson with a gamma-distributed mean, of mean μ and shape k."""
    return poisson_draws(mu * (rng.standard_gamma(k) / k), rng)


def negative_binomial_deviance(y: Vector, mu: Vector, k: Vector) -> Vector:
    """2 [y log(y / μ) − (y + k) log((y + k) / (μ + k))]; all (n,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        deviance = special.xlogy(y, y / mu) - (y + k) * np.log1p((y - mu) / (mu + k))
    return 2.0 * np.maximum(deviance, 0.0)
