"""The order and the times of the levels that a structure such as ar1 runs over."""

import re

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.design.factors import Factor, naturally_sorted, words_and_numbers
from henderson.errors import DataError

_SHOWN = 8  # levels, before the rest is left out
_LETTER = re.compile(r"[a-z]|[A-Z]")


def require_order(factor: Factor, name: str, what: str) -> None:
    """Refuse texts whose order nobody stated and that have none of their own.

    Numbers in texts of one pattern ("Week 4", "Week 12") and single letters are an order. Two
    levels need none.

    Raises
    ------
    DataError
        That says which order the alphabet would give, and how to state one.
    """
    levels = factor.levels
    if not factor.alphabetical or len(levels) <= 2:
        return
    if levels == tuple(naturally_sorted(levels)) and _numbered(levels):
        return
    raise DataError(
        f"{what} needs the order of the levels of {name!r}, and nobody has stated it: sorted "
        f"by the alphabet they are {_listed(levels)}. Make {name!r} an ordered categorical, "
        f"pd.Categorical(..., categories=[...], ordered=True), or state the order in the "
        f'formula: factor({name}, levels = c("{levels[0]}", ...)).'
    )


def order_in_words(name: str, labels: tuple[str, ...], times: Vector | None) -> str:
    """Which order a structure uses, and where its times have gaps.

    `times` (k,) in increasing order, None where the levels are equal steps.
    """
    if times is None:
        return f"order of {name}: {_listed(labels)}"
    gaps = np.diff(times)
    text = f"times of {name}: {_listed(labels)}"
    if len(gaps) and not np.allclose(gaps, gaps.min(), rtol=1e-6):
        widest = int(np.argmax(gaps))
        text += (
            f"; one step is {gaps.min():.6g}, {labels[widest]} and {labels[widest + 1]} are "
            f"{gaps[widest] / gaps.min():.0f} steps apart"
        )
    return text


def points_of(levels: tuple[str, ...]) -> Matrix:
    """Places (m, d) by their labels, "(x,y)"."""
    return np.array([[float(x) for x in label.strip("()").split(",")] for label in levels])


def _numbered(levels: tuple[str, ...]) -> bool:
    if all(_LETTER.fullmatch(level) for level in levels):
        return len({level.isupper() for level in levels}) == 1
    parts = [words_and_numbers(level) for level in levels]
    return len(parts[0]) > 1 and len({tuple(map(str, part[::2])) for part in parts}) == 1


def _listed(levels: tuple[str, ...]) -> str:
    if len(levels) <= _SHOWN:
        return ", ".join(levels)
    return f"{', '.join(levels[: _SHOWN - 1])}, ..., {levels[-1]}"
