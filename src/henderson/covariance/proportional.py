"""A known covariance up to its size: relationship, phylogeny, kinship."""

from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance.base import CovarianceStructure


@final
@dataclass(frozen=True, slots=True, eq=False)
class Proportional(CovarianceStructure):
    """Cov(b) = σ²K, θ = (σ), K (k, k) known and positive semidefinite; T = σL, LLᵀ = K.

    With K a numerator relationship matrix, the animal model. Source: Henderson (1976),
    Biometrics 32, 69–83.
    """

    matrix: str = ""  # its name in the formula
    root: Matrix | None = None  # L
    keyword: ClassVar[str] = "propto"  # pyright: ignore[reportIncompatibleVariableOverride]
    description: ClassVar[str] = "proportional to a known matrix"  # pyright: ignore[reportIncompatibleVariableOverride]
    linear: ClassVar[bool] = True
    needs_matrix: ClassVar[bool] = True

    def given(self, argument: str) -> CovarianceStructure:
        if not argument.isidentifier():
            raise ValueError(
                "the name of a matrix is missing: write it after the group, as in "
                'propto(1 | animal, A), and give matrices={"A": ...}.'
            )
        return replace(self, matrix=argument)

    def relating(self, matrix: Matrix) -> CovarianceStructure:
        return replace(self, root=_root(matrix))

    def rank(self, k: int) -> int:
        """1: the matrix may be singular."""
        return 1

    def n_parameters(self, k: int) -> int:
        return 1

    def factor(self, theta: Vector, k: int) -> Matrix:
        return theta[0] * self._root

    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        return self._root[None]

    def parameters_near(self, covariance: Matrix) -> Vector:
        return np.sqrt([np.trace(covariance) / np.sum(self._root**2)])

    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        return ((0, 0),)

    def canonical(self, theta: Vector, k: int) -> Vector:
        return np.abs(theta)

    def natural(self, theta: Vector, k: int) -> dict[str, float]:
        return {"sd": float(abs(theta[0]))}

    @property
    def _root(self) -> Matrix:
        assert self.root is not None
        return self.root


def _root(K: Matrix) -> Matrix:
    """L with LLᵀ = K: lower triangular, or of any form where K is singular.

    Raises
    ------
    ValueError
        Where K has a negative eigenvalue.
    """
    try:
        return np.linalg.cholesky(K)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(K)
    if values[0] < -1e-8 * values[-1]:
        raise ValueError(
            f"it is not positive semidefinite: its smallest eigenvalue is {values[0]:.3g}"
        )
    return vectors * np.sqrt(np.maximum(values, 0.0))
