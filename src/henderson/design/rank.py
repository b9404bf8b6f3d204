"""Which columns of a matrix are linear combinations of earlier ones."""

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix

_SURELY_FULL = 1e-8  # squared residual norm over squared norm; far above rounding


def independent_columns(x: Matrix, tolerance: float = 1e-7) -> NDArray[np.bool_]:
    """The columns to keep for full column rank, earlier ones first.

    Column j is dropped if ‖xⱼ − Pxⱼ‖ ≤ tolerance ‖xⱼ‖, P the projection on the columns kept
    before it: R's rule in lm(), with its tolerance.

    The Cholesky factor of the scaled XᵀX has these ratios on its diagonal, but only to the
    root of machine precision: it is believed where all are large. Otherwise the factor R of
    QR = X, whose columns have the same inner products to machine precision, stands for X.
    """
    gram = x.T @ x
    norms = np.sqrt(np.diag(gram))
    if (norms > 0.0).all():
        try:
            ratios = np.diag(np.linalg.cholesky(gram / np.outer(norms, norms)))
        except np.linalg.LinAlgError:
            pass
        else:
            if (ratios**2 > _SURELY_FULL).all():
                return np.ones(x.shape[1], dtype=bool)
    scaled = x / np.where(norms > 0.0, norms, 1.0)
    triangle: Matrix = np.asarray(np.linalg.qr(scaled, mode="r"))
    return _gram_schmidt(triangle, tolerance)


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
