"""Quantile regression: the minimum of the linear program, and known quantiles."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linprog
from scipy.special import ndtri

from henderson.diagnostics.quantile_regression import (
    quantile_coefficients,
    quantile_curve,
    spline_basis,
)


def check_loss(basis: np.ndarray, y: np.ndarray, beta: np.ndarray, level: float) -> float:
    r = y - basis @ beta
    return float(np.sum(r * (level - (r < 0.0))))


@pytest.mark.parametrize("level", [0.1, 0.25, 0.5, 0.9])
def test_the_loss_is_that_of_the_linear_program(level: float) -> None:
    rng = np.random.default_rng(1)
    x = rng.random(150)
    y = np.sin(3.0 * x) + rng.standard_t(3, 150) * (0.2 + x)
    basis = spline_basis(x, np.array([0.05, 0.35, 0.65, 0.95]))
    n, k = basis.shape
    exact = linprog(
        np.concatenate([np.zeros(k), np.full(n, level), np.full(n, 1.0 - level)]),
        A_eq=np.hstack([basis, np.eye(n), -np.eye(n)]),
        b_eq=y,
        bounds=[(None, None)] * k + [(0.0, None)] * (2 * n),
        method="highs",
    )
    found = check_loss(basis, y, quantile_coefficients(basis, y, level), level)
    assert exact.fun <= found + 1e-9
    assert_allclose(found, exact.fun, rtol=2e-4)


@pytest.mark.parametrize("level", [0.25, 0.75])
def test_curves_are_the_quantiles_of_what_was_drawn(level: float) -> None:
    rng = np.random.default_rng(2)
    x = rng.random(30_000)
    y = np.cos(2.0 * x) + (0.5 + x) * rng.normal(size=x.size)
    at = np.linspace(0.05, 0.95, 20)
    truth = np.cos(2.0 * at) + (0.5 + at) * ndtri(level)
    assert_allclose(quantile_curve(x, y, level, at), truth, atol=0.1)  # 4 se


def test_a_spline_is_linear_beyond_its_knots_and_has_two_derivatives() -> None:
    knots = np.array([0.0, 0.3, 0.6, 1.0])
    outside = np.array([-3.0, -2.0, -1.0])
    assert_allclose(np.diff(spline_basis(outside, knots), 2, axis=0), 0.0, atol=1e-12)
    assert_allclose(np.diff(spline_basis(outside + 5.0, knots), 2, axis=0), 0.0, atol=1e-9)
    step = 1e-4
    for knot in knots:
        near = spline_basis(knot + step * np.arange(-2.0, 3.0), knots)
        second = np.diff(near, 2, axis=0) / step**2
        assert np.abs(np.diff(second, axis=0)).max() < 200.0 * step


def test_few_rows_have_a_straight_line() -> None:
    x = np.arange(20.0)
    curve = quantile_curve(x, 2.0 * x + 1.0, 0.5, np.array([0.0, 10.0, 19.0]))
    assert_allclose(curve, [1.0, 21.0, 39.0], atol=1e-6)


def test_a_constant_x_has_a_constant_quantile() -> None:
    y = np.arange(101.0)
    assert_allclose(quantile_curve(np.ones(101), y, 0.25, np.ones(1)), 25.0, atol=0.51)
