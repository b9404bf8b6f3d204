"""What can be said for an optimum: a gradient of zero, positive curvature, and at what cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.covariance import CovarianceStructure
from henderson.optimize.boundary import boundary_in_words, ends_in_words
from henderson.optimize.curvature import smallest_scaled_eigenvalue
from henderson.optimize.trust_region import Search

_GRADIENT = 2e-3  # times a standard error: the estimate is off by a thousandth of one
_FLAT = 1e-8


class Outcome(Enum):
    """How the search ended. The value is the sentence a user reads."""

    CONVERGED = "converged: the gradient is zero and the curvature positive"
    BOUNDARY = "converged at a boundary of the parameters; the estimates stand"
    FLAT = "the likelihood is flat in some direction: the data cannot tell parameters apart"
    SEPARATED = (
        "the likelihood rises without end: some coefficients have no finite estimate, and what "
        "does not depend on them stands"
    )
    SADDLE = "stopped where the curvature is negative in some direction: not a maximum"
    STALLED = "stopped before the gradient was zero: no step improved the likelihood"
    BREAKDOWN = (
        "no maximum was found: the Laplace approximation breaks down, because given the data "
        "some random effects vary more than without data"
    )
    ITERATION_LIMIT = "stopped at the limit of evaluations"
    STATED = "stated, not estimated"

    @property
    def good(self) -> bool:
        """Whether the estimates are a maximum of the likelihood."""
        return self in {Outcome.CONVERGED, Outcome.BOUNDARY}

    @property
    def advice(self) -> str:
        """What to do about it, in a sentence; "" where there is nothing to do."""
        return _ADVICE.get(self.name, "")


_ADVICE = {
    "FLAT": "Look for covariates that say the same, for separation, and for random effects "
    "that few levels can tell apart; leave some out, or state priors=.",
    "SEPARATED": "A level without events, or without failures, has no finite logit or "
    'logarithm. Test it by drop1(), or state a prior: priors={"fixed": "normal(0, 2.5)"}.',
    "SADDLE": "Leave out random effects that the data hardly determine, or scale the "
    "covariates.",
    "STALLED": "Scale covariates with large or very different ranges, and leave out random "
    "effects that the data hardly determine.",
    "BREAKDOWN": "The data of a level do not tell whether its own value is low or high: leave "
    "out random effects of zero inflation or dispersion, or keep them small by a prior, such "
    'as priors={"zero_inflation:sd": "normal(0, 1)"}.',
    "ITERATION_LIMIT": "Allow more: control=hd.FitControl(max_evaluations=1000).",
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """Evidence that the estimates maximize the likelihood.

    `gradient` is the largest element of the deviance's gradient over the free parameters, each
    times that parameter's standard error. `smallest_eigenvalue` is of the Hessian scaled to a
    unit diagonal, over the free parameters (those not at a boundary); `hessian` says which.
    `starts` is more than one where the likelihood may have several maxima.
    """

    outcome: Outcome
    evaluations: int
    gradient: float
    smallest_eigenvalue: float
    hessian: str = "exact"  # "exact" or "average information"
    boundary: tuple[str, ...] = ()  # sentences: "the variance of block is estimated as 0"
    notes: tuple[str, ...] = ()  # what else happened: restarts, dropped directions
    starts: int = 1  # from which a maximum was searched

    @property
    def converged(self) -> bool:
        """Whether the estimates are a maximum of the likelihood, at a boundary or not."""
        return self.outcome.good

    @property
    def sentence(self) -> str:
        """The outcome with its boundary in plain words, what else happened, and what to do."""
        advice = f". {self.outcome.advice}" if self.outcome.advice else ""
        boundary = f": {'; '.join(self.boundary)}" if self.boundary else ""
        notes = f" ({'; '.join(self.notes)})" if self.notes else ""
        return f"{self.outcome.value}{boundary}{notes}{advice}"


class _Term(Protocol):
    @property
    def effects(self) -> tuple[str, ...]: ...
    @property
    def group(self) -> str: ...


class _TermFit(Protocol):
    @property
    def theta(self) -> Vector: ...
    @property
    def covariance(self) -> Matrix: ...


def certify(
    search: Search,
    gradient: Vector,
    hessian: Matrix,
    *,
    exact: bool,
    terms: Sequence[tuple[_TermFit, _Term, CovarianceStructure]],
    limits: Sequence[str] = (),
    endless: Sequence[str] = (),
    notes: tuple[str, ...] = (),
) -> Certificate:
    """Judge an optimum by the gradient and Hessian over its free parameters.

    `terms` has what was found of each random term, its effects and group, and its structure;
    `limits` are sentences for other parameters that ran off to a limit, `endless` names of
    coefficients without a finite estimate.
    """
    smallest = smallest_scaled_eigenvalue(hessian)
    scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
    largest = float(np.max(np.abs(gradient) / scale, initial=0.0))
    singular = []
    for found, term, structure in terms:
        k = len(term.effects)
        ends = ends_in_words(structure, found.theta, k, term.group)
        rank = 1 if ends else structure.rank(k)  # these say why the rank is less
        singular += boundary_in_words(found.covariance, term.effects, term.group, rank) + ends
    boundary = (*singular, *limits)
    runaway = tuple(_without_end(terms))
    if endless and largest < _GRADIENT:
        outcome = Outcome.SEPARATED
        runaway = (f"no finite estimate: {', '.join(endless)}", *runaway)
    elif not largest < _GRADIENT:
        limit = search.reason == "limit"
        outcome = Outcome.ITERATION_LIMIT if limit else Outcome.STALLED
    elif not np.isfinite(hessian).all():
        outcome = Outcome.STALLED  # beside the end of the parameter space
    elif smallest < -1e-6 and not runaway:
        outcome = Outcome.SADDLE
    elif smallest < _FLAT or runaway:
        outcome = Outcome.FLAT
    else:
        outcome = Outcome.BOUNDARY if boundary else Outcome.CONVERGED
    return Certificate(
        outcome=outcome,
        evaluations=search.evaluations,
        gradient=largest,
        smallest_eigenvalue=smallest,
        hessian="exact" if exact else "average information",
        boundary=boundary,
        notes=(*notes, *runaway),
    )


def _without_end(
    terms: Sequence[tuple[_TermFit, _Term, CovarianceStructure]],
) -> Iterator[str]:
    """Sentences for ranges that grow without end, and standard deviations with them."""
    for found, term, structure in terms:
        for end in structure.ends(len(term.effects)):
            if end.with_scale and end.is_near(found.theta) and not end.is_reached(found.theta):
                yield (
                    f"in {term.group} the search went to where the {end.sentence} and standard "
                    "deviations follow: the data tell how effects differ, not how large they "
                    "are; a trend may stand for them"
                )
