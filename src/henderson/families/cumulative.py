"""Ordered categories: thresholds on a latent scale."""

import itertools
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.families.base import Derivatives, Family, core_log_density
from henderson.families.best_location import best_log_density
from henderson.families.response import Response
from henderson.links import Link, link_named

_NO_CONSTANTS = np.zeros(0)


@final
@dataclass(frozen=True, slots=True, init=False)
class Cumulative(Family):
    """One of ordered categories 1, ..., C, as in cumulative (proportional odds) models.

        P(Y ≤ c) = F(α_c − η),   c = 1, ..., C − 1,   F the inverse link

    η, the location, has no intercept: the thresholds α take its place. They are further
    predictors, one number each, named by the categories they part: "1|2", "2|3", ... With a
    larger η higher categories are likelier.

    E(y) = Σ c P(Y = c), the expected number of the category. y in 1, ..., C.
    Links: logit (default), probit, cloglog, loglog, cauchit.

    Parameters
    ----------
    link : str
        Link of the cumulative probabilities.
    categories : sequence of str, optional
        The categories in order; by default those of the response, when it is read.

    Notes
    -----
    McCullagh (1980), J. R. Stat. Soc. B 42(2), 109–142.

    Examples
    --------
    >>> family = Cumulative(categories=["low", "middle", "high"])
    >>> family.predictors
    ('location', 'low|middle', 'middle|high')
    >>> family.probabilities(np.array([[0.0, -1.0, 1.0]])).round(3)
    array([[0.269, 0.462, 0.269]])
    """

    name = "cumulative"
    links = ("logit", "probit", "cloglog", "loglog", "cauchit")
    discrete = True
    observes_categories = True
    concave_links = frozenset(links) - {"cauchit"}

    levels: tuple[str, ...]

    def __init__(
        self, link: str | Link | None = None, categories: "list[str] | tuple[str, ...]" = ()
    ) -> None:
        Family.__init__(self, link)
        levels = tuple(str(each) for each in categories)
        if len(levels) == 1 or len(set(levels)) < len(levels):
            raise ModelError(
                f"The categories {levels} are not two or more different ones. Give each once, "
                "in order."
            )
        object.__setattr__(self, "levels", levels)

    @property
    def categories(self) -> tuple[str, ...]:
        return self.levels

    def of_categories(self, levels: tuple[str, ...]) -> Family:
        return Cumulative(self.link, levels)

    @property
    def predictors(self) -> tuple[str, ...]:
        parted = itertools.pairwise(self.levels)
        return ("location", *(f"{below}|{above}" for below, above in parted))

    @property
    def further_labels(self) -> tuple[tuple[str, str], ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return tuple((name, f"threshold {name}") for name in self.predictors[1:])

    def link_of(self, predictor: str) -> Link:
        return self.link if predictor == "location" else link_named("identity")

    @property
    def mean_is_of_location(self) -> bool:
        return False

    def log_density(self, response: Response, eta: Matrix, order: int = 0) -> Derivatives:
        """weight × log f(y | η) and its derivatives in η up to `order`.

        A row depends on its location and the thresholds on either side of its category; the
        other derivatives are zero.
        """
        n, K = eta.shape
        category = response.y.astype(np.int64)
        place = (category > 1).astype(np.float64) + (category == K)
        rows = np.arange(n)
        own = np.column_stack(
            [
                eta[:, 0],
                eta[rows, np.maximum(category - 1, 1)],
                eta[rows, np.minimum(category, K - 1)],
            ]
        )
        at = core_log_density(
            (self.name, self.link.name),
            _NO_CONSTANTS,
            Response(place, response.size, response.weight),
            own,
            order,
        )
        found = [
            None if given is None else _spread(given, category, K, degree)
            for degree, given in enumerate((at.d1, at.d2, at.d3), start=1)
        ]
        return Derivatives(at.value, found[0], found[1], found[2])

    def probabilities(self, eta: Matrix) -> Matrix:
        """P(Y = c) of each category, (n, C)."""
        below = np.column_stack(
            [
                np.zeros(len(eta)),
                self.link.mean((eta[:, 1:] - eta[:, :1]).ravel()).reshape(len(eta), -1),
                np.ones(len(eta)),
            ]
        )
        return np.diff(below, axis=1)

    def _numbers(self, eta: Matrix) -> Vector:
        return np.arange(1.0, eta.shape[1] + 1.0)

    def mean(self, eta: Matrix) -> Vector:
        """Σ c P(Y = c), (n,)."""
        return self.probabilities(eta) @ self._numbers(eta)

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return self.probabilities(eta) @ self._numbers(eta) ** 2 - self.mean(eta) ** 2

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        K = eta.shape[1]
        last = np.floor(y)
        threshold = np.clip(last, 1.0, K - 1.0).astype(np.int64)
        below = self.link.mean(eta[np.arange(len(eta)), threshold] - eta[:, 0])
        return np.where(last < 1.0, 0.0, np.where(last >= K, 1.0, below))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        below = np.cumsum(self.probabilities(eta), axis=1)[:, :-1]
        return 1.0 + np.sum(below < probability[:, None], axis=1)

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        return self.quantile(rng.random(len(eta)), size, eta)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [log P(y | best η) − log P(y | η)] at the given thresholds."""
        plain = Response.of(response.y)
        reach = np.max(np.abs(eta[:, 1:]), axis=1) + 40.0
        best = best_log_density(self, plain, eta, -reach, reach)
        return 2.0 * np.maximum(best - self.log_density(plain, eta).value, 0.0)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        """Categories were found when the response was read."""

    def initial_mean(self, response: Response) -> Vector:
        return np.full(response.y.size, 0.5)

    def initial_location(self, response: Response) -> Vector:
        return np.zeros(response.y.size)

    def initial_dispersion(self, response: Response) -> Vector:
        """The thresholds that give the observed frequencies."""
        counts = np.bincount(response.y.astype(np.int64), minlength=len(self.levels) + 1)[1:]
        below = np.cumsum(counts + 0.5)[:-1] / np.sum(counts + 0.5)
        return self.link.link(below)


def _spread(given: Matrix, category: NDArray[np.int64], K: int, degree: int) -> Matrix:
    """Derivatives in (location, lower, upper) to where they belong among those in all K."""
    combinations = itertools.combinations_with_replacement
    column = {which: i for i, which in enumerate(combinations(range(K), degree))}
    out = np.zeros((len(given), len(column)))
    for c in range(1, K + 1):
        rows = category == c
        for i, which in enumerate(combinations(range(3), degree)):
            place = [(0, c - 1, c)[v] for v in which]
            # the first category has no lower threshold, the last no upper one
            if (c == 1 and 1 in which) or (c == K and 2 in which):
                continue
            out[rows, column[tuple(sorted(place))]] = given[rows, i]
    return out
