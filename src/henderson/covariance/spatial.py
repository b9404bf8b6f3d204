"""Correlations that fall with distance: effects at points of any number of coordinates.

With distances dᵢⱼ between the points of effects i and j, a range φ, and x = d/φ:

    exp   R = exp(−x)
    gau   R = exp(−x²)
    mat   R = 2^(1−ν)/Γ(ν) x^ν K_ν(x),   ν the smoothness; ν = ½ is exp

Parameters log φ (of `mat` another) and, where ν is estimated, log ν. 10⁻⁹ is added to the
diagonal, relatively: a smooth process at close points is singular to rounding without it.

Source: Stein (1999), Interpolation of Spatial Data, Springer, sections 2.7 and 2.10.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import gammaln, kve, psi

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance.base import End
from henderson.covariance.standard_deviations import CorrelationPattern

_JITTER = 1e-9
_LARGEST = 300.0  # of |log φ|
_FAR, _ENDLESS = 5.0, 22.0  # log of ranges beside the longest distance: near, and beyond, all
_SHORT = 2.0  # log of the shortest distance beside a range that may be nothing
_SMOOTHEST = 4.0  # of |log ν|
_STEP = 1e-3  # of second differences
_FEW = 20  # of the smallest distances, always looked at for a start


class Kernel(ABC):
    """A correlation as a function of distance."""

    n_parameters: int = 1  # that of the range first

    @abstractmethod
    def evaluate(self, distance: Vector, rho: Vector) -> tuple[Vector, Matrix]:
        """R at positive distances (m,), and ∂R/∂ρ, (number of parameters, m)."""

    @abstractmethod
    def range_at(self, distance: float, correlation: float) -> Vector:
        """Parameters with a given correlation at a distance."""

    def natural(self, rho: Vector) -> dict[str, float]:
        """The parameters by name."""
        return {"range": float(np.exp(rho[0]))}

    def given(self, argument: str) -> "Kernel":
        """The kernel with what is written after the comma of a formula."""
        raise ValueError("nothing is expected after the effects and the group.")


@final
class ExponentialKernel(Kernel):
    """R = exp(−x)."""

    def evaluate(self, distance: Vector, rho: Vector) -> tuple[Vector, Matrix]:
        x = distance * _inverse_range(rho)
        R = np.exp(-x)
        return R, (R * np.minimum(x, 1e300))[None]

    def range_at(self, distance: float, correlation: float) -> Vector:
        return np.log([-distance / np.log(correlation)])


@final
class GaussianKernel(Kernel):
    """R = exp(−x²)."""

    def evaluate(self, distance: Vector, rho: Vector) -> tuple[Vector, Matrix]:
        x2 = (distance * _inverse_range(rho)) ** 2
        R = np.exp(-x2)
        return R, (2.0 * R * np.minimum(x2, 1e300))[None]

    def range_at(self, distance: float, correlation: float) -> Vector:
        return np.log([distance / np.sqrt(-np.log(correlation))])


@final
@dataclass(frozen=True, slots=True)
class MaternKernel(Kernel):
    """R = 2^(1−ν)/Γ(ν) x^ν K_ν(x); `smoothness` ν where it is given, else estimated.

    Parameters log(φ√(8ν)), the logarithm of where R is about 0.14 whatever ν is, and log ν.
    """

    smoothness: float | None = None

    @property
    def n_parameters(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return 2 if self.smoothness is None else 1

    def given(self, argument: str) -> Kernel:
        try:
            value = float(argument.removeprefix("nu = "))
        except ValueError:
            value = np.nan
        if not 0.0 < value < np.exp(_SMOOTHEST):
            raise ValueError(
                f"{argument!r} is no smoothness: write a number above 0, such as nu = 1.5, "
                "or nothing to have it estimated."
            )
        return MaternKernel(value)

    def evaluate(self, distance: Vector, rho: Vector) -> tuple[Vector, Matrix]:
        nu = self._smoothness(rho)
        x = np.clip(distance * _inverse_range(rho) * np.sqrt(8.0 * nu), 1e-12, 700.0)
        front = (1.0 - nu) * np.log(2.0) - gammaln(nu) + nu * np.log(x) - x
        bessel, below = kve(nu, x), kve(nu - 1.0, x)
        near = ~np.isfinite(bessel)  # so near that R is 1
        R = np.where(near, 1.0, np.exp(front + np.log(bessel)))
        slopes = [np.where(near, 0.0, np.exp(front + np.log(x * below)))]
        if self.smoothness is None:
            by_order = _bessel_slope(nu, x) - np.log(2.0) - psi(nu) + np.log(x)
            inside = abs(rho[1]) < _SMOOTHEST
            by_smoothness = nu * R * by_order - 0.5 * slopes[0]
            slopes.append(np.where(near | (not inside), 0.0, by_smoothness))
        return R, np.array(slopes)

    def range_at(self, distance: float, correlation: float) -> Vector:
        reach = -2.0 * distance / np.log(correlation)  # that of ν = ½
        return np.log([reach, 0.5])[: self.n_parameters]

    def natural(self, rho: Vector) -> dict[str, float]:
        nu = self._smoothness(rho)
        return {"range": float(np.exp(rho[0]) / np.sqrt(8.0 * nu)), "smoothness": nu}

    def _smoothness(self, rho: Vector) -> float:
        if self.smoothness is not None:
            return self.smoothness
        return float(np.exp(np.clip(rho[1], -_SMOOTHEST, _SMOOTHEST)))


@final
@dataclass(frozen=True, slots=True, eq=False)
class Distance(CorrelationPattern):
    """Corr(bᵢ, bⱼ) = R(dᵢⱼ) of a kernel R, over points at distances d."""

    kernel: Kernel
    distances: Vector | None = None  # the distinct ones between two points, (m,)
    place: NDArray[np.intp] | None = None  # which of these is between i and j, (k, k); −1: none
    nearest: float = 1.0  # the median distance to the nearest neighbour

    @property
    def coordinates(self) -> tuple[int, int] | None:
        return 1, 9

    def given(self, argument: str) -> CorrelationPattern:
        return Distance(self.kernel.given(argument), self.distances, self.place, self.nearest)

    def at(self, points: Matrix) -> CorrelationPattern:
        k = len(points)
        d = np.sqrt(np.sum((points[:, None] - points) ** 2, axis=2))
        distances, place = np.unique(d, return_inverse=True)
        apart = d + np.diag(np.full(k, np.inf))
        nearest = float(np.median(apart.min(axis=1))) if k > 1 else 1.0
        # the first of the distinct distances is 0, that of a point to itself
        return Distance(self.kernel, distances[1:], place.reshape(k, k) - 1, nearest)

    def n_parameters(self, k: int) -> int:
        return self.kernel.n_parameters if k > 1 else 0

    def rank(self, k: int) -> int:
        """1: what is smooth is nearly singular without being at any boundary."""
        return 1

    def factor(self, rho: Vector, k: int) -> Matrix:
        return _cholesky(self._correlation(rho, k)[0])

    def factor_derivatives(self, rho: Vector, k: int) -> Blocks:
        """∂L = L Φ(L⁻¹ ∂R L⁻ᵀ), where Φ takes the lower triangle and halves its diagonal."""
        R, changes = self._correlation(rho, k)
        L = _cholesky(R)
        return np.array([_factor_change(L, dR) for dR in changes]).reshape(len(rho), k, k)

    def curvature(self, rho: Vector, k: int, weight: Matrix) -> Matrix:
        """By second differences of L, whose derivatives cost many times as much."""

        def along(step: Vector) -> float:
            return float(np.sum(weight * (self.factor(rho + step, k) - here)))

        here, m, e = self.factor(rho, k), len(rho), _STEP * np.eye(len(rho))
        out = np.empty((m, m))
        for i in range(m):
            out[i, i] = along(e[i]) + along(-e[i])
            for j in range(i):
                same = along(e[i] + e[j]) + along(-e[i] - e[j])
                out[i, j] = out[j, i] = 0.5 * (same - out[i, i] - out[j, j])
        return out / _STEP**2

    def parameters_near(self, correlation: Matrix) -> Vector:
        """By Gauss-Newton steps on the correlations at the distances there are."""
        k = len(correlation)
        if k == 1:
            return np.empty(0)
        assert self.place is not None
        assert self.distances is not None
        near = self.distances <= max(3.0 * self.nearest, self.distances[:_FEW][-1])
        count = np.bincount(self.place[self.place >= 0], minlength=len(self.distances))[near]
        sums = np.bincount(
            self.place[self.place >= 0], correlation[self.place >= 0], len(self.distances)
        )
        distance, target = self.distances[near], (1.0 + _JITTER) * sums[near] / count
        at_nearest = float(np.clip(np.interp(self.nearest, distance, target), 0.05, 0.95))
        rho = self.kernel.range_at(self.nearest, at_nearest)
        return _nearest_parameters(self.kernel, rho, distance, target)

    def parameters_at(self, neighbours: float, k: int) -> Vector:
        return self.kernel.range_at(self.nearest, neighbours)[: self.n_parameters(k)]

    def natural(self, rho: Vector, k: int) -> dict[str, float]:
        return self.kernel.natural(rho) if len(rho) else {}

    def ends(self, k: int) -> tuple[End, ...]:
        if k == 1:
            return ()
        assert self.distances is not None
        longest, shortest = np.log(self.distances[-1]), np.log(self.distances[0])
        return (
            End(0, longest + _FAR, longest + _ENDLESS, "range is estimated as infinite", True),
            End(0, shortest - _SHORT, shortest - _SHORT - 2.0, "range is estimated as 0"),
        )

    def _correlation(self, rho: Vector, k: int) -> tuple[Matrix, Blocks]:
        """R with its jitter, and ∂R/∂ρ."""
        if k == 1:
            return np.ones((1, 1)), np.zeros((0, 1, 1))
        assert self.distances is not None
        values, slopes = self.kernel.evaluate(self.distances, rho)
        # place −1, a point with itself, takes what is appended
        R = np.append(values / (1.0 + _JITTER), 1.0)[self.place]
        return R, np.column_stack([slopes / (1.0 + _JITTER), np.zeros(len(slopes))])[
            :, self.place
        ]


def _inverse_range(rho: Vector) -> float:
    return float(np.exp(-np.clip(rho[0], -_LARGEST, _LARGEST)))


def _cholesky(R: Matrix) -> Matrix:
    """Lower L with LLᵀ = R; not-a-number where R is not positive definite to rounding."""
    try:
        return np.linalg.cholesky(R)
    except np.linalg.LinAlgError:
        return np.full_like(R, np.nan)


def _factor_change(L: Matrix, dR: Matrix) -> Matrix:
    if not np.isfinite(L).all():
        return np.full_like(L, np.nan)
    half = solve_triangular(L, dR, lower=True, check_finite=False)
    inner = np.tril(solve_triangular(L, half.T, lower=True, check_finite=False))
    inner[np.diag_indices(len(L))] *= 0.5
    return L @ inner


def _nearest_parameters(
    kernel: Kernel, rho: Vector, distance: Vector, target: Vector
) -> Vector:
    """ρ with R(distance) nearest to `target`, from a start; damped where a step is no gain."""
    damping, (R, slopes) = 1e-3, kernel.evaluate(distance, rho)
    for _ in range(100):
        gram = slopes @ slopes.T
        step = np.linalg.solve(
            gram + (damping + 1e-14) * np.diag(np.diag(gram) + 1e-12), slopes @ (target - R)
        )
        trial = rho + np.clip(step, -1.0, 1.0)
        moved = kernel.evaluate(distance, trial)
        if np.sum((moved[0] - target) ** 2) <= np.sum((R - target) ** 2):
            rho, (R, slopes), damping = trial, moved, 0.1 * damping
        else:
            damping *= 10.0
        if np.abs(step).max() < 1e-14:
            break
    return np.clip(rho, -_LARGEST, _LARGEST)


def _bessel_slope(nu: float, x: Vector) -> Vector:
    """∂ log K_ν(x)/∂ν, by the integral K_ν(x) = ∫₀^∞ exp(−x cosh t) cosh(νt) dt.

    The trapezoidal rule is exact to rounding for it: the integrand, even in t, falls doubly
    exponentially.
    """
    end = np.arcsinh(nu / x.min()) + np.log1p(80.0 / max(x.min(), 1.0)) + 4.0
    end = min(end, float(np.arccosh(1.0 + 800.0 / x.min())))
    t = np.arange(0.0, end, 0.08)
    out = np.empty_like(x)
    for chunk in np.array_split(np.arange(len(x)), max(1, len(x) * len(t) // 2_000_000)):
        exponent = nu * t - x[chunk, None] * (np.cosh(t) - 1.0)
        w = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        w[:, 0] *= 0.5
        mirror = np.exp(-2.0 * nu * t)
        out[chunk] = (w @ (t * (1.0 - mirror))) / (w @ (1.0 + mirror))
    return out
