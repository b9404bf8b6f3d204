"""How the k random effects of one level vary together: the interface of every structure."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Blocks, Matrix, Vector


class CovarianceStructure(ABC):
    """A covariance of k effects by its factor: b = Tu, u ~ N(0, I), Cov(b) = TTᵀ.

    T(θ) is (k, k). θ is unconstrained and smooth through the boundary: a
    standard deviation enters as itself, its sign free. For a Gaussian response T is relative
    to the residual standard deviation σ. Subclasses are final: to alter one, wrap it.
    """

    keyword: ClassVar[str]  # how a formula asks for it: "diag" in diag(x | g)
    description: ClassVar[str]

    @abstractmethod
    def n_parameters(self, k: int) -> int:
        """Length of θ for k effects."""

    @abstractmethod
    def factor(self, theta: Vector, k: int) -> Matrix:
        """T(θ), shape (k, k)."""

    @abstractmethod
    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        """∂T/∂θ, shape (len(θ), k, k)."""

    @abstractmethod
    def parameters_near(self, covariance: Matrix) -> Vector:
        """θ whose TTᵀ is near a given positive definite (k, k) matrix: a place to start."""

    @abstractmethod
    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        """Elements of θ that are a scale: (element, effect it scales); zero is a boundary."""

    @abstractmethod
    def canonical(self, theta: Vector, k: int) -> Vector:
        """The same covariance with the signs of θ fixed: standard deviations not negative.

        Where T is singular, parameters that no longer move the covariance are zero.
        """

    def pivoted(self, theta: Vector, unit: Vector) -> "CovarianceStructure":
        """The same structure in parameters that behave better near θ; by default itself."""
        return self

    def free(self, theta: Vector, k: int) -> NDArray[np.bool_]:
        """Which elements of a canonical θ still move the covariance, to first order.

        At a boundary the scale that is zero does not, nor what only acts through it.
        """
        movement = np.abs(self.factor_derivatives(theta, k) @ self.factor(theta, k).T)
        return movement.reshape(len(theta), -1).max(axis=1, initial=0.0) > 0.0
