"""What a fitting method hands back, in the coefficients and units of the user's data."""

from dataclasses import dataclass

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.optimize import Certificate

_SMALL = 8  # effects up to which one product of all blocks is faster than one for each


@dataclass(frozen=True, slots=True)
class TermFit:
    """One random term."""

    theta: Vector
    covariance: Matrix  # (k, k)
    modes: Matrix  # (g, k)
    mode_covariance: Blocks  # (g, k, k)


@dataclass(frozen=True, slots=True)
class PredictorFit:
    """One linear predictor."""

    beta: Vector
    terms: tuple[TermFit, ...]
    eta: Vector  # (n,), at the conditional modes


@dataclass(frozen=True, slots=True)
class ErrorFit:
    """The covariance of residuals within subjects, by group of subjects."""

    thetas: tuple[Vector, ...]
    covariances: tuple[Matrix, ...]


@dataclass(frozen=True, slots=True)
class FitResult:
    """The whole fit. `vcov_all` is over (β of all predictors, θ)."""

    predictors: tuple[PredictorFit, ...]
    vcov_all: Matrix
    log_likelihood: float
    certificate: Certificate
    errors: ErrorFit | None = None
    log_prior: float = 0.0

    @property
    def theta(self) -> Vector:
        """θ of all random terms, then of the residuals."""
        pieces = [term.theta for each in self.predictors for term in each.terms]
        pieces += [] if self.errors is None else self.errors.thetas
        return np.concatenate([np.empty(0), *pieces])

    @property
    def n_coefficients(self) -> int:
        """Of all predictors."""
        return sum(len(each.beta) for each in self.predictors)

    @property
    def log_posterior(self) -> float:
        """What was maximized."""
        return self.log_likelihood + self.log_prior


def sandwich(T: Matrix, blocks: Blocks) -> Blocks:
    """T Bⱼ Tᵀ of every block B (g, k, k)."""
    g, k, _ = blocks.shape
    if k > _SMALL:
        return T @ blocks @ T.T
    return (blocks.reshape(g, k * k) @ np.kron(T, T).T).reshape(g, k, k)
