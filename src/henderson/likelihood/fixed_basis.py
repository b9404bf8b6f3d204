"""An orthonormal basis of the fixed effects, so that no scale or collinearity of X matters.

    X = QR,  QᵀQ = nI,  Xβ = Qγ,  β = R⁻¹γ
"""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.linalg import solve_triangular

from henderson.arrays import Matrix, Vector


@final
@dataclass(frozen=True, slots=True)
class FixedBasis:
    """Q (n, p) with QᵀQ = nI and R (p, p), upper triangular."""

    Q: Matrix
    R: Matrix

    @classmethod
    def of(cls, X: Matrix) -> "FixedBasis":
        """By Householder reflections: stable whatever the condition of X."""
        n, p = X.shape
        if p == 0:
            return cls(np.empty((n, 0)), np.empty((0, 0)))
        Q, R = np.linalg.qr(X)
        root = np.sqrt(n)
        return cls(np.ascontiguousarray(Q * root), R / root)

    def coefficients(self, gamma: Vector) -> Vector:
        """β = R⁻¹γ."""
        return solve_triangular(self.R, gamma, check_finite=False) if len(gamma) else gamma

    def covariance(self, of_gamma: Matrix) -> Matrix:
        """Cov(β) = R⁻¹ Cov(γ) R⁻ᵀ."""
        if not len(of_gamma):
            return of_gamma
        half = solve_triangular(self.R, of_gamma, check_finite=False)
        return solve_triangular(self.R, half.T, check_finite=False).T

    @property
    def log_volume(self) -> float:
        """log det R; log det XᵀMX = log det QᵀMQ + 2 log |det R|."""
        return float(np.sum(np.log(np.abs(np.diag(self.R)))))
