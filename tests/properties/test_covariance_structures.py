"""Every covariance structure from the registry keeps what its interface promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from henderson.arrays import Vector
from henderson.covariance import STRUCTURES, CovarianceStructure

every_structure = pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
sizes = st.integers(1, 5)
seeds = st.integers(0, 10_000)


def parameters(structure: CovarianceStructure, k: int, seed: int) -> Vector:
    return np.random.default_rng(seed).standard_normal(structure.n_parameters(k))


@every_structure
@given(k=sizes, seed=seeds)
def test_the_factor_is_lower_triangular(
    structure: CovarianceStructure, k: int, seed: int
) -> None:
    factor = structure.factor(parameters(structure, k, seed), k)
    assert factor.shape == (k, k)
    assert np.array_equal(factor, np.tril(factor))


@every_structure
@given(k=sizes, seed=seeds)
def test_its_derivatives_agree_with_differences(
    structure: CovarianceStructure, k: int, seed: int
) -> None:
    theta, step = parameters(structure, k, seed), 1e-3
    derivatives = structure.factor_derivatives(theta, k)
    assert derivatives.shape == (len(theta), k, k)
    for i, derivative in enumerate(derivatives):
        move = step * np.eye(len(theta))[i]
        one, two = (
            (structure.factor(theta + s * move, k) - structure.factor(theta - s * move, k))
            / (2.0 * s * step)
            for s in (1, 2)
        )
        assert_allclose(derivative, (4.0 * one - two) / 3.0, rtol=1e-8, atol=1e-9)


@every_structure
@given(k=sizes, seed=seeds, zeros=st.booleans())
def test_the_canonical_form_keeps_the_covariance(
    structure: CovarianceStructure, k: int, seed: int, zeros: bool
) -> None:
    theta = parameters(structure, k, seed)
    if zeros:
        for element, _ in structure.scales(k)[::2]:
            theta[element] = 0.0
    fixed = structure.canonical(theta, k)
    before, after = structure.factor(theta, k), structure.factor(fixed, k)
    assert_allclose(after @ after.T, before @ before.T, rtol=1e-9, atol=1e-12)
    assert all(fixed[element] >= 0.0 for element, _ in structure.scales(k))
    assert_allclose(structure.canonical(fixed, k), fixed, atol=1e-12)


@every_structure
@given(k=sizes, seed=seeds)
def test_a_start_near_a_covariance_of_its_kind_is_that_covariance(
    structure: CovarianceStructure, k: int, seed: int
) -> None:
    theta = parameters(structure, k, seed)
    for element, _ in structure.scales(k):
        theta[element] = 0.5 + abs(theta[element])
    factor = structure.factor(theta, k)
    again = structure.factor(structure.parameters_near(factor @ factor.T), k)
    assert_allclose(again @ again.T, factor @ factor.T, rtol=1e-8, atol=1e-10)


@every_structure
@given(k=sizes, seed=seeds)
def test_a_scale_of_zero_is_a_boundary_of_its_effect(
    structure: CovarianceStructure, k: int, seed: int
) -> None:
    theta = structure.canonical(parameters(structure, k, seed), k)
    assert structure.free(theta, k).all()
    for element, _ in structure.scales(k):
        theta[element] = 0.0
    theta = structure.canonical(theta, k)
    assert not any(structure.free(theta, k)[element] for element, _ in structure.scales(k)[:1])
