"""Every structure of the registry: derivatives, round trips, signs, boundaries."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from henderson.covariance import STRUCTURES, CovarianceStructure, Unstructured, structure_named
from henderson.covariance.autoregressive import Autoregressive
from henderson.covariance.separable import Separable
from henderson.covariance.standard_deviations import Homogeneous
from henderson.covariance.toeplitz import Stationary
from henderson.errors import FormulaError
from henderson.likelihood.parameters import CovarianceParameters

SEPARABLE = Separable((Autoregressive(), Stationary()), ("row", "column"))
ARGUMENTS = {"rr": "2", "propto": "K"}
ALL = [
    *(structure.given(ARGUMENTS.get(name, "")) for name, structure in STRUCTURES.items()),
    STRUCTURES["mat"].given("nu = 1.5"),
    Unstructured(order=(2, 0, 1)),
    Homogeneous("ar1:homtoep", "separable", SEPARABLE),
]
NAMES = [*STRUCTURES, "mat, given", "us, pivoted", "separable"]
CASES = [
    (structure, k)
    for structure in ALL
    for k in {"us, pivoted": (3,), "separable": (6,)}.get(
        NAMES[ALL.index(structure)], (1, 2, 3, 5)
    )
]
every_structure = pytest.mark.parametrize(
    ("structure", "k"), CASES, ids=[f"{NAMES[ALL.index(s)]}-{k}" for s, k in CASES]
)


def complete(structure: CovarianceStructure, k: int) -> CovarianceStructure:
    """With points and a matrix, where it needs them."""
    rng = np.random.default_rng(10 + k)
    if structure.keyword == "ar1:homtoep":
        return structure.at(np.indices((2, k // 2), dtype=float).reshape(2, -1).T)
    if structure.coordinates is not None:
        structure = structure.at(rng.normal(size=(k, min(2, structure.coordinates[1]))))
    if structure.needs_matrix:
        root = rng.normal(size=(k, k + 2))
        structure = structure.relating(root @ root.T)
    return structure


@every_structure
def test_derivatives_of_the_factor_are_those_of_its_values(
    structure: CovarianceStructure, k: int
) -> None:
    rng = np.random.default_rng(3)
    structure = complete(structure, k)
    theta = rng.normal(size=structure.n_parameters(k))
    derivatives = structure.factor_derivatives(theta, k)
    assert derivatives.shape == (len(theta), k, k)
    for i, e in enumerate(np.eye(len(theta))):
        h = 1e-5
        numeric = structure.factor(theta + h * e, k) - structure.factor(theta - h * e, k)
        assert_allclose(derivatives[i], numeric / (2 * h), rtol=1e-8, atol=1e-9)


@every_structure
def test_canonical_parameters_keep_the_covariance_and_have_positive_scales(
    structure: CovarianceStructure, k: int
) -> None:
    rng = np.random.default_rng(4)
    structure = complete(structure, k)
    for zero in (False, True):
        theta = rng.normal(size=structure.n_parameters(k))
        elements = [element for element, _ in structure.scales(k)]
        if zero and elements:
            theta[elements[0]] = 0.0
        T = structure.factor(theta, k)
        canonical = structure.canonical(theta, k)
        again = structure.factor(canonical, k)
        assert_allclose(again @ again.T, T @ T.T, atol=1e-12)
        assert np.all(canonical[elements] >= 0.0)
        assert_allclose(structure.canonical(canonical, k), canonical, atol=1e-12)


@every_structure
def test_a_covariance_of_the_structure_is_given_back_by_its_parameters(
    structure: CovarianceStructure, k: int
) -> None:
    rng = np.random.default_rng(5)
    structure = complete(structure, k)
    theta = structure.canonical(0.5 * rng.normal(size=structure.n_parameters(k)), k)
    T = structure.factor(theta, k)
    again = structure.factor(structure.parameters_near(T @ T.T), k)
    assert_allclose(again @ again.T, T @ T.T, rtol=1e-7, atol=1e-6)


@every_structure
def test_a_scale_of_zero_is_not_free_and_others_are(
    structure: CovarianceStructure, k: int
) -> None:
    structure = complete(structure, k)
    theta = structure.canonical(np.ones(structure.n_parameters(k)), k)
    assert structure.free(theta, k).all()
    if not structure.scales(k):
        return
    element, _ = structure.scales(k)[-1]
    theta[element] = 0.0
    assert not structure.free(structure.canonical(theta, k), k)[element]


def test_effects_with_small_pivots_go_last() -> None:
    G = np.diag([1e-6, 4.0, 1.0])
    plain = Unstructured()
    theta = plain.parameters_near(G)
    pivoted = plain.pivoted(theta, np.ones(3))
    assert pivoted.order == (1, 2, 0)
    moved = pivoted.parameters_near(G)
    T = pivoted.factor(moved, 3)
    assert_allclose(T @ T.T, G, atol=1e-12)
    assert pivoted.pivoted(moved, np.ones(3)) is pivoted


def test_translation_between_parameters_has_the_right_derivative() -> None:
    rng = np.random.default_rng(6)
    there = CovarianceParameters((Unstructured(),), (3,))
    here = CovarianceParameters((Unstructured((2, 0, 1)),), (3,))
    theta = here.canonical(rng.normal(size=6))
    moved, jacobian = here.translation(theta, there)
    assert_allclose(there.covariances(moved)[0], here.covariances(theta)[0], atol=1e-12)
    for i, e in enumerate(np.eye(6)):
        up, down = (
            there.parameters_near(here.covariances(theta + s * 1e-6 * e)) for s in (1, -1)
        )
        assert_allclose(jacobian[:, i], (up - down) / 2e-6, rtol=1e-5, atol=1e-7)


def test_an_unknown_structure_is_shown_in_the_formula_with_the_nearest_name() -> None:
    with pytest.raises(
        FormulaError, match=r"'diagg'(.|\n)*\^\^\^\^\^(.|\n)*Did you mean 'diag'"
    ):
        structure_named("diagg", "y ~ diagg(x | g)", 4)


@every_structure
def test_curvature_is_the_second_derivative_of_the_factor(
    structure: CovarianceStructure, k: int
) -> None:
    rng = np.random.default_rng(8)
    structure = complete(structure, k)
    theta, weight = rng.normal(size=structure.n_parameters(k)), rng.normal(size=(k, k))
    expected = np.zeros((len(theta), len(theta)))
    for i, e in enumerate(1e-4 * np.eye(len(theta))):
        up, down = (structure.factor_derivatives(theta + s * e, k) for s in (1, -1))
        expected[i] = np.tensordot(up - down, weight, axes=2) / 2e-4
    got = np.zeros_like(expected) if structure.linear else structure.curvature(theta, k, weight)
    assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def correlation(keyword: str, theta: list[float], k: int) -> np.ndarray:
    T = STRUCTURES[keyword].factor(np.array(theta), k)
    G = T @ T.T
    sd = np.sqrt(np.diag(G))
    return G / np.outer(sd, sd)


def test_patterns_are_what_they_are_called() -> None:
    lag = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    assert_allclose(correlation("ar1", [2.0, np.arctanh(0.6)], 4), 0.6**lag, atol=1e-14)
    assert_allclose(
        correlation("hetar1", [0.1, 0.2, 0.3, 0.4, np.arctanh(0.6)], 4), 0.6**lag, atol=1e-14
    )
    same = correlation("homcs", [2.0, 0.7], 4)
    off = same[~np.eye(4, dtype=bool)]
    assert_allclose(off, off[0], atol=1e-14)
    assert -1 / 3 < off[0] < 1
    stationary = correlation("homtoep", [1.0, 0.5, -0.3, 0.2], 4)
    for distance in range(1, 4):
        diagonal = np.diag(stationary, distance)
        assert_allclose(diagonal, diagonal[0], atol=1e-14)
    rho = np.array([0.5, -0.2, 0.8])
    dependent = correlation("ad", [0.0] * 4 + np.arctanh(rho).tolist(), 4)
    assert_allclose(np.diag(dependent, 1), rho, atol=1e-14)
    assert_allclose(dependent[0, 3], np.prod(rho), atol=1e-14)
