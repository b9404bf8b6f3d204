"""The largest density that an observation can have: what a deviance compares with."""

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.response import Response


def best_log_density(
    family: Family, response: Response, eta: Matrix, lower: Vector, upper: Vector
) -> Vector:
    """max over the location of log f(y | η) given the other predictors, (n,).

    By bisection on its derivative between locations `lower` and `upper` (n,), where the density
    rises before its maximum and falls after it.
    """
    at = np.array(eta, dtype=np.float64)
    for _ in range(60):
        at[:, 0] = 0.5 * (lower + upper)
        slope = family.log_density(response, at, 1).d1
        assert slope is not None
        rising = slope[:, 0] > 0.0
        lower, upper = np.where(rising, at[:, 0], lower), np.where(rising, upper, at[:, 0])
    return family.log_density(response, at).value
