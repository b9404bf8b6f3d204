"""The distribution of the studentized range, that of Tukey's comparison of all pairs."""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import log_ndtr, ndtr

from henderson.arrays import Vector
from henderson.inference.simultaneous.chi_scale import average_over_scale
from henderson.inference.simultaneous.roots import falling_root
from henderson.quantiles import student_quantile

_Z = np.linspace(-9.5, 9.5, 153)  # around q / 2, in steps of 1/8
_MANY = 160  # values, above which they are interpolated
_CHUNK = 20_000  # ranges at a time: 24 MB


def range_tail(q: Vector, k: float) -> Vector:
    """P(max − min > q) of k independent standard normal variables.

        k ∫ φ(z) {Φ(z)^(k−1) − [Φ(z) − Φ(z − q)]^(k−1)} dz

    Both integrands are added up as one, with nothing cancelled, so that small probabilities
    keep their digits. The sum over equally spaced z is exact to rounding.

    Parameters
    ----------
    q
        (m,), not negative.
    k
        Number of variables, at least 1; need not be whole.
    """
    tails = np.empty(len(q))
    for start in range(0, len(q), _CHUNK):
        part = q[start : start + _CHUNK, None]
        z = _Z + 0.5 * part
        log_phi = -0.5 * z * z - 0.5 * np.log(2.0 * np.pi)
        log_below = log_ndtr(z)
        ratio = np.minimum(ndtr(z - part) * np.exp(-log_below), 1.0)
        with np.errstate(divide="ignore"):
            lost = -np.expm1((k - 1.0) * np.log1p(-ratio))
        found = np.exp(log_phi + (k - 1.0) * log_below) * lost
        tails[start : start + _CHUNK] = k * found.sum(axis=1) * (_Z[1] - _Z[0])
    return np.clip(tails, 0.0, 1.0)


def studentized_range_tail(q: Vector, k: float, df: float) -> Vector:
    """P(Q > q) of the studentized range of k means with ν degrees of freedom.

        Q = (max − min) / s,   s² ~ χ²_ν / ν

    Parameters
    ----------
    q
        (m,), not negative.
    k
        Number of means; need not be whole.
    df
        ν > 0, infinite for known variances.

    Returns
    -------
    array
        (m,), to about ten digits, also where the probability is small.

    Notes
    -----
    Source: Copenhaver & Holland (1988), J. Stat. Comput. Simul. 30, 1–15, for the integrals;
    here they are summed by the trapezoidal rule.

    Examples
    --------
    >>> round(float(studentized_range_tail(np.array([3.5]), 3, 20.0)[0]), 6)
    0.055892
    """

    def tail(of: Vector) -> Vector:
        return average_over_scale(lambda x: range_tail(x, k), of, df, 0.25)

    if len(q) <= _MANY:
        return tail(q)
    return _interpolated(tail, q)


def _interpolated(tail: Callable[[Vector], Vector], q: Vector) -> Vector:
    """log P as a polynomial in asinh q, by its values at Chebyshev points."""
    largest = float(np.arcsinh(q.max()))
    angles = np.pi * (np.arange(_MANY) + 0.5) / _MANY
    nodes = 0.5 * largest * (1.0 + np.cos(angles))
    with np.errstate(divide="ignore"):
        values = np.maximum(np.log(tail(np.sinh(nodes))), -700.0)
    fitted = chebyshev.Chebyshev.fit(nodes, values, _MANY - 1, domain=[0.0, largest])
    return np.clip(np.exp(fitted(np.arcsinh(q))), 0.0, 1.0)


def studentized_range_quantile(probability: float, k: float, df: float) -> float:
    """q with P(Q ≤ q) = `probability`."""
    # All pairs are at least one pair and at most k(k − 1)/2 of them (Bonferroni).
    above = 1.0 - probability
    pairs = max(0.5 * k * (k - 1.0), 1.0)
    root2 = np.sqrt(2.0)
    low = root2 * student_quantile(1.0 - above / 2.0, df)
    high = root2 * student_quantile(1.0 - above / (2.0 * pairs), df)
    return falling_root(
        lambda q: float(studentized_range_tail(np.array([q]), k, df)[0]) - above,
        0.999 * low,
        1.001 * high,
    )
