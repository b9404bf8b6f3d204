"""Covariances in which a standard deviation, a correlation or a range is held fixed."""

# ruff: noqa: D102  (methods are documented once, on the base class)

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance import CovarianceStructure


def by_one_element(structure: CovarianceStructure, k: int) -> dict[str, int]:
    """What a structure names and one element of θ alone determines: which element."""
    theta = structure.parameters_near(np.eye(k) + 0.2)
    here = structure.natural(theta, k)
    moved: dict[str, list[int]] = {name: [] for name in here}
    for element in range(len(theta)):
        other = theta.copy()
        other[element] += 0.1
        there = structure.natural(other, k)
        for name, elements in moved.items():
            if not np.isclose(there[name], here[name], rtol=1e-6, atol=0.0):
                elements.append(element)
    return {name: elements[0] for name, elements in moved.items() if len(elements) == 1}


class _Held(CovarianceStructure):
    """`base` with one element of θ held at `value`.

    The element keeps its place in θ, where it moves nothing: a term of one effect would be left
    without parameters.
    """

    __slots__ = ()
    base: CovarianceStructure
    element: int
    value: float

    def n_parameters(self, k: int) -> int:
        return self.base.n_parameters(k)

    def factor(self, theta: Vector, k: int) -> Matrix:
        return self.base.factor(self._held(theta), k)

    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        moved = self.base.factor_derivatives(self._held(theta), k).copy()
        moved[self.element] = 0.0
        return moved

    def curvature(self, theta: Vector, k: int, by_factor: Matrix) -> Matrix:
        out = self.base.curvature(self._held(theta), k, by_factor).copy()
        out[self.element] = out[:, self.element] = 0.0
        return out

    def parameters_near(self, covariance: Matrix) -> Vector:
        return self._held(self.base.parameters_near(covariance))

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        return tuple(each for each in self.base.scales(k) if each[0] != self.element)

    def canonical(self, theta: Vector, k: int) -> Vector:
        return self._held(self.base.canonical(self._held(theta), k))

    def _held(self, theta: Vector) -> Vector:
        held = theta.copy()
        held[self.element] = self.value
        return held


@final
@dataclass(frozen=True, slots=True)
class FixedScale(_Held):
    """`base` with one element of θ, a standard deviation, held at `value`."""

    base: CovarianceStructure
    element: int
    effect: int  # whose standard deviation it is
    value: float
    keyword: ClassVar[str] = "fixed_scale"  # pyright: ignore[reportIncompatibleVariableOverride]
    description: ClassVar[str] = "with a standard deviation held fixed"  # pyright: ignore[reportIncompatibleVariableOverride]

    def parameters_near(self, covariance: Matrix) -> Vector:
        scale = np.ones(len(covariance))
        variance = max(covariance[self.effect, self.effect], 1e-300)
        scale[self.effect] = self.value / np.sqrt(variance)
        return self._held(self.base.parameters_near(covariance * np.outer(scale, scale)))


@final
@dataclass(frozen=True, slots=True)
class FixedElement(_Held):
    """`base` with one element of θ that is no scale held at `value`."""

    base: CovarianceStructure
    element: int
    value: float
    keyword: ClassVar[str] = "fixed_element"  # pyright: ignore[reportIncompatibleVariableOverride]
    description: ClassVar[str] = "with a parameter held fixed"  # pyright: ignore[reportIncompatibleVariableOverride]

    def scaled(self, theta: Vector, k: int, c: float) -> Vector:
        return self._held(self.base.scaled(theta, k, c))


@final
@dataclass(frozen=True, slots=True)
class FixedCorrelation(CovarianceStructure):
    """An unstructured covariance with one correlation held at `value`.

    In T, lower triangular with the pair's rows first, the second row is s (r, √(1 − r²)): θ has
    one element in the place of its two. The pair's scales are squares of their elements: with
    the sign of a scale that of the correlation would change.
    """

    base: CovarianceStructure  # unstructured, ordered with the pair first
    k: int
    value: float
    keyword: ClassVar[str] = "fixed_correlation"  # pyright: ignore[reportIncompatibleVariableOverride]
    description: ClassVar[str] = "with a correlation held fixed"  # pyright: ignore[reportIncompatibleVariableOverride]

    def n_parameters(self, k: int) -> int:
        return self.base.n_parameters(k) - 1

    def factor(self, theta: Vector, k: int) -> Matrix:
        return self.base.factor(self._whole(theta), k)

    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        T = self.base.factor_derivatives(self._whole(theta), k)
        out = np.delete(T, 1, axis=0)
        out[0] *= 2.0 * theta[0]
        out[k - 1] = 2.0 * theta[k - 1] * self._second_row(T, k)
        return out

    def curvature(self, theta: Vector, k: int, by_factor: Matrix) -> Matrix:
        T, out = self.base.factor_derivatives(self._whole(theta), k), np.zeros((2, len(theta)))
        out[0, 0] = 2.0 * np.sum(T[0] * by_factor)
        out[1, k - 1] = 2.0 * np.sum(self._second_row(T, k) * by_factor)
        return np.diag(out.sum(axis=0))

    def _second_row(self, T: Blocks, k: int) -> Matrix:
        """∂T/∂s, s the second standard deviation; T is linear in its own parameters."""
        return self.value * T[1] + np.sqrt(1.0 - self.value**2) * T[k]

    def parameters_near(self, covariance: Matrix) -> Vector:
        return self._without(self.base.parameters_near(covariance))

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        return tuple((e - (e > 1), effect) for e, effect in self.base.scales(k))

    def canonical(self, theta: Vector, k: int) -> Vector:
        return self._without(self.base.canonical(self._whole(theta), k))

    def _without(self, theta: Vector) -> Vector:
        """θ without the element below the first scale; the second scale is the root of both."""
        out = np.delete(theta, 1)
        out[0] = np.sqrt(np.abs(theta[0]))
        out[self.k - 1] = np.sqrt(np.hypot(theta[1], theta[self.k]))
        return out

    def _whole(self, theta: Vector) -> Vector:
        s = theta[self.k - 1] ** 2
        whole = np.insert(theta, 1, self.value * s)
        whole[0] = theta[0] ** 2
        whole[self.k] = np.sqrt(1.0 - self.value**2) * s
        return whole
