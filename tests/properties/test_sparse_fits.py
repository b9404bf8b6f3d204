"""Fits by full covariances against the likelihood by sparse precisions at their estimates."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

import henderson as hd
from henderson.covariance.precision import (
    Precision,
    autoregression,
    ornstein_uhlenbeck,
    separable,
)
from henderson.design.pedigrees import Pedigree
from henderson.equations.sparse import SparseCholesky
from henderson.equations.sparse_parts import Entries, Rows


def restricted_log_likelihood(
    model: hd.FittedModel, level: np.ndarray, Q: Entries, q: np.ndarray, log_det_q: float
) -> float:
    """log L by REML of y = Xβ + σ_a a[level] + e, a ~ N(0, Q⁻¹), at a fit's estimates.

    C = (σ²_a/σ²) ZᵀZ + Q,   log |V| = n log σ² + log |C| − log |Q|,
    σ² V⁻¹ = I − (σ²_a/σ²) Z C⁻¹ Zᵀ
    """
    X, y, n = model.X, model.estimates.response.y, len(level)
    sd = model.covariance_parameters()["estimate"].iloc[0]
    sigma2 = float(model.sigma) ** 2
    ratio = sd**2 / sigma2
    parts = [Rows(level, np.arange(n + 1)), Q]
    C = SparseCholesky(int(max(Q.rows)) + 1, parts)
    log_det = C.factor([(np.ones(n), np.full(n, ratio)), q])
    Xy = np.column_stack([X, y])
    sums = np.zeros((C.n, Xy.shape[1]))
    np.add.at(sums, level, Xy)
    gram = (Xy.T @ Xy - ratio * C.quadratic(sums)) / sigma2
    p = X.shape[1]
    XVX, XVy = gram[:p, :p], gram[:p, p]
    quadratic = gram[p, p] - XVy @ np.linalg.solve(XVX, XVy)
    log_det_v = n * np.log(sigma2) + log_det - log_det_q
    log_det_x = np.linalg.slogdet(XVX)[1]
    return -0.5 * ((n - p) * np.log(2.0 * np.pi) + log_det_v + log_det_x + quadratic)


def of_precision(model: hd.FittedModel, level: np.ndarray, Q: Precision) -> float:
    assert Q.log_determinant is not None
    entries = Entries(Q.rows, Q.columns)
    return restricted_log_likelihood(model, level, entries, Q.values, Q.log_determinant[0])


def independent(copies: int) -> Precision:
    """I."""
    at = np.arange(copies)
    none = np.empty((0, copies)), (0.0, np.empty(0)), np.empty((copies, 0))
    return Precision(copies, at, at, np.ones(copies), *none)


def drawn(Q: Precision, seed: int) -> np.ndarray:
    """One draw of the levels."""
    entries = Entries(Q.rows, Q.columns)
    factor = SparseCholesky(Q.n, [entries])
    factor.factor([Q.values])
    return factor.back_solve(np.random.default_rng(seed).standard_normal(Q.n))


def test_an_autoregression_in_each_subject_is_that_of_its_precision() -> None:
    subjects, times = 30, 9
    Q = separable(independent(subjects), autoregression(0.6, np.ones(times - 1)))
    rng = np.random.default_rng(2)
    level = np.sort(np.append(np.arange(Q.n), rng.integers(Q.n, size=100)))
    table = pd.DataFrame({"s": level // times, "t": level % times, "x": rng.random(len(level))})
    table["y"] = table["x"] + drawn(Q, 3)[level] + 0.5 * rng.standard_normal(len(level))
    model = hd.fit("y ~ x + ar1(0 + factor(t) | s)", table)
    rho = model.covariance_parameters()["estimate"].iloc[1]
    at_estimate = separable(independent(subjects), autoregression(rho, np.ones(times - 1)))
    assert_allclose(of_precision(model, level, at_estimate), model.llf, rtol=1e-10)


def test_a_process_over_unequal_times_is_that_of_its_precision() -> None:
    rng = np.random.default_rng(4)
    times = np.cumsum(0.1 + rng.exponential(size=60))
    Q = ornstein_uhlenbeck(0.5, np.diff(times))
    level = np.repeat(np.arange(60), 3)
    table = pd.DataFrame({"time": times[level], "all": "one"})
    table["y"] = 2.0 + drawn(Q, 5)[level] + 0.4 * rng.standard_normal(180)
    model = hd.fit("y ~ 1 + ou(0 + time | all)", table)
    decay = model.covariance_parameters()["estimate"].iloc[1]
    at_estimate = ornstein_uhlenbeck(decay, np.diff(times))
    assert_allclose(of_precision(model, level, at_estimate), model.llf, rtol=1e-10)


def test_a_field_with_missing_plots_is_that_of_a_separable_precision() -> None:
    rows, columns = 9, 11
    rng = np.random.default_rng(7)
    along = np.ones(rows - 1), np.ones(columns - 1)
    Q = separable(autoregression(0.7, along[0]), autoregression(0.5, along[1]))
    level = np.repeat(np.sort(rng.choice(Q.n, 85, replace=False)), 2)
    table = pd.DataFrame({"row": level // columns, "col": level % columns, "field": "f"})
    table["y"] = 3.0 + drawn(Q, 8)[level] + 0.5 * rng.standard_normal(170)
    model = hd.fit("y ~ 1 + (ar1(row):ar1(col) | field)", table)
    first, second = model.covariance_parameters()["estimate"].iloc[1:3]
    at_estimate = separable(autoregression(first, along[0]), autoregression(second, along[1]))
    assert_allclose(of_precision(model, level, at_estimate), model.llf, rtol=1e-10)


def test_an_animal_model_is_that_of_the_inverse_by_hendersons_rules() -> None:
    rng = np.random.default_rng(6)
    m = 160
    parents = np.full((m, 2), -1, dtype=np.int32)
    for i in range(25, m):
        parents[i] = rng.choice(np.arange(max(0, i - 60), i), 2, replace=False)
    pedigree = Pedigree.of_places(tuple(f"a{i}" for i in range(m)), parents)
    deviations = np.sqrt(pedigree.mendelian) * rng.standard_normal(m)
    a = np.zeros(m)
    for i in range(m):
        a[i] = deviations[i] + 0.5 * a[parents[i][parents[i] >= 0]].sum()
    level = rng.choice(np.arange(30, m), 400)
    table = pd.DataFrame({"animal": [f"a{i}" for i in level], "x": rng.random(400)})
    table["y"] = table["x"] + a[level] + rng.standard_normal(400)
    A = (pedigree.relationships(), list(pedigree.names))
    model = hd.fit("y ~ x + propto(1 | animal, A)", table, matrices={"A": A})
    inverse = pedigree.inverse()
    found = restricted_log_likelihood(
        model,
        level,
        Entries.of(inverse),
        Entries.values_of(inverse),
        -pedigree.log_determinant,
    )
    assert_allclose(found, model.llf, rtol=1e-10)


@pytest.mark.slow
def test_an_evaluation_with_100_000_animals_has_its_exact_gradient() -> None:
    # by the ratio of variances, at a size that has no full matrix
    rng = np.random.default_rng(8)
    m, size = 100_000, 10_000
    parents = np.full((m, 2), -1, dtype=np.int32)
    for first in range(size, m, size):
        sires = first - size + rng.choice(size // 2, 250, replace=False)
        dams = first - size // 2 + rng.permutation(size // 2)
        which = rng.integers(len(dams), size=size)
        parents[first : first + size] = np.column_stack(
            [rng.choice(sires, len(dams))[which], dams[which]]
        )
    inverse: csr_array = Pedigree.of_places((), parents).inverse()
    level = rng.choice(np.arange(40_000, m), 60_000, replace=False)
    records = Entries(np.unique(level), np.unique(level))
    Q = Entries.of(inverse)
    C = SparseCholesky(m, [records, Q])
    q, ones = Q.values_of(inverse), np.ones(len(records.rows))
    h = 1e-4
    up, down = (C.factor([(0.6 + e) * ones, q]) for e in (h, -h))
    C.factor([0.6 * ones, q])
    C.invert()
    assert_allclose(C.trace(0, ones), (up - down) / (2.0 * h), rtol=1e-7)
