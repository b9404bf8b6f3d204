"""Counts with more zeros than their distribution has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.families.base import Family
from henderson.families.response import Response
from henderson.families.zero_mixture import ZeroMixture


@final
@dataclass(frozen=True, slots=True, init=False)
class ZeroInflated(ZeroMixture):
    """A point mass at zero mixed with a family of counts.

        P(Y = y) = π [y = 0] + (1 − π) f(y | μ)

    π is the probability of a structural zero; the last predictor, "zero_inflation", is
    logit π. μ and the dispersion are those of the counts f:

        E(y) = (1 − π) μ,   Var(y) = (1 − π)(V + π μ²),   V the variance of the counts

    Parameters
    ----------
    base : Family
        A family of counts with its link, such as NegativeBinomial2().

    Notes
    -----
    Lambert (1992), Technometrics 34(1), 1–14.

    Examples
    --------
    >>> from henderson.families import Poisson
    >>> family = ZeroInflated(Poisson())
    >>> family.predictors
    ('location', 'zero_inflation')
    >>> family.mean(np.zeros((1, 2)))
    array([0.5])
    """

    zero_label = "probability of a zero that is not of the counts"
    without_zeros = "no structural zeros"

    @property
    def prefix(self) -> str:
        return "zero_inflated_"

    @property
    def counts(self) -> Family:
        """The wrapped family, which has zeros of its own."""
        return self.base

    def initial_point_mass(self, zeros: float) -> float:
        return float(np.clip(0.5 * zeros, 0.02, 0.9))

    def other_starts(self, response: Response) -> tuple[Mapping[str, float], ...]:
        """Nearly all zeros structural, and nearly none: they may be of either kind."""
        zeros = float(np.mean(response.y == 0.0))
        shares = np.clip([0.8 * zeros, 0.05 * zeros], 0.01, 0.9)
        return (
            *({"zero_inflation": float(special.logit(share))} for share in shares),
            *self.base.other_starts(response),
        )
