"""The exact Hessian of the deviance, by differences of its exact gradient."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector

_STEP = 2e-5  # in units of 1/√H, about a standard error
_UNKNOWN = 1e-12  # of the largest diagonal: less says nothing about the step
_OTHER_ORDER = 100.0  # times the curvature supposed: the step was ten times too large
_TRIALS = 4  # steps for one parameter
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

    Forward differences of an exact gradient, with a step of 2·10⁻⁵ standard errors: the
    relative error is of that order. Standard errors come from the model Hessian, where its
    diagonal is not positive from the other parameters. Where a difference shows a far larger
    curvature, it is taken again with a step by that curvature.
    """
    index = np.flatnonzero(free)
    diagonal = np.diag(model)[index]
    known = diagonal > _UNKNOWN * np.abs(diagonal).max(initial=1e-300)
    typical = float(np.median(diagonal[known])) if known.any() else 1.0

    def column(i: int, curvature: float, trials: int) -> Vector:
        moved = at.copy()
        moved[i] += max(min(_STEP / np.sqrt(curvature), 1.0), _RESOLVED * abs(at[i]))
        found = (gradient(moved) - gradient_at) / (moved[i] - at[i])
        if trials > 1 and _OTHER_ORDER * curvature < abs(found[i]) < np.inf:
            return column(i, abs(found[i]), trials - 1)
        return found[index]

    scales = np.where(known, diagonal, typical)
    columns = [column(i, h, _TRIALS) for i, h in zip(index.tolist(), scales, strict=True)]
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
