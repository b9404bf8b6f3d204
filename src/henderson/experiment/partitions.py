"""Partitions of the rows, and which is finer than which.

A unit (room, pen, pig) and a factor both divide the rows into groups. A is nested in B, or
refines it, where every group of A lies in one of B; two that do not refine each other are
crossed. Units ordered in this way are the diagram of the experiment.

Source: Bailey (2008), Design of Comparative Experiments, Cambridge University Press, ch. 10.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from henderson.arrays import Codes
from henderson.design.factors import Factor, interaction


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """Rows in `n` groups: `codes` (rows,) in [0, n), with the columns that make the groups."""

    columns: tuple[str, ...]
    codes: Codes
    n: int

    @property
    def name(self) -> str:
        """The columns, outer first: "Block:Variety"."""
        return ":".join(self.columns)

    @property
    def sizes(self) -> tuple[int, int]:
        """The smallest and the largest number of rows in a group."""
        return span(np.bincount(self.codes, minlength=self.n))


def partition(columns: tuple[str, ...], factors: Sequence[Factor]) -> Partition:
    """The combinations of some factors that occur in the rows; none may be missing."""
    if len(factors) == 1:
        used = factors[0].without_unused_levels()
        return Partition(columns, used.codes, len(used.keys))
    codes, cells = interaction(tuple(factors))
    return Partition(columns, codes, len(cells))


def rows_alone(n: int) -> Partition:
    """Every row a group of its own."""
    return Partition(("row",), np.arange(n, dtype=np.int32), n)


def cells(a: Partition, b: Partition) -> tuple[Codes, Codes]:
    """The pairs of groups of `a` and `b` that have rows in common."""
    pairs = np.unique(a.codes.astype(np.int64) * b.n + b.codes)
    return (pairs // b.n).astype(np.int32), (pairs % b.n).astype(np.int32)


def refines(fine: Partition, coarse: Partition) -> bool:
    """Whether every group of `fine` lies in one group of `coarse`."""
    if fine.n < coarse.n:
        return False
    home = np.empty(fine.n, dtype=coarse.codes.dtype)
    home[fine.codes] = coarse.codes
    return bool(np.array_equal(home[fine.codes], coarse.codes))


def same(a: Partition, b: Partition) -> bool:
    """Whether two partitions are one."""
    return a.n == b.n and refines(a, b)


def covers(units: Sequence[Partition], of: Partition) -> list[Partition]:
    """The coarser ones next to `of`: those that it refines, without what these refine."""
    above = [u for u in units if u is not of and refines(of, u) and u.n < of.n]
    return [u for u in above if not any(v.n > u.n and refines(v, u) for v in above)]


def coarsest_within(units: Sequence[Partition], constant: Partition) -> list[Partition]:
    """The coarsest units in which `constant` has one value."""
    within = [u for u in units if refines(u, constant)]
    return [u for u in within if not any(v.n < u.n and refines(u, v) for v in within)]


def counts(fine: Partition, coarse: Partition) -> tuple[int, int]:
    """How many groups of `fine` meet a group of `coarse`: the fewest and the most."""
    return span(np.bincount(cells(fine, coarse)[1], minlength=coarse.n))


def span(values: np.ndarray) -> tuple[int, int]:
    """The smallest and the largest."""
    return int(values.min()), int(values.max())
