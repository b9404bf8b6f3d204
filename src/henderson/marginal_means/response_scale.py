"""From the scale of the linear predictor to that of the response.

Intervals are transformed, not recomputed, so that they stay where the family has a mean;
standard errors follow by the delta method, se(μ̂) ≈ |h′(η̂)| se(η̂).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from henderson.arrays import Matrix, Vector
from henderson.estimation.estimates import TermEstimates
from henderson.links import Link

_NODES, _WEIGHTS = hermegauss(61)


@dataclass(frozen=True, slots=True)
class Transformed:
    """Estimates with standard errors and intervals, (r,) each."""

    estimate: Vector
    std_error: Vector
    lower: Vector
    upper: Vector


def back_transformed(
    eta: Vector, std_error: Vector, half_width: Vector, link: Link, tau: Vector, random: str
) -> Transformed:
    """Means of the response from η̂ ± half_width.

        "zero":       μ = h(η), the mean where all random effects are 0
        "integrate":  μ = E h(η + τZ),  Z ~ N(0, 1), the mean over the population of levels
        "adjust":     μ = h(η) + ½ h″(η) τ², its second-order approximation

    τ² is the variance z'Gz of the random effects' part, taken as known. The integral is a sum
    over 61 Gauss-Hermite nodes.

    Parameters
    ----------
    eta, std_error, half_width, tau
        (r,), on the scale of the linear predictor.
    """
    mean: Callable[[Vector], Matrix] = {
        "zero": lambda at: _conditional(at, link),
        "integrate": lambda at: _integrated(at, link, tau),
        "adjust": lambda at: _adjusted(at, link, tau),
    }[random]
    at, slope = mean(eta)
    ends = np.stack([mean(eta - half_width)[0], mean(eta + half_width)[0]])
    if link.name == "sqrt":  # not monotone: a mean cannot be less than where the link turns
        turn = np.abs(eta) < half_width
        ends[:, turn] = [mean(np.zeros_like(eta))[0][turn], ends.max(axis=0)[turn]]
    lower, upper = ends.min(axis=0), ends.max(axis=0)
    return Transformed(at, np.abs(slope) * std_error, lower, upper)


def ratios(eta: Vector, std_error: Vector, half_width: Vector) -> Transformed:
    """e^η̂ and its interval: ratios from differences of logarithms, odds ratios from logits."""
    with np.errstate(over="ignore", under="ignore"):
        ratio = np.exp(eta)
        return Transformed(
            ratio, ratio * std_error, np.exp(eta - half_width), np.exp(eta + half_width)
        )


def random_variance(z: Matrix, term: TermEstimates) -> Vector:
    """z'Gz of each row of z (r, k); shape (r,)."""
    return np.einsum("ij,jk,ik->i", z, term.covariance, z)


def _conditional(eta: Vector, link: Link) -> Matrix:
    at = link.inverse(eta)
    return np.stack([at.mu, at.dmu])


def _adjusted(eta: Vector, link: Link, tau: Vector) -> Matrix:
    at = link.inverse(eta)
    half = 0.5 * tau**2
    return np.stack([at.mu + half * at.d2mu, at.dmu + half * at.d3mu])


def _integrated(eta: Vector, link: Link, tau: Vector) -> Matrix:
    at = link.inverse((eta[:, None] + tau[:, None] * _NODES).ravel())
    weights = _WEIGHTS / _WEIGHTS.sum()
    shape = (len(eta), len(_NODES))
    return np.stack([at.mu.reshape(shape) @ weights, at.dmu.reshape(shape) @ weights])
