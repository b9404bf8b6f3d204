"""One fit from end to end: formula → frame → design → likelihood → optimum → estimates."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from henderson.design.model_frame import PerRow
from henderson.estimation.blas_threads import single_blas_thread
from henderson.estimation.control import FitControl
from henderson.estimation.estimates import Estimates
from henderson.estimation.fit_result import FitResult
from henderson.estimation.model_design import ModelDesign, design_model
from henderson.estimation.objectives.objective import Near
from henderson.estimation.restarts import maximize_with_restarts
from henderson.estimation.routes import route
from henderson.estimation.several_starts import highest_of_starts
from henderson.estimation.specification import Specification

_WIDE_OFFSET = 10.0  # of the linear predictor, from the lowest to the highest


def estimate(
    specification: Specification,
    data: object,
    *,
    weights: PerRow = None,
    frequency_weights: PerRow = None,
    offset: PerRow = None,
    control: FitControl | None = None,
) -> Estimates:
    """Fit a specified model to data."""
    design = design_model(
        specification,
        data,
        weights=weights,
        frequency_weights=frequency_weights,
        offset=offset,
    )
    result = fit_design(specification, design, control)
    notes = tuple(_wide_offsets(specification, design))
    if notes:
        certificate = result.certificate
        certificate = replace(certificate, notes=(*certificate.notes, *notes))
        result = replace(result, certificate=certificate)
    return Estimates(replace(specification, family=design.family), design, result)


def _wide_offsets(specification: Specification, design: ModelDesign) -> Iterator[str]:
    """A note on offsets of log links that change the mean by implausible factors."""
    offset = design.predictors[0].offset
    low, high = float(offset.min()), float(offset.max())
    if design.family.link.name != "log" or high - low <= _WIDE_OFFSET:
        return
    asked = [*specification.formula.offsets, *filter(None, [specification.offset])]
    yield (
        f"the offset{' ' + ' + '.join(asked) if asked else ''} goes from {low:.4g} to "
        f"{high:.4g}: with the log link it multiplies the mean by factors that differ by "
        f"e^{high - low:.4g} = {math.exp(min(high - low, 700.0)):.2g}. If it is an exposure "
        "such as hours, give it as exposure=, or its logarithm as the offset"
    )


def fit_design(
    specification: Specification,
    design: ModelDesign,
    control: FitControl | None = None,
    near: Near | None = None,
) -> FitResult:
    """Fit a design by the method that suits it.

    Without `near`, a likelihood that may have several maxima is searched from several starts.
    """
    control = control or FitControl()
    # A search may try points beyond the range of doubles, and turns back from them.
    with single_blas_thread(), np.errstate(all="ignore"):
        objective = route(specification, design, control)
        start = None if near is None else partial(objective.start, near)
        first = maximize_with_restarts(objective, control, start)
        if near is not None:
            return first
        return highest_of_starts(first, objective, specification, control)
