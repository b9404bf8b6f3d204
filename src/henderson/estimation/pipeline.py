"""One fit from end to end: formula → frame → design → likelihood → optimum → estimates."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from henderson.design.model_frame import PerRow
from henderson.estimation.blas_threads import single_blas_thread
from henderson.estimation.control import FitControl
from henderson.estimation.correlated_errors_fit import fit_correlated_errors
from henderson.estimation.estimates import Estimates
from henderson.estimation.fit_result import FitResult
from henderson.estimation.gaussian_fit import fit_gaussian
from henderson.estimation.laplace_fit import LaplaceAnalysis, Start, fit_laplace
from henderson.estimation.model_design import ModelDesign, design_model
from henderson.estimation.restarts import fit_with_restarts
from henderson.estimation.several_starts import highest_of_starts
from henderson.estimation.specification import Specification
from henderson.optimize.covariance_search import SearchRoutine


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
    start: Start | None = None,
) -> FitResult:
    """Fit a design by the method that suits it.

    Without a `start`, one that is not linear is searched from every start its family names.
    """
    control = control or FitControl()
    restricted = specification.method == "REML"
    # A search may try points beyond the range of doubles, and turns back from them.
    with single_blas_thread(), np.errstate(all="ignore"):
        first = fit_with_restarts(
            lambda search: _fit_once(specification, design, restricted, control, search, start),
            location_terms=len(design.predictors[0].random),
            max_evaluations=control.max_evaluations,
        )
        starts = () if start is not None else design.family.other_starts(design.response)
        if not starts:
            return first
        nodes = specification.quadrature
        analysis = LaplaceAnalysis.of(design, nodes, control)
        fit_from = partial(_fit_from, design, restricted, nodes, analysis)
        return highest_of_starts(first, starts, design, fit_from, control)


def _fit_from(
    design: ModelDesign,
    restricted: bool,
    nodes: int,
    analysis: LaplaceAnalysis,
    held: Mapping[str, float],
    control: FitControl,
) -> FitResult:
    return fit_laplace(design, restricted, nodes, control, analysis, held=held)


def _fit_once(
    specification: Specification,
    design: ModelDesign,
    restricted: bool,
    control: FitControl,
    search: SearchRoutine,
    start: Start | None,
) -> FitResult:
    if design.errors is not None:
        return fit_correlated_errors(design, restricted, control, search_by=search)
    if design.is_linear:
        return fit_gaussian(design, restricted, control, search_by=search)
    nodes = specification.quadrature
    return fit_laplace(design, restricted, nodes, control, None, start, search_by=search)
