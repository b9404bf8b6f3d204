"""One search from its start to estimates with a certificate, for every objective."""

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.estimation.control import FitControl
from henderson.estimation.estimates import takes_part
from henderson.estimation.fit_result import Findings, FitResult
from henderson.estimation.model_design import ModelDesign
from henderson.estimation.objectives.objective import Objective, Start
from henderson.optimize.certificate import certify
from henderson.optimize.covariance_search import (
    Likelihood,
    SearchRoutine,
    search_covariances,
)
from henderson.optimize.curvature import exact_hessian

_POLISHED = 1e-10  # decrease of the deviance that a last step must promise


def maximize(
    objective: Objective,
    control: FitControl,
    search_by: SearchRoutine = search_covariances,
    start: Start | None = None,
) -> FitResult:
    """The maximum that a search reaches from `start`, or from the objective's own start.

    Search, boundary, exact Hessian over the free parameters, a last Newton step where that is
    worth it, certificate.
    """
    psi = (start or objective.start)()
    likelihood = objective.likelihood
    search = search_by(likelihood, psi, control.limits(objective.strictness))
    end = objective.settled(search.parameters)
    psi, count = end.psi, len(likelihood.parameters)
    free = end.moves.copy()
    free[:count] &= likelihood.parameters.free(psi[:count])
    unchanged = np.array_equal(psi, search.parameters)
    at = search.evaluation if unchanged else likelihood.evaluate(psi)
    gradient, exact = at.gradient, True
    if at.exact is not None:
        hessian = at.exact[np.ix_(free, free)]
    elif control.hessian == "exact" or (
        control.hessian == "auto" and objective.hessian_is_cheap
    ):
        hessian = exact_hessian(likelihood.gradient, psi, at.gradient, at.hessian, free)
        if objective.polishes:
            psi, gradient = _polished(likelihood, psi, at.gradient, hessian, free)
    else:
        hessian, exact = at.hessian[np.ix_(free, free)], False
    found = objective.findings(psi, free, hessian)
    design = objective.design
    certificate = certify(
        search,
        gradient[free],
        hessian,
        exact=exact,
        limits=end.limits,
        endless=_endless(found, design),
        terms=[
            (fit, term, structure)
            for own, of in zip(design.predictors, found.predictors, strict=True)
            for term, structure, fit in zip(own.random, own.structures, of.terms, strict=True)
        ],
    )
    return found.certified(certificate)


def _endless(found: Findings, design: ModelDesign) -> tuple[str, ...]:
    """Names of the coefficients without a finite estimate."""
    if found.endless is None:
        return ()
    names = [
        name if own.name == "location" else f"{own.name}: {name}"
        for own in design.predictors
        for name in own.fixed.names
    ]
    P = found.n_coefficients
    spoilt = takes_part(np.eye(P), found.vcov_all[:P, :P], found.endless)
    return tuple(name for name, is_spoilt in zip(names, spoilt, strict=True) if is_spoilt)


def _polished(
    likelihood: Likelihood,
    psi: Vector,
    gradient: Vector,
    hessian: Matrix,
    free: NDArray[np.bool_],
) -> tuple[Vector, Vector]:
    """One Newton step by the exact Hessian, if it is worth one."""
    if not np.isfinite(hessian).all():
        return psi, gradient
    step = np.zeros_like(psi)
    try:
        np.linalg.cholesky(hessian)
        step[free] = -np.linalg.solve(hessian, gradient[free])
    except np.linalg.LinAlgError:
        return psi, gradient
    if -0.5 * gradient @ step < _POLISHED:
        return psi, gradient
    moved = likelihood.evaluate(psi + step)
    scale = np.sqrt(np.abs(np.diag(hessian)))
    better = np.linalg.norm(moved.gradient[free] / scale) < np.linalg.norm(
        gradient[free] / scale
    )
    return (psi + step, moved.gradient) if better else (psi, gradient)
