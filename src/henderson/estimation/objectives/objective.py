"""What `maximize` asks of an objective: the likelihood of a design, ready to be searched."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.estimation.fit_result import Findings, FitResult
from henderson.estimation.model_design import ModelDesign
from henderson.optimize.covariance_search import Likelihood


@dataclass(frozen=True, slots=True)
class Near:
    """Where the estimates are near: those of another fit to the same rows."""

    predictors: tuple[Vector, ...]  # Xβ + offset of each, (n,)
    covariances: tuple[Matrix, ...] | None = None  # of the terms; by moments without
    residuals: tuple[Matrix, ...] | None = None  # by group of subjects; independent without
    lifted: float = 0.1  # sd added, in units where an average level has information 1

    @classmethod
    def of(cls, found: FitResult, design: ModelDesign) -> Self:
        """What a fit to a design found."""
        return cls(
            tuple(
                own.fixed.matrix @ each.beta + own.offset
                for each, own in zip(found.predictors, design.predictors, strict=True)
            ),
            tuple(term.covariance for each in found.predictors for term in each.terms),
            None if found.errors is None else found.errors.covariances,
        )

    def away_from_zero(self, smallest: Sequence[Vector], unit: float = 1.0) -> list[Matrix]:
        """The covariances, lifted from the boundary, where the likelihood is even.

        `smallest` is that of the likelihood, whose covariances are in units of `unit`².
        """
        assert self.covariances is not None
        return [
            G / unit**2 + np.diag((1e6 * self.lifted * low) ** 2)
            for G, low in zip(self.covariances, smallest, strict=False)
        ]


# Another point to start from, made when it is needed.
Start = Callable[[], Vector]


@dataclass(frozen=True, slots=True)
class End:
    """Where a search ended, with what is at a boundary made exactly so."""

    psi: Vector
    moves: NDArray[np.bool_]  # which elements move the likelihood
    limits: Sequence[str] = ()  # sentences for those that ran off to a limit


class Objective(Protocol):
    """A deviance in ψ for one design and response; θ of its covariances are the first of ψ."""

    @property
    def design(self) -> ModelDesign:
        """The rows it is for."""
        ...

    @property
    def likelihood(self) -> Likelihood:
        """The deviance that is searched, with its priors."""
        ...

    @property
    def strictness(self) -> float:
        """What the tolerance of the search is multiplied by."""
        ...

    @property
    def hessian_is_cheap(self) -> bool:
        """Whether an exact Hessian is made unless it was asked not to be."""
        ...

    @property
    def polishes(self) -> bool:
        """Whether a last Newton step by the exact Hessian is worth its evaluation."""
        ...

    def start(self, near: Near | None = None) -> Vector:
        """ψ to start from, by moments or near `near`; earlier searches are forgotten."""
        ...

    def further_starts(self) -> Sequence[Start]:
        """Where else to start, for likelihoods that may have several maxima."""
        ...

    def settled(self, psi: Vector) -> End:
        """ψ with scales that are zero to precision made exactly zero."""
        ...

    def findings(self, psi: Vector, free: NDArray[np.bool_], hessian: Matrix) -> Findings:
        """The estimates at ψ; `hessian` is over the `free` parameters."""
        ...

    def of_response(self, design: ModelDesign) -> Self:
        """The objective of another response of the same design, whose analysis it shares."""
        ...


@dataclass(frozen=True, slots=True)
class RestatedObjective(ABC):
    """An objective of the same model stated otherwise: its search, with other findings.

    What is searched is `inner`; a subclass says where it starts near another fit, what its
    findings are for `design`, and what another response is.
    """

    design: ModelDesign  # as the user has it
    inner: Objective

    @property
    def likelihood(self) -> Likelihood:
        """As restated."""
        return self.inner.likelihood

    @property
    def strictness(self) -> float:
        """As restated."""
        return self.inner.strictness

    @property
    def hessian_is_cheap(self) -> bool:
        """As restated."""
        return self.inner.hessian_is_cheap

    @property
    def polishes(self) -> bool:
        """As restated."""
        return self.inner.polishes

    @abstractmethod
    def start(self, near: Near | None = None) -> Vector:
        """As restated."""

    def further_starts(self) -> Sequence[Start]:
        """As restated."""
        return self.inner.further_starts()

    def settled(self, psi: Vector) -> End:
        """As restated."""
        return self.inner.settled(psi)

    @abstractmethod
    def findings(self, psi: Vector, free: NDArray[np.bool_], hessian: Matrix) -> Findings:
        """The estimates for `design`."""

    @abstractmethod
    def of_response(self, design: ModelDesign) -> Self:
        """Another response, restated in the same way."""
