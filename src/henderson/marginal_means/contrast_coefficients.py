"""Named families of contrasts: coefficients over k means, each row summing to zero."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import gcd, lcm
from types import MappingProxyType
from typing import Any

import numpy as np

from henderson.arrays import Matrix
from henderson.errors import ModelError, did_you_mean
from henderson.inference.simultaneous.multiplicity import Compared


@dataclass(frozen=True, slots=True)
class Coefficients:
    """`matrix` (c, k) with a row a contrast; `pairs` are its two means where it has two.

    `compared` says what the family is, for the adjustments made for it.
    """

    names: tuple[str, ...]
    matrix: Matrix
    pairs: tuple[tuple[int, int] | None, ...]
    labels: tuple[tuple[str, str] | None, ...]  # of the two means
    compared: Compared


@dataclass(frozen=True, slots=True)
class Method:
    """How a family is made from the labels of the means and the reference, and its default."""

    make: Callable[[tuple[str, ...], int], Coefficients]
    adjust: str
    about: str


def coefficients(
    method: str | Mapping[str, object], labels: tuple[str, ...], reference: str | None = None
) -> tuple[Coefficients, str]:
    """The coefficients of a family over means, and its default adjustment.

    Parameters
    ----------
    method
        A name in `METHODS` ("dunnett" is "trt.vs.ctrl"), or a mapping from the names of
        contrasts to their k coefficients, or to those of some means by their labels.
    labels
        The means, (k,).
    reference
        The control's label; None is the first mean.

    Raises
    ------
    ModelError
        For an unknown method or reference, or coefficients of another number.

    Notes
    -----
    "pairwise": earlier minus later; "revpairwise": later minus earlier; "trt.vs.ctrl": each
    minus the control; "consec": each minus the one before; "eff": each minus the mean of all;
    "del.eff": each minus the mean of the others; "helmert": each minus the mean of those
    before it; "poly": orthogonal polynomials over equally spaced levels, in the smallest whole
    numbers.

    Examples
    --------
    >>> family, adjust = coefficients("poly", ("1", "2", "3", "4"))
    >>> family.matrix.astype(int).tolist()
    [[-3, -1, 1, 3], [1, -1, -1, 1], [-1, 3, -3, 1]]
    """
    if isinstance(method, Mapping):
        return _custom(method, labels), "none"
    name = "trt.vs.ctrl" if method == "dunnett" else method
    if name not in METHODS:
        known = [*METHODS, "dunnett"]
        raise ModelError(
            f"There are no contrasts called {method!r}. {did_you_mean(str(method), known)}"
            f"Choose one of {', '.join(map(repr, known))}, or give a dict from the name of a "
            "contrast to its coefficients."
        )
    if reference is not None and reference not in labels:
        raise ModelError(
            f"There is no mean {reference!r} to be the control. "
            f"{did_you_mean(str(reference), list(labels))}Means: {', '.join(labels[:10])}"
            f"{', ...' if len(labels) > 10 else ''}."
        )
    chosen = METHODS[name]
    made = chosen.make(labels, 0 if reference is None else labels.index(reference))
    return made, chosen.adjust


def _pairwise(labels: tuple[str, ...], reference: int) -> Coefficients:
    return _differences(labels, list(combinations(range(len(labels)), 2)), "pairs")


def _reversed_pairs(labels: tuple[str, ...], reference: int) -> Coefficients:
    k = len(labels)
    return _differences(labels, [(i, j) for i in range(k) for j in range(i)], "pairs")


def _against_control(labels: tuple[str, ...], reference: int) -> Coefficients:
    pairs = [(i, reference) for i in range(len(labels)) if i != reference]
    return _differences(labels, pairs, "control")


def _consecutive(labels: tuple[str, ...], reference: int) -> Coefficients:
    return _differences(labels, [(i, i - 1) for i in range(1, len(labels))], "other")


def _differences(
    labels: tuple[str, ...], pairs: list[tuple[int, int]], compared: Compared
) -> Coefficients:
    matrix = np.zeros((len(pairs), len(labels)))
    rows = np.arange(len(pairs))
    matrix[rows, [a for a, _ in pairs]] = 1.0
    matrix[rows, [b for _, b in pairs]] = -1.0
    shown = [_enclosed(label) for label in labels]
    named = tuple((shown[a], shown[b]) for a, b in pairs)
    names = tuple(f"{a} - {b}" for a, b in named)
    return Coefficients(names, matrix, tuple(pairs), named, compared)


def _enclosed(label: str) -> str:
    """A label that could be read as arithmetic, in parentheses: "EC-A" as "(EC-A)"."""
    return f"({label})" if any(sign in label for sign in "+-*/") else label


def _effects(labels: tuple[str, ...], reference: int) -> Coefficients:
    k = len(labels)
    return _named([f"{_enclosed(label)} effect" for label in labels], np.eye(k) - 1.0 / k)


def _deleted_effects(labels: tuple[str, ...], reference: int) -> Coefficients:
    k = len(labels)
    matrix = np.eye(k) * (k / max(k - 1.0, 1.0)) - 1.0 / max(k - 1.0, 1.0)
    return _named([f"{_enclosed(label)} vs others" for label in labels], matrix)


def _helmert(labels: tuple[str, ...], reference: int) -> Coefficients:
    k = len(labels)
    matrix = np.array([[-1.0 / i] * i + [1.0] + [0.0] * (k - i - 1) for i in range(1, k)])
    names = [f"{_enclosed(label)} vs earlier" for label in labels[1:]]
    return _named(names, matrix.reshape(len(names), k))


def _polynomial(labels: tuple[str, ...], reference: int) -> Coefficients:
    """Gram-Schmidt over 1, t, t², ... in exact fractions, scaled to whole numbers."""
    k = len(labels)
    basis = [[Fraction(1)] * k]
    for degree in range(1, min(k, 7)):
        column = [Fraction(2 * t - k + 1) ** degree for t in range(k)]
        for earlier in basis:
            share = _dot(column, earlier) / _dot(earlier, earlier)
            column = [a - share * b for a, b in zip(column, earlier, strict=True)]
        whole = lcm(*(a.denominator for a in column))
        divisor = gcd(*(int(a * whole) for a in column))
        basis.append([a * whole / divisor for a in column])
    known = ["linear", "quadratic", "cubic", "quartic", "degree 5", "degree 6"]
    matrix = np.array(basis[1:], dtype=np.float64).reshape(len(basis) - 1, k)
    return _named(known[: k - 1], matrix)


def _dot(a: list[Fraction], b: list[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), start=Fraction(0))


def _named(names: list[str], matrix: Matrix) -> Coefficients:
    none = (None,) * len(names)
    return Coefficients(tuple(names), matrix, none, none, "other")


def _custom(method: Mapping[str, object], labels: tuple[str, ...]) -> Coefficients:
    rows = []
    for name, given in method.items():
        listed = _by_label(name, given, labels) if isinstance(given, Mapping) else given
        try:
            row = np.asarray(listed, dtype=np.float64)
        except (TypeError, ValueError):
            row = np.full(len(labels), np.nan)
        if row.shape != (len(labels),) or not np.isfinite(row).all():
            shown = ", ".join(labels[:10]) + (", ..." if len(labels) > 10 else "")
            raise ModelError(
                f"The contrast {name!r} has the coefficients {given!r}, and there are "
                f"{len(labels)} means: {shown}. Give one finite number for each."
            )
        rows.append(row)
    if not rows:
        raise ModelError("The dict of contrasts is empty. Give a name and its coefficients.")
    return _named([str(name) for name in method], np.array(rows))


def _by_label(name: str, given: Mapping[Any, object], labels: tuple[str, ...]) -> list[object]:
    """One coefficient a mean, 0 for those that are not named."""
    for label in given:
        if label not in labels:
            raise ModelError(
                f"The contrast {name!r} names {label!r}, which is none of the means. "
                f"{did_you_mean(str(label), list(labels))}Means: {', '.join(labels[:10])}"
                f"{', ...' if len(labels) > 10 else ''}."
            )
    return [given.get(label, 0.0) for label in labels]


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "pairwise": Method(_pairwise, "tukey", "all pairs, earlier minus later"),
        "revpairwise": Method(_reversed_pairs, "tukey", "all pairs, later minus earlier"),
        "trt.vs.ctrl": Method(_against_control, "dunnett", "each minus the control"),
        "consec": Method(_consecutive, "mvt", "each minus the one before"),
        "eff": Method(_effects, "BH", "each minus the mean of all"),
        "del.eff": Method(_deleted_effects, "BH", "each minus the mean of the others"),
        "helmert": Method(_helmert, "none", "each minus the mean of those before"),
        "poly": Method(_polynomial, "none", "trends over equally spaced levels"),
    }
)
