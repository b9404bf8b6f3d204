"""The same model fitted again: by another method, to another response, or with other X."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Self, final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.design import FixedDesign
from henderson.estimation import FitControl
from henderson.estimation.estimates import Estimates
from henderson.estimation.maximize import maximize
from henderson.estimation.model_design import ModelDesign
from henderson.estimation.objectives.objective import Near, Objective
from henderson.estimation.pipeline import fit_design
from henderson.estimation.restarts import maximize_with_restarts
from henderson.estimation.routes import route
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
    design: ModelDesign | None = None,
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
    design
        Another design to fit to, such as one with fewer terms; that of the fit by default.

    Returns
    -------
    Estimates
        With the frame and formula of the first fit, whatever was changed.
    """
    specification, design = (
        estimates.specification,
        estimates.design if design is None else design,
    )
    several = estimates.certificate.starts > 1
    near = Near.of(estimates.result, design) if nearby and several else None
    if method is not None:
        specification = replace(specification, method=method)
    if y is not None:
        design = replace(design, response=with_observations(design.response, y))
    if fixed is not None or offset is not None:
        design = design.with_predictor(component, fixed=fixed, offset=offset)
    priors = penalty_of(specification.priors, design.predictors, complete=False)
    design = replace(design, penalty=priors)
    return Estimates(specification, design, fit_design(specification, design, near=near))


@final
@dataclass(frozen=True, slots=True)
class Refits:
    """Fits of one model to many responses, the design analysed once.

    `control` says how: see `FitControl`. One thread for BLAS is best, and up to the caller; the
    equations are for one fit at a time.
    """

    estimates: Estimates
    control: FitControl
    objective: Objective

    @classmethod
    def of(cls, estimates: Estimates, control: FitControl | None = None) -> Self:
        """For the design of a fitted model."""
        control = control or FitControl()
        asked = estimates.specification
        return cls(estimates, control, route(asked, estimates.design, control))

    def fit(self, y: Vector) -> Estimates:
        """The model fitted to y (n,), on the scale of `estimates.response.y`."""
        asked, first = self.estimates.specification, self.estimates.design
        design = replace(first, response=with_observations(first.response, y))
        near = Near(tuple(p.fixed_eta for p in self.estimates.predictors.values()))
        with np.errstate(all="ignore"):
            objective = self.objective.of_response(design)
            start = partial(objective.start, near)
            if design.errors is None:
                result = maximize(objective, self.control, start=start)
            else:
                result = maximize_with_restarts(objective, self.control, start)
        return Estimates(asked, design, result)


def with_observations(response: Response, y: Vector) -> Response:
    """Other observations y (n,), with the same trials and weights."""
    return Response.of(y, response.size, response.weight)


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
