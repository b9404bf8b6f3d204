"""The search over covariances, in parameters that suit them.

A first search goes near the optimum; there, parameters whose pivots have become small are put
last (see `Unstructured`), and a second search finishes in the better parameters. Where that one
takes long, the model Hessian is not good enough, and the exact one takes its place.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from henderson.arrays import Vector
from henderson.equations import MixedModelEquations
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.parameters import CovarianceParameters
from henderson.optimize.curvature import exact_hessian
from henderson.optimize.trust_region import Search, SearchLimits, minimize

_PATIENCE = 4  # evaluations of the second search
_FEW = 12  # parameters for which the exact Hessian is worth its gradients
_SMALLER = 4  # times that a start is tried with smaller effects
_NEAR = 0.05  # predicted decrease of the deviance at which pivots are looked at


class Likelihood(Protocol):
    """A deviance in ψ = (θ, other parameters)."""

    equations: MixedModelEquations

    @property
    def parameters(self) -> CovarianceParameters:
        """θ and its structures, which may be exchanged for others of the same covariances."""
        ...

    @parameters.setter
    def parameters(self, parameters: CovarianceParameters, /) -> None: ...

    @property
    def smallest(self) -> Sequence[Vector]:
        """Diagonals of T that do not count, (k,) a term."""
        ...

    def evaluate(self, psi: Vector, /) -> Evaluation:
        """Deviance, gradient and Hessians at ψ."""
        ...

    def gradient(self, psi: Vector, /) -> Vector:
        """The gradient alone."""
        ...

    def deviance_at(self, psi: Vector, /) -> float:
        """The deviance at ψ."""
        ...


# What finds the least deviance of a likelihood from a start, as `search_covariances` does.
SearchRoutine = Callable[[Likelihood, Vector, SearchLimits], Search]


def search_covariances(likelihood: Likelihood, start: Vector, limits: SearchLimits) -> Search:
    """Minimize the deviance; `likelihood.parameters` may be others, of the same covariances."""
    psi = repivot(likelihood, best_start(likelihood, start))
    if all(k == 1 for k in likelihood.parameters.k):
        return minimize(likelihood.evaluate, psi, limits)
    near = replace(limits, tolerance=max(_NEAR, limits.tolerance))
    first = minimize(likelihood.evaluate, psi, near)
    before = likelihood.parameters
    psi = repivot(likelihood, first.parameters)
    second = minimize(
        likelihood.evaluate,
        psi,
        limits,
        resumed=first if likelihood.parameters is before else None,
        patience=_PATIENCE if len(psi) <= _FEW else None,
    )
    if likelihood.parameters is not before:
        second = replace(second, evaluations=first.evaluations + second.evaluations)
    if second.reason != "slow":
        return second
    at = second.evaluation
    free = np.ones(len(psi), dtype=bool)
    hessian = exact_hessian(
        likelihood.gradient, second.parameters, at.gradient, at.hessian, free
    )
    if not np.isfinite(hessian).all():  # beside the end of the parameter space
        hessian = second.hessian
    return minimize(
        likelihood.evaluate,
        second.parameters,
        limits,
        resumed=replace(second, hessian=hessian, evaluations=second.evaluations + len(psi)),
    )


def repivot(likelihood: Likelihood, psi: Vector) -> Vector:
    """Change to parameters that behave better at ψ, and give ψ in them."""
    before, count = likelihood.parameters, len(likelihood.parameters)
    theta = psi[:count]
    likelihood.parameters = before.pivoted(theta, likelihood.smallest)
    if likelihood.parameters is before:
        return psi
    moved = likelihood.parameters.parameters_of(before, theta)
    return np.concatenate([moved, psi[count:]])


def best_start(likelihood: Likelihood, psi: Vector) -> Vector:
    """The best of the points that the structures name to start from, one term at a time."""
    parameters = likelihood.parameters
    for structure, k, at in zip(
        parameters.structures, parameters.k, parameters.slices, strict=True
    ):
        points = structure.starts(psi[at], k)
        if len(points) == 1:
            continue
        trials = []
        for point in points:
            trials.append(psi.copy())
            trials[-1][at] = point
        deviances = [likelihood.deviance_at(trial) for trial in trials]
        best = int(np.argmin(deviances))
        psi, lowest = trials[best], deviances[best]
        for _ in range(_SMALLER):  # a residual that the term can stand for hides its size
            trial = psi.copy()
            trial[at] = structure.scaled(psi[at], k, 0.4)
            deviance = likelihood.deviance_at(trial)
            if not deviance < lowest:
                break
            psi, lowest = trial, deviance
    return psi
