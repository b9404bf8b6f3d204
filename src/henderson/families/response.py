"""What was observed, as the log density takes it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from henderson.arrays import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """Observations, ready for a family; every field has shape (n,), float64.

    y is the observation: for a binomial response the number of successes. size is the number
    of trials of a binomial response, and the precision weight of a Gaussian one, by which
    Var(y) = σ² / size; otherwise one. weight multiplies the log density of the row.
    """

    y: Vector
    size: Vector
    weight: Vector

    @classmethod
    def of(
        cls, y: ArrayLike, size: ArrayLike | None = None, weight: ArrayLike | None = None
    ) -> Self:
        """A response from anything array-like; `size` and `weight` are one unless given."""
        observed = np.ascontiguousarray(y, dtype=np.float64).reshape(-1)

        def full(values: ArrayLike | None) -> Vector:
            given = 1.0 if values is None else np.asarray(values, dtype=np.float64)
            return np.ascontiguousarray(np.broadcast_to(given, observed.shape))

        return cls(y=observed, size=full(size), weight=full(weight))
