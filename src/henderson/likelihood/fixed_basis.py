"""An orthonormal basis of the fixed effects, so that no scale or collinearity of X matters.

X = QR,  QᵀQ = nI,  Xβ = Qγ,  β = R⁻¹γ
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector

# The smallest pivot of XᵀX with unit diagonal: to trust its factor, and to need no second pass.
_ILL_CONDITIONED, _WELL_CONDITIONED = 1e-3, 0.1


@final
@dataclass(frozen=True, slots=True)
class FixedBasis:
    """Q (n, p) with QᵀQ = nI and R (p, p), upper triangular."""

    Q: Matrix
    R: Matrix

    @classmethod
    def of(cls, X: Matrix) -> "FixedBasis":
        """By two passes of Cholesky's factor of XᵀX; by Householder where X is ill-conditioned.

        Source: Yamamoto, Nakatsukasa, Yanagisawa & Fukaya (2015), ETNA 44, 306–326.
        """
        n, p = X.shape
        if p == 0:
            return cls(np.empty((n, 0)), np.empty((0, 0)))
        root = np.sqrt(n)
        norms = np.sqrt(np.einsum("np,np->p", X, X))
        try:
            first = np.linalg.cholesky((X.T @ X) / np.outer(norms, norms)).T
        except np.linalg.LinAlgError:
            first = np.zeros((p, p))
        if first.diagonal().min() < _ILL_CONDITIONED:
            Q, R = np.linalg.qr(X)
            return cls(np.ascontiguousarray(Q * root), R / root)
        rough = X @ (np.linalg.inv(first) / norms[:, None])
        if first.diagonal().min() > _WELL_CONDITIONED:
            return cls(rough * root, first * norms / root)
        second = np.linalg.cholesky(rough.T @ rough).T
        Q = rough @ (np.linalg.inv(second) * root)
        return cls(Q, second @ (first * norms) / root)

    def coefficients(self, gamma: Vector) -> Vector:
        """β = R⁻¹γ."""
        return np.linalg.solve(self.R, gamma)

    def covariance(self, of_gamma: Matrix) -> Matrix:
        """Cov(β) = R⁻¹ Cov(γ) R⁻ᵀ."""
        half = np.linalg.inv(self.R)
        return half @ of_gamma @ half.T

    @property
    def log_volume(self) -> float:
        """log det R; log det XᵀMX = log det QᵀMQ + 2 log |det R|."""
        return float(np.sum(np.log(np.abs(np.diag(self.R)))))
