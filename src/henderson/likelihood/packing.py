"""Symmetric derivatives, packed: which column holds ∂²l/∂ηᵃ∂ηᵇ or ∂³l/∂ηᵃ∂ηᵇ∂ηᶜ.

Columns are in lexicographic order of a ≤ b (≤ c): for two predictors 00 01 11, and
000 001 011 111.
"""

from functools import cache
from itertools import combinations_with_replacement


@cache
def _columns(predictors: int, order: int) -> dict[tuple[int, ...], int]:
    combinations = combinations_with_replacement(range(predictors), order)
    return {indices: column for column, indices in enumerate(combinations)}


def second(predictors: int, a: int, b: int) -> int:
    """Column of the derivative in ηᵃ and ηᵇ."""
    return _columns(predictors, 2)[(a, b) if a <= b else (b, a)]


def third(predictors: int, a: int, b: int, c: int) -> int:
    """Column of the derivative in ηᵃ, ηᵇ and ηᶜ."""
    indices = sorted((a, b, c))
    return _columns(predictors, 3)[(indices[0], indices[1], indices[2])]


def pairs(predictors: int) -> list[tuple[int, int]]:
    """All a ≤ b in packed order."""
    return list(_columns(predictors, 2))  # type: ignore[arg-type]
