"""Counts whose distribution function has no closed form: the density is summed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.counts import check_counts
from henderson.families.response import Response

_AT_ONCE = 2**20  # probabilities in memory
_NOTHING = 1e-15
_MOST = 2**24


@dataclass(frozen=True, slots=True, init=False)
class SummedCounts(Family):
    """Counts 0, 1, 2, ... of which only the density is known; subclasses are final."""

    links = ("log",)
    discrete = True

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        """The sum of the density up to y."""
        out = np.zeros(len(eta))
        last = np.floor(y)
        for rows, below in self._tables(eta, last):
            column = np.clip(last[rows], 0.0, below.shape[1] - 1).astype(np.int64)
            out[rows] = below[np.arange(len(rows)), column]
        return np.where(last < 0.0, 0.0, np.minimum(out, 1.0))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        out = np.zeros(len(eta))
        for rows, below in self._tables(eta, np.full(len(eta), np.inf)):
            reached = np.minimum(probability[rows], below[:, -1])
            out[rows] = np.sum(below < reached[:, None], axis=1)
        return out

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        return self.quantile(rng.random(len(eta)), size, eta)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        check_counts(response, name, rows, self.name)

    def initial_mean(self, response: Response) -> Vector:
        return response.y + 0.1

    def _tables(self, eta: Matrix, last: Vector) -> Iterator[tuple[NDArray[np.intp], Matrix]]:
        """P(Y ≤ k), k = 0, 1, ..., of rows with similar ends: (rows, (rows, k)).

        They end at the largest of `last` (n,), or where hardly any probability is left.
        """
        spread = np.sqrt(self.variance(eta, np.ones(len(eta))))
        with np.errstate(over="ignore", invalid="ignore"):
            ends = np.minimum(self.mean(eta) + 12.0 * spread + 20.0, last + 1.0)
        ends = np.clip(np.nan_to_num(ends, nan=1.0), 1.0, _MOST)
        order = np.argsort(ends, kind="stable")
        start = 0
        while start < len(order):
            stop = start + 1
            while (
                stop < len(order)
                and (stop + 1 - start) * ends[order[stop]] <= _AT_ONCE
                and ends[order[stop]] <= 2.0 * ends[order[start]]
            ):
                stop += 1
            rows = order[start:stop]
            distinct, which = np.unique(eta[rows], axis=0, return_inverse=True)
            yield (
                rows,
                self._below(distinct, float(last[rows].max()), float(ends[rows[-1]]))[which],
            )
            start = stop

    def _below(self, eta: Matrix, last: float, end: float) -> Matrix:
        """P(Y ≤ k), k = 0, 1, ... up to `last` at most; `end` is a guess of what is needed."""
        count = int(end)
        while True:
            density = self._density(eta, count)
            complete = density[:, -1] <= _NOTHING * density.max(axis=1)
            if count > last or complete.all() or count >= _MOST:
                return np.cumsum(density, axis=1)
            count *= 2

    def _density(self, eta: Matrix, count: int) -> Matrix:
        """f(k), k = 0, ..., count − 1, of each row."""
        y = np.tile(np.arange(float(count)), len(eta))
        at = self.log_density(Response.of(y), np.repeat(eta, count, axis=0)).value
        return np.exp(at).reshape(len(eta), count)
