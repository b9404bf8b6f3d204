"""A smooth line through points: local straight lines, robust against outliers.

At x₀ a line is fitted to the share s of the points nearest to it, with tricube weights
(1 − (|x − x₀| / d)³)³, d the distance of the farthest, times bisquare weights of the residuals.

Source: Cleveland (1979), J. Am. Stat. Assoc. 74(368), 829–836.
"""

import numpy as np

from henderson.arrays import Vector

_NODES = 60
_ROBUST_STEPS = 2


def local_line(x: Vector, y: Vector, share: float = 2.0 / 3.0) -> tuple[Vector, Vector]:
    """The smooth line at up to 60 values over the range of `x`; x, y are (n,).

    With fewer than three distinct x it is the mean of y at each.
    """
    at = np.unique(np.quantile(x, np.linspace(0.0, 1.0, _NODES), method="nearest"))
    if at.size < 3:
        return at, np.array([np.mean(y[x == value]) for value in at])
    near = max(3, int(share * x.size))
    weight = np.ones(x.size)
    fit = _fitted(at, x, y, weight, near)
    for _ in range(_ROBUST_STEPS):
        residual = np.abs(y - np.interp(x, at, fit))
        scale = 6.0 * float(np.median(residual))
        if scale <= 0.0:
            break
        weight = np.maximum(1.0 - (residual / scale) ** 2, 0.0) ** 2
        fit = _fitted(at, x, y, weight, near)
    return at, fit


def _fitted(at: Vector, x: Vector, y: Vector, weight: Vector, near: int) -> Vector:
    out = np.empty(at.size)
    for i, center in enumerate(at):
        distance = np.abs(x - center)
        reach = float(np.partition(distance, near - 1)[near - 1])
        widest = reach if reach > 0.0 else float(np.min(distance[distance > 0.0]))
        tricube = np.maximum(1.0 - (distance / (widest * 1.001)) ** 3, 0.0) ** 3
        w = tricube * weight
        w = w if w.sum() > 0.0 else tricube
        moved = x - center
        s0, s1, s2 = w.sum(), float(w @ moved), float(w @ moved**2)
        t0, t1 = float(w @ y), float(w @ (moved * y))
        determinant = s0 * s2 - s1**2
        flat = determinant <= 1e-12 * s0 * s2
        out[i] = t0 / s0 if flat else (s2 * t0 - s1 * t1) / determinant
    return out
