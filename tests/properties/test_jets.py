"""Jets of NumPy functions have the derivatives of extended precision."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special

from henderson.errors import ModelError
from henderson.families.jets import BIVARIATE, UNIVARIATE, Jet, packed, variables
from henderson.links import link_named

mp: Any = mpmath.mp
IDENTITY = link_named("identity").inverse
EXACT: dict[Any, Callable] = {
    np.exp: mp.exp,
    np.expm1: mp.expm1,
    np.log: mp.log,
    np.log1p: mp.log1p,
    np.sqrt: mp.sqrt,
    np.square: lambda x: x**2,
    np.reciprocal: lambda x: 1 / x,
    np.negative: lambda x: -x,
    np.abs: lambda x: x,  # at positive points
    np.sin: mp.sin,
    np.cos: mp.cos,
    np.tanh: mp.tanh,
    np.arctan: mp.atan,
    special.gammaln: mp.loggamma,
    special.digamma: mp.digamma,
    special.expit: lambda x: 1 / (1 + mp.exp(-x)),
    special.log_expit: lambda x: -mp.log1p(mp.exp(-x)),
    special.ndtr: mp.ncdf,
    special.log_ndtr: lambda x: mp.log(mp.ncdf(x)),
    np.add: lambda x, y: x + y,
    np.subtract: lambda x, y: x - y,
    np.multiply: lambda x, y: x * y,
    np.true_divide: lambda x, y: x / y,
    np.power: lambda x, y: x**y,
    np.logaddexp: lambda x, y: mp.log(mp.exp(x) + mp.exp(y)),
    special.xlogy: lambda x, y: x * mp.log(y),
    special.xlog1py: lambda x, y: x * mp.log1p(y),
}
POINTS = np.array([[0.3, 1.7], [2.2, 0.4]])


def exact(function: Callable, at: np.ndarray, orders: tuple[int, ...]) -> float:
    with mp.workdps(40):
        return float(mp.diff(function, tuple(map(mpmath.mpf, at)), orders))


def assert_jet(jet: Jet, function: Callable, points: np.ndarray) -> None:
    n, K = points.shape
    for degree in range(4):
        indices = list(itertools.combinations_with_replacement(range(K), degree))
        found = packed(jet.derivatives[degree - 1]) if degree else jet.value[:, None]
        want = [
            [exact(function, at, tuple(i.count(k) for k in range(K))) for i in indices]
            for at in points
        ]
        assert_allclose(found, want, 1e-11, 1e-13)
        assert found.shape == (n, math.comb(K + degree - 1, degree))


def test_every_function_has_an_exact_one_here() -> None:
    assert set(EXACT) == {*UNIVARIATE, *BIVARIATE}


@pytest.mark.parametrize("function", list(UNIVARIATE), ids=lambda f: f.__name__)
def test_functions_of_one_variable_have_their_derivatives(function: Any) -> None:  # noqa: ANN401
    x, y = variables(POINTS, [IDENTITY, IDENTITY], 3)
    # of a product, so that every derivative of the argument counts
    assert_jet(function(x * y), lambda a, b: EXACT[function](a * b), POINTS)


@pytest.mark.parametrize("function", list(BIVARIATE), ids=lambda f: f.__name__)
def test_functions_of_two_variables_have_their_derivatives(function: Any) -> None:  # noqa: ANN401
    x, y = variables(POINTS, [IDENTITY, IDENTITY], 3)
    assert_jet(function(x, y * y), lambda a, b: EXACT[function](a, b * b), POINTS)


def test_arithmetic_mixes_jets_arrays_and_numbers() -> None:
    x, y = variables(POINTS, [IDENTITY, IDENTITY], 3)
    mixed = 2.0 - np.array([1.0, 1.0]) * x / 3.0 + (1.0 / y) ** 2 - abs(-x) ** 1.5 + 2.0**y
    assert_jet(mixed, lambda a, b: 2 - a / 3 + 1 / b**2 - a ** mpmath.mpf("1.5") + 2**b, POINTS)


def test_where_takes_values_and_derivatives_from_one_side() -> None:
    (x,) = variables(POINTS[:, :1], [IDENTITY], 2)
    chosen: Any = np.where(x > 1.0, x * x, -x)  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert_allclose(chosen.value, [-0.3, 2.2**2])
    assert_allclose(chosen.derivatives[0][:, 0], [-1.0, 4.4])


def test_zero_times_a_logarithm_is_zero_with_zero_derivatives() -> None:
    (x,) = variables(np.zeros((1, 1)), [IDENTITY], 3)
    product = special.xlogy(0.0, x)
    assert product.value == 0.0
    assert not any(np.any(d) for d in product.derivatives)


def test_functions_without_known_derivatives_are_named() -> None:
    (x,) = variables(POINTS[:, :1], [IDENTITY], 1)
    with pytest.raises(ModelError, match="Derivatives of j0 are not known"):
        special.j0(x)
