"""Refuses numbers and names of the wrong kind, with what to give instead."""

from collections.abc import Sequence
from numbers import Real

import numpy as np

from henderson.errors import DataError, ModelError


def is_finite_number(value: object) -> bool:
    """Whether it is one real number, neither infinite nor NaN."""
    return isinstance(value, Real) and bool(np.isfinite(float(value)))


def checked_level(level: object) -> float:
    """Refuse what is not a confidence level, between 0 and 1."""
    if is_finite_number(level) and 0.0 < float(level) < 1.0:  # pyright: ignore
        return float(level)  # pyright: ignore
    raise ModelError(
        f"level={level!r} is not a confidence level. Give a number between 0 and 1, such as "
        "level=0.95."
    )


def checked_alpha(alpha: object) -> float:
    """Refuse what is not an error rate, between 0 and 1."""
    if is_finite_number(alpha) and 0.0 < float(alpha) < 1.0:  # pyright: ignore
        return float(alpha)  # pyright: ignore
    raise ModelError(
        f"alpha={alpha!r} is not an error rate. Give a number between 0 and 1, such as "
        "alpha=0.05."
    )


def listed_names(argument: str, given: object) -> list[object]:
    """A name or a sequence of names as a list."""
    if isinstance(given, str):
        return [given]
    if isinstance(given, Sequence):
        return list(given)
    raise DataError(f"{argument}={given!r} is not a name or a list of names. Give texts.")
