"""A fit that stalls starts again by other routes, and says in a sentence what happened.

A fit that converges at once costs nothing more. One that does not is repeated with another
search in place of the usual one, until a fit is a maximum:

    1. on from where it stopped, by exact Hessians, along a negative curvature to both sides
    2. covariances held at first, all or those of other predictors than the location; then
       everything together, in short steps
    3. effects a third of the size that moments give
    4. no correlations to start from
    5. starts disturbed at random, with a fixed seed
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.estimation.control import FitControl
from henderson.estimation.fit_result import FitResult
from henderson.estimation.maximize import maximize
from henderson.estimation.objectives.objective import Objective, Start
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.parameters import CovarianceParameters
from henderson.optimize import Outcome, Search, SearchLimits, minimize
from henderson.optimize.covariance_search import (
    Likelihood,
    SearchRoutine,
    best_start,
    repivot,
    search_covariances,
)
from henderson.optimize.curvature import exact_hessian

_UNFINISHED = frozenset({Outcome.STALLED, Outcome.SADDLE, Outcome.ITERATION_LIMIT})
_WORSE = 1e-3  # of log-likelihood, that a maximum may be below where a first search stalled
_MOST_EXACT = 40  # evaluations with exact Hessians, each of as many gradients as parameters
_MOST_EVALUATIONS = 150  # of another route
_SHORT = 1.0  # first radius, in standard errors
_ALONG = (0.01, 0.1, 1.0, 4.0)  # steps along a negative curvature, in its standard errors
_LOWER = 1e-5  # of deviance, that such a step must gain: less may be rounding
_SMALLER = 0.3
_DISTURBED = 2  # starts at random
_WIDEST = 10.0  # variance of a random effect given the data, in units of that without data
_FARTHEST = 40.0  # of correlations and logarithms, on the real line: beyond all limits


@dataclass(slots=True)
class _Course:
    """What the usual search did: remembered for the routes that follow."""

    random: int  # random terms of the location, the first ones
    start: Vector = field(default_factory=lambda: np.empty(0))
    before: CovarianceParameters | None = None
    end: Vector = field(default_factory=lambda: np.empty(0))
    after: CovarianceParameters | None = None
    likelihood: Likelihood | None = None

    def usual(self, likelihood: Likelihood, start: Vector, limits: SearchLimits) -> Search:
        """`search_covariances`, remembered."""
        self.start, self.before = start, likelihood.parameters
        search = search_covariances(likelihood, start, limits)
        self.end, self.after = search.parameters, likelihood.parameters
        self.likelihood = likelihood
        return search

    def broke_down(self) -> bool:
        """Whether it went where the Laplace approximation says nothing."""
        assert self.likelihood is not None
        assert self.after is not None
        self.likelihood.parameters = self.after
        self.likelihood.evaluate(self.end)
        return not _widest(self.likelihood) < _WIDEST


def maximize_with_restarts(
    objective: Objective, control: FitControl, start: Start | None = None
) -> FitResult:
    """The result of the usual search, or of the first route that reaches a maximum.

    Where the usual search went to a likelihood that no maximum has, the best of all routes. No
    route is begun after twice the evaluations that `control` allows to one search.
    """
    course = _Course(len(objective.design.predictors[0].random))
    first = maximize(objective, control, course.usual, start)
    if first.certificate.outcome not in _UNFINISHED:
        return first
    evaluations = first.certificate.evaluations
    others: list[tuple[FitResult, str]] = []
    for where, route in _routes(course, first.certificate.outcome):
        if evaluations - first.certificate.evaluations > 2 * control.max_evaluations:
            break
        try:
            again = maximize(objective, control, route, start)
        except ModelError:  # no conditional modes where the route ends
            continue
        evaluations += again.certificate.evaluations
        if _was_flat(first, again):
            return _with(first, evaluations, outcome=Outcome.FLAT)
        others.append((again, where))
        if _finished(again) and again.log_posterior > first.log_posterior - _WORSE:
            break
    maxima = [each for each in others if _finished(each[0])]
    if maxima:
        best, where = max(maxima, key=lambda each: each[0].log_posterior)
        return _with(best, evaluations, note=_said(first, best, where))
    outcome = Outcome.BREAKDOWN if course.broke_down() else None
    ends = [each for each, _ in others]
    best = max(ends if outcome and ends else [first, *ends], key=lambda r: r.log_posterior)
    note = f"{len(others)} restarts by other routes did not converge either"
    return _with(best, evaluations, note=note, outcome=outcome)


def _was_flat(first: FitResult, again: FitResult) -> bool:
    """Whether a saddle was none: going on gains nothing, and shows no maximum."""
    return (
        first.certificate.outcome is Outcome.SADDLE
        and again.certificate.outcome is not Outcome.CONVERGED
        and again.log_posterior < first.log_posterior + _LOWER
    )


def _finished(result: FitResult) -> bool:
    return result.certificate.outcome not in _UNFINISHED


def _with(
    result: FitResult, evaluations: int, note: str = "", outcome: Outcome | None = None
) -> FitResult:
    found = result.certificate
    changed = replace(
        found,
        outcome=outcome or found.outcome,
        evaluations=evaluations,
        notes=(*found.notes, note) if note else found.notes,
    )
    return replace(result, certificate=changed)


def _said(first: FitResult, again: FitResult, where: str) -> str:
    """What happened, in a sentence without a full stop."""
    how = {
        Outcome.STALLED: "stalled",
        Outcome.SADDLE: "ended at a saddle",
        Outcome.ITERATION_LIMIT: "did not end within the limit of evaluations",
    }[first.certificate.outcome]
    text = f"the search {how} from its first start and converged from a restart {where}"
    beyond = first.log_posterior - again.log_posterior
    if beyond > _WORSE:
        text += (
            f"; the first had gone to a log-likelihood {beyond:.3g} higher, "
            "where there is no maximum"
        )
    return text


def _routes(course: _Course, outcome: Outcome) -> Iterator[tuple[str, SearchRoutine]]:
    """Where each route starts, in words, and the search."""
    onwards = ("where it had stopped, by exact second derivatives", _Onwards(course))
    if outcome is not Outcome.STALLED:
        yield onwards
    count = len(course.start)
    assert course.before is not None
    parameters = course.before
    others = range(course.random, len(parameters.k))
    for factor in (1.0, _SMALLER):
        if 0 < len(parameters) < count:
            where = "with the covariances held at first"
            yield where, _held(range(len(parameters.k)), factor)
        if others and course.random:
            where = "with the covariances of other predictors than the location held at first"
            yield where, _held(others, factor)
    if outcome is Outcome.STALLED:
        yield onwards
    if len(parameters):
        yield "with smaller effects", _from(_smaller)
        if any(k > 1 for k in parameters.k):
            yield "without correlations", _from(_uncorrelated)
    for seed in range(_DISTURBED):
        yield "disturbed at random", _from(_disturbed(seed))


# ---- the routes ------------------------------------------------------------------------------


def _guarded(likelihood: Likelihood) -> Callable[[Vector], Evaluation]:
    """`likelihood.evaluate`, refusing points where it does not say what it should.

    Where a log density is not concave, C may come near to singular; the Laplace approximation
    then rises without bound while the likelihood does not. It is seen at the diagonal of C⁻¹,
    the variances of u given the data: without data they are 1.
    """
    parameters = likelihood.parameters
    bounded = np.zeros(len(parameters), dtype=bool)
    for structure, k, at in zip(
        parameters.structures, parameters.k, parameters.slices, strict=True
    ):
        if not structure.linear:
            bounded[at] = True
            bounded[[at.start + element for element, _ in structure.scales(k)]] = False

    def evaluate(psi: Vector) -> Evaluation:
        at = likelihood.evaluate(psi)
        far = np.abs(psi[: len(bounded)][bounded]).max(initial=0.0) > _FARTHEST
        if far or not np.isfinite(at.value):
            return replace(at, value=np.inf)
        return at if _widest(likelihood) < _WIDEST else replace(at, value=np.inf)

    return evaluate


def _widest(likelihood: Likelihood) -> float:
    """The largest variance of a random effect given the data; without data it is 1."""
    if not len(likelihood.parameters):
        return 0.0
    blocks = likelihood.equations.inverse_blocks()
    return max((float(np.einsum("gkk->gk", b).max()) for b in blocks), default=0.0)


@dataclass(frozen=True, slots=True)
class _Onwards:
    """On from where the usual search stopped, with exact Hessians."""

    course: _Course

    def __call__(self, likelihood: Likelihood, start: Vector, limits: SearchLimits) -> Search:
        course = self.course
        assert course.after is not None
        likelihood.parameters = course.after
        evaluate = _with_exact_hessian(likelihood, _guarded(likelihood))
        return minimize(
            evaluate,
            _down_a_negative_curvature(likelihood, evaluate, course.end),
            limits.at_most(_MOST_EXACT),
            radius=_SHORT,
        )


def _with_exact_hessian(
    likelihood: Likelihood, of: Callable[[Vector], Evaluation]
) -> Callable[[Vector], Evaluation]:
    """The exact Hessian in the place of the model: its negative curvatures are followed."""

    def evaluate(psi: Vector) -> Evaluation:
        at = of(psi)
        if not np.isfinite(at.value + at.gradient.sum() + at.hessian.sum()):
            return at
        exact = at.exact
        if exact is None:
            every = np.ones(len(psi), dtype=bool)
            exact = exact_hessian(likelihood.gradient, psi, at.gradient, at.hessian, every)
        usable = bool(np.isfinite(exact).all())
        return Evaluation(at.value, at.gradient, exact if usable else at.hessian)

    return evaluate


def _down_a_negative_curvature(
    likelihood: Likelihood, evaluate: Callable[[Vector], Evaluation], psi: Vector
) -> Vector:
    """ψ, or the lowest of some points to both sides of it."""
    at = evaluate(psi)
    if not np.isfinite(at.value + at.hessian.sum()):
        return psi
    direction = _most_negative(at.hessian)
    trials = [psi + sign * size * direction for size in _ALONG for sign in (-1.0, 1.0)]
    deviances = [likelihood.deviance_at(trial) for trial in trials]
    best = int(np.nanargmin([*deviances, at.value]))
    lower = best < len(trials) and deviances[best] < at.value - _LOWER
    return trials[best] if lower else psi


def _most_negative(hessian: Matrix) -> Vector:
    """The direction of most negative curvature, of length 1 in scaled coordinates."""
    diagonal = np.abs(np.diag(hessian))
    scale = np.sqrt(np.maximum(diagonal, 1e-12 * max(float(diagonal.max()), 1e-300)))
    _, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    return vectors[:, 0] / scale


def _held(terms: range, factor: float) -> SearchRoutine:
    """The θ of `terms` held, their sd times `factor`, then all together in short steps."""

    def search(likelihood: Likelihood, start: Vector, limits: SearchLimits) -> Search:
        parameters = likelihood.parameters
        psi = best_start(likelihood, start) if factor == 1.0 else start
        psi = parameters.scaled(psi, factor, terms)
        moving = np.ones(len(psi), dtype=bool)
        for term in terms:
            moving[parameters.slices[term]] = False
        budget = limits.at_most(_MOST_EVALUATIONS)
        of = _guarded(likelihood)

        def evaluate(part: Vector) -> Evaluation:
            at = of(_filled(psi, moving, part))
            grid = np.ix_(moving, moving)
            exact = None if at.exact is None else at.exact[grid]
            return Evaluation(at.value, at.gradient[moving], at.hessian[grid], exact)

        rough = SearchLimits(limits.tolerance**0.5, budget.max_evaluations // 2)
        first = minimize(evaluate, psi[moving], rough)
        psi = _filled(psi, moving, first.parameters)
        then = _in_short_steps(likelihood, psi, budget)
        return replace(then, evaluations=first.evaluations + then.evaluations)

    return search


def _filled(psi: Vector, moving: np.ndarray, part: Vector) -> Vector:
    out = psi.copy()
    out[moving] = part
    return out


def _in_short_steps(likelihood: Likelihood, start: Vector, limits: SearchLimits) -> Search:
    psi = repivot(likelihood, start)
    budget = limits.at_most(_MOST_EVALUATIONS)
    return minimize(_guarded(likelihood), psi, budget, radius=_SHORT)


def _from(change: Callable[[Likelihood, Vector], Vector]) -> SearchRoutine:
    """From another start, in short steps."""
    return lambda likelihood, start, limits: _in_short_steps(
        likelihood, change(likelihood, start), limits
    )


def _smaller(likelihood: Likelihood, start: Vector) -> Vector:
    return likelihood.parameters.scaled(start, _SMALLER)


def _uncorrelated(likelihood: Likelihood, start: Vector) -> Vector:
    parameters = likelihood.parameters
    count = len(parameters)
    diagonal = [np.diag(np.diag(G)) for G in parameters.covariances(start[:count])]
    return np.concatenate([parameters.parameters_near(diagonal), start[count:]])


def _disturbed(seed: int) -> Callable[[Likelihood, Vector], Vector]:
    """The start moved by about a standard error in every direction."""

    def moved(likelihood: Likelihood, start: Vector) -> Vector:
        diagonal = np.abs(np.diag(likelihood.evaluate(start).hessian))
        scale = np.sqrt(np.maximum(diagonal, 1e-6 * max(float(diagonal.max()), 1e-300)))
        return start + np.random.default_rng(seed).normal(size=len(start)) / scale

    return moved
