"""A pattern of correlations with one standard deviation, or with one for each effect."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance.base import (
    CovarianceStructure,
    End,
    by_complex_steps,
    by_differences,
)

_UNMOVED = 1e-13  # change of a correlation that is none
_STARTS = (0.3, 0.8, 0.98)  # correlations of neighbours to try


class CorrelationPattern(ABC):
    """The correlation of k effects by parameters on the real line; no state but the points."""

    equally_spaced: bool = False  # whether ρ is that of any number of effects at equal steps
    in_order: bool = False  # whether the order of the effects matters

    @property
    def coordinates(self) -> tuple[int, int] | None:
        """Fewest and most coordinates, for patterns complete only after `at`."""
        return None

    @abstractmethod
    def n_parameters(self, k: int) -> int:
        """Number of parameters for k effects."""

    @abstractmethod
    def factor(self, rho: Vector, k: int) -> Matrix:
        """L with LLᵀ the correlation, (k, k).

        Analytic, also of complex ρ unless `factor_derivatives` is overridden.
        """

    def factor_derivatives(self, rho: Vector, k: int) -> Blocks:
        """∂L/∂ρ, (len(ρ), k, k)."""
        return by_complex_steps(self.factor, rho, k)

    def curvature(self, rho: Vector, k: int, weight: Matrix) -> Matrix:
        """Σ weight ∘ ∂²L/∂ρᵢ∂ρⱼ, by central differences of ∂L/∂ρ."""
        return by_differences(self.factor_derivatives, rho, k, weight)

    @abstractmethod
    def parameters_near(self, correlation: Matrix) -> Vector:
        """Parameters whose correlation is near a given one, well inside (−1, 1)."""

    @abstractmethod
    def parameters_at(self, neighbours: float, k: int) -> Vector:
        """Parameters with a given correlation of neighbours, the rest as simple as can be."""

    def ends(self, k: int) -> tuple[End, ...]:
        """The limits that elements of ρ can run off to."""
        return ()

    @abstractmethod
    def natural(self, rho: Vector, k: int) -> dict[str, float]:
        """The parameters as people call them, by name."""

    def rank(self, k: int) -> int:
        """The rank of the correlation, to rounding, away from every boundary."""
        return k

    def at(self, points: Matrix) -> "CorrelationPattern":
        """The pattern over `points` (k, d); itself where it does not matter."""
        return self

    def given(self, argument: str) -> "CorrelationPattern":
        """The pattern with what a formula says after the comma; see `CovarianceStructure`."""
        raise ValueError("nothing is expected after the effects and the group.")


@dataclass(frozen=True, slots=True)
class _Patterned(CovarianceStructure):
    """A pattern L(ρ) of correlations, T = DL: D a diagonal of standard deviations σ."""

    keyword: str
    description: str
    pattern: CorrelationPattern

    @property
    def correlates_levels(self) -> bool:
        return self.coordinates is None

    @property
    def in_order(self) -> bool:
        return self.pattern.in_order

    @property
    def coordinates(self) -> tuple[int, int] | None:
        return self.pattern.coordinates

    def at(self, points: Matrix) -> CovarianceStructure:
        return replace(self, pattern=self.pattern.at(points))

    def given(self, argument: str) -> CovarianceStructure:
        return replace(self, pattern=self.pattern.given(argument)) if argument else self

    def rank(self, k: int) -> int:
        return self.pattern.rank(k)

    @abstractmethod
    def split(self, theta: Vector, k: int) -> tuple[Vector, Vector]:
        """θ as what belongs to the standard deviations and as ρ."""

    def ends(self, k: int) -> tuple[End, ...]:
        first = self.n_parameters(k) - self.pattern.n_parameters(k)
        return tuple(end.shifted(first) for end in self.pattern.ends(k))

    def free(self, theta: Vector, k: int) -> NDArray[np.bool_]:
        free, rho = CovarianceStructure.free(self, theta, k), self.split(theta, k)[1]
        if len(rho):  # beyond a correlation of 1 others do not count
            change = self.pattern.factor_derivatives(rho, k) @ self.pattern.factor(rho, k).T
            free[-len(rho) :] &= np.abs(change).reshape(len(rho), -1).max(axis=1) > _UNMOVED
        return free

    def starts(self, theta: Vector, k: int) -> tuple[Vector, ...]:
        scale = self.split(theta, k)[0]
        others = (self.pattern.parameters_at(rho, k) for rho in _STARTS)
        return (theta, *(np.append(scale, rho) for rho in others if len(rho)))


@final
@dataclass(frozen=True, slots=True)
class Homogeneous(_Patterned):
    """Cov(b) = σ²R(ρ), θ = (σ, ρ...); the sign of σ is free."""

    @property
    def equally_spaced(self) -> bool:
        return self.pattern.equally_spaced

    def split(self, theta: Vector, k: int) -> tuple[Vector, Vector]:
        return theta[:1], theta[1:]

    def natural(self, theta: Vector, k: int) -> dict[str, float]:
        return {"sd": float(abs(theta[0])), **self.pattern.natural(theta[1:], k)}

    def n_parameters(self, k: int) -> int:
        return 1 + self.pattern.n_parameters(k)

    def factor(self, theta: Vector, k: int) -> Matrix:
        return theta[0] * self.pattern.factor(theta[1:], k)

    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        L, dL = self.pattern.factor(theta[1:], k), np.zeros((0, k, k))
        if len(theta) > 1:
            dL = self.pattern.factor_derivatives(theta[1:], k)
        return np.concatenate([L[None], theta[0] * dL])

    def curvature(self, theta: Vector, k: int, by_factor: Matrix) -> Matrix:
        out = np.zeros((len(theta), len(theta)))
        if len(theta) > 1:
            across = np.tensordot(
                self.pattern.factor_derivatives(theta[1:], k), by_factor, axes=2
            )
            out[0, 1:] = out[1:, 0] = across
            out[1:, 1:] = theta[0] * self.pattern.curvature(theta[1:], k, by_factor)
        return out

    def parameters_near(self, covariance: Matrix) -> Vector:
        variance = float(np.trace(covariance)) / len(covariance)
        return np.append(
            np.sqrt(variance), self.pattern.parameters_near(correlation_of(covariance))
        )

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        return ((0, 0),)

    def scaled(self, theta: Vector, k: int, c: float) -> Vector:
        return np.append(c * theta[:1], theta[1:])

    def canonical(self, theta: Vector, k: int) -> Vector:
        out = theta.copy()
        out[0] = abs(out[0])
        if out[0] == 0.0:
            out[1:] = 0.0
        return out


@final
@dataclass(frozen=True, slots=True)
class Heterogeneous(_Patterned):
    """Cov(b) = DR(ρ)D, D = diag(σ₁ ... σₖ), θ = (log σ₁ ... log σₖ, ρ...).

    Logarithms, because the sign of one standard deviation would turn its correlations around.
    """

    def split(self, theta: Vector, k: int) -> tuple[Vector, Vector]:
        return theta[:k], theta[k:]

    def natural(self, theta: Vector, k: int) -> dict[str, float]:
        sds = {f"sd {j + 1}": float(np.exp(log_sd)) for j, log_sd in enumerate(theta[:k])}
        return sds | self.pattern.natural(theta[k:], k)

    def n_parameters(self, k: int) -> int:
        return k + self.pattern.n_parameters(k)

    def factor(self, theta: Vector, k: int) -> Matrix:
        return np.exp(theta[:k])[:, None] * self.pattern.factor(theta[k:], k)

    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        out = np.zeros((len(theta), k, k))
        rows = np.arange(k)
        out[rows, rows] = self.factor(theta, k)
        if len(theta) > k:
            dL = self.pattern.factor_derivatives(theta[k:], k)
            out[k:] = np.exp(theta[:k])[:, None] * dL
        return out

    def curvature(self, theta: Vector, k: int, by_factor: Matrix) -> Matrix:
        out = np.zeros((len(theta), len(theta)))
        derivatives = self.factor_derivatives(theta, k)
        out[:k, :k] = np.diag(np.sum(derivatives[np.arange(k), np.arange(k)] * by_factor, 1))
        if len(theta) > k:
            out[:k, k:] = np.sum(derivatives[k:] * by_factor, axis=2).T
            out[k:, :k] = out[:k, k:].T
            weight = np.exp(theta[:k])[:, None] * by_factor
            out[k:, k:] = self.pattern.curvature(theta[k:], k, weight)
        return out

    def parameters_near(self, covariance: Matrix) -> Vector:
        log_sd = 0.5 * np.log(np.maximum(np.diag(covariance), 1e-300))
        return np.append(log_sd, self.pattern.parameters_near(correlation_of(covariance)))

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        return ()

    def scaled(self, theta: Vector, k: int, c: float) -> Vector:
        return np.append(theta[:k] + np.log(c), theta[k:])

    def canonical(self, theta: Vector, k: int) -> Vector:
        return theta


def correlation_of(covariance: Matrix) -> Matrix:
    """Correlations of a covariance matrix; zero where a variance is."""
    sd = np.sqrt(np.diag(covariance))
    scale = np.where(sd > 0.0, sd, 1.0)
    return covariance / np.outer(scale, scale)
