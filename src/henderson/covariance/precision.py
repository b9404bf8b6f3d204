"""Sparse precision matrices of levels that are related to their neighbours.

    a ~ N(0, Q(ρ)⁻¹)

over times, plots or areas, with unit variances where Q has an inverse and they can be had. Each
function gives Q and its derivatives by its parameters on one pattern, with log |Q| and its
derivatives where these have a closed form; `equations.sparse.log_determinant` has them for all.
Parameters are on their natural scale: a correlation ρ, a decay λ.

Source: Rue & Held (2005), Gaussian Markov Random Fields, Chapman & Hall.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from henderson.arrays import Matrix, Vector

Places = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Precision:
    """Q, (n, n), by the entries of its lower triangle, and its derivatives by r parameters.

    `log_determinant` has log |Q| and its derivatives, (r,), where these have a closed form. Of
    a singular Q, whose kernel has the basis `kernel`, the sum is over the other eigenvalues.
    """

    n: int
    rows: Places = field(repr=False)  # (e,)
    columns: Places = field(repr=False)  # (e,), no larger than its row
    values: Vector = field(repr=False)  # (e,)
    derivatives: Matrix = field(repr=False)  # (r, e)
    log_determinant: tuple[float, Vector] | None
    kernel: Matrix = field(repr=False)  # (n, d), of full rank; d = 0 where Q is regular

    def matrix(self, values: Vector | None = None) -> csr_array:
        """Q in full, or what has other values on its pattern: a derivative."""
        v, i, j = self.values if values is None else values, self.rows, self.columns
        off = i != j
        both = np.append(i, j[off]), np.append(j, i[off])
        return csr_array((np.append(v, v[off]), both), (self.n, self.n))


def autoregression(rho: float, steps: ArrayLike) -> Precision:
    """Corr(aᵢ, aⱼ) = ρ^|tᵢ − tⱼ| over n times at whole `steps` (n − 1,), each at least 1.

    Var(aᵢ) = 1. Times without a level are steps above 1.

    Examples
    --------
    >>> autoregression(0.5, [1, 1]).matrix().toarray().round(3).tolist()
    [[1.333, -0.667, 0.0], [-0.667, 1.667, -0.667], [0.0, -0.667, 1.333]]
    """
    s = np.asarray(steps, dtype=float)
    if not -1.0 < rho < 1.0 or np.any(s < 1.0) or np.any(s != np.rint(s)):
        raise ValueError(f"ρ = {rho} is not in (−1, 1), or steps are not 1, 2, ....")
    with np.errstate(divide="ignore"):
        complement = -np.expm1(2.0 * s * np.log(abs(rho)))
    return _chain(rho**s, s * rho ** (s - 1.0), complement)


def ornstein_uhlenbeck(decay: float, steps: ArrayLike) -> Precision:
    """Corr(aᵢ, aⱼ) = exp(−λ|tᵢ − tⱼ|) over n times at `steps` above 0, (n − 1,); λ = `decay`.

    Var(aᵢ) = 1: the autoregression in continuous time.
    """
    s = np.asarray(steps, dtype=float)
    if not decay > 0.0 or not np.all(s > 0.0):
        raise ValueError(f"The decay {decay} or a step is not above 0.")
    c = np.exp(-decay * s)
    return _chain(c, -s * c, -np.expm1(-2.0 * decay * s))


def _chain(c: Vector, change: Vector, complement: Vector) -> Precision:
    """Neighbours with correlations c that have the derivative `change`; 1 − c² without loss.

    Qᵢᵢ = 1 + c²ᵢ₋₁/(1 − c²ᵢ₋₁) + c²ᵢ/(1 − c²ᵢ),   Qᵢ₊₁,ᵢ = −cᵢ/(1 − c²ᵢ),
    log |Q| = −Σ log(1 − c²ᵢ)
    """
    n = len(c) + 1
    own, lag = np.arange(n, dtype=np.int32), np.arange(n - 1, dtype=np.int32)

    def summed(of_pair: Vector) -> Vector:
        return np.append(of_pair, 0.0) + np.append(0.0, of_pair)

    values = np.append(1.0 + summed(c**2 / complement), -c / complement)
    slope = change / complement**2
    derivative = np.append(summed(2.0 * c * slope), -(1.0 + c**2) * slope)
    return Precision(
        n,
        np.append(own, lag + 1).astype(np.int32),
        np.append(own, lag).astype(np.int32),
        values,
        derivative[None],
        (-float(np.sum(np.log(complement))), np.array([np.sum(2.0 * c * change / complement)])),
        np.empty((n, 0)),
    )


def random_walk(times: ArrayLike, order: int = 1) -> Precision:
    """Independent differences of n increasing `times`: Q = DᵀD, of rank n − `order`.

    order 1   (aᵢ₊₁ − aᵢ)/√sᵢ ~ N(0, 1),   s the steps between the times
    order 2   the change of slope, (aᵢ₊₂ − aᵢ₊₁)/sᵢ₊₁ − (aᵢ₊₁ − aᵢ)/sᵢ, over √((sᵢ + sᵢ₊₁)/2)

    With equal steps of 1 these are the first and second differences. What D does not see, a
    constant and for order 2 a slope, is the kernel: it belongs to the fixed effects.

    Source: the generalized determinant |DᵀD|₊ = |DDᵀ| by the minors of D, which are those of
    the kernel N up to a factor: |DᵀD|₊ = |NᵀN| Π d²ᵢ / |N₁|², d the last of each row of D, N₁
    the first rows of N.
    """
    t = np.asarray(times, dtype=float)
    s = np.diff(t)
    if order not in {1, 2} or len(t) <= order or not np.all(s > 0.0):
        raise ValueError(
            "A random walk of order 1 or 2 needs more times than that, increasing."
        )
    if order == 1:
        D = np.column_stack([-1.0 / np.sqrt(s), 1.0 / np.sqrt(s)])
        N = np.ones((len(t), 1))
    else:
        scale = np.sqrt(0.5 * (s[:-1] + s[1:]))
        D = np.column_stack([1.0 / s[:-1], -1.0 / s[:-1] - 1.0 / s[1:], 1.0 / s[1:]])
        D /= scale[:, None]
        N = np.column_stack([np.ones_like(t), t - t.mean()])
    n, first = len(t), np.arange(len(D))
    rows, columns, values = [], [], []
    for lag in range(order + 1):
        diagonal = np.zeros(n - lag)
        for b in range(order + 1 - lag):
            np.add.at(diagonal, first + b, D[:, b] * D[:, b + lag])
        at = np.arange(n - lag, dtype=np.int32)
        rows.append(at + lag)
        columns.append(at)
        values.append(diagonal)
    minors = np.linalg.slogdet(N.T @ N)[1] - 2.0 * np.linalg.slogdet(N[:order])[1]
    return Precision(
        n,
        np.concatenate(rows).astype(np.int32),
        np.concatenate(columns),
        np.concatenate(values),
        np.empty((0, sum(map(len, values)))),
        (float(minors + 2.0 * np.sum(np.log(D[:, -1]))), np.empty(0)),
        N,
    )


def separable(slow: Precision, fast: Precision) -> Precision:
    """Q₁ ⊗ Q₂: level i n₂ + j is the i-th of Q₁ and the j-th of Q₂, of a field for example.

    The parameters are those of Q₁, then those of Q₂. log |Q| = n₂ log |Q₁| + n₁ log |Q₂|.
    """
    if slow.kernel.size or fast.kernel.size:
        raise ValueError("A separable precision has regular factors.")
    off = np.flatnonzero(fast.rows != fast.columns)
    # Below the diagonal of Q₁ all of Q₂, on it the lower triangle of Q₂.
    entry = np.append(np.arange(len(fast.rows)), off)
    i = np.append(fast.rows, fast.columns[off]), np.append(fast.columns, fast.rows[off])
    a, b = np.divmod(np.arange(len(slow.rows) * len(entry)), len(entry))
    kept = (slow.rows[a] != slow.columns[a]) | (b < len(fast.rows))
    a, b = a[kept], b[kept]
    e = entry[b]
    changes = [d[a] * fast.values[e] for d in slow.derivatives]
    changes += [slow.values[a] * d[e] for d in fast.derivatives]
    together = None
    if slow.log_determinant and fast.log_determinant:
        (first, by_first), (second, by_second) = slow.log_determinant, fast.log_determinant
        slopes = np.append(fast.n * by_first, slow.n * by_second)
        together = fast.n * first + slow.n * second, slopes
    return Precision(
        slow.n * fast.n,
        (slow.rows[a] * fast.n + i[0][b]).astype(np.int32),
        (slow.columns[a] * fast.n + i[1][b]).astype(np.int32),
        slow.values[a] * fast.values[e],
        np.reshape(changes, (len(changes), len(a))),
        together,
        np.empty((slow.n * fast.n, 0)),
    )


@dataclass(frozen=True, slots=True)
class Neighbours:
    """n areas, and the pairs of them that share a border, each pair once."""

    n: int
    first: Places  # (pairs,)
    second: Places  # (pairs,)
    weights: Vector | None = None  # (pairs,), above 0; None: all 1

    def __post_init__(self) -> None:
        i, j = np.asarray(self.first), np.asarray(self.second)
        if np.any(i == j) or len(
            set(zip(np.minimum(i, j), np.maximum(i, j), strict=True))
        ) < len(i):
            raise ValueError("An area is its own neighbour, or a pair is there twice.")

    def pattern(self) -> tuple[Places, Places, Vector]:
        """Rows and columns of the diagonal, then of the pairs; the weights of these."""
        own = np.arange(self.n)
        low, high = np.minimum(self.first, self.second), np.maximum(self.first, self.second)
        weights = np.ones(len(low)) if self.weights is None else np.asarray(self.weights)
        return (
            np.append(own, high).astype(np.int32),
            np.append(own, low).astype(np.int32),
            weights,
        )

    def totals(self) -> Vector:
        """Sum of the weights of each area, (n,)."""
        _, _, w = self.pattern()
        both = np.append(self.first, self.second)
        return np.bincount(both, np.append(w, w), self.n).astype(float)


def conditional_autoregression(rho: float, areas: Neighbours) -> Precision:
    """Q = D − ρW, −1 < ρ < 1, W the weights of neighbours and D their sums.

    aᵢ given the others has the mean ρ Σⱼ wᵢⱼaⱼ/dᵢ and the variance 1/dᵢ. Variances are not 1.

    Source: Besag (1974), J. R. Statist. Soc. B 36(2), 192–236.
    """
    rows, columns, w = areas.pattern()
    d = areas.totals()
    if not -1.0 < rho < 1.0:
        raise ValueError(f"ρ = {rho} is not in (−1, 1).")
    _refuse_islands(d)
    derivative = np.append(np.zeros(areas.n), -w)
    values = np.append(d, -rho * w)
    kernel = np.empty((areas.n, 0))
    return Precision(areas.n, rows, columns, values, derivative[None], None, kernel)


def leroux(rho: float, areas: Neighbours) -> Precision:
    """Q = ρ(D − W) + (1 − ρ)I, 0 ≤ ρ < 1: from independent areas to the intrinsic ones.

    Source: Leroux, Lei & Breslow (2000), in Halloran & Berry, Statistical Models in
    Epidemiology, the Environment and Clinical Trials, 179–191.
    """
    rows, columns, w = areas.pattern()
    if not 0.0 <= rho < 1.0:
        raise ValueError(f"ρ = {rho} is not in [0, 1).")
    derivative = np.append(areas.totals() - 1.0, -w)
    values = np.append(np.ones(areas.n), np.zeros(len(w))) + rho * derivative
    kernel = np.empty((areas.n, 0))
    return Precision(areas.n, rows, columns, values, derivative[None], None, kernel)


def intrinsic_autoregression(areas: Neighbours) -> Precision:
    """Q = D − W, singular: each connected group of areas has a level of its own.

    Source: Besag, York & Mollié (1991), Ann. Inst. Statist. Math. 43(1), 1–20.
    """
    rows, columns, w = areas.pattern()
    d = areas.totals()
    _refuse_islands(d)
    group = _connected(areas)
    kernel = (group[:, None] == np.unique(group)).astype(float)
    values, none = np.append(d, -w), np.empty((0, len(rows)))
    return Precision(areas.n, rows, columns, values, none, None, kernel)


def _refuse_islands(totals: Vector) -> None:
    if not np.all(totals > 0.0):
        raise ValueError(f"Area {int(np.argmin(totals))} has no neighbour. Join it to one.")


def _connected(areas: Neighbours) -> Places:
    """The connected group of each area."""
    pairs = (np.ones(len(areas.first)), (areas.first, areas.second))
    return connected_components(csr_array(pairs, (areas.n, areas.n)), directed=False)[1]
