"""Quantiles of positive measurements by bisecting the distribution function."""

from collections.abc import Callable

import numpy as np

from henderson.arrays import Vector


def positive_quantile(
    probability: Vector, cdf: Callable[[Vector], Vector], guess: Vector
) -> Vector:
    """The y > 0 with cdf(y) = probability, from a guess of it; all (n,). Bisects log y."""
    with np.errstate(over="ignore", under="ignore"):
        log_y = real_quantile(probability, lambda x: cdf(np.exp(x)), np.log(guess), 1.0)
        return np.exp(log_y)


def real_quantile(
    probability: Vector, cdf: Callable[[Vector], Vector], guess: Vector, unit: Vector | float
) -> Vector:
    """The y with cdf(y) = probability, looked for in steps of `unit` from a guess."""
    lower = np.array(guess, dtype=np.float64)
    upper = lower.copy()
    for step in unit * 2.0 ** np.arange(10.0)[:, None]:
        high, low = cdf(lower) >= probability, cdf(upper) < probability
        lower = np.where(high, lower - step, lower)
        upper = np.where(low, upper + step, upper)
    for _ in range(70):
        middle = 0.5 * (lower + upper)
        enough = cdf(middle) >= probability
        lower, upper = np.where(enough, lower, middle), np.where(enough, middle, upper)
    return upper
