"""Families: the conditional distributions of the response."""

from henderson.families.base import Derivatives, Family
from henderson.families.bell import Bell
from henderson.families.beta import Beta
from henderson.families.betabinomial import BetaBinomial
from henderson.families.binomial import Binomial
from henderson.families.compois import ConwayMaxwellPoisson
from henderson.families.cumulative import Cumulative
from henderson.families.exponential import Exponential
from henderson.families.family_table import family_table
from henderson.families.from_log_density import from_log_density
from henderson.families.gamma import Gamma
from henderson.families.gaussian import Gaussian
from henderson.families.genpois import GeneralizedPoisson
from henderson.families.hurdle import Hurdle
from henderson.families.inverse_gaussian import InverseGaussian
from henderson.families.lognormal import LogNormal
from henderson.families.nbinom1 import NegativeBinomial1
from henderson.families.nbinom2 import NegativeBinomial2
from henderson.families.nbinom12 import NegativeBinomial12
from henderson.families.ordbeta import OrderedBeta
from henderson.families.poisson import Poisson
from henderson.families.registry import FAMILIES, family_named
from henderson.families.response import Response
from henderson.families.skewnormal import SkewNormal
from henderson.families.student_t import StudentT
from henderson.families.truncated import Truncated
from henderson.families.tweedie import Tweedie
from henderson.families.weibull import Weibull
from henderson.families.zero_inflated import ZeroInflated
from henderson.families.zero_or_positive import ZeroOrPositive

__all__ = [
    "FAMILIES",
    "Bell",
    "Beta",
    "BetaBinomial",
    "Binomial",
    "ConwayMaxwellPoisson",
    "Cumulative",
    "Derivatives",
    "Exponential",
    "Family",
    "Gamma",
    "Gaussian",
    "GeneralizedPoisson",
    "Hurdle",
    "InverseGaussian",
    "LogNormal",
    "NegativeBinomial1",
    "NegativeBinomial2",
    "NegativeBinomial12",
    "OrderedBeta",
    "Poisson",
    "Response",
    "SkewNormal",
    "StudentT",
    "Truncated",
    "Tweedie",
    "Weibull",
    "ZeroInflated",
    "ZeroOrPositive",
    "family_named",
    "family_table",
    "from_log_density",
]
