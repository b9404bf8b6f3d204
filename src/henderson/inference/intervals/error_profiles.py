"""Profile likelihood intervals of the parameters of residuals that vary together.

A standard deviation of an unstructured covariance is held as its logarithm, a correlation as
artanh ρ, and what another structure has one element of θ for, as that element; ends are on the
scale of the parameter itself. Every point is a fit with the value held in the structure.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from henderson.arrays import Vector
from henderson.covariance import CovarianceStructure, Unstructured
from henderson.covariance.diagonal import Diagonal
from henderson.estimation.estimates import ErrorEstimates, Estimates
from henderson.estimation.model_design import ModelDesign
from henderson.inference.intervals.coefficient_profiles import step_to
from henderson.inference.intervals.constrained_structures import (
    FixedCorrelation,
    FixedElement,
    FixedScale,
    by_one_element,
)
from henderson.refits.refitting import refit

_STEP = 0.1  # a first one, of logarithms and artanh ρ, and relative to others
_FARTHEST = 60.0  # standard errors


@dataclass(frozen=True, slots=True)
class ErrorParameter:
    """One parameter of the covariance of a group of subjects."""

    name: str
    group: int
    at: float  # the estimate, in coordinates of the search
    hold: Callable[[float], CovarianceStructure]
    natural: Callable[[float], float]  # coordinates to the parameter

    def interval(self, best: Estimates, z: float) -> tuple[float, float, float]:
        """The estimate by `best`, a fit by maximum likelihood, and where ζ is −z and z."""

        def zeta(step: float) -> float:
            fit = refit(best, design=self._held(best, self.at + step))
            lost = 2.0 * (best.log_likelihood - fit.log_likelihood)
            return float(np.sign(step) * np.sqrt(max(lost, 0.0)))

        first = _STEP * max(abs(self.at), 0.1)
        unit = first / np.clip(zeta(first), 0.05, 20.0)
        low, high = (
            self.at + unit * step_to(lambda u: zeta(unit * u), side, _FARTHEST)
            for side in (-z, z)
        )
        return self.natural(self.at), self.natural(low), self.natural(high)

    def _held(self, best: Estimates, value: float) -> ModelDesign:
        structures = list(best.design.error_structures)
        structures[self.group] = self.hold(value)
        return replace(best.design, error_structures=tuple(structures))


def error_parameters(errors: ErrorEstimates | None) -> dict[str, ErrorParameter]:
    """By name: "sd|Residual", "correlation|Residual (drug)", "sd_8|Residual"."""
    if errors is None:
        return {}
    found: list[ErrorParameter] = []
    for h, group in enumerate(errors.design.groups):
        label = f"Residual ({group})" if group else "Residual"
        structure = errors.structures[h]
        each = _unstructured if isinstance(structure, Unstructured) else _elements
        if isinstance(structure, Diagonal):
            each = _standard_deviations
        found += each(errors, h, label)
    return {parameter.name: parameter for parameter in found}


def _unstructured(errors: ErrorEstimates, h: int, label: str) -> Iterator[ErrorParameter]:
    covariance, positions = errors.covariances[h], errors.design.positions
    k, sd = len(positions), np.sqrt(np.diag(covariance))
    for i, position in enumerate(positions):
        first = Unstructured((i, *(j for j in range(k) if j != i)))
        yield ErrorParameter(
            f"sd_{position}|{label}",
            h,
            float(np.log(sd[i])),
            partial(_with_sd, first, i, 0),
            _exponential,
        )
        for j in range(i + 1, k):
            pair = Unstructured((i, j, *(each for each in range(k) if each not in {i, j})))
            yield ErrorParameter(
                f"cor_{positions[j]}.{position}|{label}",
                h,
                float(np.arctanh(covariance[i, j] / (sd[i] * sd[j]))),
                partial(_with_correlation, pair, k),
                _hyperbolic,
            )


def _standard_deviations(
    errors: ErrorEstimates, h: int, label: str
) -> Iterator[ErrorParameter]:
    structure, positions = errors.structures[h], errors.design.positions
    for element, effect in structure.scales(len(positions)):
        yield ErrorParameter(
            f"sd_{positions[effect]}|{label}",
            h,
            0.5 * float(np.log(errors.covariances[h][effect, effect])),
            partial(_with_sd, structure, effect, element),
            _exponential,
        )


def _exponential(value: float) -> float:
    return float(np.exp(value))


def _hyperbolic(value: float) -> float:
    return float(np.tanh(value))


def _with_sd(
    base: CovarianceStructure, effect: int, element: int, log_sd: float
) -> CovarianceStructure:
    return FixedScale(base, element, effect, float(np.exp(log_sd)))


def _with_correlation(base: CovarianceStructure, k: int, artanh: float) -> CovarianceStructure:
    return FixedCorrelation(base, k, float(np.tanh(artanh)))


def _elements(errors: ErrorEstimates, h: int, label: str) -> Iterator[ErrorParameter]:
    """Parameters that one element of θ alone determines."""
    structure, theta = errors.structures[h], errors.thetas[h]
    k = len(errors.design.positions)
    for name, element in by_one_element(structure, k).items():
        yield ErrorParameter(
            f"{name}|{label}",
            h,
            float(theta[element]),
            partial(FixedElement, structure, element),
            partial(_natural, structure, theta, k, element, name),
        )


def _natural(
    structure: CovarianceStructure, theta: Vector, k: int, element: int, name: str, value: float
) -> float:
    moved = theta.copy()
    moved[element] = value
    return structure.natural(moved, k)[name]
