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
    theta: Vector,
    factors: Sequence[Matrix],
    derivatives: list,
    by_template: Sequence[Matrix],
) -> Matrix:
    """The part of the Hessian in θ that comes from G = TTᵀ and from T(θ), (nθ, nθ).

    2 tr(∂ᵢTᵀ g ∂ⱼT), where g = ∂d/∂G follows from ∂d/∂T = 2gT, keeps a variance of zero from
    being a false saddle; Σ ∂d/∂T ∘ ∂ᵢⱼT is zero where T is linear in θ.
    """
    out = np.zeros((len(parameters), len(parameters)))
    for structure, at, T, dT, gT in zip(
        parameters.structures, parameters.slices, factors, derivatives, by_template, strict=True
    ):
        g = gT / (2.0 * T) if len(T) == 1 else 0.5 * gT @ _inverse(T)
        g = 0.5 * (g + g.T)
        count = dT.shape[0]
        out[at, at] = 2.0 * dT.reshape(count, -1) @ (g @ dT).reshape(count, -1).T
        if not structure.linear:
            out[at, at] += structure.curvature(theta[at], len(T), gT)
    return out


def _inverse(T: Matrix) -> Matrix:
    """T⁻¹, or what is nearest to it where T is singular to precision."""
    try:
        return np.linalg.inv(T)
    except np.linalg.LinAlgError:
        return np.linalg.pinv(T)
