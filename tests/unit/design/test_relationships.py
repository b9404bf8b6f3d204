"""Relationship matrices of pedigrees."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.design.pedigrees import Pedigree
from henderson.errors import DataError


def test_relationships_are_those_of_hendersons_example() -> None:
    # Mrode (2005), Linear Models for the Prediction of Animal Breeding Values, table 2.1
    A = hd.relationship_matrix(animal=[3, 4, 5, 6], sire=[1, 1, 4, 5], dam=[2, None, 3, 2])
    order = [A.names.index(str(i)) for i in range(1, 7)]
    expected = [
        [1.00, 0.00, 0.50, 0.50, 0.50, 0.25],
        [0.00, 1.00, 0.50, 0.00, 0.25, 0.625],
        [0.50, 0.50, 1.00, 0.25, 0.625, 0.5625],
        [0.50, 0.00, 0.25, 1.00, 0.625, 0.3125],
        [0.50, 0.25, 0.625, 0.625, 1.125, 0.6875],
        [0.25, 0.625, 0.5625, 0.3125, 0.6875, 1.125],
    ]
    assert_allclose(A.matrix[np.ix_(order, order)], expected)


def test_the_inverse_by_rules_is_the_inverse() -> None:
    rng = np.random.default_rng(4)
    m = 120
    sire = [rng.integers(0, i) if i > 10 and rng.random() > 0.1 else None for i in range(m)]
    dam = [rng.integers(0, i) if i > 10 and rng.random() > 0.2 else None for i in range(m)]
    names = np.array([f"a{i}" for i in range(m)])
    shuffled = rng.permutation(m)
    A = hd.relationship_matrix(
        names[shuffled],
        ["" if sire[i] is None else names[sire[i]] for i in shuffled],
        [np.nan if dam[i] is None else names[dam[i]] for i in shuffled],
    )
    assert A.inbreeding.max() > 0.1
    assert_allclose(A.inverse.toarray() @ A.matrix, np.eye(m), atol=1e-10)
    assert A.inverse.nnz < 0.2 * m**2


def families(m: int, founders: int, seed: int) -> np.ndarray:
    """Parents among those not long before, so that some are inbred; some not known."""
    rng = np.random.default_rng(seed)
    parents = np.full((m, 2), -1, dtype=np.int32)
    for i in range(founders, m):
        parents[i] = rng.integers(max(0, i - 60), i, size=2)
        parents[i][rng.random(2) < 0.05] = -1
    return parents


@pytest.mark.parametrize("seed", range(4))
def test_inbreeding_and_inverse_without_the_relationships_are_those_of_them(seed: int) -> None:
    parents = families(400, 12, seed)
    pedigree = Pedigree.of_places(tuple(map(str, range(400))), parents)
    A = pedigree.relationships()
    assert_allclose(pedigree.inbreeding, np.diag(A) - 1.0, atol=1e-14)
    assert pedigree.inbreeding.max() > 0.2
    assert_allclose(pedigree.inverse().toarray() @ A, np.eye(400), atol=1e-10)
    assert_allclose(pedigree.log_determinant, np.linalg.slogdet(A)[1], rtol=1e-12)


def test_a_large_pedigree_has_its_inverse_at_once() -> None:
    rng = np.random.default_rng(5)
    m, a_generation = 100_000, 10_000
    parents = np.full((m, 2), -1, dtype=np.int32)
    for first in range(a_generation, m, a_generation):
        before = first - a_generation
        sires = before + rng.choice(a_generation, 100, replace=False)
        parents[first : first + a_generation, 0] = rng.choice(sires, a_generation)
        parents[first : first + a_generation, 1] = before + rng.integers(
            a_generation, size=a_generation
        )
    pedigree = Pedigree.of_places((), parents)
    inverse = pedigree.inverse()
    assert inverse.nnz < 7 * m
    assert 0.0 < pedigree.inbreeding[-a_generation:].mean() < 0.05
    # Each animal less half its parents has the variance d: exact by two products.
    x = rng.standard_normal(m)
    deviation = x - 0.5 * np.where(parents >= 0, x[parents], 0.0).sum(axis=1)
    assert_allclose(x @ (inverse @ x), np.sum(deviation**2 / pedigree.mendelian), rtol=1e-12)


def test_products_with_relationships_need_no_matrix() -> None:
    pedigree = Pedigree.of_places((), families(300, 10, 7))
    x = np.random.default_rng(1).normal(size=(300, 3))
    assert_allclose(pedigree.multiply(x), pedigree.relationships() @ x, rtol=1e-10)
    assert_allclose(pedigree.multiply(x[:, 0]), pedigree.relationships() @ x[:, 0], rtol=1e-10)
    with pytest.raises(ValueError, match="2 rows do not fit 300 individuals"):
        pedigree.multiply(np.ones(2))


def test_genetic_groups_are_means_of_unknown_parents() -> None:
    animal = ["a", "b", "c", "d", "e"]
    sire, dam = ["old", "new", "a", "a", "c"], ["old", "new", "b", "new", "d"]
    pedigree = Pedigree.read(animal, sire, dam, groups=["old", "new"])
    assert sorted(pedigree.names) == animal
    plain = Pedigree.read(animal, ["", "", "a", "a", "c"], ["", "", "b", "", "d"])
    assert plain.names == pedigree.names
    assert_allclose(pedigree.inbreeding, plain.inbreeding)
    # shares of each group, by halves of the parents: Quaas (1988)
    shares = {"a": (1, 0), "b": (0, 1), "c": (0.5, 0.5), "d": (0.5, 0.5), "e": (0.5, 0.5)}
    S = np.array([shares[name] for name in pedigree.names])
    W = np.column_stack([np.eye(5), -S])
    expected = W.T @ np.linalg.inv(plain.relationships()) @ W
    assert_allclose(pedigree.inverse().toarray(), expected, atol=1e-12)
    with pytest.raises(DataError, match="'a' is an individual and a group"):
        Pedigree.read(animal, sire, dam, groups=["a"])


def test_parents_after_their_offspring_are_refused() -> None:
    with pytest.raises(ValueError, match="parents come before"):
        Pedigree.of_places(("a", "b"), np.array([[1, -1], [-1, -1]], dtype=np.int32))


def test_selfing_makes_inbred_lines() -> None:
    A = hd.relationship_matrix(["s1", "s2", "s3"], ["p", "s1", "s2"], ["p", "s1", "s2"])
    assert_allclose(A.inbreeding, [0.0, 0.5, 0.75, 0.875])


@pytest.mark.parametrize(
    ("pedigree", "words"),
    [
        ((["a", "b"], ["b", "a"], ["", ""]), r"'a' → 'b' → 'a' are their own ancestors"),
        ((["a"], ["a"], [""]), r"'a' → 'a' are their own ancestors"),
        ((["a", "a"], ["b", "c"], ["", ""]), r"'a' is in the pedigree with the parents"),
        ((["a", None], ["b", "c"], ["", ""]), r"has no name"),
        ((["a", "b"], ["b"], ["", ""]), r"have 2, 1, 2 values"),
    ],
)
def test_a_pedigree_that_cannot_be_is_refused(pedigree: tuple, words: str) -> None:
    with pytest.raises(DataError, match=words):
        hd.relationship_matrix(*pedigree)


@pytest.fixture(scope="module")
def herd() -> tuple[pd.DataFrame, hd.FittedModel]:
    """Animals of which only some have records."""
    rng = np.random.default_rng(8)
    m = 150
    pedigree = pd.DataFrame({"animal": np.arange(1, m + 1)})
    pedigree["sire"] = [rng.integers(1, 16) if i > 40 else 0 for i in range(m)]
    pedigree["dam"] = [rng.integers(16, 41) if i > 40 else 0 for i in range(m)]
    A = hd.relationship_matrix(pedigree["animal"], pedigree["sire"], pedigree["dam"])
    order = np.array(A.names, dtype=int) - 1
    a = np.empty(m)
    a[order] = np.linalg.cholesky(A.matrix) @ rng.standard_normal(m)
    records = pd.DataFrame({"animal": rng.choice(np.arange(41, 140), 260) + 1})
    records["age"] = rng.uniform(0, 1, 260)
    records["y"] = a[records["animal"] - 1] + records["age"] + rng.standard_normal(260)
    model = hd.fit("y ~ age + propto(1 | animal, A)", records, matrices={"A": A})
    return records, model


def test_animals_without_records_have_the_breeding_values_of_all_animals(
    herd: tuple[pd.DataFrame, hd.FittedModel],
) -> None:
    records, model = herd
    matrix = model.estimates.specification.matrices["A"]
    sd = model.covariance_parameters()["estimate"].iloc[0]
    G = sd**2 * np.asarray(matrix.values)
    place = {name: i for i, name in enumerate(matrix.names)}
    Z = np.zeros((len(records), len(place)))
    Z[np.arange(len(records)), [place[str(i)] for i in records["animal"]]] = 1.0
    V, X = model.V, model.X
    new = pd.DataFrame({"animal": [1, 20, 60, 145, 150], "age": 0.5})
    at = [place[str(i)] for i in new["animal"]]
    beta = model.estimates.location.beta
    modes = G @ Z.T @ np.linalg.solve(V, model.estimates.response.y - X @ beta)
    x = np.column_stack([np.ones(5), new["age"]])
    found = model.predict(new, interval="confidence")
    assert_allclose(found["prediction"], x @ beta + modes[at], rtol=1e-9)
    across = Z @ G[:, at]
    a = x - across.T @ np.linalg.solve(V, X)
    Phi = np.linalg.inv(X.T @ np.linalg.solve(V, X))
    left = G[at, at] - np.sum(across * np.linalg.solve(V, across), axis=0)
    assert_allclose(found["std_error"] ** 2, np.sum(a @ Phi * a, axis=1) + left, rtol=1e-8)


def test_an_animal_outside_the_matrix_is_an_error(
    herd: tuple[pd.DataFrame, hd.FittedModel],
) -> None:
    with pytest.raises(DataError, match="has no row '999'"):
        herd[1].predict({"animal": [999], "age": [0.5]})
