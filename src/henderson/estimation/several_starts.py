"""Likelihoods that may have several maxima: a search from each start, the highest kept.

Where to start besides the usual point:

    1. a family names values of parameters that are held while the model without random effects
       is fitted, `Family.other_starts`
    2. where another predictor than the location has a formula, or residuals beside random
       effects a covariance: near the fit in which all of that is constant, with its random
       effects, and with much smaller ones
    3. where a variance is 0 at the highest maximum, or as in 2: beside it, its random effects
       larger by one and by three units, in which an average level has information 1; as in 2,
       also nearly none

From each, a rough search; only one that ends higher than what is known is done again to the
end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from henderson.errors import ModelError
from henderson.estimation.control import FitControl
from henderson.estimation.fit_result import FitResult
from henderson.estimation.maximize import maximize
from henderson.estimation.model_design import ModelDesign, PredictorDesign
from henderson.estimation.objectives.objective import Near, Objective, Start
from henderson.estimation.routes import route
from henderson.estimation.specification import Specification
from henderson.optimize import Outcome

_HIGHER = 1e-3  # of log-likelihood, that another maximum must be
_ROUGH = 1e-4  # predicted decrease of the deviance, at which a rough search ends
_MOST_ROUGH = 60  # evaluations of it
_FARTHEST = 30.0  # of a logarithm or a logit: e³⁰ is no estimate
_SMALLER = 0.1  # of random effects of a simpler fit
_LARGER = (1.0, 3.0)  # in units where an average level has information 1
_NEARLY_NONE = 0.02  # likewise


def highest_of_starts(
    first: FitResult, objective: Objective, specification: Specification, control: FitControl
) -> FitResult:
    """`first`, or the highest maximum that is found from other starts.

    Where the first is no maximum, any that is one.
    """
    rough = replace(
        control,
        hessian="model",
        tolerance=max(_ROUGH, control.tolerance),
        max_evaluations=min(_MOST_ROUGH, control.max_evaluations),
    )
    ends, evaluations, count = [first], first.certificate.evaluations, 1
    for start in _starts(objective, specification, rough, ends):
        best, count = ends[-1], count + 1
        for how in (rough, control):
            try:
                found = maximize(objective, how, start=start)
            except ModelError:  # no conditional modes where the search ends
                break
            evaluations += found.certificate.evaluations
            if best.certificate.converged and not _above(found, best):
                break
        else:
            if found.certificate.converged and not _runs_off(found, objective.design):
                ends.append(found)
    if count == 1:
        return first
    best = ends[-1]
    notes = best.certificate.notes
    if best is not first:
        notes = (*notes, _said(first, best, count))
    certificate = replace(best.certificate, evaluations=evaluations, starts=count, notes=notes)
    return replace(best, certificate=certificate)


def _starts(
    objective: Objective,
    specification: Specification,
    control: FitControl,
    ends: Sequence[FitResult],
) -> Iterator[Start]:
    """Each start in turn; the last of `ends` is the highest until then."""
    yield from objective.further_starts()
    simpler = _constant(objective.design)
    if simpler is not None:
        near = _near_simpler(simpler, objective.design, specification, control)
        if near is not None:
            yield partial(objective.start, near)
            yield partial(objective.start, _shrunk(near, _SMALLER))
    if not any(of.random for of in objective.design.predictors):
        return
    if simpler is not None or _has_zero_variance(ends[-1]):
        for lifted in _LARGER:
            near = replace(Near.of(ends[-1], objective.design), lifted=lifted)
            yield partial(objective.start, near)
    if simpler is not None:
        near = replace(Near.of(ends[-1], objective.design), lifted=_NEARLY_NONE)
        yield partial(objective.start, _shrunk(near, 0.0))


def _has_zero_variance(found: FitResult) -> bool:
    """Whether it is a maximum at which a variance is 0."""
    return found.certificate.outcome is Outcome.BOUNDARY and any(
        bool((np.diag(term.covariance) <= 0.0).any())
        for each in found.predictors
        for term in each.terms
    )


def _shrunk(near: Near, factor: float) -> Near:
    """With random effects times a factor."""
    assert near.covariances is not None
    return replace(near, covariances=tuple(factor**2 * G for G in near.covariances))


def _near_simpler(
    simpler: ModelDesign,
    design: ModelDesign,
    specification: Specification,
    control: FitControl,
) -> Near | None:
    """Near the fit of a simpler design; random effects that it has not are none."""
    try:
        found = maximize(route(specification, simpler, control), control)
    except ModelError:  # no conditional modes
        return None
    near = Near.of(found, simpler)
    assert near.covariances is not None
    missing = (
        np.zeros((term.n_effects, term.n_effects))
        for each in design.predictors[1:]
        for term in each.random
    )
    return replace(near, covariances=(*near.covariances, *missing))


def _constant(design: ModelDesign) -> ModelDesign | None:
    """The design with nothing but constants beside its location; None if it is that.

    Beside random effects of the location, residuals are independent.
    """
    location, *others = design.predictors
    kept = design.errors if not location.random else None
    made = [_without_effects(each, intercept=kept is None) for each in others]
    constant = all(
        new.fixed.names == old.fixed.names for new, old in zip(made, others, strict=True)
    )
    if constant and kept is design.errors and not any(each.random for each in others):
        return None
    return replace(
        design,
        predictors=(location, *made),
        errors=kept,
        error_structures=design.error_structures if kept is not None else (),
        penalty=None,
    )


def _without_effects(predictor: PredictorDesign, *, intercept: bool) -> PredictorDesign:
    """A constant, which is 0 without an intercept."""
    fixed, n = predictor.fixed, len(predictor.offset)
    names = ("(Intercept)",) if intercept else ()
    if fixed.names != names:
        assign = np.zeros(len(names), dtype=np.int64)
        fixed = replace(fixed, matrix=np.ones((n, len(names))), names=names, assign=assign)
    return replace(predictor, fixed=fixed, random=(), structures=())


def _above(found: FitResult, best: FitResult) -> bool:
    return found.log_posterior > best.log_posterior + _HIGHER


def _runs_off(found: FitResult, design: ModelDesign) -> bool:
    """Whether coefficients of another predictor than the location grow without end."""
    return any(
        len(fit.beta) > 1 and np.abs(fit.eta).max() > _FARTHEST
        for fit, predictor in zip(found.predictors[1:], design.predictors[1:], strict=True)
    )


def _said(first: FitResult, best: FitResult, starts: int) -> str:
    """What happened, in a sentence without a full stop."""
    gain = best.log_posterior - first.log_posterior
    if first.certificate.converged:
        return (
            f"the likelihood has several maxima: this one, the highest found from {starts} "
            f"starts, is {gain:.3g} above that from the usual start"
        )
    text = f"a maximum from the best of {starts} starts; from the usual one none was found"
    if gain < -_HIGHER:
        text += f", at a log-likelihood {-gain:.3g} higher"
    return text
