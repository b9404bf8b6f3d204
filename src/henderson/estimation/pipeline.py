"""One fit from end to end: formula → frame → design → likelihood → optimum → estimates."""

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
    return Estimates(replace(specification, family=design.family), design, result)


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
