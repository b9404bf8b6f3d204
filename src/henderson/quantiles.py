"""Quantiles and tails of the normal and of Student's t, at any degrees of freedom."""

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from henderson.arrays import Vector
from henderson.errors import ModelError


def lower_tail(t: Vector, df: Vector) -> Vector:
    """P(T ≤ t), elementwise; df infinite is the standard normal."""
    finite = np.isfinite(df)
    return np.where(finite, stdtr(np.where(finite, df, 1.0), t), ndtr(t))


def two_sided(t: Vector, df: Vector) -> Vector:
    """P(|T| ≥ |t|), elementwise."""
    return 2.0 * lower_tail(-np.abs(t), df)


def student_quantile(probability: float, df: float) -> float:
    """t with P(T ≤ t) = `probability`."""
    return float(ndtri(probability) if np.isinf(df) else stdtrit(df, probability))


def normal_quantile(level: float) -> float:
    """z with P(−z < Z < z) = `level` for a standard normal Z; refuses levels outside (0, 1)."""
    if not 0.0 < level < 1.0:
        raise ModelError(
            f"level={level!r} is not a confidence level. Give a number between 0 and 1, "
            "such as level=0.95."
        )
    return float(ndtri(0.5 + level / 2.0))
