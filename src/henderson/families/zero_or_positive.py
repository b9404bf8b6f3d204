"""Positive measurements, or zero."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.beta import Beta
from henderson.families.exponential import Exponential
from henderson.families.gamma import Gamma
from henderson.families.inverse_gaussian import InverseGaussian
from henderson.families.lognormal import LogNormal
from henderson.families.response import Response
from henderson.families.weibull import Weibull
from henderson.families.zero_mixture import ZeroMixture

POSITIVE: tuple[type[Family], ...] = (
    Gamma,
    LogNormal,
    InverseGaussian,
    Exponential,
    Weibull,
    Beta,
)


@final
@dataclass(frozen=True, slots=True, init=False)
class ZeroOrPositive(ZeroMixture):
    """Zero with probability π, otherwise a positive measurement.

        P(Y = 0) = π,   density (1 − π) f(y | μ) for y > 0

    The last predictor, "zero_inflation", is logit π; μ and the dispersion are those of the
    positive values. E(y) = (1 − π) μ. Zero inflation and a hurdle are the same here.

    Parameters
    ----------
    base : Family
        Gamma, LogNormal, InverseGaussian, Exponential, Weibull or Beta, with its link.

    Examples
    --------
    >>> ZeroOrPositive(Gamma()).mean(np.zeros((1, 3)))
    array([0.5])
    """

    bases: ClassVar[tuple[type[Family], ...]] = POSITIVE
    zero_label = "probability of a zero"
    without_zeros = "no zeros"

    @property
    def prefix(self) -> str:
        return "zero_inflated_"

    @property
    def core_name(self) -> str:
        return "zero_or_" + self.base.core_name

    @property
    def discrete(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return False

    @property
    def counts(self) -> Family:
        """The distribution of the positive values."""
        return self.base

    @property
    def is_log_concave(self) -> bool:
        return self.base.is_log_concave

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        zero = self.point_mass(eta)
        inside = np.clip((probability - zero) / (1.0 - zero), 1e-300, 1.0 - 1e-16)
        above = self.base.quantile(inside, size, self.of_base(eta))
        return np.where(probability <= zero, 0.0, above)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        positive = response.y != 0.0
        given = np.arange(float(response.y.size)) if rows is None else rows
        self.base.check_response(Response.of(response.y[positive]), name, given[positive])

    def initial_point_mass(self, zeros: float) -> float:
        return float(np.clip(zeros, 0.01, 0.99))
