"""Variances of zero and correlations of one: ordinary results, made exact and put in words."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.covariance import CovarianceStructure
from henderson.likelihood.parameters import HIGHEST, CovarianceParameters

_NEARLY_ZERO = 0.02  # in units where an average level has information 1 on the effect
_FAR = 300.0  # in the same units
_LISTED = 3  # sentences of one kind about one term; more are put in one
_NO_WORSE = 1e-7  # of deviance, times 1 + |deviance| / 1000


def settle(
    parameters: CovarianceParameters,
    theta: Vector,
    smallest: Sequence[Vector],
    deviance: Callable[[Vector], float],
) -> Vector:
    """θ in canonical form, with scales that are zero to precision made exactly zero.

    A scale is set to zero only where the deviance does not rise; all that qualify are tried
    together, then one by one. `smallest` (k,) a term gives the units, see `smallest_factors`.
    """
    theta = _at_ends(parameters, parameters.canonical(theta), deviance)
    for _ in range(max(parameters.k, default=0)):  # what was left of a column may be a scale
        found = _without_small_scales(parameters, theta, smallest, deviance)
        if np.array_equal(found, theta):
            break
        theta = found
    return theta


def _without_small_scales(
    parameters: CovarianceParameters,
    theta: Vector,
    smallest: Sequence[Vector],
    deviance: Callable[[Vector], float],
) -> Vector:
    candidates = []
    for structure, k, at, least in zip(
        parameters.structures, parameters.k, parameters.slices, smallest, strict=True
    ):
        for element, effect in structure.scales(k):
            size = abs(theta[at.start + element]) / (1e6 * least[effect])
            if 0.0 < size < _NEARLY_ZERO:
                candidates.append((size, at.start + element))
    if not candidates:
        return theta
    here = deviance(theta)
    limit = here + _NO_WORSE * (1.0 + abs(here) / 1000.0)
    order = [element for _, element in sorted(candidates)]
    for attempt in [order] if len(order) == 1 else [order, *([e] for e in order)]:
        trial = theta.copy()
        trial[attempt] = 0.0
        trial = parameters.canonical(trial)
        if deviance(trial) <= limit:
            theta = trial
            if attempt is order:
                break
    return theta


def _at_ends(
    parameters: CovarianceParameters, theta: Vector, deviance: Callable[[Vector], float]
) -> Vector:
    """θ with elements on the way to a limit put there, where the deviance does not rise."""
    near = [
        (at.start + end.element, end.at)
        for s, k, at in zip(parameters.structures, parameters.k, parameters.slices, strict=True)
        for end in s.ends(k)
        if end.is_near(theta[at])
    ]
    if not near:
        return theta
    here = deviance(theta)
    limit = here + _NO_WORSE * (1.0 + abs(here) / 1000.0)
    for attempt in [near] if len(near) == 1 else [near, *([each] for each in near)]:
        trial = theta.copy()
        for element, value in attempt:
            trial[element] = value
        if deviance(trial) <= limit:
            theta = trial
            if attempt is near:
                break
    return theta


def ends_in_words(
    structure: CovarianceStructure, theta: Vector, k: int, group: str
) -> list[str]:
    """Sentences for correlations and ranges that are at a limit."""
    return [
        f"in {group} the {end.sentence}" for end in structure.ends(k) if end.is_reached(theta)
    ]


def without_residual(
    parameters: CovarianceParameters,
    theta: Vector,
    smallest: Sequence[Vector],
    deviance: Callable[[Vector], float],
) -> tuple[Vector, NDArray[np.bool_]]:
    """Effects relative to σ that grow without end, because σ itself goes to zero.

    Where a term is far above what matters and being farther does no harm, it is put there, and
    its size, the first element of θ, is no free parameter; which ones, (nθ,).
    """
    grown = np.zeros(len(theta), dtype=bool)
    for structure, k, at, least in zip(
        parameters.structures, parameters.k, parameters.slices, smallest, strict=True
    ):
        T = structure.factor(theta[at], k)
        size = float(np.max(np.linalg.norm(T, axis=1) / (1e6 * least)))
        if not size > _FAR:
            continue
        here = deviance(theta)
        trial = theta.copy()
        trial[at] = structure.scaled(theta[at], k, 3e-6 * HIGHEST / size)
        rounding = min(1e-11 * size**2, 0.1)  # of the deviance, and what is lost on the way
        if deviance(trial) <= here + _NO_WORSE * (10.0 + abs(here) / 100.0) + rounding:
            theta = trial
            grown[at.start] = True
    return theta, grown


def boundary_in_words(
    covariance: Matrix, effects: Sequence[str], group: str, rank: int | None = None
) -> list[str]:
    """What is singular about one term's covariance, in sentences without a full stop.

    `rank` is that of the structure away from every boundary; all of k unless given.
    """
    variances = np.diag(covariance)
    zero = variances <= 0.0
    if zero.all() and len(effects) > _LISTED:
        return [f"the variance of the effects of {group} is estimated as 0"]
    named = [
        f"the variance of {group if effect == '(Intercept)' else f'{effect} in {group}'} "
        "is estimated as 0"
        for effect, none in zip(effects, zero, strict=True)
        if none
    ]
    kept = np.flatnonzero(~zero)
    if len(kept) < 2:
        return named
    sd = np.sqrt(variances[kept])
    correlation = covariance[np.ix_(kept, kept)] / np.outer(sd, sd)
    full = min(len(kept), len(effects) if rank is None else rank)
    found = int(np.sum(np.linalg.eigvalsh(correlation) > 1e-9)) if full > 1 else full
    if found >= full:
        return named
    perfect = [
        f"the correlation of {effects[kept[i]]} and {effects[kept[j]]} in {group} is estimated "
        f"as {np.sign(correlation[i, j]):.0f}"
        for i in range(len(kept))
        for j in range(i)
        if abs(correlation[i, j]) > 1.0 - 1e-9
    ]
    if perfect and len(perfect) <= _LISTED:
        return named + perfect
    return [
        *named,
        f"the covariance matrix of {group} is estimated with rank {found} of {full}",
    ]
