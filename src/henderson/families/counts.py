"""What count families share: support, and quantiles by bisecting the distribution function."""

from collections.abc import Callable

import numpy as np

from henderson.arrays import Vector
from henderson.families.response import Response
from henderson.families.support import require, require_finite

_LARGEST = 2.0**53  # beyond it, not every whole number is a double


def check_counts(response: Response, name: str, rows: Vector | None, family: str) -> None:
    """Refuse what is not a whole number at least 0."""
    y = response.y
    require_finite(y, name, rows)
    require(
        y >= 0.0,
        y,
        name,
        rows,
        rule=f"counts cannot be negative, and the {family} family is for counts",
        remedy='correct the value, or choose family="gaussian" for a response of either sign.',
    )
    require(
        y == np.floor(y),
        y,
        name,
        rows,
        rule=f"it is not a whole number, and the {family} family is for counts",
        remedy="for rates, model the count with offset=log(exposure); for positive "
        'measurements, consider family="gamma".',
    )


def smallest_count(
    probability: Vector, cdf: Callable[[Vector], Vector], guess: Vector, largest: Vector
) -> Vector:
    """The smallest k in 0, 1, ..., `largest` with cdf(k) ≥ probability; all (n,)."""
    largest = np.minimum(largest, _LARGEST)
    upper = np.clip(np.ceil(guess), 0.0, largest)
    lower = np.full_like(upper, -1.0)
    while (short := (cdf(upper) < probability) & (upper < largest)).any():
        lower = np.where(short, upper, lower)
        upper = np.where(short, np.minimum(2.0 * upper + 8.0, largest), upper)
    while (open_ := upper - lower > 1.0).any():
        middle = np.floor(0.5 * (lower + upper))
        enough = cdf(np.maximum(middle, 0.0)) >= probability
        upper = np.where(open_ & enough, middle, upper)
        lower = np.where(open_ & ~enough, middle, lower)
    return upper


def poisson_draws(mean: Vector, rng: np.random.Generator) -> Vector:
    """Poisson draws; a normal approximation where the mean is beyond what counts can hold."""
    huge = mean > 1e15
    draws = rng.poisson(np.where(huge, 1.0, mean)).astype(np.float64)
    if huge.any():
        normal = mean + np.sqrt(mean) * rng.standard_normal(mean.shape)
        draws = np.where(huge, np.round(normal), draws)
    return draws
