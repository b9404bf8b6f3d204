"""Degrees of freedom by coefficient: a linear function has the least of those it weights."""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector


@final
@dataclass(frozen=True, slots=True)
class CoefficientDf:
    """ν of each coefficient, the same for all of a term; min over those with a weight not 0."""

    name: str
    vcov: Matrix  # (p, p)
    nu: Vector  # (p,)
    endless: Matrix | None = None  # (m, p): directions without a finite estimate

    def df(self, L: Matrix) -> Vector:
        """ν of each row of L (r, p); shape (r,)."""
        weight = np.abs(L * np.sqrt(np.diag(self.vcov)))
        takes_part = weight > 1e-10 * weight.max(axis=1, keepdims=True, initial=0.0)
        return np.where(takes_part, self.nu, np.inf).min(axis=1, initial=np.inf)

    def joint(self, L: Matrix, value: Vector) -> tuple[float, float]:
        """F of `value` (q,), for independent rows L (q, p), and its denominator's ν."""
        chi2 = value @ np.linalg.solve(L @ self.vcov @ L.T, value)
        return float(chi2) / len(L), float(self.df(L).min())
