"""What can be said for an optimum: a gradient of zero, positive curvature, and at what cost."""

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """How the search ended. The value is the sentence a user reads."""

    CONVERGED = "converged: the gradient is zero and the curvature positive"
    BOUNDARY = "converged at a boundary of the covariance parameters; the estimates stand"
    FLAT = "the likelihood is flat in some direction: the data cannot tell parameters apart"
    SADDLE = "stopped where the curvature is negative in some direction: not a maximum"
    STALLED = "stopped before the gradient was zero: no step improved the likelihood"
    ITERATION_LIMIT = "stopped at the limit of evaluations"

    @property
    def good(self) -> bool:
        """Whether the estimates are a maximum of the likelihood."""
        return self in {Outcome.CONVERGED, Outcome.BOUNDARY}


@dataclass(frozen=True, slots=True)
class Certificate:
    """Evidence that the estimates maximize the likelihood.

    `gradient` is the largest element of the deviance's gradient over the free parameters, each
    times that parameter's standard error. `smallest_eigenvalue` is of the Hessian scaled to a unit
    diagonal, over the free parameters (those not at a boundary); `hessian` says which Hessian.
    """

    outcome: Outcome
    evaluations: int
    gradient: float
    smallest_eigenvalue: float
    hessian: str = "exact"  # "exact" or "average information"
    boundary: tuple[str, ...] = ()  # sentences: "the variance of block is estimated as 0"
    notes: tuple[str, ...] = ()  # what else happened: restarts, dropped directions

    @property
    def converged(self) -> bool:
        """Whether the estimates are a maximum of the likelihood, at a boundary or not."""
        return self.outcome.good

    @property
    def sentence(self) -> str:
        """The outcome with its boundary in plain words."""
        if not self.boundary:
            return self.outcome.value
        return f"{self.outcome.value}: {'; '.join(self.boundary)}"
