"""Which columns of a matrix are linear combinations of earlier ones."""

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix

# Squared residual norm over squared norm. Between the two, rounding in XᵀX could decide.
_SURELY_INDEPENDENT = 1e-6
_SURELY_DEPENDENT = 1e-13


def independent_columns(x: Matrix, tolerance: float = 1e-7) -> NDArray[np.bool_]:
    """The columns to keep for full column rank, earlier ones first.

    Column j is dropped if ‖xⱼ − Pxⱼ‖ ≤ tolerance ‖xⱼ‖, P the projection on the columns kept
    before it: R's rule in lm(), with its tolerance.

    Elimination in the scaled XᵀX gives these ratios, squared, but only to the root of machine
    precision: it is believed where all are clearly large or clearly zero. Otherwise the
    factor R of QR = X, whose columns have the same inner products to machine precision,
    stands for X.
    """
    if x.shape[1] == 1 and x.any():
        return np.ones(1, dtype=bool)
    gram = x.T @ x
    norms = np.sqrt(np.diag(gram))
    norms[norms == 0.0] = 1.0
    correlations = gram / np.outer(norms, norms)
    if _clearly_full_rank(correlations):
        return np.ones(x.shape[1], dtype=bool)
    keep = _eliminate(correlations)
    if keep is not None:
        return keep
    triangle: Matrix = np.asarray(np.linalg.qr(x / norms, mode="r"))
    return _gram_schmidt(triangle, tolerance)


def _clearly_full_rank(correlations: Matrix) -> bool:
    try:
        ratios = np.diag(np.linalg.cholesky(correlations)) ** 2
    except np.linalg.LinAlgError:
        return False
    return bool((ratios > _SURELY_INDEPENDENT).all())


def _eliminate(correlations: Matrix) -> NDArray[np.bool_] | None:
    """The columns whose pivot is not zero, or None where that is not clear."""
    schur = correlations.copy()
    keep = np.zeros(len(schur), dtype=bool)
    for j in range(len(schur)):
        pivot = schur[j, j]
        if pivot > _SURELY_INDEPENDENT:
            keep[j] = True
            row = schur[j, j + 1 :] / np.sqrt(pivot)
            schur[j + 1 :, j + 1 :] -= np.outer(row, row)
        elif pivot > _SURELY_DEPENDENT:
            return None
    return keep


def _gram_schmidt(r: Matrix, tolerance: float) -> NDArray[np.bool_]:
    """Project each column on the kept ones, twice, which is enough."""
    keep = np.zeros(r.shape[1], dtype=bool)
    basis = np.empty((r.shape[0], min(r.shape)))
    rank = 0
    for j in range(r.shape[1]):
        column = r[:, j].copy()
        norm = np.linalg.norm(column)
        for _ in range(2):
            column -= basis[:, :rank] @ (basis[:, :rank].T @ column)
        left = np.linalg.norm(column)
        if left > tolerance * norm and rank < basis.shape[1]:
            basis[:, rank] = column / left
            keep[j] = True
            rank += 1
    return keep
