"""Factors: a code for each row, and what the codes stand for.

Levels of text are sorted naturally: numbers in them by their value, so that "Week 4" is before
"Week 12"; the rest by the characters' codes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Codes, Vector


@dataclass(frozen=True)
class Factor:
    """A variable with levels.

    `codes` (n,) index `keys` (g,), the distinct values in level order; −1 is missing.
    `coding` is the contrasts asked for inside the formula, by C(); None: not asked.
    """

    codes: Codes
    keys: NDArray[Any]
    ordered: bool = False
    logical: bool = False
    coding: tuple[str, str | None] | None = None  # name of the contrasts, reference level
    alphabetical: bool = False  # texts whose order nobody gave; they are sorted

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """The levels as R prints them: 0.2, 1, TRUE."""
        return labels(self.keys)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows have no level; shape (n,)."""
        return self.codes < 0

    @property
    def truth(self) -> Vector:
        """1 for true and 0 for false, whichever of the two occur; shape (n,)."""
        return self.keys[self.codes].astype(np.float64)

    def take(self, rows: NDArray[np.int64]) -> "Factor":
        """The factor at `rows`, with all its levels."""
        return _replace(self, self.codes[rows], self.keys)

    def without_unused_levels(self) -> "Factor":
        """The factor with only the levels that occur; itself if all do."""
        used = np.zeros(len(self.keys) + 1, dtype=bool)
        used[self.codes] = True  # code −1 falls on the last entry
        used = used[:-1]
        if used.all():
            return self
        renumber = np.append(np.cumsum(used) - 1, -1).astype(np.int32)
        return _replace(self, renumber[self.codes], self.keys[used])

    def sorted_naturally(self) -> "Factor":
        """The factor with its levels of text in natural order."""
        place = {key: i for i, key in enumerate(self.keys.tolist())}
        order = np.array([place[key] for key in naturally_sorted(place)], dtype=np.int32)
        renumber = np.full(len(order) + 1, -1, dtype=np.int32)
        renumber[order] = np.arange(len(order))
        codes, keys = renumber[self.codes], self.keys[order]
        return replace(self, codes=codes, keys=keys, alphabetical=True)

    def match(self, levels: tuple[str, ...]) -> Codes:
        """The rows' codes among other `levels`, by label; −1 where a level is not there."""
        place = {label: i for i, label in enumerate(levels)}
        renumber = [place.get(label, -1) for label in self.levels]
        return np.array([*renumber, -1], dtype=np.int32)[self.codes]


def _replace(factor: Factor, codes: Codes, keys: NDArray[Any]) -> Factor:
    return replace(factor, codes=codes, keys=keys)


def factorize(values: NDArray[Any]) -> Factor:
    """Levels of numbers or texts in (natural) order; NaN and what is not text is missing.

    Whole numbers of a moderate range are counted, not sorted: 10⁶ of them take some 10 ms.
    """
    if values.dtype.kind in "iu":
        return _factorize_integers(values)
    if values.dtype.kind == "f":
        return _factorize_floats(values)
    return _factorize_objects(values)


def logical(values: NDArray[np.bool_], missing: NDArray[np.bool_] | None = None) -> Factor:
    """TRUE and FALSE as a factor of the levels FALSE, TRUE."""
    codes = values.astype(np.int32)
    if missing is not None:
        codes[missing] = -1
    return Factor(codes, np.array([False, True]), logical=True)


_NUMBER = re.compile(r"((?:(?<![^\s(=,])-)?[0-9]+(?:\.[0-9]+(?![0-9]*\.[0-9]))?)")


def naturally_sorted(texts: Iterable[str]) -> list[str]:
    """Texts in increasing order, the numbers in them by their value.

    A sign belongs to a number at the start of a word, a point between digits is a decimal one
    unless there are several, as in 1.10.2.

    Examples
    --------
    >>> naturally_sorted(["Week 12", "Week 4", "0.5 kg", "0.25 kg"])
    ['0.25 kg', '0.5 kg', 'Week 4', 'Week 12']
    """
    return sorted(sorted(texts), key=words_and_numbers)


def words_and_numbers(text: str) -> list[str | float]:
    """A text's parts around its numbers, at even places, and these numbers between them."""
    parts: list[str | float] = [*_NUMBER.split(text)]
    parts[1::2] = map(float, parts[1::2])
    return parts


def interaction(factors: tuple[Factor, ...]) -> tuple[Codes, NDArray[np.int32]]:
    """The combinations of levels that occur, the first factor varying slowest.

    Returns codes (n,) and the levels of each factor in each combination (g, number of
    factors). All rows must have a level in every factor.
    """
    cells = np.zeros(len(factors[0].codes), dtype=np.int64)
    for factor in factors:
        wide = cells * len(factor.keys) + factor.codes
        cells = factorize(wide).codes.astype(np.int64)
    first = np.zeros(int(cells.max(initial=-1)) + 1, dtype=np.int64)
    first[cells] = np.arange(len(cells))
    return (
        cells.astype(np.int32),
        np.column_stack([factor.codes[first] for factor in factors]),
    )


def differing_row(values: NDArray[Any], codes: Codes, levels: int) -> int | None:
    """The first row whose value is not that of another row of its level; None: constant.

    `values` and `codes` (n,), all in [0, `levels`).
    """
    of_level = np.empty(levels, dtype=values.dtype)
    of_level[codes] = values
    differs = of_level[codes] != values
    return int(np.argmax(differs)) if differs.any() else None


def labels(keys: NDArray[Any]) -> tuple[str, ...]:
    """How values print as levels: 15 significant digits, TRUE and FALSE."""
    if keys.dtype.kind == "b":
        return tuple("TRUE" if key else "FALSE" for key in keys)
    if keys.dtype.kind == "f":
        return tuple(f"{key:.15g}" for key in keys.tolist())
    return tuple(map(str, keys.tolist()))


def _factorize_integers(values: NDArray[Any]) -> Factor:
    if not len(values):
        return Factor(np.zeros(0, dtype=np.int32), values)
    low, high = int(values.min()), int(values.max())
    if high - low > 4 * len(values) + 1000:
        keys, codes = np.unique(values, return_inverse=True)
        return Factor(codes.astype(np.int32), keys)
    offsets = values - low if low else values
    present = np.zeros(high - low + 1, dtype=bool)
    present[offsets] = True
    renumber = (np.cumsum(present) - 1).astype(np.int32)
    return Factor(renumber[offsets], np.flatnonzero(present).astype(values.dtype) + low)


def _factorize_floats(values: Vector) -> Factor:
    missing = np.isnan(values)
    some = missing.any()
    known = values[~missing] if some else values
    whole = known.astype(np.int64) if np.abs(known).max(initial=0.0) < 2**53 else None
    if whole is not None and (whole == known).all():
        factor = _factorize_integers(whole)
        keys, codes = factor.keys.astype(np.float64), factor.codes
    else:
        keys, inverse = np.unique(known, return_inverse=True)
        codes = inverse.astype(np.int32)
    return Factor(_spread(codes, missing) if some else codes, keys)


def _factorize_objects(values: NDArray[Any]) -> Factor:
    rows = values.tolist()
    found = set(rows)
    keys = naturally_sorted(key for key in found if isinstance(key, str))
    place = dict.fromkeys(found, -1) | {key: code for code, key in enumerate(keys)}
    codes = np.fromiter(map(place.__getitem__, rows), dtype=np.int32, count=len(rows))
    held = np.empty(len(keys), dtype=object)
    held[:] = keys
    return Factor(codes, held, alphabetical=True)


def _spread(codes: Codes, missing: NDArray[np.bool_]) -> Codes:
    spread = np.full(len(missing), -1, dtype=np.int32)
    spread[~missing] = codes
    return spread
