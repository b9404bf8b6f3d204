"""Fits the linear model whose residuals vary together within subjects."""

from functools import partial

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.design import ErrorDesign
from henderson.errors import DataError
from henderson.estimation.control import FitControl
from henderson.estimation.fit_result import (
    ErrorFit,
    FitResult,
    PredictorFit,
    TermFit,
)
from henderson.estimation.matrices import error_blocks
from henderson.estimation.model_design import ModelDesign
from henderson.likelihood.correlated_errors import (
    CorrelatedErrorsLikelihood,
    StructuredSolution,
)
from henderson.likelihood.fixed_basis import FixedBasis
from henderson.likelihood.penalty import Penalized
from henderson.optimize.boundary import ends_in_words, settle
from henderson.optimize.certificate import certify
from henderson.optimize.covariance_search import SearchRoutine, search_covariances
from henderson.optimize.curvature import covariance_of, exact_hessian

_SHARE = 0.3  # of the variance, that random terms have at the start
_SINGULAR = 1e-4  # a singular value of the factor of the correlations, taken as 0
_LEAST_EIGENVALUE = 0.05  # of a first covariance, times its mean variance


def fit_correlated_errors(
    design: ModelDesign,
    restricted: bool,
    control: FitControl,
    search_by: SearchRoutine = search_covariances,
) -> FitResult:
    """ML or REML estimates; residuals are independent between subjects."""
    errors, location = design.errors, design.predictors[0]
    assert errors is not None
    weights = None if np.all(design.response.size == 1.0) else design.response.size
    basis = FixedBasis.of(location.fixed.matrix)
    y = design.response.y - location.offset
    gamma = basis.Q.T @ y / design.n
    left = y - basis.Q @ gamma
    if not np.sum(left**2) > 1e-20 * np.sum(y**2):
        raise DataError(
            f"The fixed effects fit the response {design.label!r} exactly, so that no variance "
            "is left to estimate. Leave out terms, or check the response."
        )
    parameters = design.covariance_parameters()
    spread = design.predictors[1]
    likelihood = CorrelatedErrorsLikelihood(
        design.term_matrices(),
        parameters,
        error_blocks(errors),
        basis.Q,
        left,
        weights,
        scales=spread.fixed.matrix,
        log_scale=spread.offset,
        restricted=restricted,
    )
    covariances = _first_covariances(design, errors, left)
    gamma_start = np.zeros(spread.fixed.matrix.shape[1])
    start = np.concatenate([parameters.parameters_near(covariances), gamma_start])
    likelihood.start_from(start)
    objective, penalty = likelihood, design.penalty
    before = np.zeros(basis.Q.shape[1])  # coefficients of the location have no priors
    if penalty is not None:
        rows = np.vstack([np.zeros((len(before), len(gamma_start))), np.eye(len(gamma_start))])
        objective = Penalized(likelihood, penalty, rows)
    search = search_by(
        objective,
        start,
        control.limits(),
    )
    found, logs = np.split(search.parameters, [len(likelihood.parameters)])
    theta = settle(
        likelihood.parameters,
        found,
        likelihood.smallest,
        lambda theta: objective.deviance_at(np.concatenate([theta, logs])),
    )
    psi = np.concatenate([theta, logs])
    if not np.isfinite(objective.deviance_at(psi)):  # residuals of a singular covariance
        theta = likelihood.parameters.regular(found, likelihood.smallest)
        psi = np.concatenate([theta, logs])
    free = np.concatenate([likelihood.parameters.free(theta), np.ones(len(logs), dtype=bool)])
    unchanged = np.array_equal(psi, search.parameters)
    at = search.evaluation if unchanged else objective.evaluate(psi)
    hessian = exact_hessian(objective.gradient, psi, at.gradient, at.hessian, free)
    solution = likelihood.solution(psi)
    return _result(
        design,
        basis,
        gamma,
        likelihood,
        solution,
        (psi, free, hessian),
        certificate_of=partial(
            certify,
            search,
            at.gradient[free],
            hessian,
            exact=True,
            limits=_limits(likelihood, theta),
        ),
        log_prior=0.0
        if penalty is None
        else penalty.log_density(np.append(before, logs), likelihood.parameters, theta),
    )


def _limits(likelihood: CorrelatedErrorsLikelihood, theta: Vector) -> list[str]:
    """Sentences where the correlations of the residuals are at a limit.

    There the residuals may be linear functions of one another.
    """
    parameters, first = likelihood.parameters, likelihood.n_terms
    sentences = [
        sentence
        for structure, k, at in zip(
            parameters.structures[first:],
            parameters.k[first:],
            parameters.slices[first:],
            strict=True,
        )
        for sentence in ends_in_words(structure, theta[at], k, "the residuals")
    ]
    factors = parameters.factors(theta)[first:]
    for T in factors:
        scaled = T / np.sqrt(np.sum(T**2, axis=1, keepdims=True))
        if np.linalg.svd(scaled, compute_uv=False)[-1] < _SINGULAR:
            return [*sentences, "the covariance of the residuals is estimated as singular"]
    return sentences


def _first_covariances(design: ModelDesign, errors: ErrorDesign, left: Vector) -> list[Matrix]:
    """Of the random terms a share of the variance; of the residuals that of all pairs seen."""
    random = design.predictors[0].random
    variance = float(np.mean(left**2))
    share = _SHARE / max(len(random), 1)
    out: list[Matrix] = [
        np.diag(share * variance / np.maximum(np.mean(z.values**2, axis=0), 1e-300))
        if z.columns is None
        else np.eye(z.n_effects) * share * variance
        for z in random
    ]
    k = len(errors.positions)
    kept = 1.0 - (_SHARE if random else 0.0)
    for h in range(len(errors.groups)):
        rows = np.flatnonzero(errors.group == h)
        placed = np.zeros((len(errors.subjects), k))
        seen = np.zeros_like(placed)
        placed[errors.subject[rows], errors.position[rows]] = left[rows]
        seen[errors.subject[rows], errors.position[rows]] = 1.0
        count = seen.T @ seen
        pairs = np.where(count > 0, placed.T @ placed / np.maximum(count, 1.0), 0.0)
        own = np.diag(pairs).copy()
        own[own <= 0] = variance
        np.fill_diagonal(pairs, own)
        values, vectors = np.linalg.eigh(pairs)
        values = np.maximum(values, _LEAST_EIGENVALUE * float(own.mean()))
        out.append(kept * (vectors * values) @ vectors.T)
    return out


def _result(
    design: ModelDesign,
    basis: FixedBasis,
    gamma: Vector,
    likelihood: CorrelatedErrorsLikelihood,
    solution: StructuredSolution,
    optimum: tuple[Vector, np.ndarray, Matrix],
    *,
    certificate_of: partial,
    log_prior: float,
) -> FitResult:
    location, errors = design.predictors[0], design.errors
    assert errors is not None
    psi, free, hessian = optimum
    parameters, count = likelihood.parameters, len(likelihood.parameters)
    theta, logs = np.split(psi, [count])
    deviance = solution.deviance
    if likelihood.restricted:
        deviance += 2.0 * basis.log_volume
    beta = basis.coefficients(gamma + solution.beta)
    factors = parameters.factors(theta)
    natural, change = parameters.translation(theta, design.covariance_parameters())
    terms = tuple(
        TermFit(natural[at], T @ T.T, modes, covariance)
        for at, T, modes, covariance in zip(
            parameters.slices, factors, solution.modes, solution.mode_covariances, strict=False
        )
    )
    covariances = tuple(T @ T.T for T in factors[likelihood.n_terms :])
    eta = location.fixed.matrix @ beta + location.offset
    for term, z in zip(terms, location.random, strict=True):
        eta = eta + np.einsum("nk,nk->n", z.all_columns, term.modes[z.codes])
    variance = np.stack(covariances)[errors.group, errors.position, errors.position]
    spread = design.predictors[1]
    joint = np.zeros((len(psi), len(psi)))
    joint[np.ix_(free, free)] = covariance_of(hessian)
    first = np.r_[count : len(psi), 0:count]  # γ is before θ
    moves = np.eye(len(psi))
    moves[len(logs) :, len(logs) :] = change
    p = len(beta)
    vcov = np.zeros((p + len(psi), p + len(psi)))
    vcov[:p, :p] = basis.covariance(solution.vcov)
    vcov[p:, p:] = moves @ joint[np.ix_(first, first)] @ moves.T
    return FitResult(
        predictors=(
            PredictorFit(beta, terms, eta),
            PredictorFit(
                logs,
                (),
                0.5 * np.log(variance) + spread.fixed.matrix @ logs + spread.offset,
            ),
        ),
        vcov_all=vcov,
        log_likelihood=-0.5 * deviance,
        certificate=certificate_of(
            terms=list(zip(terms, location.random, location.structures, strict=True))
        ),
        errors=ErrorFit(
            thetas=tuple(natural[at] for at in parameters.slices[likelihood.n_terms :]),
            covariances=covariances,
        ),
        log_prior=log_prior,
    )
