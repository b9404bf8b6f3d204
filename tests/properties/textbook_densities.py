"""Log densities as textbooks state them, in arbitrary precision, to test the core against.

Nothing here is arranged for speed or for double precision. Each takes y, size, the natural
parameters (mean, complement of the mean, then the others), all mpmath numbers.
"""

from collections.abc import Callable
from typing import Any

import mpmath
from mpmath import mpf

from henderson.families import Family, Hurdle, StudentT, Truncated
from henderson.families.from_counts import FromCounts

mp: Any = mpmath.mp  # its functions are made at run time, out of sight of type checkers

INVERSE_LINKS: dict[str, Callable[[mpf], mpf]] = {
    "identity": lambda eta: eta,
    "log": mp.exp,
    "inverse": lambda eta: 1 / eta,
    "sqrt": lambda eta: eta**2,
    "logit": lambda eta: 1 / (1 + mp.exp(-eta)),
    "probit": lambda eta: mp.erfc(-eta / mp.sqrt(2)) / 2,
    "cloglog": lambda eta: -mp.expm1(-mp.exp(eta)),
    "loglog": lambda eta: mp.exp(-mp.exp(-eta)),
    "cauchit": lambda eta: mp.mpf(1) / 2 + mp.atan(eta) / mp.pi,
}
COMPLEMENTS: dict[str, Callable[[mpf], mpf]] = {
    "logit": lambda eta: 1 / (1 + mp.exp(eta)),
    "probit": lambda eta: mp.erfc(eta / mp.sqrt(2)) / 2,
    "cloglog": lambda eta: mp.exp(-mp.exp(eta)),
    "loglog": lambda eta: -mp.expm1(-mp.exp(-eta)),
}


def gaussian(y: mpf, size: mpf, mu: mpf, _: mpf, sigma: mpf) -> mpf:
    variance = sigma**2 / size
    return -mp.log(2 * mp.pi * variance) / 2 - (y - mu) ** 2 / (2 * variance)


def _times_log(a: mpf, b: mpf) -> mpf:
    return a * mp.log(b) if a != 0 else mpf(0)


def binomial(y: mpf, size: mpf, mu: mpf, complement: mpf) -> mpf:
    choose = mp.loggamma(size + 1) - mp.loggamma(y + 1) - mp.loggamma(size - y + 1)
    return choose + _times_log(y, mu) + _times_log(size - y, complement)


def poisson(y: mpf, _size: mpf, mu: mpf, _: mpf) -> mpf:
    return _times_log(y, mu) - mu - mp.loggamma(y + 1)


def _negative_binomial(y: mpf, mu: mpf, k: mpf) -> mpf:
    choose = mp.loggamma(y + k) - mp.loggamma(k) - mp.loggamma(y + 1)
    return choose - k * mp.log1p(mu / k) + _times_log(y, mu / (mu + k))


def nbinom2(y: mpf, _size: mpf, mu: mpf, _: mpf, phi: mpf) -> mpf:
    return _negative_binomial(y, mu, phi)


def nbinom1(y: mpf, _size: mpf, mu: mpf, _: mpf, phi: mpf) -> mpf:
    return _negative_binomial(y, mu, mu / phi)


def gamma(y: mpf, _size: mpf, mu: mpf, _: mpf, cv: mpf) -> mpf:
    shape = 1 / cv**2
    scale = mu / shape
    return (shape - 1) * mp.log(y) - y / scale - shape * mp.log(scale) - mp.loggamma(shape)


def beta(y: mpf, _size: mpf, mu: mpf, complement: mpf, phi: mpf) -> mpf:
    a, b = mu * phi, complement * phi
    log_beta = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    return (a - 1) * mp.log(y) + (b - 1) * mp.log1p(-y) - log_beta


def student_t(y: mpf, _size: mpf, mu: mpf, _: mpf, sigma: mpf, df: mpf) -> mpf:
    z = (y - mu) / sigma
    constant = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2
    return constant - mp.log(sigma) - (df + 1) / 2 * mp.log1p(z**2 / df)


def betabinomial(y: mpf, size: mpf, mu: mpf, complement: mpf, phi: mpf) -> mpf:
    def log_beta(a: mpf, b: mpf) -> mpf:
        return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)

    a, b = mu * phi, complement * phi
    choose = mp.loggamma(size + 1) - mp.loggamma(y + 1) - mp.loggamma(size - y + 1)
    return choose + log_beta(y + a, size - y + b) - log_beta(a, b)


def lognormal(y: mpf, _size: mpf, mu: mpf, _: mpf, sigma: mpf) -> mpf:
    center = mp.log(mu) - sigma**2 / 2
    z = (mp.log(y) - center) / sigma
    return -(z**2) / 2 - mp.log(y * sigma * mp.sqrt(2 * mp.pi))


def inverse_gaussian(y: mpf, _size: mpf, mu: mpf, _: mpf, phi: mpf) -> mpf:
    return -mp.log(2 * mp.pi * phi * y**3) / 2 - (y - mu) ** 2 / (2 * phi * mu**2 * y)


DENSITIES: dict[str, Callable[..., mpf]] = {
    "gaussian": gaussian,
    "binomial": binomial,
    "poisson": poisson,
    "nbinom1": nbinom1,
    "nbinom2": nbinom2,
    "gamma": gamma,
    "beta": beta,
    "t": student_t,
    "betabinomial": betabinomial,
    "lognormal": lognormal,
    "inverse_gaussian": inverse_gaussian,
}


def _from_counts(family: FromCounts, y: float, size: float, eta: tuple[mpf, ...]) -> mpf:
    counts = eta[: len(family.base.predictors)]
    zero = mp.exp(log_density(family.base, 0.0, size, counts))
    density = mp.exp(log_density(family.base, y, size, counts))
    if isinstance(family, Truncated):
        return mp.log(density / (1 - zero))
    inflated = 1 / (1 + mp.exp(-eta[-1]))
    if isinstance(family, Hurdle):
        return mp.log(inflated if y == 0 else (1 - inflated) * density / (1 - zero))
    return mp.log((inflated if y == 0 else 0) + (1 - inflated) * density)


def log_density(family: Family, y: float, size: float, eta: tuple[mpf, ...]) -> mpf:
    """log f(y | η) of a family."""
    if isinstance(family, FromCounts):
        return _from_counts(family, y, size, eta)
    link, location = family.link.name, eta[0]
    mu = INVERSE_LINKS[link](location)
    complement = COMPLEMENTS[link](location) if link in COMPLEMENTS else 1 - mu
    others = [mp.exp(x) for x in eta[1:]]
    if isinstance(family, StudentT) and family.df is not None:
        others.append(mpf(family.df))
    return DENSITIES[family.name](mpf(y), mpf(size), mu, complement, *others)
