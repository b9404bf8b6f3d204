"""First-order autoregression over equal or unequal steps of time, and antedependence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.covariance.base import End
from henderson.covariance.standard_deviations import CorrelationPattern

_NEAR, _AT = 3.5, 20.0  # atanh of a correlation that may be, and that is, 1
_NEVER, _AT_ONCE = -5.0, 2.0  # log of λ times steps, where all may be one, or independent
_NEARLY_ONE = 0.95
_WHOLE = 1e-6  # of a step
_LARGEST = 300.0  # of log λ: all times are then independent
_FAINT = 1e-3  # a correlation of neighbours that says little of the decay


@final
@dataclass(frozen=True, slots=True, eq=False)
class Autoregressive(CorrelationPattern):
    """Corr(bᵢ, bⱼ) = ρ^|tᵢ−tⱼ|, the parameter atanh ρ; t whole steps, in any order.

    Without times the effects are one step apart. `at` takes the smallest difference of the
    times as the step, once: times that are added later are counted in the same.
    """

    equally_spaced = True
    in_order = True

    step: float | None = None
    times: NDArray[np.int64] | None = None  # (k,), in steps

    def at(self, points: Matrix) -> CorrelationPattern:
        gaps = np.diff(np.sort(points[:, 0]))
        if not len(gaps):
            return self
        step = float(gaps.min()) if self.step is None else self.step
        whole = np.round(gaps / step)
        if np.any(np.abs(gaps / step - whole) > _WHOLE * np.maximum(whole, 1.0)):
            raise ValueError(
                f"needs times that are whole multiples of one step; the smallest difference is "
                f"{step:.6g}, and others are {gaps[np.argmax(np.abs(gaps / step - whole))]:.6g}"
            )
        times = np.round((points[:, 0] - points[:, 0].min()) / step)
        return Autoregressive(step, times.astype(np.int64))

    def n_parameters(self, k: int) -> int:
        return min(1, k - 1)

    def factor(self, rho: Vector, k: int) -> Matrix:
        """Steps of g: correlation ρ^g, and 1 − ρ²ᵍ = (1 − ρ²)(1 + ρ² + ... + ρ^(2g−2))."""
        if k == 1:
            return np.ones((1, 1))
        order, gaps = self._gaps(k)
        r = np.tanh(rho[0])
        sums = np.cumsum(r ** (2 * np.arange(gaps.max())))
        out = np.empty((k, k), dtype=rho.dtype)
        out[order] = _chain(r**gaps, np.sqrt(sums[gaps - 1]) / np.cosh(rho[0]))
        return out

    def parameters_near(self, correlation: Matrix) -> Vector:
        order, gaps = self._gaps(len(correlation))
        lag_one = np.diag(correlation[np.ix_(order, order)], 1)[gaps == 1]
        return from_correlations(lag_one.mean(keepdims=True)) if len(lag_one) else lag_one

    def _gaps(self, k: int) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """The order of the times, and the steps between them, (k − 1,)."""
        times = np.arange(k) if self.times is None else self.times
        order = np.argsort(times)
        return order, np.diff(times[order])

    def parameters_at(self, neighbours: float, k: int) -> Vector:
        return np.full(self.n_parameters(k), np.arctanh(neighbours))

    def natural(self, rho: Vector, k: int) -> dict[str, float]:
        return {"correlation": float(np.tanh(rho[0]))} if len(rho) else {}

    def ends(self, k: int) -> tuple[End, ...]:
        return ends_of_correlations(["correlation of neighbours"][: k - 1])


@final
@dataclass(frozen=True, slots=True, eq=False)
class OrnsteinUhlenbeck(CorrelationPattern):
    """Corr(bᵢ, bⱼ) = exp(−λ|tᵢ − tⱼ|), the parameter log λ; any distinct times t.

    The autoregression in continuous time: neighbours at steps s have correlation exp(−λs).
    Times in any order. Source: Uhlenbeck & Ornstein (1930), Phys. Rev. 36, 823–841.
    """

    times: Vector | None = None  # (k,)

    @property
    def coordinates(self) -> tuple[int, int] | None:
        return 1, 1

    def at(self, points: Matrix) -> CorrelationPattern:
        return OrnsteinUhlenbeck(points[:, 0])

    def n_parameters(self, k: int) -> int:
        return min(1, k - 1)

    def factor(self, rho: Vector, k: int) -> Matrix:
        order, steps = self._steps(k)
        if k == 1:
            return np.ones((1, 1))
        decay = np.exp(rho[0] if rho[0].real < _LARGEST else _LARGEST) * steps
        since = np.append(0.0, np.cumsum(decay))
        lag = np.tril(since[:, None] - since)
        L = np.tril(np.exp(-lag))
        L[:, 1:] *= np.sqrt(-np.expm1(-2.0 * decay))
        out = np.empty_like(L)
        out[order] = L
        return out

    def parameters_near(self, correlation: Matrix) -> Vector:
        order, steps = self._steps(len(correlation))
        lag_one = np.diag(correlation[np.ix_(order, order)], 1)
        if not len(lag_one):
            return lag_one
        kept = (lag_one > _FAINT) & (lag_one < 1.0)
        if not kept.any():
            return self.parameters_at(_FAINT, len(correlation))
        return np.log([-np.log(lag_one[kept]).sum() / steps[kept].sum()])

    def parameters_at(self, neighbours: float, k: int) -> Vector:
        step = np.median(self._steps(k)[1]) if k > 1 else 1.0
        return np.full(self.n_parameters(k), np.log(-np.log(neighbours) / step))

    def natural(self, rho: Vector, k: int) -> dict[str, float]:
        return {"decay": float(np.exp(rho[0]))} if len(rho) else {}

    def ends(self, k: int) -> tuple[End, ...]:
        if k == 1:
            return ()
        steps = self._steps(k)[1]
        longest, shortest = np.log(steps.sum()), np.log(steps.min())
        return (
            End(0, _NEVER - longest, _NEVER - 20.0 - longest, "decay is estimated as 0", True),
            End(
                0,
                _AT_ONCE - shortest,
                _AT_ONCE + 2.0 - shortest,
                "decay is estimated as infinite",
            ),
        )

    def _steps(self, k: int) -> tuple[NDArray[np.intp], Vector]:
        """The order of the times, and the steps between them, (k − 1,)."""
        assert self.times is not None
        order = np.argsort(self.times)
        return order, np.diff(self.times[order])


@final
class Antedependence(CorrelationPattern):
    """Corr(bᵢ, bⱼ) = ρⱼ ... ρᵢ₋₁ for j < i: each time depends on the one before it.

    Parameters atanh ρⱼ, one for each pair of neighbours. Source: Gabriel (1962), Ann. Math.
    Stat. 33, 201–212.
    """

    in_order = True

    def n_parameters(self, k: int) -> int:
        return k - 1

    def factor(self, rho: Vector, k: int) -> Matrix:
        return neighbour_factor(rho)

    def parameters_near(self, correlation: Matrix) -> Vector:
        return from_correlations(np.diag(correlation, 1))

    def parameters_at(self, neighbours: float, k: int) -> Vector:
        return np.full(k - 1, np.arctanh(neighbours))

    def natural(self, rho: Vector, k: int) -> dict[str, float]:
        return {f"correlation {j + 1}": float(np.tanh(r)) for j, r in enumerate(rho)}

    def ends(self, k: int) -> tuple[End, ...]:
        return ends_of_correlations([f"correlation {j} of neighbours" for j in range(1, k)])


def neighbour_factor(partial: Vector) -> Matrix:
    """L with L[i, j] = ρⱼ ... ρᵢ₋₁ √(1 − ρ²ⱼ₋₁), ρ = tanh(partial), (k, k) of k − 1 parameters.

    √(1 − ρ²) = 1/cosh keeps its digits where ρ rounds to 1.
    """
    return _chain(np.tanh(partial), 1.0 / np.cosh(partial))


def _chain(correlation: Vector, innovation: Vector) -> Matrix:
    """L of effects that depend on the one before: its correlation, and √(1 − correlation²)."""
    k = len(correlation) + 1
    L = np.zeros((k, k), dtype=correlation.dtype)
    L[0, 0] = 1.0
    for i in range(1, k):
        L[i, :i] = L[i - 1, :i] * correlation[i - 1]
        L[i, i] = innovation[i - 1]
    return L


def ends_of_correlations(names: Sequence[str]) -> tuple[End, ...]:
    """±1, of parameters that are atanh of correlations."""
    return tuple(
        End(j, sign * _NEAR, sign * _AT, f"{name} is estimated as {sign:.0f}")
        for j, name in enumerate(names)
        for sign in (1.0, -1.0)
    )


def from_correlations(correlation: Vector) -> Vector:
    """atanh of correlations, kept away from ±1."""
    return np.arctanh(np.clip(correlation, -_NEARLY_ONE, _NEARLY_ONE))
