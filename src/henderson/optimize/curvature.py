"""The exact Hessian of the deviance, by differences of its exact gradient."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector

_STEP = 2e-5  # in units of 1/√H, about a standard error
_FLAT_STEP = 1e-12  # of the largest diagonal: less is taken as that for the step
_FLAT = 1e-14  # of the largest diagonal: less is rounding
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
    least = _FLAT_STEP * np.abs(diagonal).max(initial=1e-300)
    steps = np.minimum(_STEP / np.sqrt(np.maximum(diagonal, least)), 1.0)
    columns = []
    for i, step in zip(index, steps, strict=True):
        moved = at.copy()
        moved[i] += max(step, _RESOLVED * abs(at[i]))
        columns.append((gradient(moved) - gradient_at)[index] / (moved[i] - at[i]))
    H = np.array(columns).reshape(len(index), len(index))
    return 0.5 * (H + H.T)


def smallest_scaled_eigenvalue(hessian: Matrix) -> float:
    """The smallest eigenvalue of a Hessian scaled to a unit diagonal.

    A parameter without curvature of its own, such as the logarithm of a dispersion without end,
    has the eigenvalue 0: its products with others are rounding. NaN without parameters, and
    where the Hessian is not finite.
    """
    if not len(hessian) or not np.isfinite(hessian).all():
        return float("nan")
    diagonal = np.abs(np.diag(hessian))
    curved = diagonal > _FLAT * diagonal.max()
    scale = np.sqrt(diagonal[curved])
    scaled = hessian[np.ix_(curved, curved)] / np.outer(scale, scale)
    values = np.linalg.eigvalsh(scaled)
    return float(min(values.min(initial=np.inf), np.inf if curved.all() else 0.0))


def covariance_of(hessian: Matrix) -> Matrix:
    """2 H⁻¹, the covariance of estimates whose −2 log L has Hessian H; NaN if not positive."""
    try:
        root = np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return np.full_like(hessian, np.nan)
    inverse = np.linalg.inv(root)
    return 2.0 * inverse.T @ inverse
