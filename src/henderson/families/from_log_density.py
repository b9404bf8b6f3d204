"""Families from a log density written in NumPy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.families.base import Derivatives, Family
from henderson.families.bisection import real_quantile
from henderson.families.counts import smallest_count
from henderson.families.jets import Jet, packed, variables
from henderson.families.response import Response
from henderson.families.support import require, require_finite
from henderson.links import Link, link_named

Function = Callable[..., Any]  # of y and the parameters, on their own scales
_TWO = MappingProxyType({"location": "identity", "dispersion": "log"})


@final
@dataclass(frozen=True, slots=True, init=False)
class FromLogDensity(Family):
    """What `from_log_density` makes."""

    name: str  # pyright: ignore[reportIncompatibleVariableOverride]
    function: Function
    parameters: tuple[tuple[str, str], ...]  # (predictor, link), the location first
    start: tuple[float, ...]  # of the parameters after the location, on their own scale
    support: tuple[float, float]
    discrete: bool  # pyright: ignore[reportIncompatibleVariableOverride]
    given: tuple[tuple[str, Function], ...]  # mean, variance, cdf, simulate, as far as given

    @property
    def links(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return (self.link.name,)

    @property
    def predictors(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.parameters)

    @property
    def further_labels(self) -> tuple[tuple[str, str], ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return tuple((name, name) for name in self.predictors[1:] if name != "dispersion")

    @property
    def dispersion_label(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return f"of the {self.name} family"

    def link_of(self, predictor: str) -> Link:
        return link_named(dict(self.parameters).get(predictor, "log"))

    @property
    def mean_is_of_location(self) -> bool:
        return "mean" not in dict(self.given)

    def log_density(self, response: Response, eta: Matrix, order: int = 0) -> Derivatives:
        """weight × log f(y | η) and its derivatives in η up to `order`."""
        links = [link_named(name) for _, name in self.parameters]
        with np.errstate(all="ignore"):
            at = variables(eta, [link.inverse for link in links], order)
            found = self.function(response.y, *at)
            jet = found if isinstance(found, Jet) else at[0].constant(found)
            weight = response.weight
            value = np.where(weight == 0.0, 0.0, weight * jet.value)
            value = np.where(np.isnan(value), -np.inf, value)
            columns = [weight[:, None] * packed(d) for d in jet.derivatives]
        columns = [np.where(weight[:, None] == 0.0, 0.0, c) for c in columns]
        return Derivatives(value, *columns, *[None] * (3 - order))

    def natural(self, eta: Matrix) -> list[Vector]:
        """The parameters on their own scales, (n,) each."""
        return [link_named(link).mean(eta[:, k]) for k, (_, link) in enumerate(self.parameters)]

    def _of_user(self, what: str, *arguments: object) -> Vector:
        functions = dict(self.given)
        if what not in functions:
            raise ModelError(
                f"The {self.name} family was made from a log density alone, and this needs its "
                f"{what} too. Give {what}= to hd.families.from_log_density."
            )
        return np.asarray(functions[what](*arguments), dtype=np.float64)

    def mean(self, eta: Matrix) -> Vector:
        if self.mean_is_of_location:
            return self.link.mean(eta[:, 0])
        return self._of_user("mean", *self.natural(eta))

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return self._of_user("variance", *self.natural(eta))

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        low, high = self.support
        below = self._of_user("cdf", np.clip(y, low, high), *self.natural(eta))
        return np.where(y < low, 0.0, below)

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        guess = self.mean(eta)
        if self.discrete:
            largest = np.full_like(guess, self.support[1])
            return smallest_count(probability, lambda y: self.cdf(y, size, eta), guess, largest)
        unit = np.sqrt(self.variance(eta, size)) if "variance" in dict(self.given) else 1.0
        found = real_quantile(probability, lambda y: self.cdf(y, size, eta), guess, unit)
        return np.clip(found, *self.support)

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        if "simulate" not in dict(self.given) and "cdf" in dict(self.given):
            return self.quantile(rng.random(len(eta)), size, eta)
        return self._of_user("simulate", *self.natural(eta), rng)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """Not known: the largest density of an observation is not."""
        raise ModelError(
            f"The {self.name} family was made from a log density, which does not say what its "
            'deviance residuals are. Give kind="pearson" or kind="response".'
        )

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        y, (low, high) = response.y, self.support
        require_finite(y, name, rows)
        whole = (y == np.floor(y)) if self.discrete else np.ones(y.shape, dtype=bool)
        require(
            (y >= low) & (y <= high) & whole,
            y,
            name,
            rows,
            rule=f"the {self.name} family is for {'whole ' if self.discrete else ''}numbers "
            f"from {low:g} to {high:g}",
            remedy="correct the value, or the support= of the family.",
        )

    def initial_mean(self, response: Response) -> Vector:
        """The observations, moved to where the link is finite."""
        y = response.y
        if self.link.name in {"log", "inverse", "sqrt"}:
            return np.maximum(y, 0.1 * (float(np.abs(y).mean()) or 1.0))
        return y if self.link.name == "identity" else np.clip(y, 0.05, 0.95)

    def initial_dispersion(self, response: Response) -> Vector:
        return np.array(
            [
                self.link_of(name).link(np.array([value]))[0]
                for name, value in zip(self.predictors[1:], self.start, strict=True)
            ]
        )


def from_log_density(
    log_density: Function,
    *,
    name: str = "user",
    parameters: Mapping[str, str] = _TWO,
    start: Mapping[str, float] | None = None,
    support: tuple[float, float] = (-np.inf, np.inf),
    discrete: bool = False,
    mean: Function | None = None,
    variance: Function | None = None,
    cdf: Function | None = None,
    simulate: Function | None = None,
) -> Family:
    """A family from its log density, written in NumPy; all derivatives follow.

    Parameters
    ----------
    log_density : callable
        log f(y, location, ...), of the response (n,) and the parameters on their own scales, in
        the order of `parameters`. It may use arithmetic, np.where and the functions exp, expm1,
        log, log1p, sqrt, square, reciprocal, abs, sin, cos, tanh, arctan, logaddexp of NumPy
        and gammaln, digamma, expit, log_expit, ndtr, log_ndtr, xlogy, xlog1py of scipy.special.
        Constants count: the log-likelihood, AIC and BIC contain them.
    name : str
        What summaries call the family.
    parameters : mapping
        Link of each parameter by the name of its predictor; "location" first. "dispersion" can
        have a formula, dispersion="~ x"; others are one number for all rows.
    start : mapping, optional
        Values of the parameters after the location to start from, on their own scale; where
        not given, the inverse link of 0.
    support : (float, float)
        Smallest and largest value of the response, both allowed.
    discrete : bool
        Whether the response is whole numbers.
    mean, variance : callable, optional
        Of the parameters. The mean is the location unless given. Pearson residuals need the
        variance.
    cdf, simulate : callable, optional
        cdf(y, location, ...) = P(Y ≤ y), for prediction intervals and, unless `simulate` is
        given, for simulation; simulate(location, ..., rng) draws one response a row.

    Returns
    -------
    Family
        For `fit(..., family=)`. It can be pickled if its functions can.

    Raises
    ------
    ModelError
        For parameters without a location, an unknown link, or a start of no parameter. A
        function in the log density whose derivatives are not known is named when it is met.

    Notes
    -----
    Derivatives to third order are computed by Taylor arithmetic (Griewank & Walther 2008,
    Evaluating Derivatives, chapter 13), exact to rounding. Fits take a few times as long as
    with a family of the core.

    Examples
    --------
    >>> def gumbel(y, mu, scale):
    ...     z = (y - mu) / scale + np.euler_gamma  # of mean mu
    ...     return -np.log(scale) - z - np.exp(-z)
    >>> family = from_log_density(gumbel, name="gumbel")
    >>> at = family.log_density(Response.of([1.0]), np.zeros((1, 2)), 3)
    >>> at.value.round(4), at.d1.round(4)
    (array([-1.7838]), array([[ 0.7935, -0.2065]]))
    """
    names = tuple(parameters.items())
    if not names or names[0][0] != "location":
        raise ModelError(
            f"The parameters are {list(parameters)}, and the first must be 'location'. "
            'For example parameters={"location": "identity", "dispersion": "log"}.'
        )
    links = {predictor: link_named(link) for predictor, link in names}
    starts = dict(start or {})
    unknown = [each for each in starts if each not in parameters or each == "location"]
    if unknown:
        raise ModelError(
            f"start= has {unknown[0]!r}, which is not a parameter after the location: "
            f"{', '.join(list(parameters)[1:]) or 'there are none'}."
        )
    family = object.__new__(FromLogDensity)
    functions = {"mean": mean, "variance": variance, "cdf": cdf, "simulate": simulate}
    values = {
        "link": links["location"],
        "name": name,
        "function": log_density,
        "parameters": names,
        "start": tuple(
            float(starts[each] if each in starts else links[each].mean(np.zeros(1))[0])
            for each, _ in names[1:]
        ),
        "support": support,
        "discrete": discrete,
        "given": tuple((key, each) for key, each in functions.items() if each is not None),
    }
    for field, value in values.items():
        object.__setattr__(family, field, value)
    return family
