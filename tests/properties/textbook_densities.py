"""Log densities as textbooks state them, in arbitrary precision, to test the core against.

Nothing here is arranged for speed or for double precision. Each takes y, size, the natural
parameters (mean, complement of the mean, then the others), all mpmath numbers.
"""

from collections.abc import Callable
from typing import Any

import mpmath
from mpmath import mpf

from henderson.families import Family, Hurdle, StudentT, Truncated, ZeroOrPositive
from henderson.families.from_counts import FromCounts

mp: Any = mpmath.mp  # its functions are made at run time, out of sight of type checkers

INVERSE_LINKS: dict[str, Callable[[mpf], mpf]] = {
    "identity": lambda eta: eta,
    "log": mp.exp,
    "inverse": lambda eta: 1 / eta,
    "sqrt": lambda eta: eta**2,
    "softplus": lambda eta: mp.log1p(mp.exp(eta)),
    "power(1/3)": lambda eta: eta**3,
    "power(-2)": lambda eta: 1 / mp.sqrt(eta),
    "power(0.4)": lambda eta: eta ** (mp.mpf(5) / 2),
    "power(-1.5)": lambda eta: eta ** (-mp.mpf(2) / 3),
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


def nbinom12(y: mpf, _size: mpf, mu: mpf, _: mpf, phi: mpf, psi: mpf) -> mpf:
    return _negative_binomial(y, mu, 1 / (phi / mu + 1 / psi))


def genpois(y: mpf, _size: mpf, mu: mpf, _: mpf, phi: mpf) -> mpf:
    theta, slope = mu / mp.sqrt(phi), 1 - 1 / mp.sqrt(phi)
    t = theta + slope * y
    return mp.log(theta) + (y - 1) * mp.log(t) - t - mp.loggamma(y + 1)


def _log_sum(term: Callable[[int], mpf], first: int) -> mpf:
    """log of Σ e^term(j), j = first, first + 1, ... with one maximum."""
    reference = previous = term(first)
    total, j = mpf(1), first
    while True:
        j += 1
        t = term(j)
        total += mp.exp(t - reference)
        if t < previous and mp.exp(t - reference) < total * mp.eps**2:
            return reference + mp.log(total)
        previous = t


def compois(y: mpf, _size: mpf, mu: mpf, _: mpf, phi: mpf) -> mpf:
    nu = 1 / phi

    def sums(theta: mpf) -> tuple[mpf, mpf, mpf]:
        """Σ λ^j / j!^ν, and the same times j and j²."""
        term, j, out = mpf(1), mpf(0), [mpf(1), mpf(0), mpf(0)]
        while term > out[0] * mp.eps**2 or term * j > mu * out[0]:
            j += 1
            term *= mp.exp(theta - nu * mp.log(j))
            out = [out[0] + term, out[1] + j * term, out[2] + j**2 * term]
        return out[0], out[1], out[2]

    theta = nu * mp.log(mu) if nu > 1 else mp.log(mu / (1 + mu))
    for _trial in range(200):
        z, first, second = sums(theta)
        mean = first / z
        step = mp.log(mean / mu) * mean / (second / z - mean**2)
        theta -= step
        if abs(step) < mp.eps * 100:
            return y * theta - nu * mp.log(mp.factorial(y)) - mp.log(sums(theta)[0])
    raise ArithmeticError("the mean has no λ")


def bell(y: mpf, _size: mpf, mu: mpf, _: mpf) -> mpf:
    theta = mp.lambertw(mu)
    return y * mp.log(theta) + 1 - mp.exp(theta) + mp.log(mp.bell(int(y))) - mp.loggamma(y + 1)


def exponential(y: mpf, _size: mpf, mu: mpf, _: mpf) -> mpf:
    return -y / mu - mp.log(mu)


def weibull(y: mpf, _size: mpf, mu: mpf, _: mpf, k: mpf) -> mpf:
    scale = mu / mp.gamma(1 + 1 / k)
    return mp.log(k / scale) + (k - 1) * mp.log(y / scale) - (y / scale) ** k


def skewnormal(y: mpf, _size: mpf, mu: mpf, _: mpf, sigma: mpf, alpha: mpf) -> mpf:
    d = alpha / mp.sqrt(1 + alpha**2)
    omega = sigma / mp.sqrt(1 - 2 * d**2 / mp.pi)
    z = (y - mu + omega * d * mp.sqrt(2 / mp.pi)) / omega
    return mp.log(mp.erfc(-alpha * z / mp.sqrt(2)) / (omega * mp.sqrt(2 * mp.pi))) - z**2 / 2


def tweedie(y: mpf, _size: mpf, mu: mpf, _: mpf, phi: mpf, power: mpf) -> mpf:
    rate = mu ** (2 - power) / (phi * (2 - power))
    if y == 0:
        return -rate
    shape, scale = (2 - power) / (power - 1), phi * (power - 1) * mu ** (power - 1)
    return (
        _log_sum(
            lambda j: (
                j * mp.log(rate)
                - mp.loggamma(j + 1)
                + j * shape * mp.log(y / scale)
                - mp.loggamma(j * shape)
            ),
            1,
        )
        - rate
        - y / scale
        - mp.log(y)
    )


def ordbeta(y: mpf, size: mpf, mu: mpf, complement: mpf, phi: mpf, lower: mpf, gap: mpf) -> mpf:
    eta = mp.log(mu / complement)
    zero = 1 / (1 + mp.exp(eta - lower))
    one = 1 / (1 + mp.exp(lower + gap - eta))
    if y in {0, 1}:
        return mp.log(zero if y == 0 else one)
    return mp.log(1 - zero - one) + beta(y, size, mu, complement, phi)


def cumulative(family: Family, y: float, eta: tuple[mpf, ...]) -> mpf:
    """log [F(α_y − η) − F(α_y−1 − η)]."""
    probability = INVERSE_LINKS[family.link.name]
    if y == len(eta):
        complement = COMPLEMENTS.get(family.link.name, lambda x: 1 - probability(x))
        return mp.log(complement(eta[-1] - eta[0]))
    above = probability(eta[int(y)] - eta[0])
    below = probability(eta[int(y) - 1] - eta[0]) if y > 1 else mpf(0)
    return mp.log(above - below)


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
    "nbinom12": nbinom12,
    "genpois": genpois,
    "compois": compois,
    "bell": bell,
    "exponential": exponential,
    "weibull": weibull,
    "skewnormal": skewnormal,
    "tweedie": tweedie,
    "ordbeta": ordbeta,
}
INVERSE_OF_FURTHER: dict[tuple[str, str], Callable[[mpf], mpf]] = {  # exp where not named
    ("skewnormal", "shape"): lambda x: x,
    ("tweedie", "shape"): lambda x: 1 + 1 / (1 + mp.exp(-x)),
    ("ordbeta", "lower_cutpoint"): lambda x: x,
}


def _from_counts(family: FromCounts, y: float, size: float, eta: tuple[mpf, ...]) -> mpf:
    counts = eta[: len(family.base.predictors)]
    if isinstance(family, ZeroOrPositive):
        zero = 1 / (1 + mp.exp(-eta[-1]))
        return (
            mp.log(zero)
            if y == 0
            else mp.log1p(-zero) + log_density(family.base, y, size, counts)
        )
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
    if family.categories:
        return cumulative(family, y, eta)
    link, location = family.link.name, eta[0]
    mu = INVERSE_LINKS[link](location)
    complement = COMPLEMENTS[link](location) if link in COMPLEMENTS else 1 - mu
    others = [
        INVERSE_OF_FURTHER[family.name, name](x)
        if (family.name, name) in INVERSE_OF_FURTHER
        else mp.exp(x)
        for name, x in zip(family.predictors[1:], eta[1:], strict=True)
    ]
    if isinstance(family, StudentT) and family.df is not None:
        others.append(mpf(family.df))
    return DENSITIES[family.name](mpf(y), mpf(size), mu, complement, *others)
