"""Averages over the estimated scale s of a t statistic, s² ~ χ²_ν / ν."""

from collections.abc import Callable

import numpy as np

from henderson.arrays import Vector

_NEGLIGIBLE = 42.0  # e^−42 = 6e-19
_STEP = 0.06  # of log s: resolves the range of a thousand means, and tails analytic in log s


def average_over_scale(
    tail: Callable[[Vector], Vector], x: Vector, df: float, decay: float
) -> Vector:
    """E P(x s), s² ~ χ²_ν / ν, for tail probabilities P.

        E P(x s) = ∫ P(x e^t) f(t) dt,   f(t) ∝ exp(νt − ν e^2t / 2),   t = log s

    By the trapezoidal rule, whose error is below rounding for a density that is analytic in
    a strip and decays on both sides.

    Parameters
    ----------
    tail
        P, elementwise over an array of any length; decreasing, near exp(−decay · x²) for
        large x.
    x
        (m,), not negative.
    df
        ν > 0; infinite: s is 1.

    Returns
    -------
    array
        (m,).
    """
    if np.isinf(df):
        return tail(x)
    largest = float(x.max(initial=0.0))
    center = -0.5 * np.log1p(2.0 * decay * largest**2 / df)  # mode of P(x e^t) f(t), at most 0
    low, high = center - _fall(df, -1.0), _fall(df, 1.0)
    step = min(_STEP, 0.5 / np.sqrt(df))
    t = np.linspace(low, high, int(np.ceil((high - low) / step)) + 1)
    scaled = 2.0 * t
    density = np.exp(0.5 * df * (scaled - np.expm1(scaled)))
    # For large ν the mass is all on the grid, for small ν what lies below it is known to be 1.
    found = tail(np.outer(x, np.exp(t)).ravel()).reshape(len(x), len(t))
    return found @ (density / density.sum())


def _fall(df: float, side: float) -> float:
    """Distance from 0 at which ν(2t − e^2t + 1)/2 falls to −42, to one side."""
    goal = 2.0 * _NEGLIGIBLE / df
    t = np.sqrt(goal / 2.0) if side > 0.0 else np.sqrt(goal / 2.0) + goal / 2.0
    low, high = 0.0, max(t, 1e-8) + 1.0
    while _drop(side * high) < goal:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _drop(side * middle) < goal else (low, middle)
    return high


def _drop(t: float) -> float:
    return float(np.expm1(2.0 * t) - 2.0 * t)
