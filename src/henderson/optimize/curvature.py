"""The exact Hessian of the deviance, by differences of its exact gradient."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector

_STEP = 2e-5  # in units of 1/√H, about a standard error
_RESOLVED = 1e-9  # of a parameter: the least step that leaves its difference some digits


def exact_hessian(
    gradient: Callable[[Vector], Vector],
    at: Vector,
    gradient_at: Vector,
    model: Matrix,
    free: NDArray[np.bool_],
) -> Matrix:
    """∂²d/∂ψ² over the free parameters, (number free, number free).

    Forward differences of an exact gradient, with a step of 2·10⁻⁵ standard errors by the
    model Hessian: the relative error is of that order.
    """
    index = np.flatnonzero(free)
    diagonal = np.diag(model)[index]
    positive = diagonal > 1e-12 * np.abs(diagonal).max(initial=1e-300)
    steps = _STEP / np.sqrt(np.where(positive, diagonal, 1.0))
    columns = []
    for i, step in zip(index, steps, strict=True):
        moved = at.copy()
        moved[i] += max(step, _RESOLVED * abs(at[i]))
        columns.append((gradient(moved) - gradient_at)[index] / (moved[i] - at[i]))
    H = np.array(columns).reshape(len(index), len(index))
    return 0.5 * (H + H.T)


def smallest_scaled_eigenvalue(hessian: Matrix) -> float:
    """The smallest eigenvalue of a Hessian scaled to a unit diagonal.

    NaN without parameters, and where the Hessian is not finite.
    """
    if not len(hessian) or not np.isfinite(hessian).all():
        return float("nan")
    scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
    return float(np.linalg.eigvalsh(hessian / np.outer(scale, scale))[0])


def covariance_of(hessian: Matrix) -> Matrix:
    """2 H⁻¹: the covariance of the estimates where H is of −2 log L; NaN where H is not positive."""
    try:
        root = np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return np.full_like(hessian, np.nan)
    inverse = np.linalg.inv(root)
    return 2.0 * inverse.T @ inverse
