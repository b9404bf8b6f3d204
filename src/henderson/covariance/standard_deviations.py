"""A pattern of correlations with one standard deviation, or with one for each effect."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.covariance.base import CovarianceStructure

_STARTS = (0.3, 0.8, 0.98)  # correlations of neighbours to try


class CorrelationPattern(ABC):
    """The correlation of k effects by parameters on the real line; no state."""

    @abstractmethod
    def n_parameters(self, k: int) -> int:
        """Number of parameters for k effects."""

    @abstractmethod
    def factor(self, rho: Vector, k: int) -> Matrix:
        """Lower Cholesky factor of the correlation, (k, k); analytic, also of complex ρ."""

    @abstractmethod
    def parameters_near(self, correlation: Matrix) -> Vector:
        """Parameters whose correlation is near a given one, well inside (−1, 1)."""

    @abstractmethod
    def parameters_at(self, neighbours: float, k: int) -> Vector:
        """Parameters with a given correlation of neighbours, the rest as simple as can be."""


@final
@dataclass(frozen=True, slots=True)
class Homogeneous(CovarianceStructure):
    """Cov(b) = σ²R(ρ), θ = (σ, ρ...); the sign of σ is free."""

    keyword: str
    description: str
    pattern: CorrelationPattern

    def n_parameters(self, k: int) -> int:
        return 1 + self.pattern.n_parameters(k)

    def factor(self, theta: Vector, k: int) -> Matrix:
        return theta[0] * self.pattern.factor(theta[1:], k)

    def parameters_near(self, covariance: Matrix) -> Vector:
        variance = float(np.trace(covariance)) / len(covariance)
        return np.append(
            np.sqrt(variance), self.pattern.parameters_near(correlation_of(covariance))
        )

    def starts(self, theta: Vector, k: int) -> tuple[Vector, ...]:
        others = (self.pattern.parameters_at(rho, k) for rho in _STARTS)
        return (theta, *(np.append(theta[:1], rho) for rho in others))

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        return ((0, 0),)

    def canonical(self, theta: Vector, k: int) -> Vector:
        out = theta.copy()
        out[0] = abs(out[0])
        if out[0] == 0.0:
            out[1:] = 0.0
        return out


@final
@dataclass(frozen=True, slots=True)
class Heterogeneous(CovarianceStructure):
    """Cov(b) = DR(ρ)D, D = diag(σ₁ ... σₖ), θ = (log σ₁ ... log σₖ, ρ...).

    Logarithms, because the sign of one standard deviation would turn its correlations around.
    """

    keyword: str
    description: str
    pattern: CorrelationPattern

    def n_parameters(self, k: int) -> int:
        return k + self.pattern.n_parameters(k)

    def factor(self, theta: Vector, k: int) -> Matrix:
        return np.exp(theta[:k])[:, None] * self.pattern.factor(theta[k:], k)

    def parameters_near(self, covariance: Matrix) -> Vector:
        log_sd = 0.5 * np.log(np.maximum(np.diag(covariance), 1e-300))
        return np.append(log_sd, self.pattern.parameters_near(correlation_of(covariance)))

    def starts(self, theta: Vector, k: int) -> tuple[Vector, ...]:
        others = (self.pattern.parameters_at(rho, k) for rho in _STARTS)
        return (theta, *(np.append(theta[:k], rho) for rho in others))

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        return ()

    def canonical(self, theta: Vector, k: int) -> Vector:
        return theta


def correlation_of(covariance: Matrix) -> Matrix:
    """Correlations of a covariance matrix; zero where a variance is."""
    sd = np.sqrt(np.diag(covariance))
    scale = np.where(sd > 0.0, sd, 1.0)
    return covariance / np.outer(scale, scale)
