"""Contrasts: k levels to k − 1 columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from henderson.arrays import Matrix
from henderson.errors import ModelError, did_you_mean


@dataclass(frozen=True, slots=True)
class Contrasts:
    """`matrix` (k, k − 1) has a row for each level; `suffixes` follow the factor's name."""

    matrix: Matrix
    suffixes: tuple[str, ...]


def treatment(levels: tuple[str, ...], reference: int = 0) -> Contrasts:
    """Each level against the reference; the intercept is the reference's mean."""
    others = [i for i in range(len(levels)) if i != reference]
    return Contrasts(np.eye(len(levels))[:, others], tuple(levels[i] for i in others))


def deviation(levels: tuple[str, ...]) -> Contrasts:
    """Each level but the last against the mean of all; effects sum to zero."""
    k = len(levels)
    return Contrasts(np.vstack([np.eye(k - 1), -np.ones(k - 1)]), _numbered(k))


def helmert(levels: tuple[str, ...]) -> Contrasts:
    """Each level but the first against the mean of those before it.

    Column j is −1 for levels 1 … j, j for level j + 1 and 0 after it.
    """
    k = len(levels)
    column = np.arange(1, k)
    matrix = np.where(np.arange(k)[:, None] < column, -1.0, 0.0)
    matrix[column, column - 1] = column
    return Contrasts(matrix, _numbered(k))


def polynomial(levels: tuple[str, ...]) -> Contrasts:
    """Linear, quadratic, cubic ... trends over equally spaced levels, orthonormal.

    The columns of Q in QR = [1, t, t², ...] with the signs that make R's diagonal positive.
    """
    k = len(levels)
    t = np.arange(k) - (k - 1) / 2
    q, r = np.linalg.qr(np.vander(t / max(t.max(), 1.0), k, increasing=True))
    matrix = (q * np.sign(np.diag(r)))[:, 1:]
    names = [".L", ".Q", ".C", *(f"^{degree}" for degree in range(4, k))]
    return Contrasts(matrix, tuple(names[: k - 1]))


CONTRASTS: Mapping[str, Callable[[tuple[str, ...]], Contrasts]] = MappingProxyType(
    {"treatment": treatment, "sum": deviation, "helmert": helmert, "poly": polynomial}
)


def contrasts_named(name: str) -> Callable[[tuple[str, ...]], Contrasts]:
    """Look contrasts up by our name, R's (contr.sum) or formulaic's (Sum)."""
    known = name.removeprefix("contr.").lower() if isinstance(name, str) else str(name)
    if known in CONTRASTS:
        return CONTRASTS[known]
    raise ModelError(
        f"There are no contrasts called {name!r}. {did_you_mean(known, list(CONTRASTS))}"
        f"Known: {', '.join(CONTRASTS)}."
    )


def treatment_against(reference: str, levels: tuple[str, ...]) -> Contrasts:
    """Treatment contrasts with a named or numbered (from 1, as in R) reference level."""
    if reference in levels:
        return treatment(levels, levels.index(reference))
    if reference.isdigit() and 1 <= int(reference) <= len(levels):
        return treatment(levels, int(reference) - 1)
    shown = ", ".join(levels[:10]) + (", ..." if len(levels) > 10 else "")
    raise ModelError(
        f"There is no level {reference!r} to be the reference. "
        f"{did_you_mean(reference, list(levels))}Levels: {shown}."
    )


def full(levels: tuple[str, ...]) -> Contrasts:
    """One column for each level: what a factor gets where its margin is not in the model."""
    return Contrasts(np.eye(len(levels)), levels)


def _numbered(k: int) -> tuple[str, ...]:
    return tuple(str(j) for j in range(1, k))
