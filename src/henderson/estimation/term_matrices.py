"""Random terms as the equations take them: their columns of Z, and factors of covariances."""

import numpy as np

from henderson.arrays import Matrix
from henderson.design import RandomDesign
from henderson.equations import RandomTermMatrix


def term_matrix(design: RandomDesign, predictor: int = 0) -> RandomTermMatrix:
    """The columns of Z of one term of the `predictor`-th with effects."""
    return RandomTermMatrix(
        predictor=predictor,
        k=design.n_effects,
        levels=design.n_levels,
        codes=design.codes,
        values=design.values,
        columns=design.columns,
    )


def lower_factor(covariance: Matrix) -> Matrix:
    """T lower triangular with TTᵀ = `covariance` (k, k), which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(np.linalg.qr(root.T, mode="r")).T
