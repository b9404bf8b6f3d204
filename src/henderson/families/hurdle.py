"""Counts whose zeros and whose other values have models of their own."""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.families.base import Family
from henderson.families.from_counts import FromCounts
from henderson.families.truncated import Truncated
from henderson.families.zero_mixture import ZeroMixture


@final
@dataclass(frozen=True, slots=True, init=False)
class Hurdle(ZeroMixture):
    """Zeros with probability π, and truncated counts.

        P(Y = 0) = π,   P(Y = y) = (1 − π) f(y | μ) / (1 − f(0 | μ)),   y in 1, 2, ...

    The last predictor, "zero_inflation", is logit π; μ and the dispersion are those of the
    counts f before truncation. E(y) = (1 − π) μ / (1 − f(0)).

    Parameters
    ----------
    base : Family
        A family of counts with its link, such as NegativeBinomial2(); or these `Truncated`.

    Notes
    -----
    Mullahy (1986), Journal of Econometrics 33(3), 341–365.

    Examples
    --------
    >>> from henderson.families import Poisson
    >>> Hurdle(Poisson()).mean(np.zeros((1, 2))).round(4)
    array([0.791])
    """

    zero_label = "probability of a zero"
    without_zeros = "no zeros"

    def __init__(self, base: Family) -> None:
        FromCounts.__init__(self, base.base if isinstance(base, Truncated) else base)

    @property
    def prefix(self) -> str:
        return "hurdle_"

    @property
    def counts(self) -> Truncated:
        """The distribution of counts that are not zero."""
        return Truncated(self.base)

    @property
    def is_log_concave(self) -> bool:
        return self.counts.is_log_concave

    def initial_point_mass(self, zeros: float) -> float:
        return float(np.clip(zeros, 0.01, 0.99))
