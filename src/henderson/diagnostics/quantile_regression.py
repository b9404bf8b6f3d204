"""Smooth quantiles of y along x.

    minimize  Σᵢ ρ(yᵢ − f(xᵢ)),   ρ(r) = r (τ − [r < 0]),   f a natural cubic spline

Each step replaces ρ by the quadratic (r² / (ε + |rₖ|) + (4τ − 2) r) / 4 that touches it at the
residuals rₖ of the last step and lies above it (but for ε), so that the sum falls; with ε small
the minimum is that of the linear program.

Whether the τ quantiles are known numbers q is tested by the scores of the regressions at f = q:

    S_τ = Bᵀ s_τ,   s_τ = [y < q_τ] − τ,   cov(s_τ, s_κ) = Ω_τκ = min(τ, κ) − τκ
    X² = Sᵀ (Ω ⊗ BᵀB)⁻¹ S  ~  χ² with (quantiles × columns of B) degrees of freedom

for independent y. Where B has the indicators of levels, it is Pearson's chi-square of the
numbers between the quantiles, level by level.

Source: Koenker & Bassett (1978), Econometrica 46(1), 33–50; Hunter & Lange (2000), J. Comput.
Graph. Stat. 9(1), 60–77; score tests: Gutenbrunner, Jurečková, Koenker & Portnoy (1993), J.
Nonparametric Stat. 2, 307–331; the spline's basis: Harrell (2001), Regression Modeling
Strategies, section 2.4.
"""

from collections.abc import Sequence

import numpy as np

from henderson.arrays import Matrix, Vector

_ROWS_FOR_KNOTS = (40, 100, 300)  # for 3, 4 and 5 of them
_MOST_ROWS = 20_000  # more are thinned evenly along x
_STEPS = 200
_EPSILON = 1e-6  # of the spread of y
_SETTLED = 1e-5


def quantile_curve(x: Vector, y: Vector, level: float, at: Vector) -> Vector:
    """The `level` quantile of y (n,) along x (n,), at the values `at` (m,).

    A straight line below 40 rows, then 3 knots, 4 from 100 and 5 from 300 rows. Of more than
    20,000 rows, that many are used, evenly spread over the ranks of x.
    """
    if x.size > _MOST_ROWS:
        order = np.argsort(x, kind="stable")
        taken = order[np.linspace(0, x.size - 1, _MOST_ROWS).astype(np.int64)]
        x, y = x[taken], y[taken]
    knots = knots_along(x)
    basis = spline_basis(x, knots)
    return spline_basis(at, knots) @ quantile_coefficients(basis, y, level)


def knots_along(x: Vector) -> Vector:
    """Knots at quantiles of x (n,), as many as n allows; (k,)."""
    count = 2 + sum(x.size >= rows for rows in _ROWS_FOR_KNOTS)
    return np.unique(np.quantile(x, np.linspace(0.02, 0.98, count)))


def score_statistic(scores: Matrix, solved: Matrix, levels: Sequence[float]) -> float:
    """X² of the equation above, for S (k, L) at L `levels` in increasing order.

    `solved` is (BᵀB)⁻¹ S. Under regressions that are level S has mean 0.
    """
    tau = np.asarray(levels)
    omega = np.minimum(tau[:, None], tau) - np.outer(tau, tau)
    return float(np.sum(solved * np.linalg.solve(omega, scores.T).T))


def quantile_coefficients(basis: Matrix, y: Vector, level: float) -> Vector:
    """β minimizing Σ ρ(y − Bβ), for B (n, k); (k,)."""
    beta = np.linalg.lstsq(basis, y, rcond=None)[0]
    spread = float(np.std(y))
    epsilon = max(_EPSILON * spread, np.finfo(float).tiny)
    pull = (2.0 * level - 1.0) * basis.sum(axis=0)
    for _ in range(_STEPS):
        weight = 1.0 / (epsilon + np.abs(y - basis @ beta))
        weighted = weight[:, None] * basis
        new = np.linalg.lstsq(weighted.T @ basis, weighted.T @ y + pull, rcond=1e-12)[0]
        settled = np.max(np.abs(basis @ (new - beta))) <= _SETTLED * spread
        beta = new
        if settled:
            break
    return beta


def spline_basis(x: Vector, knots: Vector) -> Matrix:
    """1, x, and k − 2 cubics, linear beyond the outer ones of the k knots; (n, k)."""
    if len(knots) < 2:
        return np.ones((x.size, 1))
    first, last = knots[0], knots[-1]
    scaled, t = (x - first) / (last - first), (knots - first) / (last - first)
    columns = [np.ones_like(scaled), scaled]

    def cubed(value: Vector) -> Vector:
        return np.maximum(value, 0.0) ** 3

    gap = t[-1] - t[-2]
    for knot in t[:-2]:
        columns.append(
            cubed(scaled - knot)
            - cubed(scaled - t[-2]) * (t[-1] - knot) / gap
            + cubed(scaled - t[-1]) * (t[-2] - knot) / gap
        )
    return np.column_stack(columns)
