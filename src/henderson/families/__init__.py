"""Families: the conditional distributions of the response."""

from henderson.families.base import Derivatives, Family
from henderson.families.beta import Beta
from henderson.families.betabinomial import BetaBinomial
from henderson.families.binomial import Binomial
from henderson.families.gamma import Gamma
from henderson.families.gaussian import Gaussian
from henderson.families.hurdle import Hurdle
from henderson.families.inverse_gaussian import InverseGaussian
from henderson.families.lognormal import LogNormal
from henderson.families.nbinom1 import NegativeBinomial1
from henderson.families.nbinom2 import NegativeBinomial2
from henderson.families.poisson import Poisson
from henderson.families.registry import FAMILIES, family_named
from henderson.families.response import Response
from henderson.families.student_t import StudentT
from henderson.families.truncated import Truncated
from henderson.families.zero_inflated import ZeroInflated

__all__ = [
    "FAMILIES",
    "Beta",
    "BetaBinomial",
    "Binomial",
    "Derivatives",
    "Family",
    "Gamma",
    "Gaussian",
    "Hurdle",
    "InverseGaussian",
    "LogNormal",
    "NegativeBinomial1",
    "NegativeBinomial2",
    "Poisson",
    "Response",
    "StudentT",
    "Truncated",
    "ZeroInflated",
    "family_named",
]
