"""The block-sparse equations against full matrices."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import block_diag

from henderson.equations import MixedModelEquations, RandomTermMatrix, ThreadExecutor
from henderson.likelihood.packing import pairs
from henderson.likelihood.parameters import flat
from tests.small_models import PATTERNS, SmallModel, small_model

LAYOUTS = [(1, None), (1, 1), (1, 2), (3, 1), (3, 2)]  # parts, leaf terms
CASES = [(p, layout) for p in PATTERNS for layout in LAYOUTS]


class Twin:
    """The equations and, beside them, C = ΛᵀZᵀWZΛ + I in full."""

    def __init__(self, model: SmallModel, parts: int, leaf_terms: int | None) -> None:
        rng = np.random.default_rng(1)
        self.model, K = model, model.n_predictors
        self.theta = rng.normal(size=len(model.parameters))
        self.factors = model.parameters.factors(self.theta)
        self.templates = flat(self.factors)
        half = rng.normal(size=(model.n, K, K))
        W = half @ half.transpose(0, 2, 1) + 0.1 * np.eye(K)
        packed = np.column_stack([W[:, a, b] for a, b in pairs(K)])
        leaves = min(leaf_terms, len(model.terms)) if leaf_terms else None
        self.equations = MixedModelEquations(
            model.terms,
            model.n,
            K,
            parts=parts,
            executor=ThreadExecutor(2),
            leaf_terms=leaves,
        )
        self.equations.cross_products(self.equations.split_rows(packed))
        self.W = np.zeros((model.n * K, model.n * K))
        for i in range(model.n):
            self.W[i * K : (i + 1) * K, i * K : (i + 1) * K] = W[i]
        self.Z, self.Lambda = model.Z, model.Lambda(self.theta)
        self.A = self.Z.T @ self.W @ self.Z
        self.C = self.Lambda.T @ self.A @ self.Lambda + np.eye(self.Z.shape[1])
        self.V = rng.normal(size=(model.n, K, 2))

    def flat(self, x: list[np.ndarray]) -> np.ndarray:
        """A vector of the equations in the order of the columns of Z."""
        pieces = self.equations.by_term(x)
        m = x[0].shape[1]
        return np.concatenate([np.empty((0, m)), *[p.reshape(-1, m) for p in pieces]])


@pytest.fixture(params=CASES, ids=lambda c: f"{c[0]}, parts {c[1][0]}, leaf terms {c[1][1]}")
def twin(request: pytest.FixtureRequest) -> Twin:
    pattern, (parts, leaf_terms) = request.param
    predictors = 2 if pattern in {"crossed", "strip plot"} else 1
    return Twin(small_model(pattern, seed=3, predictors=predictors), parts, leaf_terms)


def test_factor_and_solve_equal_those_of_the_full_matrix(twin: Twin) -> None:
    equations = twin.equations
    right = equations.z_transpose_times(equations.split_rows(twin.V))
    border = equations.scale(right, twin.templates, transposed=True)
    gram = np.zeros((2, 2))
    log_determinant = equations.factor(twin.templates, border, gram)
    B = twin.Lambda.T @ twin.Z.T @ twin.V.reshape(-1, 2)
    assert_allclose(log_determinant, np.linalg.slogdet(twin.C)[1], rtol=1e-10, atol=1e-10)
    assert_allclose(gram, -B.T @ np.linalg.solve(twin.C, B), rtol=1e-9, atol=1e-10)
    equations.back_solve(border)
    assert_allclose(twin.flat(border), np.linalg.solve(twin.C, B), rtol=1e-8, atol=1e-10)


def test_selected_inverse_gives_leverages_and_traces(twin: Twin) -> None:
    equations, K = twin.equations, twin.model.n_predictors
    equations.factor(twin.templates, equations.zeros(0), np.zeros((0, 0)))
    equations.invert(keep_factor=True)
    inverse = np.linalg.inv(twin.C)
    S = twin.Z @ twin.Lambda @ inverse @ twin.Lambda.T @ twin.Z.T
    rows = np.arange(twin.model.n) * K
    expected = np.column_stack([S[rows + a, rows + b] for a, b in pairs(K)])
    leverages = equations.join_rows(equations.leverages())
    assert_allclose(leverages, expected, rtol=1e-8, atol=1e-10)
    M = twin.A @ twin.Lambda @ inverse
    blocks, start = [], 0
    for term, got in zip(twin.model.terms, equations.inverse_blocks(), strict=True):
        at = [slice(start + j * term.k, start + (j + 1) * term.k) for j in range(term.levels)]
        assert_allclose(got, [inverse[s, s] for s in at], rtol=1e-8, atol=1e-10)
        blocks.append(sum(M[s, s] for s in at))
        start += term.size
    assert_allclose(equations.template_traces(), flat(blocks), rtol=1e-8, atol=1e-9)


def test_products_equal_those_of_the_full_matrices(twin: Twin) -> None:
    equations, terms = twin.equations, twin.model.terms
    rng = np.random.default_rng(5)
    v = equations.z_transpose_times(equations.split_rows(twin.V))
    equations.sum_tail(v)
    full = twin.Z.T @ twin.V.reshape(-1, 2)
    assert_allclose(twin.flat(v), full, rtol=1e-10, atol=1e-10)
    image = equations.multiply(v)
    equations.sum_tail(image)
    assert_allclose(twin.flat(image), twin.A @ full, rtol=1e-9, atol=1e-9)
    column = [np.ascontiguousarray(piece[:, :1]) for piece in v]
    zb = equations.join_rows(equations.z_times(column))
    assert_allclose(zb.ravel(), twin.Z @ full[:, 0], rtol=1e-9, atol=1e-9)
    assert_allclose(equations.inner(v, v), full.T @ full, rtol=1e-10, atol=1e-10)
    sums, start = [], 0
    for term in terms:
        piece = full[start : start + term.size].reshape(term.levels, term.k, 2)
        sums.append(np.einsum("jam,jbm->ab", piece, piece))
        start += term.size
    equations.factor(twin.templates, equations.zeros(0), np.zeros((0, 0)))
    assert_allclose(equations.outer_sums(v, v), flat(sums), rtol=1e-9, atol=1e-9)
    if not terms:
        return
    which = np.array([0, len(terms) - 1], dtype=np.int32)
    G = [rng.normal(size=(terms[t].k, terms[t].k)) for t in which]
    z = [np.ascontiguousarray(piece[:, 0]) for piece in v]
    moved = twin.flat(equations.directions(which, flat(G), z))
    for i, t in enumerate(which):
        start = sum(term.size for term in terms[:t])
        mine = full[start : start + terms[t].size, 0].reshape(-1, terms[t].k)
        expected = np.zeros(len(full))
        expected[start : start + terms[t].size] = (mine @ G[i].T).ravel()
        assert_allclose(moved[:, i], expected, rtol=1e-9, atol=1e-9)


def test_a_matrix_that_is_not_positive_definite_is_reported_as_nan() -> None:
    model = small_model("crossed", seed=3)
    equations = MixedModelEquations(model.terms, model.n, 1)
    equations.cross_products([np.full((model.n, 1), -5.0)])
    templates = flat(model.parameters.factors(np.ones(len(model.parameters))))
    assert np.isnan(equations.factor(templates, equations.zeros(0), np.zeros((0, 0))))


def test_a_tail_beyond_the_cache_is_met_row_by_row_with_the_same_result() -> None:
    rng = np.random.default_rng(4)
    n, leaves, tail = 200_000, 900, 400
    leaf, late = (rng.integers(0, g, n).astype(np.int32) for g in (leaves, tail))
    slopes = np.column_stack([np.ones(n), rng.normal(size=n)])
    terms = [RandomTermMatrix(0, 2, leaves, leaf, slopes), intercepts(late)]
    equations = MixedModelEquations(terms, n, 1, leaf_terms=1)
    weights = rng.uniform(0.5, 2.0, size=n)
    equations.cross_products([weights[:, None]])

    q = 2 * leaves + tail
    columns = np.column_stack([2 * leaf, 2 * leaf + 1, 2 * leaves + late])
    values = np.column_stack([slopes, np.ones(n)])
    A = np.zeros((q, q))
    for i in range(3):
        for j in range(3):
            np.add.at(A, (columns[:, i], columns[:, j]), weights * values[:, i] * values[:, j])
    for size in (0.3, 0.05):  # the second time in what the first has left
        factors = [size * np.array([[1.0, 0.0], [0.4, 0.8]]), np.array([[size]])]
        Lambda = block_diag([factors[0]] * leaves + [factors[1]] * tail, format="csr")
        scaled = A @ Lambda
        C = Lambda.T @ scaled + np.eye(q)
        templates = flat(factors)
        log_determinant = equations.factor(templates, equations.zeros(0), np.zeros((0, 0)))
        assert_allclose(log_determinant, np.linalg.slogdet(C)[1], rtol=1e-11)
        equations.invert(keep_factor=False)
        inverse = np.linalg.inv(C)
        of_leaves = scaled[: 2 * leaves].reshape(leaves, 2, q)
        by_leaf = np.einsum(
            "jaq,qjb->ab", of_leaves, inverse[:, : 2 * leaves].reshape(q, leaves, 2)
        )
        by_late = np.sum(scaled[2 * leaves :] * inverse[:, 2 * leaves :].T)
        assert_allclose(equations.template_traces(), flat([by_leaf, by_late]), rtol=1e-9)


def test_terms_are_eliminated_so_that_nesting_makes_no_dense_tail() -> None:
    rng = np.random.default_rng(2)
    fine = np.arange(20_000, dtype=np.int32).repeat(2)
    middle, coarse = (fine // 10).astype(np.int32), (fine // 100).astype(np.int32)
    nested = [intercepts(codes) for codes in (coarse, middle, fine)]
    assert MixedModelEquations(nested, len(fine), 1).tail <= 200
    crossed = rng.integers(0, 300, len(fine)).astype(np.int32)
    tail = MixedModelEquations([nested[2], intercepts(crossed)], len(fine), 1).tail
    assert tail == 300


def intercepts(codes: np.ndarray) -> RandomTermMatrix:
    return RandomTermMatrix(0, 1, int(codes.max()) + 1, codes, np.ones((len(codes), 1)))
