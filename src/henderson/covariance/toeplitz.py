"""Toeplitz: the correlation depends on the distance between times only."""

from typing import final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance.autoregressive import ends_of_correlations, from_correlations
from henderson.covariance.base import End
from henderson.covariance.standard_deviations import CorrelationPattern

_EVEN = 1e-6  # of a step


@final
class Stationary(CorrelationPattern):
    """Corr(bᵢ, bⱼ) = r(|i − j|), any stationary correlation of k equally spaced times.

    The parameters are atanh of the k − 1 partial autocorrelations: any values make a positive
    definite matrix, and every one is made so.

    Source: Barndorff-Nielsen & Schou (1973), J. Multivar. Anal. 3, 408–419.
    """

    in_order = True

    def at(self, points: Matrix) -> CorrelationPattern:
        gaps = np.diff(points[:, 0])
        if len(gaps) and np.ptp(gaps) > _EVEN * gaps.min():
            raise ValueError(
                f"needs equally spaced times; differences go from {gaps.min():.6g} to "
                f"{gaps.max():.6g}"
            )
        return self

    def n_parameters(self, k: int) -> int:
        return k - 1

    def factor(self, rho: Vector, k: int) -> Matrix:
        """By the recursion of Levinson and Durbin.

        x_t − Σ φ_tj x_t−j has variance v_t, so that ARAᵀ = diag(v) with rows (−φ, 1) of A.
        """
        A, v = np.eye(k), np.ones(k)
        phi = np.zeros(0)
        for t in range(1, k):
            p = np.tanh(rho[t - 1])
            phi = np.append(phi - p * phi[::-1], p)
            v[t] = v[t - 1] / np.cosh(rho[t - 1]) ** 2
            A[t, :t] = -phi[::-1]
        return np.linalg.inv(A) * np.sqrt(v)

    def factor_derivatives(self, rho: Vector, k: int) -> Blocks:
        """∂L = −A⁻¹ ∂A L + L ½∂log v, the recursion differentiated."""
        A, dA = np.eye(k), np.zeros((k - 1, k, k))
        phi, dphi = np.zeros(0), np.zeros((k - 1, 0))
        p, left = np.tanh(rho), np.cosh(rho) ** -2  # 1 − p², which keeps its digits
        v = np.append(1.0, np.cumprod(left))
        for t in range(1, k):
            last, before = p[t - 1], dphi - p[t - 1] * dphi[:, ::-1]
            dphi = np.append(before, np.zeros((k - 1, 1)), axis=1)
            dphi[t - 1] = left[t - 1] * np.append(-phi[::-1], 1.0)
            phi = np.append(phi - last * phi[::-1], last)
            A[t, :t], dA[:, t, :t] = -phi[::-1], -dphi[:, ::-1]
        inverse = np.linalg.inv(A)
        L = inverse * np.sqrt(v)
        half_dlog_v = -np.triu(np.broadcast_to(p[:, None], (k - 1, k)), 1)
        return L * half_dlog_v[:, None] - inverse @ dA @ L

    def parameters_at(self, neighbours: float, k: int) -> Vector:
        out = np.zeros(k - 1)
        out[:1] = np.arctanh(neighbours)
        return out

    def parameters_near(self, correlation: Matrix) -> Vector:
        k = len(correlation)
        r = np.array([np.diag(correlation, lag).mean() for lag in range(k)])
        phi, v, out = np.zeros(0), 1.0, np.empty(k - 1)
        for t in range(1, k):
            out[t - 1 : t] = from_correlations(np.array([(r[t] - phi @ r[t - 1 : 0 : -1]) / v]))
            p = np.tanh(out[t - 1])
            phi = np.append(phi - p * phi[::-1], p)
            v /= np.cosh(out[t - 1]) ** 2
        return out

    def ends(self, k: int) -> tuple[End, ...]:
        return ends_of_correlations([f"partial correlation at lag {t}" for t in range(1, k)])

    def natural(self, rho: Vector, k: int) -> dict[str, float]:
        first = self.factor(rho, k)[:, 0]
        return {f"correlation at lag {lag}": float(first[lag]) for lag in range(1, k)}
