"""Small random models with every kind of pattern the equations know."""

from dataclasses import dataclass

import numpy as np

from henderson.arrays import Matrix
from henderson.covariance import Diagonal, Unstructured
from henderson.equations import RandomTermMatrix
from henderson.equations.dense import dense_lambda, dense_z
from henderson.likelihood.parameters import CovarianceParameters

PATTERNS = ["one factor", "crossed", "nested", "strip plot", "indicators", "fixed only"]


@dataclass(frozen=True)
class SmallModel:
    """Terms with their structures over n rows, and fixed effects X."""

    terms: list[RandomTermMatrix]
    parameters: CovarianceParameters
    X: Matrix
    n_predictors: int

    @property
    def n(self) -> int:
        return len(self.X)

    @property
    def Z(self) -> Matrix:  # noqa: N802
        return dense_z(self.terms, self.n, self.n_predictors)

    def Lambda(self, theta: np.ndarray) -> np.ndarray:  # noqa: N802
        """Λ, also at complex θ: T is linear in θ for these structures."""
        factors = [
            np.tensordot(theta[at], dT, axes=1)
            for at, dT in zip(
                self.parameters.slices,
                self.parameters.factor_derivatives(np.real(theta)),
                strict=True,
            )
        ]
        return dense_lambda(self.terms, factors)


def small_model(pattern: str, seed: int, n: int = 60, predictors: int = 1) -> SmallModel:
    """Unbalanced levels, slopes, and terms in the last predictor where there are several."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    one, slope = np.ones((n, 1)), np.column_stack([np.ones(n), x])
    a = _codes(rng.integers(0, 7, n))
    b = _codes(rng.integers(0, 5, n))
    within_a = _codes(a * 3 + rng.integers(0, 3, n))
    other_within_a = _codes(a * 2 + rng.integers(0, 2, n))
    which = rng.integers(0, 4, (n, 1)).astype(np.int32)
    us, diagonal = Unstructured(), Diagonal()
    term = {
        "one factor": [(slope, a, None, us)],
        "crossed": [(slope, a, None, us), (one, b, None, us)],
        "nested": [(one, a, None, us), (slope, within_a, None, diagonal)],
        "strip plot": [
            (one, a, None, us),
            (slope, within_a, None, us),
            (one, other_within_a, None, us),
            (one, b, None, us),
        ],
        "indicators": [(one, a, which, us), (one, b, None, us)],
        "fixed only": [],
    }[pattern]
    terms, structures = [], []
    for index, (values, codes, columns, structure) in enumerate(term):
        k = values.shape[1] if columns is None else 4
        predictor = index % predictors
        terms.append(
            RandomTermMatrix(predictor, k, int(codes.max()) + 1, codes, values, columns)
        )
        structures.append(structure)
    parameters = CovarianceParameters(tuple(structures), tuple(t.k for t in terms))
    X = np.column_stack([np.ones(n), x, rng.normal(size=n)])
    return SmallModel(terms, parameters, X, predictors)


def _codes(levels: np.ndarray) -> np.ndarray:
    return np.unique(levels, return_inverse=True)[1].astype(np.int32)
