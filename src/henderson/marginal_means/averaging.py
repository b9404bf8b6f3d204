"""From the cells of a reference grid to means over some of its variables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError, did_you_mean
from henderson.marginal_means.reference_grid import ReferenceGrid

Weights = Literal["equal", "proportional", "outer", "cells"]
WEIGHTS = ("equal", "proportional", "outer", "cells")


@dataclass(frozen=True, slots=True)
class Averages:
    """`matrix` (r, G) has a row of weights a mean, NaN if no weight is above 0.

    `columns` and `labels` have the levels of the variables kept; `averaged` are those that are
    not, with more than one value.
    """

    matrix: Matrix
    columns: dict[str, NDArray[Any]]
    labels: dict[str, tuple[str, ...]]
    averaged: tuple[str, ...]


def averages(grid: ReferenceGrid, kept: Sequence[str], weights: str) -> Averages:
    """The weights of the cells in the mean of each combination of the variables `kept`.

    The first of them varies fastest. Weights over the others: "equal": every level counts the
    same, nested levels within theirs; "proportional": by the observations of the combination
    averaged over, the same in every mean; "outer": by the product of the observations of each
    level; "cells": by the observations in the cell itself, which gives the means of fitted
    values.
    """
    if weights not in WEIGHTS:
        raise ModelError(
            f"There are no weights={weights!r}. {did_you_mean(str(weights), list(WEIGHTS))}"
            f"Choose one of {', '.join(map(repr, WEIGHTS))}."
        )
    column = {name: i for i, name in enumerate(grid.names)}
    combination = _codes(grid, [column[name] for name in kept])
    found, first, row = np.unique(combination, return_index=True, return_inverse=True)
    size = _cell_weights(grid, [n for n in grid.names if n not in kept], weights)
    total = np.bincount(row, size, minlength=len(found))
    matrix = np.zeros((len(found), len(grid.places)))
    with np.errstate(invalid="ignore", divide="ignore"):
        matrix[row, np.arange(len(row))] = size / total[row]
    matrix[total == 0.0] = np.nan
    return Averages(
        matrix=matrix,
        columns={n: grid.variable(n).keys[grid.places[first, column[n]]] for n in kept},
        labels={
            n: tuple(grid.variable(n).labels[i] for i in grid.places[first, column[n]])
            for n in kept
        },
        averaged=tuple(
            v.name for v in grid.variables if v.name not in kept and len(v.labels) > 1
        ),
    )


def _codes(grid: ReferenceGrid, columns: Sequence[int]) -> NDArray[np.int64]:
    """A number for each combination of some variables, the first varying fastest."""
    code = np.zeros(len(grid.places), dtype=np.int64)
    for column in reversed(columns):
        code = code * len(grid.variables[column].labels) + grid.places[:, column]
    return code


def _cell_weights(grid: ReferenceGrid, over: list[str], weights: str) -> Vector:
    """How much each cell counts within its mean, (G,)."""
    column = {name: i for i, name in enumerate(grid.names)}
    if weights == "cells":
        return grid.counts
    if weights == "proportional":
        return _observations(grid, [column[name] for name in over])
    if weights == "outer":
        size = np.ones(len(grid.places))
        for name in over:
            size *= _observations(grid, [column[name]])
        return size
    outermost = [column[name] for name in grid.names if name not in grid.nested]
    code = _codes(grid, outermost)
    return 1.0 / np.bincount(code)[code] if grid.nested else np.ones(len(code))


def _observations(grid: ReferenceGrid, columns: Sequence[int]) -> Vector:
    """Observations of the levels that each cell has of some of the factors, (G,).

    The levels of covariates are not told apart: their cells repeat the same observations.
    """
    factors = [i for i in columns if grid.variables[i].codes is not None]
    every = [i for i, v in enumerate(grid.variables) if v.codes is not None]
    _, first = np.unique(_codes(grid, every), return_index=True)
    code = _codes(grid, factors)
    found = np.bincount(code[first], grid.counts[first], minlength=int(code.max()) + 1)
    return found.astype(np.float64)[code]
