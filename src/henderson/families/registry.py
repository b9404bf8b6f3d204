"""Families by name."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from henderson.errors import ModelError, did_you_mean
from henderson.families.base import Family
from henderson.families.bell import Bell
from henderson.families.beta import Beta
from henderson.families.betabinomial import BetaBinomial
from henderson.families.binomial import Binomial
from henderson.families.compois import ConwayMaxwellPoisson
from henderson.families.cumulative import Cumulative
from henderson.families.exponential import Exponential
from henderson.families.from_counts import FromCounts
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
from henderson.families.skewnormal import SkewNormal
from henderson.families.student_t import StudentT
from henderson.families.truncated import Truncated
from henderson.families.tweedie import Tweedie
from henderson.families.weibull import Weibull
from henderson.families.zero_inflated import ZeroInflated
from henderson.families.zero_or_positive import POSITIVE, ZeroOrPositive

FAMILIES: Mapping[str, type[Family]] = MappingProxyType(
    {
        family.name: family
        for family in (
            Gaussian,
            Binomial,
            Poisson,
            NegativeBinomial1,
            NegativeBinomial2,
            Gamma,
            Beta,
            StudentT,
            BetaBinomial,
            LogNormal,
            InverseGaussian,
            NegativeBinomial12,
            GeneralizedPoisson,
            ConwayMaxwellPoisson,
            Bell,
            Exponential,
            Weibull,
            SkewNormal,
            Tweedie,
            OrderedBeta,
            Cumulative,
        )
    }
)

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "normal": "gaussian",
        "bernoulli": "binomial",
        "negative_binomial": "nbinom2",
        "negbinomial": "nbinom2",
        "nb": "nbinom2",
        "nb1": "nbinom1",
        "nb2": "nbinom2",
        "negative_binomial1": "nbinom1",
        "negative_binomial2": "nbinom2",
        "beta_family": "beta",
        "student": "t",
        "student_t": "t",
        "t_family": "t",
        "beta_binomial": "betabinomial",
        "betabinom": "betabinomial",
        "log_normal": "lognormal",
        "inversegaussian": "inverse_gaussian",
        "invgauss": "inverse_gaussian",
        "generalized_poisson": "genpois",
        "conway_maxwell_poisson": "compois",
        "com_poisson": "compois",
        "compoisson": "compois",
        "cmp": "compois",
        "skew_normal": "skewnormal",
        "ordered_beta": "ordbeta",
        "ordinal": "cumulative",
        "clm": "cumulative",
        "clmm": "cumulative",
        "zigamma": "zero_inflated_gamma",
    }
)


def zero_inflated(base: Family) -> FromCounts:
    """The family with a point mass at zero added."""
    return ZeroOrPositive(base) if isinstance(base, POSITIVE) else ZeroInflated(base)


def hurdle(base: Family) -> FromCounts:
    """The family with zeros of their own instead of its own."""
    return ZeroOrPositive(base) if isinstance(base, POSITIVE) else Hurdle(base)


# "truncated_poisson" is Truncated(Poisson())
WRAPPERS: Mapping[str, Callable[[Family], FromCounts]] = MappingProxyType(
    {"truncated_": Truncated, "zero_inflated_": zero_inflated, "hurdle_": hurdle}
)

_CALL = re.compile(
    r"(?P<name>[\w.]+)\s*\(\s*(?:link\s*=\s*)?[\"']?(?P<link>[^\"',=]*?)[\"']?\s*\)"
)


def family_named(name: str, link: str | None = None) -> Family:
    """Look up a family.

    Parameters
    ----------
    name : str
        One of "gaussian", "t", "skewnormal", "gamma", "lognormal", "inverse_gaussian",
        "exponential", "weibull", "tweedie", "binomial", "betabinomial", "beta", "ordbeta",
        "cumulative", "poisson", "nbinom1", "nbinom2", "nbinom12", "genpois", "compois", "bell",
        or another name these go by, in upper or lower case. The link may follow in parentheses,
        as in R: "binomial(probit)". The counts may follow "truncated_", "zero_inflated_" or
        "hurdle_": "truncated_poisson"; positive measurements "zero_inflated_".
    link : str, optional
        Default: the family's own.

    Returns
    -------
    Family

    Raises
    ------
    ModelError
        If there is no such family or it has no such link; the message names the nearest one.

    Examples
    --------
    >>> family_named("Gamma", link="inverse")
    Gamma(link=Inverse())
    >>> family_named("binomial(link = 'probit')")
    Binomial(link=Probit())
    """
    call = _CALL.fullmatch(name.strip())
    if call and link is None:
        name, link = call["name"], call["link"] or None
    key = name.strip().lower().replace(".", "_").replace("-", "_")
    key = ALIASES.get(key, key)
    for prefix, wrapper in WRAPPERS.items():
        if key.startswith(prefix):
            return wrapper(family_named(key.removeprefix(prefix), link))
    if key not in FAMILIES:
        raise ModelError(
            f"There is no family called {name!r}. "
            f"{did_you_mean(key, [*FAMILIES, *ALIASES])}Known: {', '.join(FAMILIES)}."
        )
    return FAMILIES[key](link=link)  # pyright: ignore[reportCallIssue]
