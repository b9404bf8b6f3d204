"""One fit from end to end: formula → frame → design → likelihood → optimum → estimates."""

from dataclasses import replace

import numpy as np

from henderson.design.model_frame import PerRow
from henderson.estimation.blas_threads import single_blas_thread
from henderson.estimation.control import FitControl
from henderson.estimation.estimates import Estimates, PredictorEstimates, TermEstimates
from henderson.estimation.fit_result import FitResult
from henderson.estimation.gaussian_fit import fit_gaussian
from henderson.estimation.laplace_fit import fit_laplace
from henderson.estimation.model_design import ModelDesign, design_model
from henderson.estimation.specification import Specification


def estimate(
    specification: Specification,
    data: object,
    *,
    weights: PerRow = None,
    offset: PerRow = None,
    control: FitControl | None = None,
) -> Estimates:
    """Fit a specified model to data."""
    control = control or FitControl()
    design = design_model(specification, data, weights=weights, offset=offset)
    restricted = specification.method == "REML"
    # A search may try points beyond the range of doubles, and turns back from them.
    with single_blas_thread(), np.errstate(all="ignore"):
        if design.is_linear:
            result = fit_gaussian(design, restricted, control)
        else:
            result = fit_laplace(design, restricted, specification.quadrature, control)
    return _estimates(specification, design, result)


def _estimates(
    specification: Specification, design: ModelDesign, result: FitResult
) -> Estimates:
    predictors = {
        predictor.name: PredictorEstimates(
            name=predictor.name,
            fixed=predictor.fixed,
            beta=fit.beta,
            offset=predictor.offset,
            terms=tuple(
                TermEstimates(
                    term, structure, t.theta, t.covariance, t.modes, t.mode_covariance
                )
                for term, structure, t in zip(
                    predictor.random, predictor.structures, fit.terms, strict=True
                )
            ),
            eta=fit.eta,
        )
        for predictor, fit in zip(design.predictors, result.predictors, strict=True)
    }
    P = sum(len(fit.beta) for fit in result.predictors)
    return Estimates(
        specification=replace(specification, family=design.family),
        frame=design.frame,
        family=design.family,
        response=design.response,
        predictors=predictors,
        vcov=np.ascontiguousarray(result.vcov_all[:P, :P]),
        vcov_all=result.vcov_all,
        log_likelihood=result.log_likelihood,
        n_parameters=P + len(result.theta),
        certificate=result.certificate,
    )
