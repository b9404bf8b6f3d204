"""Fits the linear model: Gaussian response, identity link, one residual variance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.equations import MixedModelEquations, ThreadExecutor
from henderson.equations.executor import SERIAL
from henderson.errors import DataError
from henderson.estimation.control import FitControl
from henderson.estimation.fit_result import FitResult, PredictorFit, TermFit, sandwich
from henderson.estimation.model_design import ModelDesign
from henderson.likelihood.fixed_basis import FixedBasis
from henderson.likelihood.gaussian import GaussianLikelihood, GaussianSolution
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.penalized_gaussian import PenalizedGaussian
from henderson.optimize import Search
from henderson.optimize.boundary import settle, without_residual
from henderson.optimize.certificate import certify
from henderson.optimize.covariance_search import SearchRoutine, search_covariances
from henderson.optimize.curvature import covariance_of, exact_hessian
from henderson.optimize.starting_values import Moments

_LARGE_TAIL = 400  # columns of the dense tail beyond which the exact Hessian is not for free
_MANY_PARAMETERS = 20


@dataclass(frozen=True, slots=True)
class _Scaled:
    """The response less its least-squares fit, in units of its residual standard deviation."""

    basis: FixedBasis
    gamma: Vector  # the least-squares coefficients, in the basis
    y: Vector
    unit: float


@dataclass(frozen=True, slots=True)
class GaussianAnalysis:
    """What does not depend on the response: a basis of X, cross-products, elimination order."""

    scaled: _Scaled  # the response of the design
    weights: Vector | None  # (n,), None where all are 1
    likelihood: GaussianLikelihood  # of the response of the design
    moments: Moments | None  # its moments, for the starts of others

    @classmethod
    def of(
        cls, design: ModelDesign, restricted: bool, control: FitControl, *, reused: bool
    ) -> Self:
        """One pass over the rows; `reused` if it is for several responses."""
        location, response = design.predictors[0], design.response
        weights = None if np.all(response.size == 1.0) else response.size
        basis = FixedBasis.of(location.fixed.matrix)
        scaled = _scale(basis, response.y - location.offset, weights, design.label)
        executor = ThreadExecutor(control.threads) if control.threads > 1 else SERIAL
        equations = MixedModelEquations(
            design.term_matrices(), design.n, 1, parts=control.threads, executor=executor
        )
        likelihood = GaussianLikelihood(
            equations,
            design.covariance_parameters(),
            basis.Q,
            scaled.y,
            weights,
            restricted=restricted,
        )
        moments = None
        if reused:
            scores, _, fixed = likelihood.moments()
            moments = Moments.of(equations, scores, fixed)
        return cls(scaled, weights, likelihood, moments)


def fit_gaussian(
    design: ModelDesign,
    restricted: bool,
    control: FitControl,
    analysis: GaussianAnalysis | None = None,
    search_by: SearchRoutine = search_covariances,
) -> FitResult:
    """ML or REML estimates of a linear mixed model.

    `analysis` is that of another response with the same design, where there is one.
    """
    location = design.predictors[0]
    if analysis is None:
        analysis = GaussianAnalysis.of(design, restricted, control, reused=False)
        scaled, likelihood = analysis.scaled, analysis.likelihood
    else:
        y = design.response.y - location.offset
        scaled = _scale(analysis.scaled.basis, y, analysis.weights, design.label)
        likelihood = analysis.likelihood.of_response(scaled.y)
    equations = likelihood.equations
    if design.penalty is not None:
        objective = PenalizedGaussian(likelihood, design.penalty, scaled.unit)
        start = _start(likelihood, analysis.moments)
        return _fit_penalized(design, scaled, objective, start, control, search_by)
    search = search_by(
        likelihood,
        _start(likelihood, analysis.moments),
        control.limits(_strictness(design)),
    )
    theta = settle(
        likelihood.parameters, search.parameters, likelihood.smallest, likelihood.deviance_at
    )
    theta, grown = without_residual(
        likelihood.parameters, theta, likelihood.smallest, likelihood.deviance_at
    )
    free = likelihood.parameters.free(theta) & ~grown
    exact = (
        likelihood.exact
        or control.hessian == "exact"
        or (
            control.hessian == "auto"
            and equations.tail <= _LARGE_TAIL
            and len(theta) <= _MANY_PARAMETERS
        )
    )
    at, hessian = _curvature(likelihood, search, theta, free, exact=exact)
    solution = likelihood.solution(theta)
    return _result(
        design=design,
        scaled=scaled,
        likelihood=likelihood,
        theta=theta,
        spread=_spread(likelihood.nu, solution, hessian, free),
        solution=solution,
        hessian=hessian,
        search=search,
        gradient=at.gradient[free],
        exact=exact,
        limits=["the residual variance is estimated as 0"] if grown.any() else [],
    )


def _fit_penalized(
    design: ModelDesign,
    scaled: _Scaled,
    objective: PenalizedGaussian,
    theta: Vector,
    control: FitControl,
    search_by: SearchRoutine,
) -> FitResult:
    """The mode under priors of standard deviations: σ is searched over with θ."""
    likelihood, penalty = objective.likelihood, objective.penalty
    theta = penalty.lifted(likelihood.parameters, theta, likelihood.smallest)
    regular = likelihood.parameters.regular(theta, likelihood.smallest)
    sigma2 = likelihood.solution(regular).sigma2
    search = search_by(
        objective,
        np.append(theta, 0.5 * np.log(sigma2)),
        control.limits(_strictness(design)),
    )
    log_sigma = search.parameters[-1:]
    theta = settle(
        likelihood.parameters,
        search.parameters[:-1],
        likelihood.smallest,
        lambda t: objective.deviance_at(np.append(t, log_sigma)),
    )
    psi = np.append(theta, log_sigma)
    free = np.append(likelihood.parameters.free(theta), True)
    unchanged = np.array_equal(psi, search.parameters)
    at = search.evaluation if unchanged else objective.evaluate(psi)
    exact = control.hessian != "model"
    hessian = at.hessian[np.ix_(free, free)]
    if exact:
        hessian = exact_hessian(objective.gradient, psi, at.gradient, at.hessian, free)
    found = likelihood.solution(theta)
    sigma2 = float(np.exp(2.0 * log_sigma[0]))
    spread = np.zeros((len(psi), len(psi)))
    spread[np.ix_(free, free)] = covariance_of(hessian)
    return _result(
        design=design,
        scaled=scaled,
        likelihood=likelihood,
        theta=theta,
        spread=np.roll(spread, 1, axis=(0, 1)),
        solution=replace(
            found,
            deviance=objective.deviance(found, psi),
            sigma2=sigma2,
            vcov=found.vcov * sigma2 / found.sigma2,
        ),
        hessian=hessian,
        search=search,
        gradient=at.gradient[free],
        exact=exact,
        limits=[],
        log_prior=-0.5 * objective.penalty_at(psi).value,
    )


def _strictness(design: ModelDesign) -> float:
    """How much to change the tolerance so that variances come out to the same digits.

    With g levels a variance is known to about √(2/g) of itself; a step that promises a
    decrease ε of the deviance moves it by √ε of that.
    """
    levels = [term.n_levels for p in design.predictors for term in p.random]
    return float(np.clip(min(levels, default=50) / 50.0, 0.01, 200.0))


def _scale(basis: FixedBasis, y: Vector, weights: Vector | None, label: str) -> _Scaled:
    n, p = basis.Q.shape
    if weights is None:
        gamma = basis.Q.T @ y / n
    else:
        weighted = basis.Q * weights[:, None]
        gamma = np.linalg.solve(basis.Q.T @ weighted, weighted.T @ y)
    residual = y - basis.Q @ gamma
    w = 1.0 if weights is None else weights
    unit = float(np.sqrt(np.sum(w * residual**2) / max(n - p, 1)))
    if not unit > 1e-10 * float(np.sqrt(np.mean(y**2))):
        raise DataError(
            f"The fixed effects fit the response {label!r} exactly, so that no variance is "
            "left to estimate. Leave out terms, or check the response."
        )
    return _Scaled(basis, gamma, residual / unit, unit)


def _start(likelihood: GaussianLikelihood, moments: Moments | None) -> Vector:
    if not len(likelihood.parameters):
        return np.empty(0)
    scores, total, fixed = likelihood.moments()
    if moments is None:
        moments = Moments.of(likelihood.equations, scores, fixed)
    else:
        moments = moments.of_scores(scores)
    sigma2 = moments.residual_variance(total, likelihood.n - likelihood.p)
    return likelihood.parameters.parameters_near(moments.covariances(sigma2))


def _curvature(
    likelihood: GaussianLikelihood,
    search: Search,
    theta: Vector,
    free: np.ndarray,
    *,
    exact: bool,
) -> tuple[Evaluation, Matrix]:
    """The evaluation at θ and the Hessian over the free parameters."""
    at = (
        search.evaluation
        if np.array_equal(theta, search.parameters)
        else likelihood.evaluate(theta)
    )
    if at.exact is not None:
        return at, at.exact[np.ix_(free, free)]
    if not exact:
        return at, at.hessian[np.ix_(free, free)]
    hessian = exact_hessian(likelihood.gradient, theta, at.gradient, at.hessian, free)
    return at, hessian


def _result(
    *,
    design: ModelDesign,
    scaled: _Scaled,
    likelihood: GaussianLikelihood,
    theta: Vector,
    spread: Matrix,
    solution: GaussianSolution,
    hessian: Matrix,
    search: Search,
    gradient: Vector,
    exact: bool,
    limits: Sequence[str],
    log_prior: float = 0.0,
) -> FitResult:
    """`spread` (1 + nθ, 1 + nθ) is the covariance of (log σ, θ)."""
    location, unit = design.predictors[0], scaled.unit
    sigma2 = solution.sigma2 * unit**2
    beta = scaled.basis.coefficients(scaled.gamma + unit * solution.beta)
    deviance = solution.deviance + 2.0 * likelihood.nu * np.log(unit)
    if likelihood.restricted:
        deviance += 2.0 * scaled.basis.log_volume
    eta = location.fixed.matrix @ beta + location.offset
    b = likelihood.equations.scale(
        solution.u, _flat_factors(likelihood, theta), transposed=False
    )
    eta = eta + unit * likelihood.equations.join_rows(likelihood.equations.z_times(b))[:, 0]
    p, count = len(beta), len(theta)
    parameters = design.covariance_parameters()
    relative, change = likelihood.parameters.translation(theta, parameters)
    natural, by_theta, by_log_sigma = parameters.rescaled(relative, float(np.sqrt(sigma2)))
    moves = np.zeros((1 + count, 1 + count))  # of (log σ, θ) by (log σ, θ relative to σ)
    moves[0, 0] = 1.0
    moves[1:, 0] = by_log_sigma
    moves[1:, 1:] = by_theta[:, None] * change
    vcov = np.zeros((p + 1 + count, p + 1 + count))
    vcov[:p, :p] = scaled.basis.covariance(solution.vcov * unit**2)
    vcov[p:, p:] = moves @ spread @ moves.T
    terms = _terms(likelihood, theta, natural, solution, sigma2, unit)
    return FitResult(
        predictors=(
            PredictorFit(beta, terms, eta),
            PredictorFit(
                np.array([0.5 * np.log(sigma2)]), (), np.full(design.n, 0.5 * np.log(sigma2))
            ),
        ),
        vcov_all=vcov,
        log_likelihood=-0.5 * deviance,
        certificate=certify(
            search,
            gradient,
            hessian,
            exact=exact,
            limits=limits,
            terms=list(zip(terms, location.random, location.structures, strict=True)),
        ),
        log_prior=log_prior,
    )


def _spread(nu: int, solution: GaussianSolution, hessian: Matrix, free: np.ndarray) -> Matrix:
    """Covariance of (log σ̂, θ̂), (1 + nθ, 1 + nθ), σ being profiled out."""
    count = len(free)
    joint = np.zeros((count, count))
    joint[np.ix_(free, free)] = covariance_of(hessian)
    slope = np.where(free, solution.sigma_slope, 0.0)
    out = np.empty((1 + count, 1 + count))
    out[0, 0] = 1.0 / (2.0 * nu) + slope @ joint @ slope
    out[0, 1:] = out[1:, 0] = joint @ slope
    out[1:, 1:] = joint
    return out


def _flat_factors(likelihood: GaussianLikelihood, theta: Vector) -> Vector:
    factors = likelihood.parameters.factors(theta)
    return np.concatenate([T.ravel() for T in factors]) if factors else np.empty(0)


def _terms(
    likelihood: GaussianLikelihood,
    theta: Vector,
    natural: Vector,
    solution: GaussianSolution,
    sigma2: float,
    unit: float,
) -> tuple[TermFit, ...]:
    parameters = likelihood.parameters
    u = likelihood.equations.by_term(solution.u)
    inverse: list[Blocks] = likelihood.equations.inverse_blocks()
    return tuple(
        TermFit(
            theta=natural[at],
            covariance=sigma2 * T @ T.T,
            modes=unit * u[t][:, :, 0] @ T.T,
            mode_covariance=sigma2 * sandwich(T, inverse[t]),
        )
        for t, (T, at) in enumerate(
            zip(parameters.factors(theta), parameters.slices, strict=True)
        )
    )
