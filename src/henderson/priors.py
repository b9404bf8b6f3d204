"""Prior densities of coefficients and standard deviations, for maximum a posteriori estimates.

    ψ̂  =  argmax  log L(ψ) + Σ log p(ψᵢ)

A prior on a coefficient is a density on the real line, on the scale of the linear predictor. A
prior on a standard deviation is a density on (0, ∞); the normal and t ones are then folded at
0, so that twice their density counts. Nothing is added for the scale a search happens to use:
the mode is that of the standard deviation itself, as in Chung et al.

Source: Chung, Rabe-Hesketh, Dorie, Gelman & Liu (2013), Psychometrika 78(4), 685–709; Gelman,
Jakulin, Pittau & Su (2008), Ann. Appl. Stat. 2(4), 1360–1383.
"""

import ast
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import inf, isfinite, lgamma, log, log1p, pi
from numbers import Real
from types import MappingProxyType
from typing import ClassVar, final

from henderson.errors import ModelError, did_you_mean

__all__ = [
    "PRIORS",
    "Cauchy",
    "Gamma",
    "LogPrior",
    "Normal",
    "Prior",
    "StudentT",
    "prior_named",
]


@dataclass(frozen=True, slots=True)
class LogPrior:
    """log p at a point, with two derivatives."""

    value: float
    d1: float
    d2: float


@dataclass(frozen=True, slots=True)
class Prior(ABC):
    """A prior density of one coefficient or one standard deviation."""

    name: ClassVar[str]
    positive: ClassVar[bool] = False  # only for standard deviations

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
                raise ModelError(
                    f"{self.name}: {each.name}={value!r} is not a finite number. "
                    f"For example {EXAMPLES[self.name]}."
                )
        self._check()

    @abstractmethod
    def _check(self) -> None:
        """Refuse parameters outside their range."""

    @abstractmethod
    def log_density(self, x: float) -> LogPrior:
        """log p(x), x > 0 where the prior is for positive values."""

    @property
    @abstractmethod
    def centre(self) -> float:
        """Where the density is symmetric; not a number where it is not."""

    def __str__(self) -> str:
        values = ", ".join(f"{float(getattr(self, each.name)):g}" for each in fields(self))
        return f"{self.name}({values})"

    def _refuse_unless_positive(self, name: str) -> None:
        value = getattr(self, name)
        if not value > 0:
            raise ModelError(
                f"{self.name}: {name}={value!r} must be above 0. "
                f"For example {EXAMPLES[self.name]}."
            )


@final
@dataclass(frozen=True, slots=True)
class Normal(Prior):
    """log p(x) = −½((x − mean)/sd)² − log(sd √2π).

    Parameters
    ----------
    mean
        On the scale of the linear predictor. 0 on a standard deviation.
    sd
        Above 0.

    Raises
    ------
    ModelError
        For parameters that are not finite numbers, or an sd that is not above 0.

    Examples
    --------
    >>> Normal(0, 2.5).log_density(2.5).d1
    -0.4
    """

    mean: float
    sd: float

    name = "normal"

    def _check(self) -> None:
        self._refuse_unless_positive("sd")

    @property
    def centre(self) -> float:
        """The mean."""
        return float(self.mean)

    def log_density(self, x: float) -> LogPrior:
        """A parabola: it pulls the harder the farther away."""
        z = (x - self.mean) / self.sd
        return LogPrior(
            -0.5 * z * z - log(self.sd) - 0.5 * log(2.0 * pi),
            -z / self.sd,
            -1.0 / self.sd**2,
        )


@final
@dataclass(frozen=True, slots=True)
class StudentT(Prior):
    """log p(x) = −½(df + 1) log(1 + z²/df) + constant, z = (x − mean)/sd.

    Parameters
    ----------
    mean
        On the scale of the linear predictor. 0 on a standard deviation.
    sd
        The scale, above 0: the standard deviation of the normal density that it is with
        infinite degrees of freedom.
    df
        Degrees of freedom, above 0; 1 is the Cauchy density.

    Raises
    ------
    ModelError
        For parameters that are not finite numbers, or an sd or df that is not above 0.

    Examples
    --------
    >>> str(StudentT(0, 2.5, df=3))
    't(0, 2.5, 3)'
    """

    mean: float
    sd: float
    df: float

    name = "t"

    def _check(self) -> None:
        self._refuse_unless_positive("sd")
        self._refuse_unless_positive("df")

    @property
    def centre(self) -> float:
        """The mean."""
        return float(self.mean)

    def log_density(self, x: float) -> LogPrior:
        """A pull that fades far away, where the data are left to speak."""
        return _t(x, self.mean, self.sd, self.df)


@final
@dataclass(frozen=True, slots=True)
class Cauchy(Prior):
    """log p(x) = −log(1 + z²) − log(π scale), z = (x − location)/scale.

    Parameters
    ----------
    location
        On the scale of the linear predictor. 0 on a standard deviation.
    scale
        Above 0: half of the density is within it.

    Raises
    ------
    ModelError
        For parameters that are not finite numbers, or a scale that is not above 0.

    Notes
    -----
    With location 0 and scale 2.5, for covariates with a standard deviation of ½, the default of
    Gelman et al. (2008) for logistic regression.

    Examples
    --------
    >>> Cauchy(0, 2.5).log_density(0.0).d1 == 0.0
    True
    """

    location: float
    scale: float

    name = "cauchy"

    def _check(self) -> None:
        self._refuse_unless_positive("scale")

    @property
    def centre(self) -> float:
        """The location."""
        return float(self.location)

    def log_density(self, x: float) -> LogPrior:
        """The t density with one degree of freedom."""
        return _t(x, self.location, self.scale, 1.0)


@final
@dataclass(frozen=True, slots=True)
class Gamma(Prior):
    """log p(x) = (shape − 1) log x − rate x + constant, x > 0.

    Parameters
    ----------
    shape
        Above 1, so that the density is zero at zero and keeps a variance away from it.
    rate
        0 or more. With 0 the density is not proper, and its constant is left out.

    Raises
    ------
    ModelError
        For parameters that are not finite numbers, a shape of 1 or less or a negative rate.

    Notes
    -----
    The default, shape 2 and rate 0, adds log sd: where the likelihood is highest at 0, the
    estimate is about one standard error away from it (Chung et al. 2013). blme's default has
    shape 2.5. glmmTMB's ``gamma(mean, shape)`` is this with rate shape/mean.

    Examples
    --------
    >>> Gamma().log_density(0.5).d1
    2.0
    """

    shape: float = 2.0
    rate: float = 0.0

    name = "gamma"
    positive = True

    def _check(self) -> None:
        if not self.shape > 1:
            raise ModelError(
                f"gamma: shape={self.shape!r} must be above 1: with less the density does not "
                "go to 0 at 0, and a variance is not kept from it. For example gamma(2, 0)."
            )
        if self.rate < 0:
            raise ModelError(
                f"gamma: rate={self.rate!r} must be 0 or more. For example gamma(2, 0)."
            )

    @property
    def centre(self) -> float:
        """None: the density is skew."""
        return float("nan")

    def log_density(self, x: float) -> LogPrior:
        """Minus infinity at 0."""
        if not x > 0.0:
            return LogPrior(-inf, inf, -inf)
        constant = self.shape * log(self.rate) - lgamma(self.shape) if self.rate else 0.0
        a = self.shape - 1.0
        return LogPrior(constant + a * log(x) - self.rate * x, a / x - self.rate, -a / x**2)


def _t(x: float, mean: float, sd: float, df: float) -> LogPrior:
    z = (x - mean) / sd
    w = (df + 1.0) / (df + z * z)
    constant = lgamma(0.5 * (df + 1.0)) - lgamma(0.5 * df) - 0.5 * log(df * pi) - log(sd)
    return LogPrior(
        constant - 0.5 * (df + 1.0) * log1p(z * z / df),
        -w * z / sd,
        -w * (df - z * z) / (df + z * z) / sd**2,
    )


PRIORS: Mapping[str, type[Prior]] = MappingProxyType(
    {kind.name: kind for kind in (Normal, StudentT, Cauchy, Gamma)}
)
EXAMPLES = MappingProxyType(
    {
        "normal": "normal(0, 2.5)",
        "t": "t(0, 2.5, 3)",
        "cauchy": "cauchy(0, 2.5)",
        "gamma": "gamma(2, 0)",
    }
)


def prior_named(text: str) -> Prior:
    """A prior from text.

    Parameters
    ----------
    text
        "normal(mean, sd)", "t(mean, sd, df)", "cauchy(location, scale)" or
        "gamma(shape, rate)", with numbers, by place or by name.

    Returns
    -------
    Prior

    Raises
    ------
    ModelError
        For text that cannot be read, a prior that does not exist, or parameters that it does
        not have or that are out of their range.

    Examples
    --------
    >>> prior_named("t(0, 2.5, df=3)")
    StudentT(mean=0, sd=2.5, df=3)
    """
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if isinstance(call, ast.Name):
            call = ast.Call(call, [], [])
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Name)
        name = call.func.id
        values = [ast.literal_eval(each) for each in call.args]
        named = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, ValueError, AssertionError):
        raise ModelError(
            f"The prior {text!r} cannot be read. Write its name and its numbers, such as "
            f"{', '.join(EXAMPLES.values())}."
        ) from None
    if name not in PRIORS:
        raise ModelError(
            f"There is no prior {name!r}. {did_you_mean(name, list(PRIORS))}"
            f"Known: {', '.join(EXAMPLES.values())}."
        )
    try:
        return PRIORS[name](*values, **named)
    except TypeError:
        wanted = ", ".join(each.name for each in fields(PRIORS[name]))
        raise ModelError(
            f"The prior {text!r} has other parameters than {name}({wanted}). "
            f"For example {EXAMPLES[name]}."
        ) from None
