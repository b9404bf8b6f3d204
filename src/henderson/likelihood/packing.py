"""Symmetric second derivatives, packed: which column holds ∂²l/∂ηᵃ∂ηᵇ.

Columns are in lexicographic order of a ≤ b: for two predictors 00 01 11.
"""

from functools import cache
from itertools import combinations_with_replacement


@cache
def _columns(predictors: int) -> dict[tuple[int, int], int]:
    combinations = combinations_with_replacement(range(predictors), 2)
    return {indices: column for column, indices in enumerate(combinations)}


def second(predictors: int, a: int, b: int) -> int:
    """Column of the derivative in ηᵃ and ηᵇ."""
    return _columns(predictors)[(a, b) if a <= b else (b, a)]


def pairs(predictors: int) -> list[tuple[int, int]]:
    """All a ≤ b in packed order."""
    return list(_columns(predictors))
