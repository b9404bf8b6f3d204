"""From derivatives in the templates T to derivatives in the covariance parameters θ."""

from collections.abc import Sequence

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.likelihood.parameters import CovarianceParameters


def theta_gradient(
    parameters: CovarianceParameters, derivatives: list, by_template: Sequence[Matrix]
) -> Vector:
    """∂d/∂θᵢ = Σ ∂d/∂T ∘ ∂T/∂θᵢ, given ∂d/∂T of each term."""
    out = np.empty(len(parameters))
    for at, dT, gT in zip(parameters.slices, derivatives, by_template, strict=True):
        out[at] = dT.reshape(len(dT), gT.size) @ gT.ravel()
    return out


def factor_curvature(
    parameters: CovarianceParameters,
    factors: Sequence[Matrix],
    derivatives: list,
    by_template: Sequence[Matrix],
) -> Matrix:
    """The part of the Hessian in θ that comes from G = TTᵀ: 2 tr(∂ᵢTᵀ g ∂ⱼT), (nθ, nθ).

    g = ∂d/∂G follows from ∂d/∂T = 2gT. It keeps a variance of zero from being a false saddle.
    The curvature of T(θ) itself is left out; it is zero where T is linear in θ.
    """
    out = np.zeros((len(parameters), len(parameters)))
    for at, T, dT, gT in zip(parameters.slices, factors, derivatives, by_template, strict=True):
        g = gT / (2.0 * T) if len(T) == 1 else 0.5 * gT @ np.linalg.inv(T)
        g = 0.5 * (g + g.T)
        count = dT.shape[0]
        out[at, at] = 2.0 * dT.reshape(count, -1) @ (g @ dT).reshape(count, -1).T
    return out
