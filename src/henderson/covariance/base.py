"""How the k random effects of one level vary together: the interface of every structure."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Blocks, Matrix, Vector

_STEP = 1e-30


@dataclass(frozen=True, slots=True)
class End:
    """A limit that an element of θ can run off to, such as a correlation of 1."""

    element: int
    near: float  # beyond which the limit is tried
    at: float  # where the limit is reached to rounding, on the same side
    sentence: str  # as it follows "the": "correlation is estimated as 1"
    with_scale: bool = False  # whether scales may run off with it, so that it is not reached

    def is_near(self, theta: Vector) -> bool:
        """Whether θ is on the way there."""
        return self._way(theta) > 0.0

    def is_reached(self, theta: Vector) -> bool:
        """Whether θ is there: most of the way, where rounding forbids the rest, is enough."""
        return self._way(theta) > 0.5

    def _way(self, theta: Vector) -> float:
        return float((theta[self.element] - self.near) / (self.at - self.near))

    def shifted(self, by: int) -> "End":
        """The same of an element that comes later."""
        return replace(self, element=self.element + by)


class CovarianceStructure(ABC):
    """A covariance of k effects by its factor: b = Tu, u ~ N(0, I), Cov(b) = TTᵀ.

    T(θ) is (k, k). θ is unconstrained, and where the structure allows it smooth through the
    boundary: a standard deviation enters as itself, its sign free. While the
    linear model is fitted, T is relative to the residual standard deviation σ. Subclasses are
    final: to alter one, wrap it.

    Some structures are complete only when they know more of the effects: what is written after
    the comma (`given`), where the effects are (`at`), how levels are related (`relating`).
    """

    keyword: str  # how a formula asks for it: "diag" in diag(x | g)
    description: str
    linear: ClassVar[bool] = False  # whether T is linear in θ
    any_basis: ClassVar[bool] = False  # whether it allows ACAᵀ with every C, for any A
    needs_matrix: ClassVar[bool] = False  # whether it is complete only after `relating`

    @property
    def equally_spaced(self) -> bool:
        """Whether θ is that of any number of effects at equal steps, in order."""
        return False

    @property
    def correlates_levels(self) -> bool:
        """Whether the effects are levels, of which a number has as many as it has values."""
        return False

    @property
    def in_order(self) -> bool:
        """Whether the order of the effects matters."""
        return False

    @property
    def coordinates(self) -> tuple[int, int] | None:
        """Fewest and most coordinates of an effect, for structures complete only after `at`."""
        return None

    def given(self, argument: str) -> "CovarianceStructure":
        """The structure with what a formula says after the comma; "" where there is nothing.

        Raises
        ------
        ValueError
            With a sentence that says what is wrong with it.
        """
        if argument:
            raise ValueError(f"{self.keyword}() takes nothing after its effects and group.")
        return self

    def at(self, points: Matrix) -> "CovarianceStructure":
        """The structure of effects at `points` (k, d); itself where it does not matter.

        Raises
        ------
        ValueError
            With what is wrong with these points, as it follows the structure's name.
        """
        return self

    def relating(self, matrix: Matrix) -> "CovarianceStructure":
        """The structure of effects with a known relationship `matrix` (k, k); likewise."""
        return self

    @abstractmethod
    def n_parameters(self, k: int) -> int:
        """Length of θ for k effects."""

    @abstractmethod
    def factor(self, theta: Vector, k: int) -> Matrix:
        """T(θ), shape (k, k).

        An analytic function, also of complex θ unless `factor_derivatives` is overridden.
        """

    def factor_derivatives(self, theta: Vector, k: int) -> Blocks:
        """∂T/∂θ, shape (len(θ), k, k): by complex steps, exact to rounding."""
        return by_complex_steps(self.factor, theta, k)

    def curvature(self, theta: Vector, k: int, by_factor: Matrix) -> Matrix:
        """Σ ∂d/∂T ∘ ∂²T/∂θᵢ∂θⱼ, (len(θ), len(θ)), given ∂d/∂T (k, k)."""
        return by_differences(self.factor_derivatives, theta, k, by_factor)

    @abstractmethod
    def parameters_near(self, covariance: Matrix) -> Vector:
        """θ whose TTᵀ is near a given positive definite (k, k) matrix: a place to start."""

    def of_root(self, root: Matrix) -> Vector:
        """θ of the covariance RRᵀ of any root R (k, m), which may be singular."""
        return self.parameters_near(root @ root.T)

    def starts(self, theta: Vector, k: int) -> tuple[Vector, ...]:
        """Points to start from, θ first: more where the deviance often has several minima."""
        return (theta,)

    @abstractmethod
    def scales(self, k: int) -> tuple[tuple[int, int], ...]:
        """Elements of θ that are a scale: (element, effect it scales); zero is a boundary."""

    def ends(self, k: int) -> tuple[End, ...]:
        """The limits that elements of θ can run off to, but for scales of zero."""
        return ()

    @abstractmethod
    def canonical(self, theta: Vector, k: int) -> Vector:
        """The same covariance with the signs of θ fixed: standard deviations not negative.

        Where T is singular, parameters that no longer move the covariance are zero.
        """

    def scaled(self, theta: Vector, k: int, c: float) -> Vector:
        """θ of the covariance times c², c > 0; as it is here where T is linear in θ.

        An analytic function, each element of c and the same element of θ.
        """
        return c * theta

    def natural(self, theta: Vector, k: int) -> dict[str, float]:
        """What θ says as people call it, by name: "sd", "correlation", "range"."""
        return {}

    def rank(self, k: int) -> int:
        """The rank of the covariance, to rounding, away from every boundary; at least 1."""
        return k

    def pivoted(self, theta: Vector, unit: Vector) -> "CovarianceStructure":
        """The same structure in parameters that behave better near θ; by default itself."""
        return self

    def free(self, theta: Vector, k: int) -> NDArray[np.bool_]:
        """Which elements of a canonical θ still move the covariance, to first order.

        At a boundary the scale that is zero does not, nor what only acts through it.
        """
        movement = np.abs(self.factor_derivatives(theta, k) @ self.factor(theta, k).T)
        free = movement.reshape(len(theta), -1).max(axis=1, initial=0.0) > 0.0
        free[[end.element for end in self.ends(k) if end.is_reached(theta)]] = False
        return free


def by_complex_steps(factor: Callable[[Vector, int], Matrix], theta: Vector, k: int) -> Blocks:
    """∂ factor/∂θ, (len(θ), k, k), of an analytic function; exact to rounding."""
    steps = theta + _STEP * 1j * np.eye(len(theta))
    derivatives = [factor(moved, k).imag for moved in steps]
    return np.array(derivatives).reshape(len(theta), k, k) / _STEP


def by_differences(
    derivatives: Callable[[Vector, int], Blocks], theta: Vector, k: int, weight: Matrix
) -> Matrix:
    """Σ weight ∘ ∂²T/∂θᵢ∂θⱼ, by central differences of the derivatives."""
    h = 1e-5
    rows = [
        derivatives(theta + e, k) - derivatives(theta - e, k) for e in h * np.eye(len(theta))
    ]
    out = np.tensordot(np.array(rows), weight, axes=2) / (2.0 * h)
    return 0.5 * (out + out.T)
