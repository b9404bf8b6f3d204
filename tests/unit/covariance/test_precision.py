"""Sparse precisions of related levels: against covariances by their definitions."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose

from henderson.covariance.precision import (
    Neighbours,
    Precision,
    autoregression,
    conditional_autoregression,
    intrinsic_autoregression,
    leroux,
    ornstein_uhlenbeck,
    random_walk,
    separable,
)
from henderson.equations.sparse import log_determinant

STEPS = np.array([1, 1, 3, 1, 2, 1, 7, 1])
UNEQUAL = np.array([0.3, 1.2, 0.01, 2.5, 4.0, 0.7])


def grid(rows: int, columns: int) -> Neighbours:
    """Areas of a rectangle that share a side."""
    at = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    pairs = [(at[:-1], at[1:]), (at[:, 1:], at[:, :-1])]
    first, second = (np.concatenate([p[i].ravel() for p in pairs]) for i in (0, 1))
    return Neighbours(at.size, first, second)


MAP = grid(4, 5)
WEIGHTED = Neighbours(MAP.n, MAP.first, MAP.second, 0.5 + np.arange(len(MAP.first)) % 3)

PARAMETRIZED: dict[str, tuple[Callable[[np.ndarray], Precision], list[float]]] = {
    "ar1": (lambda p: autoregression(p[0], np.ones(9)), [0.7]),
    "ar1, negative, with gaps": (lambda p: autoregression(p[0], STEPS), [-0.6]),
    "ar1 at 0": (lambda p: autoregression(p[0], STEPS), [0.0]),
    "ar1 near 1": (lambda p: autoregression(p[0], STEPS), [0.999]),
    "ou": (lambda p: ornstein_uhlenbeck(p[0], UNEQUAL), [0.4]),
    "ou, slow": (lambda p: ornstein_uhlenbeck(p[0], UNEQUAL), [1e-4]),
    "ar1 by ar1": (
        lambda p: separable(autoregression(p[0], np.ones(4)), autoregression(p[1], [1, 2, 1])),
        [0.7, -0.3],
    ),
    "ou by car": (
        lambda p: separable(
            ornstein_uhlenbeck(p[0], [1.0, 0.4]), conditional_autoregression(p[1], MAP)
        ),
        [0.7, 0.9],
    ),
    "car": (lambda p: conditional_autoregression(p[0], MAP), [0.9]),
    "car, weighted, negative": (lambda p: conditional_autoregression(p[0], WEIGHTED), [-0.7]),
    "leroux": (lambda p: leroux(p[0], WEIGHTED), [0.8]),
}


@pytest.mark.parametrize("name", PARAMETRIZED)
def test_derivatives_and_determinants_are_those_of_the_full_matrix(name: str) -> None:
    build, point = PARAMETRIZED[name]
    at = np.array(point)
    Q = build(at)
    full = Q.matrix().toarray()
    assert_allclose(full, full.T)
    assert Q.kernel.shape == (Q.n, 0)
    log_det, slopes = log_determinant(Q)
    assert_allclose(log_det, np.linalg.slogdet(full)[1], rtol=1e-8)
    if Q.log_determinant is not None:
        assert_allclose(Q.log_determinant[0], log_det, rtol=1e-8, atol=1e-13)
        assert_allclose(Q.log_determinant[1], slopes, rtol=1e-6, atol=1e-12)
    for r, h in enumerate(
        np.diag(1e-6 * np.maximum(np.minimum(np.abs(at), 1 - np.abs(at)), 1e-3))
    ):
        up, down = build(at + h), build(at - h)
        numeric = (up.values - down.values) / (2.0 * h[r])
        size = np.abs(Q.derivatives[r]).max()
        assert_allclose(Q.derivatives[r], numeric, rtol=1e-5, atol=1e-6 * size)
        changed = log_determinant(up)[0] - log_determinant(down)[0]
        assert_allclose(slopes[r], changed / (2.0 * h[r]), rtol=2e-5, atol=1e-6)
        inverse = np.linalg.inv(full)
        exact = np.sum(inverse * Q.matrix(Q.derivatives[r]).toarray())
        assert_allclose(slopes[r], exact, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("rho", [0.8, -0.5, 0.0])
def test_an_autoregression_with_gaps_has_the_correlation_to_the_power_of_the_lag(
    rho: float,
) -> None:
    t = np.append(0, np.cumsum(STEPS))
    expected = rho ** np.abs(t[:, None] - t)
    found = np.linalg.inv(autoregression(rho, STEPS).matrix().toarray())
    assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("decay", [1e-4, 0.3, 40.0])
def test_an_ornstein_uhlenbeck_process_decays_with_the_time_between(decay: float) -> None:
    t = np.append(0.0, np.cumsum(UNEQUAL))
    Q = ornstein_uhlenbeck(decay, UNEQUAL).matrix().toarray()
    R = np.exp(-decay * np.abs(t[:, None] - t))
    assert_allclose(R @ Q @ R, R, rtol=1e-9)


def test_the_precision_of_a_field_is_the_kronecker_product() -> None:
    slow, fast = autoregression(0.6, [1, 2]), ornstein_uhlenbeck(0.3, [1.0, 0.5, 2.0])
    expected = np.kron(slow.matrix().toarray(), fast.matrix().toarray())
    Q = separable(slow, fast)
    assert_allclose(Q.matrix().toarray(), expected)
    assert np.all(Q.rows >= Q.columns)


@pytest.mark.parametrize("order", [1, 2])
def test_a_random_walk_penalizes_differences_and_has_a_kernel(order: int) -> None:
    Q = random_walk(np.arange(12.0), order)
    D = np.diff(np.eye(12), order, axis=0)
    assert_allclose(Q.matrix().toarray(), D.T @ D, atol=1e-14)
    known = {1: 12.0, 2: 12.0**2 * (12.0**2 - 1.0) / 12.0}
    assert Q.log_determinant is not None
    assert_allclose(Q.log_determinant[0], np.log(known[order]))


@pytest.mark.parametrize(
    "Q",
    [
        random_walk(np.cumsum(UNEQUAL), 1),
        random_walk(np.cumsum(UNEQUAL), 2),
        random_walk(np.arange(30.0) + 1e4, 2),
        intrinsic_autoregression(WEIGHTED),
        intrinsic_autoregression(
            Neighbours(
                5, np.array([0, 1, 4], dtype=np.int32), np.array([1, 2, 3], dtype=np.int32)
            )
        ),
    ],
    ids=["rw1", "rw2", "rw2, late", "icar", "icar of two pieces"],
)
def test_a_singular_precision_has_the_determinant_of_its_other_eigenvalues(
    Q: Precision,
) -> None:
    full = Q.matrix().toarray()
    d = Q.kernel.shape[1]
    assert_allclose(full @ Q.kernel, 0.0, atol=1e-10)
    values = np.linalg.eigvalsh(full)
    assert values[d - 1] < 1e-10 * values[-1] < values[d]
    expected = np.sum(np.log(values[d:]))
    assert_allclose(log_determinant(Q)[0], expected, rtol=1e-8)
    if Q.log_determinant is not None:
        assert_allclose(Q.log_determinant[0], expected, rtol=1e-8)


def test_a_random_walk_over_unequal_times_is_a_wiener_process() -> None:
    t = np.cumsum(UNEQUAL)
    full = random_walk(t, 1).matrix().toarray()
    # given the first value, the others have the covariance min(t, t') since then
    since = t[1:] - t[0]
    assert_allclose(np.linalg.inv(full[1:, 1:]), np.minimum.outer(since, since), rtol=1e-10)


def test_an_area_given_its_neighbours_has_their_mean() -> None:
    Q = conditional_autoregression(0.9, MAP).matrix().toarray()
    met = np.flatnonzero(Q[7]).tolist()
    met.remove(7)
    assert_allclose(-Q[7, met] / Q[7, 7], 0.9 / len(met))
    assert Q[7, 7] == len(met)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: autoregression(1.0, [1]), r"not in \(−1, 1\)"),
        (lambda: autoregression(0.5, [0.5]), r"steps are not 1, 2"),
        (lambda: ornstein_uhlenbeck(0.0, [1.0]), r"not above 0"),
        (lambda: random_walk([0.0, 1.0], 2), r"needs more times"),
        (lambda: leroux(1.0, MAP), r"not in \[0, 1\)"),
        (
            lambda: conditional_autoregression(0.5, Neighbours(3, *np.array([[0], [1]]))),
            "Area 2",
        ),
        (lambda: Neighbours(3, *np.array([[0, 1], [1, 0]])), "twice"),
        (lambda: separable(random_walk(np.arange(4.0)), autoregression(0.1, [1])), "regular"),
    ],
)
def test_what_cannot_be_is_refused(build: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build()
