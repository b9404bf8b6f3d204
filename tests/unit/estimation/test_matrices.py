import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from henderson.errors import ModelError
from henderson.estimation import matrices
from tests.unit.by_hand import ByHand, fitted_by_hand


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "x": rng.normal(size=30),
            "g": rng.choice(list("abcd"), size=30),
            "f": rng.choice(list("uvw"), size=30),
            "w": rng.uniform(0.5, 2.0, size=30),
            "y": rng.normal(size=30),
            "count": rng.poisson(2.0, size=30),
        }
    )


@pytest.fixture(scope="module")
def linear(data: pd.DataFrame) -> ByHand:
    return fitted_by_hand(
        "y ~ x + (x | g) + (0 + f | g)",
        data,
        [np.array([[1.0, 0.2], [0.2, 0.5]]), np.diag([1.0, 2.0, 3.0])],
        others=[0.3],
        weights="w",
    )


def test_the_matrices_are_those_of_the_definitions(linear: ByHand) -> None:
    estimates = linear.estimates
    assert_allclose(matrices.fixed_matrix(estimates), linear.X)
    assert_allclose(matrices.random_matrix(estimates).toarray(), linear.Z)
    assert_allclose(matrices.random_covariance(estimates).toarray(), linear.G)
    assert_allclose(matrices.error_covariance(estimates).diagonal(), 1.0 / linear.W)
    V = linear.Z @ linear.G @ linear.Z.T + np.diag(1.0 / linear.W)
    assert_allclose(matrices.marginal_covariance(estimates), V, atol=1e-12)


def test_z_and_g_are_stored_sparse(linear: ByHand) -> None:
    Z = matrices.random_matrix(linear.estimates)
    assert Z.format == "csr"
    assert Z.nnz == 30 * 3


def test_without_random_terms_z_and_g_are_empty(data: pd.DataFrame) -> None:
    at = fitted_by_hand("y ~ x", data, [])
    assert matrices.random_matrix(at.estimates).shape == (30, 0)
    assert matrices.random_covariance(at.estimates).shape == (0, 0)
    assert_allclose(matrices.marginal_covariance(at.estimates), np.eye(30))


def test_v_is_refused_where_it_is_not_the_covariance_of_y(data: pd.DataFrame) -> None:
    at = fitted_by_hand("count ~ x + (1 | g)", data, [0.3], family="poisson")
    with pytest.raises(ModelError, match="poisson with the log link"):
        matrices.marginal_covariance(at.estimates)


def test_v_is_refused_where_it_is_too_large(
    linear: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrices, "LARGEST_DENSE", 20)
    with pytest.raises(ModelError, match="30 x 30"):
        matrices.marginal_covariance(linear.estimates)
