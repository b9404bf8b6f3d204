"""Likelihoods that may have several maxima: a search from each start, the highest kept.

A family names the starts besides its usual one, `Family.other_starts`: values of parameters
that are held while the model without random effects is fitted, and free from then on. From
each, a rough search; only one that ends higher than what is known is done again to the end.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from henderson.errors import ModelError
from henderson.estimation.control import FitControl
from henderson.estimation.fit_result import FitResult
from henderson.estimation.maximize import maximize
from henderson.estimation.model_design import ModelDesign
from henderson.estimation.objectives.objective import Objective, Start

_HIGHER = 1e-3  # of log-likelihood, that another maximum must be
_ROUGH = 1e-2  # predicted decrease of the deviance, at which a rough search ends
_MOST_ROUGH = 60  # evaluations of it
_FARTHEST = 30.0  # of a logarithm or a logit: e³⁰ is no estimate


def highest_of_starts(
    first: FitResult,
    starts: Sequence[Start],
    objective: Objective,
    control: FitControl,
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
    best, evaluations = first, first.certificate.evaluations
    for start in starts:
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
                best = found
    notes = best.certificate.notes
    if best is not first:
        notes = (*notes, _said(first, best, 1 + len(starts)))
    certificate = replace(
        best.certificate, evaluations=evaluations, starts=1 + len(starts), notes=notes
    )
    return replace(best, certificate=certificate)


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
