"""The same model fitted again: by another method, to another response, or with other X."""

from dataclasses import dataclass, replace
from typing import Literal, Self, final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.design import FixedDesign
from henderson.estimation import FitControl
from henderson.estimation.estimates import Estimates
from henderson.estimation.fit_result import FitResult
from henderson.estimation.gaussian_fit import GaussianAnalysis, fit_gaussian
from henderson.estimation.laplace_fit import LaplaceAnalysis, Start, fit_laplace
from henderson.estimation.model_design import ModelDesign, PredictorDesign
from henderson.estimation.pipeline import fit_design
from henderson.estimation.stated_priors import penalty_of
from henderson.families import Response


def refit(
    estimates: Estimates,
    *,
    method: Literal["ML", "REML"] | None = None,
    y: Vector | None = None,
    fixed: FixedDesign | None = None,
    offset: Vector | None = None,
    component: str = "location",
    nearby: bool = False,
) -> Estimates:
    """Estimate again, reading no data and analysing no formula.

    Parameters
    ----------
    estimates
        A fitted model.
    method
        "ML" or "REML"; that of the fit by default.
    y : (n,) array
        Another response, on the scale of `estimates.response.y`.
    fixed
        Another X for a linear predictor.
    offset : (n,) array
        Another offset of it.
    component
        Which linear predictor that is.
    nearby
        Where the likelihood may have several maxima, go to the one near `estimates`; else to
        the highest that is found.

    Returns
    -------
    Estimates
        With the frame and formula of the first fit, whatever was changed.
    """
    specification = estimates.specification
    several = estimates.family.other_starts(estimates.response)
    start = _start(estimates) if nearby and several else None
    if method is not None:
        specification = replace(specification, method=method)
    if y is not None:
        old = estimates.response
        estimates = replace(estimates, response=Response.of(y, old.size, old.weight))
    if fixed is not None or offset is not None:
        own = estimates.predictors[component]
        own = replace(
            own,
            fixed=own.fixed if fixed is None else fixed,
            offset=own.offset if offset is None else offset,
        )
        estimates = replace(estimates, predictors={**estimates.predictors, component: own})
    result = fit_design(specification, design_of(estimates), start=start)
    return replace(_updated(estimates, result), specification=specification)


@final
@dataclass(frozen=True, slots=True)
class Refits:
    """Fits of one model to many responses, the design analysed once.

    `control` says how: see `FitControl`. One thread for BLAS is best, and up to the caller; the
    equations are for one fit at a time.
    """

    estimates: Estimates
    design: ModelDesign
    control: FitControl
    analysis: GaussianAnalysis | LaplaceAnalysis | None

    @classmethod
    def of(cls, estimates: Estimates, control: FitControl | None = None) -> Self:
        """For the design of a fitted model."""
        control = control or FitControl()
        design, asked = design_of(estimates), estimates.specification
        analysis = None  # residuals that vary together move with the parameters
        if design.errors is None:
            analysis = (
                GaussianAnalysis.of(design, asked.method == "REML", control, reused=True)
                if design.is_linear
                else LaplaceAnalysis.of(design, asked.quadrature, control)
            )
        return cls(estimates, design, control, analysis)

    def fit(self, y: Vector) -> Estimates:
        """The model fitted to y (n,), on the scale of `estimates.response.y`."""
        old, asked = self.estimates.response, self.estimates.specification
        response = Response.of(y, old.size, old.weight)
        design = replace(self.design, response=response)
        restricted = asked.method == "REML"
        with np.errstate(all="ignore"):
            if self.analysis is None:
                result = fit_design(asked, design, self.control)
            elif isinstance(self.analysis, GaussianAnalysis):
                result = fit_gaussian(design, restricted, self.control, self.analysis)
            else:
                result = fit_laplace(
                    design,
                    restricted,
                    asked.quadrature,
                    self.control,
                    self.analysis,
                    Start(tuple(p.fixed_eta for p in self.estimates.predictors.values())),
                )
        return _updated(replace(self.estimates, response=response), result)


def with_columns(fixed: FixedDesign, combine: Matrix) -> FixedDesign:
    """A design of the columns XA, A (p, m), as one term."""
    matrix = np.ascontiguousarray(fixed.matrix @ combine)
    count = matrix.shape[1]
    return replace(
        fixed,
        matrix=matrix,
        names=tuple(f"x{j}" for j in range(count)),
        assign=np.zeros(count, dtype=np.int64),
    )


def design_of(estimates: Estimates) -> ModelDesign:
    """The design that the model was fitted to."""
    predictors = tuple(
        PredictorDesign(
            name=each.name,
            fixed=each.fixed,
            offset=each.offset,
            random=tuple(term.design for term in each.terms),
            structures=tuple(term.structure for term in each.terms),
        )
        for each in estimates.predictors.values()
    )
    return ModelDesign(
        frame=estimates.frame,
        family=estimates.family,
        response=estimates.response,
        predictors=predictors,
        errors=None if estimates.errors is None else estimates.errors.design,
        error_structures=() if estimates.errors is None else estimates.errors.structures,
        penalty=penalty_of(estimates.specification.priors, predictors, complete=False),
    )


def _start(estimates: Estimates) -> Start:
    """Where a fit near these estimates starts."""
    predictors = estimates.predictors.values()
    return Start(
        tuple(each.fixed_eta for each in predictors),
        tuple(term.covariance for each in predictors for term in each.terms),
    )


def _updated(estimates: Estimates, result: FitResult) -> Estimates:
    """The record with another result for the same design."""
    predictors = {
        name: replace(
            each,
            beta=fit.beta,
            eta=fit.eta,
            terms=tuple(
                replace(
                    term,
                    theta=found.theta,
                    covariance=found.covariance,
                    modes=found.modes,
                    mode_covariance=found.mode_covariance,
                )
                for term, found in zip(each.terms, fit.terms, strict=True)
            ),
        )
        for (name, each), fit in zip(
            estimates.predictors.items(), result.predictors, strict=True
        )
    }
    P = sum(len(fit.beta) for fit in result.predictors)
    errors = estimates.errors
    if errors is not None and result.errors is not None:
        errors = replace(
            errors,
            thetas=result.errors.thetas,
            covariances=result.errors.covariances,
        )
    return replace(
        estimates,
        errors=errors,
        predictors=predictors,
        vcov=result.vcov_all[:P, :P].copy(),
        vcov_all=result.vcov_all,
        log_likelihood=result.log_likelihood,
        n_parameters=P + len(result.theta),
        certificate=result.certificate,
        log_prior=result.log_prior,
    )
