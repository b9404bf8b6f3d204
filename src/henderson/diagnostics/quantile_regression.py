"""Smooth quantiles of y along x.

    minimize  Σᵢ ρ(yᵢ − f(xᵢ)),   ρ(r) = r (τ − [r < 0]),   f a natural cubic spline

Each step replaces ρ by the quadratic (r² / (ε + |rₖ|) + (4τ − 2) r) / 4 that touches it at the
residuals rₖ of the last step and lies above it (but for ε), so that the sum falls; with ε small
the minimum is that of the linear program.

Source: Koenker & Bassett (1978), Econometrica 46(1), 33–50; Hunter & Lange (2000), J. Comput.
Graph. Stat. 9(1), 60–77; the spline's basis: Harrell (2001), Regression Modeling Strategies,
section 2.4.
"""

import numpy as np

from henderson.arrays import Matrix, Vector

_ROWS_A_KNOT = 100
_MOST_KNOTS = 5
_MOST_ROWS = 20_000  # more are thinned evenly along x
_STEPS = 200
_EPSILON = 1e-6  # of the spread of y
_SETTLED = 1e-5


def quantile_curve(x: Vector, y: Vector, level: float, at: Vector) -> Vector:
    """The `level` quantile of y (n,) along x (n,), at the values `at` (m,).

    A straight line below 300 rows, then a knot more for 100 rows, up to 5 knots. Of more than
    20,000 rows, that many are used, evenly spread over the ranks of x.
    """
    if x.size > _MOST_ROWS:
        order = np.argsort(x, kind="stable")
        taken = order[np.linspace(0, x.size - 1, _MOST_ROWS).astype(np.int64)]
        x, y = x[taken], y[taken]
    count = int(np.clip(x.size // _ROWS_A_KNOT, 2, _MOST_KNOTS))
    knots = np.unique(np.quantile(x, np.linspace(0.02, 0.98, count)))
    basis = spline_basis(x, knots)
    return spline_basis(at, knots) @ quantile_coefficients(basis, y, level)


def quantile_coefficients(basis: Matrix, y: Vector, level: float) -> Vector:
    """β minimizing Σ ρ(y − Bβ), for B (n, k) of full column rank; (k,)."""
    beta = np.linalg.lstsq(basis, y, rcond=None)[0]
    spread = float(np.std(y))
    epsilon = max(_EPSILON * spread, np.finfo(float).tiny)
    pull = (2.0 * level - 1.0) * basis.sum(axis=0)
    for _ in range(_STEPS):
        weight = 1.0 / (epsilon + np.abs(y - basis @ beta))
        weighted = weight[:, None] * basis
        new = np.linalg.solve(weighted.T @ basis, weighted.T @ y + pull)
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
