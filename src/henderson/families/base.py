"""What a family is: a conditional distribution of y given its linear predictors."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from henderson import _core
from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError, did_you_mean
from henderson.families.density_table import plot_family
from henderson.families.response import Response
from henderson.links import OTHER_NAMES, InverseLink, Link, link_named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NO_CONSTANTS = np.zeros(0)


@dataclass(frozen=True, slots=True)
class Derivatives:
    """Weighted log densities and their derivatives in the K linear predictors, by row.

    The columns of d1, d2, d3 are the derivatives in lexicographic order: for K = 2
    d2 = [00, 01, 11] and d3 = [000, 001, 011, 111]. Orders that were not asked for are None.
    """

    value: Vector  # (n,)
    d1: Matrix | None  # (n, K)
    d2: Matrix | None  # (n, K(K+1)/2)
    d3: Matrix | None  # (n, K(K+1)(K+2)/6)


def core_log_density(
    named: tuple[str, str], constants: Vector, response: Response, eta: Matrix, order: int
) -> Derivatives:
    """The log density of the core that is `named` (density, link); eta (n, K)."""
    n, K = response.y.size, eta.shape[1]
    columns = (K, K * (K + 1) // 2, K * (K + 1) * (K + 2) // 6)
    value = np.empty(n)
    d1, d2, d3 = (
        np.empty((n, columns[degree])) if order > degree else None for degree in range(3)
    )
    _core.log_density(
        *named,
        constants,
        response.y,
        response.size,
        response.weight,
        np.ascontiguousarray(eta, dtype=np.float64),
        order,
        value,
        d1,
        d2,
        d3,
    )
    return Derivatives(value, d1, d2, d3)


@dataclass(frozen=True, slots=True, init=False)
class Family(ABC):
    """A conditional distribution with a link for its mean.

    Its linear predictors are named in `predictors`. In every method `eta` (n, K) has them as
    columns, in that order: "location" is g(μ) by the link; "dispersion" is the logarithm of
    the dispersion parameter, "shape" a further one on the scale of `link_of`. `size` (n,) is
    as in `Response`.
    """

    name: ClassVar[str]
    links: ClassVar[tuple[str, ...]]  # allowed ones, the default first
    discrete: ClassVar[bool] = False
    counts_trials: ClassVar[bool] = False  # y is a number of successes out of size
    observes_categories: ClassVar[bool] = False  # ordered; thresholds are the intercepts
    dispersion_label: ClassVar[str] = ""  # what e^dispersion is, for summaries
    further_labels: ClassVar[tuple[tuple[str, str], ...]] = ()  # (predictor, what it is)
    zero_label: ClassVar[str] = ""  # what the probability "zero_inflation" is, for summaries
    concave_links: ClassVar[frozenset[str]] = frozenset()

    link: Link

    def __init__(self, link: str | Link | None = None) -> None:
        chosen = self.links[0] if link is None else link
        if isinstance(chosen, str):
            kind = chosen.partition("(")[0].strip()
            known = kind in self.links or chosen in OTHER_NAMES
            chosen = link_named(chosen) if known else chosen
        name = chosen if isinstance(chosen, str) else chosen.kind
        if name not in self.links:
            raise ModelError(
                f"The {self.name} family has no link {name!r}. "
                f"{did_you_mean(name, list(self.links))}Choose one of {', '.join(self.links)}."
            )
        object.__setattr__(self, "link", chosen)

    @property
    def predictors(self) -> tuple[str, ...]:
        """Names of the K linear predictors."""
        return ("location", "dispersion")

    @property
    def categories(self) -> tuple[str, ...]:
        """The ordered categories that the response 1, 2, ... numbers; () of other responses."""
        return ()

    def of_categories(self, levels: tuple[str, ...]) -> "Family":
        """The family for a response with these categories."""
        return self

    def probabilities(self, eta: Matrix) -> Matrix:
        """P(Y = c) of each of the C `categories`, (n, C)."""
        return np.empty((len(eta), 0))

    @property
    def has_dispersion(self) -> bool:
        """Whether there is a dispersion parameter to estimate."""
        return "dispersion" in self.predictors

    def link_of(self, predictor: str) -> Link:
        """The link of one of `predictors`: "logit" of a probability, "log" of a scale."""
        if predictor == "location":
            return self.link
        return link_named("logit" if predictor == "zero_inflation" else "log")

    @property
    def is_quadratic(self) -> bool:
        """Whether the log density is a quadratic function of the location predictor."""
        return False

    @property
    def scales_with_response(self) -> bool:
        """Whether cy, c > 0, has the same distribution with cη and log σ + log c."""
        return False

    @property
    def is_log_concave(self) -> bool:
        """Whether the log density is concave in the location predictor, for all y."""
        return self.link.name in self.concave_links

    @property
    def mean_is_of_location(self) -> bool:
        """Whether the mean of `observed` is h(η) of the location predictor alone."""
        return True

    @property
    def core_name(self) -> str:
        """Name of the log density in the compiled core."""
        return self.name

    @property
    def constants(self) -> Vector:
        """Numbers the log density needs that are not estimated."""
        return _NO_CONSTANTS

    @property
    def _constants_of_core(self) -> Vector:
        """Those of the link, then those of the density: what the core takes."""
        of_link = self.link.constants
        return np.concatenate([of_link, self.constants]) if len(of_link) else self.constants

    def response(self, y: Vector, trials: Vector, weights: Vector) -> Response:
        """The response from what was observed and the weights that are left; all (n,)."""
        return Response.of(y, None, weights)

    def log_density(self, response: Response, eta: Matrix, order: int = 0) -> Derivatives:
        """weight × log f(y | η) and its derivatives in η up to `order`.

        Parameters
        ----------
        response : Response
            n observations.
        eta : (n, K) array
            The linear predictors.
        order : {0, 1, 2, 3}
            Highest derivative.

        Returns
        -------
        Derivatives
            −∞ with NaN derivatives where the link gives a mean that the family cannot have.
        """
        return core_log_density(
            (self.core_name, self.link.kind), self._constants_of_core, response, eta, order
        )

    def compiled(self, response: Response) -> _core.CompiledDensity | None:
        """`log_density` of a response in the core; None of a family that is not there."""
        if type(self).log_density is not Family.log_density:
            return None
        return _core.CompiledDensity(
            self.core_name,
            self.link.kind,
            self._constants_of_core,
            response.y,
            response.size,
            response.weight,
        )

    def inverse_link(self, location: Vector) -> InverseLink:
        """μ, its derivatives in η and 1 − μ, of the location predictor (n,)."""
        return self.link.inverse(location)

    def mean(self, eta: Matrix) -> Vector:
        """The mean μ of `observed`, shape (n,)."""
        return self.link.mean(eta[:, 0])

    def dispersion(self, eta: Matrix) -> Vector:
        """The dispersion parameter φ = e^δ, shape (n,)."""
        with np.errstate(over="ignore", under="ignore"):
            return np.exp(eta[:, 1])

    def limit_of(self, predictor: str, value: float) -> str | None:
        """What the family becomes where a constant predictor runs off; None where it does not.

        `value` is on the predictor's scale, a logarithm. At a limit the estimates stand, and
        the parameter has no standard error.
        """
        return None

    def observed(self, response: Response) -> Vector:
        """The observations on the scale of the mean: y, or y / size where it counts trials."""
        return response.y

    def plot(
        self,
        mu: float | Sequence[float] | None = None,
        *,
        size: int = 10,
        **parameters: float | Sequence[float],
    ) -> "Figure":
        """Densities of some distributions of the family, or probabilities of its counts.

        Parameters
        ----------
        mu
            Means, before any zeros that are not of the counts; by default that at η = 0.
        size
            Trials, where the family counts successes.
        **parameters
            One value or several of the other parameters, on their own scale: dispersion=,
            shape=, zero_inflation=. A curve for each combination.

        Returns
        -------
        matplotlib Figure
        """
        return plot_family(self, mu=mu, size=size, parameters=parameters)

    @abstractmethod
    def variance(self, eta: Matrix, size: Vector) -> Vector:
        """The variance of `observed`, shape (n,)."""

    @abstractmethod
    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        """P(Y ≤ y), shape (n,)."""

    @abstractmethod
    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        """The smallest y with P(Y ≤ y) ≥ probability, shape (n,); probability in (0, 1)."""

    @abstractmethod
    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        """One draw of y a row, shape (n,)."""

    @abstractmethod
    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """The contribution of each row to the deviance, at least 0, without weight.

        Deviance residuals are sign(y − μ) √(weight × unit deviance).
        """

    @abstractmethod
    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        """Refuse observations outside the support.

        Parameters
        ----------
        response : Response
            n observations.
        name : str
            What the user calls the response, for the message.
        rows : (n,) array, optional
            The rows of the user's table these are, counted from 0. Default: 0, 1, 2, ...

        Raises
        ------
        DataError
            Naming the response, the first value that is refused, its row, and the remedy.
        """

    @abstractmethod
    def initial_mean(self, response: Response) -> Vector:
        """A mean inside the support near each observation, shape (n,), to start from."""

    def initial_location(self, response: Response) -> Vector:
        """A finite location predictor near each observation, shape (n,), to start from."""
        return self.link.link(self.initial_mean(response))

    @abstractmethod
    def initial_dispersion(self, response: Response) -> Vector:
        """Starting values of the predictors after the location, shape (K − 1,)."""

    def other_starts(self, response: Response) -> tuple[Mapping[str, float], ...]:
        """Further starts, where the likelihood may have several maxima.

        Each has values of some predictors by name, away from the usual ones. None for families
        whose likelihood, for all that is known, has one maximum.
        """
        return ()
