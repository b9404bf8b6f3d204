"""The slow twin that defines correct: Z and Λ as full matrices, by their definitions."""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import block_diag

from henderson.arrays import Matrix
from henderson.equations.terms import RandomTermMatrix


def dense_z(terms: Sequence[RandomTermMatrix], n: int, n_predictors: int = 1) -> Matrix:
    """Z of all terms, (n K, q): the K predictors of a row are neighbours."""
    columns = []
    for term in terms:
        block = np.zeros((n, n_predictors, term.levels, term.k))
        for i in range(n):
            for c in range(term.values.shape[1]):
                column = c if term.columns is None else term.columns[i, c]
                block[i, term.predictor, term.codes[i], column] += term.values[i, c]
        columns.append(block.reshape(n * n_predictors, term.size))
    return np.hstack(columns) if columns else np.zeros((n * n_predictors, 0))


def dense_lambda(terms: Sequence[RandomTermMatrix], factors: Sequence[Matrix]) -> Matrix:
    """Λ, (q, q): the factor T of each term repeated for its levels."""
    if not terms:
        return np.zeros((0, 0))
    return np.asarray(
        block_diag(
            *[np.kron(np.eye(term.levels), T) for term, T in zip(terms, factors, strict=True)]
        )
    )
