"""Links: how the mean depends on its linear predictor, with three derivatives."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import ClassVar, final

import numpy as np
from scipy import special

from henderson.arrays import Vector
from henderson.errors import ModelError, did_you_mean

_NO_CONSTANTS = np.zeros(0)
_POWER = re.compile(r"power\(\s*(?:lambda\s*=\s*)?(?P<exponent>[^()]*?)\s*\)")
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?(?:\s*/\s*\d+)?")


@dataclass(frozen=True, slots=True)
class InverseLink:
    """μ = h(η) and what follows from it; every field has shape (n,)."""

    mu: Vector
    dmu: Vector  # dμ/dη
    d2mu: Vector  # d²μ/dη²
    d3mu: Vector  # d³μ/dη³: the gradient of the Laplace approximation needs it
    complement: Vector  # 1 − μ, kept because 1 − mu has no digits left once μ rounds to 1


@dataclass(frozen=True, slots=True)
class Link(ABC):
    """A link η = g(μ) and its inverse μ = h(η)."""

    name: ClassVar[str]

    @property
    def kind(self) -> str:
        """The name without the link's own numbers: as in `Family.links` and the core."""
        return self.name

    @property
    def constants(self) -> Vector:
        """The link's own numbers, for the core."""
        return _NO_CONSTANTS

    @property
    def decreases(self) -> bool:
        """Whether μ falls as η rises."""
        return False

    @abstractmethod
    def link(self, mu: Vector) -> Vector:
        """η = g(μ)."""

    @abstractmethod
    def inverse(self, eta: Vector) -> InverseLink:
        """μ = h(η) with three derivatives. Infinite or NaN where η is outside the domain."""

    def mean(self, eta: Vector) -> Vector:
        """μ = h(η)."""
        return self.inverse(eta).mu


@final
@dataclass(frozen=True, slots=True)
class Identity(Link):
    """g(μ) = μ."""

    name = "identity"

    def link(self, mu: Vector) -> Vector:
        """η = μ."""
        return np.array(mu, dtype=np.float64)

    def inverse(self, eta: Vector) -> InverseLink:
        """h = η, h′ = 1."""
        zero = np.zeros_like(eta)
        return InverseLink(
            mu=np.array(eta), dmu=zero + 1.0, d2mu=zero, d3mu=zero, complement=1.0 - eta
        )


@final
@dataclass(frozen=True, slots=True)
class Log(Link):
    """g(μ) = log μ, for μ > 0."""

    name = "log"

    def link(self, mu: Vector) -> Vector:
        """η = log μ."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(mu)

    def inverse(self, eta: Vector) -> InverseLink:
        """h = h′ = h″ = h‴ = e^η."""
        with np.errstate(over="ignore", under="ignore"):
            mu, complement = np.exp(eta), -np.expm1(eta)
        return InverseLink(mu=mu, dmu=mu, d2mu=mu, d3mu=mu, complement=complement)


@final
@dataclass(frozen=True, slots=True)
class Sqrt(Link):
    """g(μ) = √μ, for μ ≥ 0. The inverse is η² for η of either sign, as in R's families."""

    name = "sqrt"

    def link(self, mu: Vector) -> Vector:
        """η = √μ."""
        with np.errstate(invalid="ignore"):
            return np.sqrt(mu)

    def inverse(self, eta: Vector) -> InverseLink:
        """h = η², h′ = 2η, h″ = 2."""
        zero = np.zeros_like(eta)
        return InverseLink(
            mu=eta * eta,
            dmu=2.0 * eta,
            d2mu=zero + 2.0,
            d3mu=zero,
            complement=(1.0 - eta) * (1.0 + eta),
        )


@final
@dataclass(frozen=True, slots=True)
class Inverse(Link):
    """g(μ) = 1/μ."""

    name = "inverse"

    @property
    def decreases(self) -> bool:
        """Yes, where both are positive."""
        return True

    def link(self, mu: Vector) -> Vector:
        """η = 1/μ."""
        with np.errstate(divide="ignore"):
            return 1.0 / mu

    def inverse(self, eta: Vector) -> InverseLink:
        """h = 1/η, h′ = −h², h″ = 2h³, h‴ = −6h⁴."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
            mu = 1.0 / eta
            return InverseLink(
                mu=mu,
                dmu=-(mu**2),
                d2mu=2.0 * mu**3,
                d3mu=-6.0 * mu**4,
                complement=(eta - 1.0) * mu,
            )


@final
@dataclass(frozen=True, slots=True)
class Softplus(Link):
    """g(μ) = log(e^μ − 1), for μ > 0: a logarithm for small means, linear for large ones."""

    name = "softplus"

    def link(self, mu: Vector) -> Vector:
        """η = μ + log(1 − e^−μ)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return mu + np.log(-np.expm1(-np.asarray(mu)))

    def inverse(self, eta: Vector) -> InverseLink:
        """h = log(1 + e^η), h′ = p = 1 / (1 + e^−η), h″ = p(1 − p), h‴ = (1 − 2p) h″."""
        p, q = special.expit(eta), special.expit(-np.asarray(eta))
        with np.errstate(under="ignore"):
            mu = np.logaddexp(0.0, eta)
            return InverseLink(
                mu=mu, dmu=p, d2mu=p * q, d3mu=(q - p) * p * q, complement=1.0 - mu
            )


@final
@dataclass(frozen=True, slots=True)
class Power(Link):
    """g(μ) = μ^λ, for μ > 0 and η > 0, as R's ``power(lambda)``.

    Parameters
    ----------
    exponent
        λ, not 0; by default ⅓. With −2 the canonical link of the inverse Gaussian family.

    Raises
    ------
    ModelError
        For an exponent that is 0, where the link is the logarithm, or not finite.

    Examples
    --------
    >>> Power(0.5).mean(np.array([3.0])).round(10), Power().name
    (array([9.]), 'power(1/3)')
    """

    exponent: float = 1.0 / 3.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.exponent) and self.exponent != 0.0):
            raise ModelError(
                f"power: the exponent {self.exponent!r} must be a number other than 0. The "
                'limit at 0 is the link "log".'
            )

    @property
    def name(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """With the exponent as a decimal or a fraction: power(0.5), power(1/3)."""
        text = f"{self.exponent:g}"
        if float(text) != self.exponent:
            nearby = Fraction(self.exponent).limit_denominator(1000)
            text = str(nearby) if float(nearby) == self.exponent else repr(self.exponent)
        return f"power({text})"

    @property
    def kind(self) -> str:
        """Without the exponent."""
        return "power"

    @property
    def constants(self) -> Vector:
        """λ."""
        return np.array([self.exponent])

    @property
    def decreases(self) -> bool:
        """With a negative exponent."""
        return self.exponent < 0.0

    def link(self, mu: Vector) -> Vector:
        """η = μ^λ."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(mu, dtype=np.float64) ** self.exponent

    def inverse(self, eta: Vector) -> InverseLink:
        """With a = 1/λ: h = η^a, h′ = aη^(a−1), h″ = a(a − 1)η^(a−2); NaN where η < 0."""
        a = 1.0 / self.exponent
        at = np.where(np.asarray(eta) < 0.0, np.nan, eta)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
            mu = at**a
            return InverseLink(
                mu=mu,
                dmu=a * at ** (a - 1.0),
                d2mu=a * (a - 1.0) * at ** (a - 2.0),
                d3mu=a * (a - 1.0) * (a - 2.0) * at ** (a - 3.0),
                complement=-np.expm1(a * np.log(at)),
            )


@final
@dataclass(frozen=True, slots=True)
class Logit(Link):
    """g(μ) = log(μ / (1 − μ)), for 0 < μ < 1."""

    name = "logit"

    def link(self, mu: Vector) -> Vector:
        """η = log(μ / (1 − μ))."""
        return special.logit(mu)

    def inverse(self, eta: Vector) -> InverseLink:
        """h = 1 / (1 + e^−η), h′ = h(1 − h), h″ = (1 − 2h) h′, h‴ = (1 − 6h′) h′."""
        mu, complement = special.expit(eta), special.expit(-eta)
        with np.errstate(under="ignore"):
            dmu = mu * complement
            return InverseLink(
                mu=mu,
                dmu=dmu,
                d2mu=(complement - mu) * dmu,
                d3mu=(1.0 - 6.0 * dmu) * dmu,
                complement=complement,
            )


@final
@dataclass(frozen=True, slots=True)
class Probit(Link):
    """g(μ) = Φ⁻¹(μ), for 0 < μ < 1; Φ is the standard normal distribution function."""

    name = "probit"

    def link(self, mu: Vector) -> Vector:
        """η = Φ⁻¹(μ)."""
        return special.ndtri(mu)

    def inverse(self, eta: Vector) -> InverseLink:
        """h = Φ(η), h′ = φ(η), h″ = −η h′, h‴ = (η² − 1) h′."""
        with np.errstate(under="ignore"):
            z = np.clip(eta, -40.0, 40.0)  # φ is 0 beyond
            dmu = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
            return InverseLink(
                mu=special.ndtr(eta),
                dmu=dmu,
                d2mu=-z * dmu,
                d3mu=(z * z - 1.0) * dmu,
                complement=special.ndtr(-eta),
            )


@final
@dataclass(frozen=True, slots=True)
class CLogLog(Link):
    """Complementary log-log: g(μ) = log(−log(1 − μ)), for 0 < μ < 1."""

    name = "cloglog"

    def link(self, mu: Vector) -> Vector:
        """η = log(−log(1 − μ))."""
        with np.errstate(divide="ignore"):
            return np.log(-np.log1p(-mu))

    def inverse(self, eta: Vector) -> InverseLink:
        """With a = e^η: h = 1 − e^−a, h′ = a e^−a, h″ = (1 − a) h′, h‴ = (1 − 3a + a²) h′."""
        with np.errstate(under="ignore"):
            a = np.exp(np.minimum(eta, 300.0))  # all derivatives are 0 long before
            dmu = a * np.exp(-a)
            return InverseLink(
                mu=-np.expm1(-a),
                dmu=dmu,
                d2mu=(1.0 - a) * dmu,
                d3mu=(1.0 - 3.0 * a + a * a) * dmu,
                complement=np.exp(-a),
            )


@final
@dataclass(frozen=True, slots=True)
class LogLog(Link):
    """Log-log: g(μ) = −log(−log μ), for 0 < μ < 1; cloglog of the other outcome."""

    name = "loglog"

    def link(self, mu: Vector) -> Vector:
        """η = −log(−log μ)."""
        with np.errstate(divide="ignore"):
            return -np.log(-np.log(mu))

    def inverse(self, eta: Vector) -> InverseLink:
        """With a = e^−η: h = e^−a, h′ = a e^−a, h″ = (a − 1) h′, h‴ = (1 − 3a + a²) h′."""
        with np.errstate(under="ignore"):
            a = np.exp(np.minimum(-eta, 300.0))  # all derivatives are 0 long before
            dmu = a * np.exp(-a)
            return InverseLink(
                mu=np.exp(-a),
                dmu=dmu,
                d2mu=(a - 1.0) * dmu,
                d3mu=(1.0 - 3.0 * a + a * a) * dmu,
                complement=-np.expm1(-a),
            )


@final
@dataclass(frozen=True, slots=True)
class Cauchit(Link):
    """g(μ) = tan(π(μ − ½)), for 0 < μ < 1: the quantiles of the Cauchy distribution."""

    name = "cauchit"

    def link(self, mu: Vector) -> Vector:
        """η = −1 / tan(πμ)."""
        with np.errstate(divide="ignore"):
            return -1.0 / np.tan(np.pi * mu)

    def inverse(self, eta: Vector) -> InverseLink:
        """With s = 1 / (1 + η²): h′ = s/π, h″ = −2ηs h′, h‴ = (6η²s² − 2s²) h′."""
        with np.errstate(over="ignore", under="ignore"):
            s = 1.0 / (1.0 + eta * eta)
            t, dmu = eta * s, s / np.pi
            return InverseLink(
                mu=np.arctan2(1.0, -eta) / np.pi,
                dmu=dmu,
                d2mu=-2.0 * t * dmu,
                d3mu=(6.0 * t * t - 2.0 * s * s) * dmu,
                complement=np.arctan2(1.0, eta) / np.pi,
            )


LINKS: Mapping[str, Link] = MappingProxyType(
    {
        link.name: link
        for link in (
            Identity(),
            Log(),
            Logit(),
            Probit(),
            CLogLog(),
            LogLog(),
            Cauchit(),
            Inverse(),
            Sqrt(),
            Softplus(),
        )
    }
    | {"power": Power()}
)
OTHER_NAMES: Mapping[str, Link] = MappingProxyType({"1/mu^2": Power(-2.0)})


def link_named(name: str) -> Link:
    """Look up a link.

    Parameters
    ----------
    name : str
        One of "identity", "log", "logit", "probit", "cloglog", "loglog", "cauchit",
        "inverse", "sqrt", "softplus", or "power(0.5)" with any exponent but 0, ⅓ if none is
        given; "1/mu^2" is "power(-2)".

    Returns
    -------
    Link

    Raises
    ------
    ModelError
        If there is no such link, or no such exponent; the message names the nearest one.

    Examples
    --------
    >>> link_named("logit").mean(np.array([0.0]))
    array([0.5])
    >>> link_named("power(1/4)")
    Power(exponent=0.25)
    """
    if name in LINKS:
        return LINKS[name]
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    power = _POWER.fullmatch(name.strip())
    if power is not None:
        if not _NUMBER.fullmatch(power["exponent"]):
            raise ModelError(
                f"The link {name!r} has no number as its exponent. Write it like "
                '"power(0.5)" or "power(1/3)".'
            )
        above, _, below = power["exponent"].partition("/")
        if below and not float(below):
            raise ModelError(f"The exponent of the link {name!r} divides by 0.")
        return Power(float(above) / float(below or 1.0))
    raise ModelError(
        f"There is no link called {name!r}. {did_you_mean(name, list(LINKS))}"
        f"Known: {', '.join(LINKS)}."
    )
