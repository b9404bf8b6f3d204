"""The sparse factorization against full matrices."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.sparse import (
    block_array,
    coo_array,
    csc_array,
    csr_array,
    diags_array,
    eye_array,
    kron,
)

from henderson.covariance.precision import autoregression as autoregression_of
from henderson.equations.sparse import Ordering, SparseCholesky
from henderson.equations.sparse_parts import Entries, LevelBlocks, Rows

ORDERINGS: list[Ordering] = ["auto", "natural", "minimum degree", "nested dissection"]


def rows_of(C: csr_array) -> int:
    return len(C.indptr) - 1


def autoregression(n: int, rho: float = 0.7) -> csr_array:
    """The precision of n times."""
    ends = np.full(n, 1.0 + rho**2)
    ends[[0, -1]] = 1.0
    off = diags_array(np.full(n - 1, -rho), offsets=1)
    return csr_array((diags_array(ends) + off + off.T) / (1.0 - rho**2))


def field(rows: int, columns: int) -> csr_array:
    """The precision of plots, correlated along rows and columns, and independent errors."""
    related = kron(autoregression(rows), autoregression(columns, -0.4))
    return csr_array(related + 0.3 * eye_array(rows * columns))


def second_differences(n: int) -> csr_array:
    """Their precision, with a ridge."""
    D = csr_array(np.diff(np.eye(n), 2, axis=0))
    return csr_array(D.T @ D + 1e-2 * eye_array(n))


def shuffled(C: csr_array) -> csr_array:
    """In another order."""
    order = np.random.default_rng(3).permutation(rows_of(C))
    return csr_array(C[order][:, order])


def animals(m: int, seed: int = 1) -> csr_array:
    """A⁻¹ of a pedigree without inbreeding, and records of a third of them."""
    rng = np.random.default_rng(seed)
    parents = np.array(
        [rng.choice(i, 2, replace=False) if i > 9 else [-1, -1] for i in range(m)]
    )
    known = parents.ravel() >= 0
    rows = np.repeat(np.arange(m), 2)[known]
    P = csc_array((np.full(rows.size, 0.5), (rows, parents.ravel()[known])), (m, m))
    T = eye_array(m) - P
    d = np.where(parents[:, 0] < 0, 1.0, 2.0)
    records = diags_array((np.arange(m) % 3 == 0) * 1.0)
    return csr_array(T.T @ diags_array(d) @ T + records)


def arrow(n: int) -> csr_array:
    """The first three columns meet all others."""
    rng = np.random.default_rng(2)
    long = rng.normal(size=(3, n))
    hubs = 50.0 * np.eye(3) + long @ long.T
    return csr_array(block_array([[hubs, long], [long.T, eye_array(n)]]))


def scattered(n: int, density: float, seed: int) -> csr_array:
    """Off the diagonal at random."""
    rng = np.random.default_rng(seed)
    half = csr_array(rng.random((n, n)) * (rng.random((n, n)) < density))
    return csr_array(half @ half.T + eye_array(n) * 0.5)


MATRICES: dict[str, Callable[[], csr_array]] = {
    "one": lambda: csr_array([[3.0]]),
    "diagonal": lambda: csr_array(diags_array(np.arange(1.0, 31.0))),
    "full": lambda: csr_array(np.ones((70, 70)) + 2.0 * np.eye(70)),
    "arrow": lambda: arrow(400),
    "reversed arrow": lambda: arrow(400)[::-1, ::-1],
    "series": lambda: autoregression(500),
    "shuffled series": lambda: shuffled(autoregression(600)),
    "second differences": lambda: second_differences(300),
    "field": lambda: field(23, 31),
    "two effects a plot": lambda: csr_array(kron(field(12, 13), [[1.0, 0.3], [0.3, 0.8]])),
    "large field": lambda: field(32, 33),
    "animals": lambda: animals(400),
    "two traits": lambda: csr_array(kron(animals(150), [[1.0, -0.5], [-0.5, 2.0]])),
    "pieces": lambda: csr_array(
        block_array(
            [
                [field(14, 15), None, None],
                [None, autoregression(40), None],
                [None, None, eye_array(5)],
            ]
        )
    ),
    "scattered": lambda: scattered(300, 0.01, 4),
    "hardly scattered": lambda: scattered(500, 0.0015, 5),
}


@pytest.fixture(params=MATRICES, ids=str, scope="module")
def matrix(request: pytest.FixtureRequest) -> csr_array:
    return MATRICES[request.param]()


def factored(C: csr_array, ordering: Ordering = "auto") -> SparseCholesky:
    part = Entries.of(C)
    factor = SparseCholesky(rows_of(C), [part], ordering=ordering)
    factor.factor([part.values_of(C)])
    return factor


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_factor_solutions_and_inverse_equal_those_of_the_full_matrix(
    matrix: csr_array, ordering: Ordering
) -> None:
    full = matrix.toarray()
    inverse = np.linalg.inv(full)
    n = len(full)
    part = Entries.of(matrix)
    factor = SparseCholesky(n, [part], ordering=ordering)
    values = part.values_of(matrix)
    expected = np.linalg.slogdet(full)[1]
    assert_allclose(factor.factor([values]), expected, rtol=1e-11, atol=1e-11)
    assert factor.failed is None
    scale = np.abs(inverse).max()
    for m in (1, 3, 40):
        B = np.random.default_rng(m).normal(size=(n, m))
        assert_allclose(factor.solve(B), inverse @ B, rtol=1e-9, atol=1e-10 * scale)
        assert_allclose(factor.quadratic(B), B.T @ inverse @ B, rtol=1e-9, atol=1e-10 * scale)
        half = factor.half_solve(B)
        assert_allclose(factor.back_solve(half), inverse @ B, rtol=1e-9, atol=1e-10 * scale)
    factor.invert()
    found = factor.inverse_entries(part.rows, part.columns)
    assert_allclose(found, inverse[part.rows, part.columns], rtol=1e-9, atol=1e-12 * scale)
    assert_allclose(factor.inverse_diagonal(), np.diag(inverse), rtol=1e-9)
    assert_allclose(factor.trace(0, values), n, rtol=1e-9)
    change = np.random.default_rng(8).normal(size=len(values))
    M = part.matrix(change, n).toarray()
    assert_allclose(factor.trace(0, change), np.sum(inverse * M), rtol=1e-8, atol=1e-9 * scale)


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_an_order_is_a_permutation_and_its_half_solution_is_the_factor(
    matrix: csr_array, ordering: Ordering
) -> None:
    factor = factored(matrix, ordering)
    n = factor.n
    order = factor.order
    assert np.array_equal(np.sort(order), np.arange(n))
    L = np.linalg.cholesky(matrix.toarray()[np.ix_(order, order)])
    B = np.random.default_rng(1).normal(size=(n, 2))
    scale = np.abs(np.linalg.inv(L)).max()
    expected = np.linalg.solve(L, B[order])
    assert_allclose(factor.half_solve(B), expected, rtol=1e-8, atol=1e-9 * scale)
    assert factor.plan.entries >= np.count_nonzero(np.abs(L) > 1e-10 * np.abs(L).max())
    assert factor.plan.stored >= factor.plan.entries


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 60),
    edges=st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=150),
    hubs=st.integers(0, 3),
    ordering=st.sampled_from(ORDERINGS),
)
def test_any_pattern_in_any_order_has_the_inverse_of_the_full_matrix(
    n: int, edges: list[tuple[int, int]], hubs: int, ordering: Ordering
) -> None:
    W = np.zeros((n, n))
    for i, j in edges:
        W[i % n, j % n] = W[j % n, i % n] = -0.3 - 0.01 * ((i + j) % 7)
    W[:hubs] = W[:, :hubs] = 0.05
    np.fill_diagonal(W, 0.0)
    C = W + np.diag(np.abs(W).sum(axis=0) + 0.1)
    factor = factored(csr_array(C), ordering)
    factor.invert()
    i, j = np.nonzero(C)
    inverse = np.linalg.inv(C)
    assert_allclose(factor.inverse_entries(i, j), inverse[i, j], rtol=1e-9, atol=1e-11)
    assert_allclose(factor.solve(np.eye(n)), inverse, rtol=1e-9, atol=1e-11)


def test_an_empty_matrix_has_the_determinant_1() -> None:
    factor = SparseCholesky(0, [])
    assert factor.factor([]) == 0.0
    factor.invert()
    assert factor.solve(np.empty((0, 2))).shape == (0, 2)
    assert factor.inverse_diagonal().shape == (0,)


def test_new_values_on_the_pattern_give_what_a_new_factor_gives() -> None:
    C = field(9, 12)
    part = Entries.of(C)
    factor = SparseCholesky(rows_of(C), [part])
    rng = np.random.default_rng(5)
    for _ in range(3):
        values = part.values_of(C) * 1.0
        values[part.rows == part.columns] += rng.random(factor.n)
        full = part.matrix(values, factor.n).toarray()
        assert_allclose(factor.factor([values]), np.linalg.slogdet(full)[1], rtol=1e-12)
        factor.invert()
        assert_allclose(factor.inverse_diagonal(), np.diag(np.linalg.inv(full)), rtol=1e-9)


def test_a_matrix_that_is_not_positive_definite_is_reported_and_the_next_one_factored() -> None:
    C = autoregression(50)
    part = Entries.of(C)
    factor = SparseCholesky(50, [part])
    good = part.values_of(C)
    bad = good - 2.0 * ((part.rows == 20) & (part.columns == 20))
    assert np.isnan(factor.factor([bad]))
    assert factor.failed is not None
    leading = factor.order[: list(factor.order).index(factor.failed) + 1]
    full = part.matrix(bad, 50).toarray()
    assert np.linalg.eigvalsh(full[np.ix_(leading, leading)])[0] < 0.0
    assert np.linalg.eigvalsh(full[np.ix_(leading[:-1], leading[:-1])])[0] > 0.0
    with pytest.raises(ValueError, match="factor first"):
        factor.solve(np.ones(50))
    assert_allclose(factor.factor([good]), np.linalg.slogdet(C.toarray())[1])
    assert factor.failed is None
    assert np.isnan(factor.factor([good * np.nan]))


def random_effects(n: int, levels: int, k: int) -> tuple[csr_array, np.ndarray]:
    """Z of k effects a level and a second factor of 7 levels; weights of the rows."""
    rng = np.random.default_rng(6)
    level, other = rng.integers(levels, size=n), rng.integers(7, size=n)
    columns = np.column_stack([level * k + c for c in range(k)] + [levels * k + other])
    values = np.column_stack([rng.normal(size=(n, k)), np.ones(n)])
    rows = np.repeat(np.arange(n), k + 1)
    Z = coo_array((values.ravel(), (rows, columns.ravel())), (n, levels * k + 7)).tocsr()
    return Z, rng.random(n)


def test_equations_with_related_levels_are_a_sum_of_their_parts() -> None:
    levels, k = 40, 2
    Z, w = random_effects(300, levels, k)
    dense, z = Z.toarray(), np.asarray(Z.data, dtype=float)
    n = dense.shape[1]
    Q, ridge = Entries.of(autoregression(levels), repeat=k), np.arange(levels * k, n)
    parts = [Rows.of(Z), Q, Entries(ridge, ridge)]
    q, ones = Q.values_of(autoregression(levels)), np.ones(7)
    factor = SparseCholesky(n, parts)
    full = np.zeros((n, n))
    full[: levels * k, : levels * k] = np.kron(autoregression(levels).toarray(), np.eye(k))
    full[ridge, ridge] = 1.0
    for weights in (w, None, 2.0 * w):
        C = full + Z.T.toarray() @ (
            Z.toarray() * (1.0 if weights is None else weights[:, None])
        )
        values = [(z, weights), q, ones]
        assert_allclose(factor.factor(values), np.linalg.slogdet(C)[1], rtol=1e-12)
        B = np.random.default_rng(7).normal(size=(n, 3))
        assert_allclose(factor.multiply(values, B), C @ B, rtol=1e-11)
        factor.invert()
        inverse = np.linalg.inv(C)
        expected = np.einsum("ia,ab,ib->i", dense, inverse, dense)
        assert_allclose(factor.leverages(0, z), expected, rtol=1e-9)
        derivative = np.random.default_rng(9).normal(size=len(q))
        M = Q.matrix(derivative, n).toarray()
        assert_allclose(factor.trace(1, derivative), np.sum(inverse * M), rtol=1e-9)
        i, j = parts[0].pairs()
        assert_allclose(factor.inverse_of(0), inverse[i, j], rtol=1e-9)
        own = np.arange(levels * k).reshape(levels, k)
        lag = factor.inverse_of(1)
        assert lag.shape == (len(q), k)
        for c in range(k):
            expected = inverse[own[Q.rows, c], own[Q.columns, c]]
            assert_allclose(lag[:, c], expected, rtol=1e-9)


def test_blocks_of_levels_go_to_their_place_and_come_back() -> None:
    rng = np.random.default_rng(10)
    k, w = 3, 2
    crossed = np.flatnonzero(rng.random((6, 5)) < 0.4)
    a, b = np.divmod(crossed, 5)
    first, second = np.arange(6) * k, 6 * k + np.arange(5) * w
    parts = [
        LevelBlocks(first, first, k, k),
        LevelBlocks(second, second, w, w),
        LevelBlocks(second[b], first[a], w, k),
    ]
    C = np.zeros((6 * k + 5 * w,) * 2)
    own = [np.eye(size) * 9.0 + np.ones((size, size)) for size in (k, w)]
    values = [
        np.broadcast_to(own[0], (6, k, k)),
        np.broadcast_to(own[1], (5, w, w)),
        rng.normal(size=(len(a), w, k)),
    ]
    for part, blocks in zip(parts, values, strict=True):
        for i, j, block in zip(part.rows, part.columns, blocks, strict=True):
            C[i : i + part.height, j : j + part.width] = block
            C[j : j + part.width, i : i + part.height] = block.T
    factor = SparseCholesky(len(C), parts)
    assert_allclose(factor.factor(values), np.linalg.slogdet(C)[1], rtol=1e-12)
    assert_allclose(factor.multiply(values, np.eye(len(C))), C)
    factor.invert()
    inverse = np.linalg.inv(C)
    for p, part in enumerate(parts):
        found = factor.inverse_of(p)
        for i, j, block in zip(part.rows, part.columns, found, strict=True):
            assert_allclose(block, inverse[i : i + part.height, j : j + part.width], rtol=1e-9)
    assert_allclose(sum(map(factor.trace, range(3), values)), len(C), rtol=1e-12)


def related_poisson(parameters: np.ndarray) -> tuple[float, np.ndarray]:
    """log L by Laplace of counts with two effects a level, levels along an AR(1); its gradient.

    b = (I ⊗ T)a,   a ~ N(0, (Q(ρ) ⊗ I)⁻¹),   C = ΛᵀZᵀWZΛ + Q ⊗ I
    ∂/∂ρ = −½aᵀQ′a + αᵀQ′a − ½tr(C⁻¹Q′) + (k/2)tr(Q⁻¹Q′)
    """
    rng = np.random.default_rng(3)
    g, k, n = 25, 2, 160
    level = rng.integers(g, size=n)
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = rng.poisson(np.exp(0.6 + 0.3 * X[:, 1] + rng.normal(size=g)[level] * 0.5))
    beta, rho = parameters[:2], parameters[5]
    T = np.array([[parameters[2], 0.0], parameters[3:5]])
    Q = autoregression_of(rho, np.ones(g - 1))
    start = np.arange(0, 2 * n + 1, 2)
    parts = [
        Rows((level[:, None] * k + np.arange(k)).ravel(), start),
        Entries(Q.rows, Q.columns, repeat=k),
    ]
    C = SparseCholesky(g * k, parts)
    prior = parts[1].matrix(Q.values, g * k)
    z = X @ T  # rows of ZΛ

    def sums(v: np.ndarray) -> np.ndarray:
        out = np.zeros((g, k))
        np.add.at(out, level, v[:, None] * z)
        return out.ravel()

    a = np.zeros(g * k)
    mu = y.astype(float)
    for _ in range(50):
        mu = np.exp(X @ beta + np.sum(z * a.reshape(g, k)[level], axis=1))
        C.factor([(z, mu), Q.values])
        a = a + C.solve(sums(y - mu) - prior @ a)
    log_det = C.factor([(z, mu), Q.values])
    C.invert()
    value = np.sum(y * np.log(mu) - mu) - 0.5 * a @ (prior @ a) - 0.5 * log_det
    assert Q.log_determinant is not None
    value += 0.5 * k * Q.log_determinant[0]
    t = 0.5 * C.leverages(0, z) * mu  # −½ S l‴
    alpha = C.solve(sums(t))
    residual = y - mu - t + mu * np.sum(z * alpha.reshape(g, k)[level], axis=1)
    packed = C.inverse_of(0).reshape(n, 3)  # 11, 12, 22 of each row
    zC = np.column_stack(
        [
            z[:, 0] * packed[:, 0] + z[:, 1] * packed[:, 1],
            z[:, 0] * packed[:, 1] + z[:, 1] * packed[:, 2],
        ]
    )
    by_T = X.T @ (residual[:, None] * a.reshape(g, k)[level])
    by_T -= X.T @ ((y - mu)[:, None] * alpha.reshape(g, k)[level]) + X.T @ (mu[:, None] * zC)
    change = parts[1].matrix(Q.derivatives[0], g * k) @ a
    by_rho = alpha @ change - 0.5 * a @ change - 0.5 * C.trace(1, Q.derivatives[0])
    by_rho += 0.5 * k * Q.log_determinant[1][0]
    return value, np.array([*(X.T @ residual), by_T[0, 0], by_T[1, 0], by_T[1, 1], by_rho])


def test_the_laplace_gradient_of_related_levels_needs_nothing_else() -> None:
    at = np.array([0.5, 0.2, 0.6, 0.15, 0.3, 0.55])
    h = 1e-5
    for point in (at, at * [1, 1, 1, 1, 0, -1]):  # also a singular T, and ρ below 0
        _, gradient = related_poisson(point)
        steps = h * np.eye(6)
        numeric = [
            (related_poisson(point + e)[0] - related_poisson(point - e)[0]) / (2 * h)
            for e in steps
        ]
        assert_allclose(gradient, numeric, rtol=1e-7, atol=1e-6)


def test_a_sparse_tail_takes_what_its_leaves_leave_by_rows_of_negative_weight() -> None:
    rng = np.random.default_rng(11)
    leaves, tail = 60, 90
    C_lt = csr_array(rng.random((leaves, tail)) * (rng.random((leaves, tail)) < 0.03))
    d = 1.0 + rng.random(leaves)
    C_tt = diags_array(np.asarray((C_lt.power(2)).sum(axis=0)).ravel() + 5.0)
    V = csr_array(diags_array(d**-0.5) @ C_lt)
    own = Entries.of(C_tt)
    factor = SparseCholesky(tail, [Rows.of(V), own])
    found = factor.factor(
        [(np.asarray(V.data, dtype=float), -np.ones(leaves)), own.values_of(C_tt)]
    )
    whole = block_array([[diags_array(d), C_lt], [C_lt.T, C_tt]]).toarray()
    assert_allclose(np.log(d).sum() + found, np.linalg.slogdet(whole)[1], rtol=1e-12)


def test_draws_by_the_back_solution_have_the_inverse_as_covariance() -> None:
    C = field(4, 5)
    factor = factored(C)
    root = factor.back_solve(np.eye(20))
    assert_allclose(root @ root.T, np.linalg.inv(C.toarray()), rtol=1e-10, atol=1e-13)


def test_the_order_with_the_least_work_is_chosen_and_said() -> None:
    C = field(30, 40)
    auto = factored(C)
    plan = auto.plan
    assert plan.multiplications[plan.ordering] == min(plan.multiplications.values())
    assert f"by {plan.ordering} order" in str(plan)
    assert factored(field(60, 80)).plan.seconds > 2.0 * plan.seconds > 0.0
    natural = factored(C, "natural").plan
    assert natural.multiplications["natural"] > 1.5 * plan.multiplications[plan.ordering]
    assert factored(autoregression(1000)).plan.entries == 1999
    assert factored(shuffled(autoregression(1000))).plan.entries == 1999


def test_cutting_a_large_field_beats_the_order_of_its_plots_and_rivals_minimum_degree() -> None:
    C = field(70, 70)
    work = {
        name: factored(C, name).plan.multiplications[name]
        for name in ORDERINGS
        if name != "auto"
    }
    assert work["nested dissection"] < 0.5 * work["natural"]
    assert work["nested dissection"] < 1.6 * work["minimum degree"]


def test_values_and_entries_that_do_not_fit_are_refused() -> None:
    C = autoregression(90)
    part = Entries.of(C)
    factor = SparseCholesky(90, [part])
    with pytest.raises(ValueError, match="outside a matrix of 80 rows"):
        SparseCholesky(80, [part])
    with pytest.raises(ValueError, match="values of the shape"):
        factor.factor([np.ones(3)])
    with pytest.raises(ValueError, match="factor first"):
        factor.invert()
    factor.factor([part.values_of(C)])
    with pytest.raises(ValueError, match="invert first"):
        factor.inverse_diagonal()
    with pytest.raises(ValueError, match="7 rows do not fit a matrix of 90"):
        factor.solve(np.ones(7))
    factor.invert()
    with pytest.raises(ValueError, match=r"no entry \(0, 80\)"):
        factor.inverse_entries(0, 80)
    with pytest.raises(ValueError, match="a column twice"):
        SparseCholesky(6, [Rows(np.array([1, 1]), np.array([0, 2]))])
    with pytest.raises(ValueError, match="ordering is natural"):
        SparseCholesky(90, [part], ordering="alphabetical")  # pyright: ignore[reportArgumentType]
