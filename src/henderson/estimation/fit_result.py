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


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The estimates. `vcov_all` is over (β of all predictors, θ).

    `endless` (m, P) are directions of β along which the likelihood rises without end, each the
    change of β that moves the linear predictors by 1, in root mean square; `vcov_all` is that
    of what they leave.
    """

    predictors: tuple[PredictorFit, ...]
    vcov_all: Matrix
    log_likelihood: float
    errors: ErrorFit | None = None
    log_prior: float = 0.0
    endless: Matrix | None = None

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

    def certified(self, certificate: Certificate) -> "FitResult":
        """The estimates with how the search for them ended."""
        return FitResult(
            predictors=self.predictors,
            vcov_all=self.vcov_all,
            log_likelihood=self.log_likelihood,
            errors=self.errors,
            log_prior=self.log_prior,
            endless=self.endless,
            certificate=certificate,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult(Findings):
    """The whole fit."""

    certificate: Certificate


def sandwich(T: Matrix, blocks: Blocks) -> Blocks:
    """T Bⱼ Tᵀ of every block B (g, k, k)."""
    g, k, _ = blocks.shape
    if k > _SMALL:
        return T @ blocks @ T.T
    return (blocks.reshape(g, k * k) @ np.kron(T, T).T).reshape(g, k, k)
