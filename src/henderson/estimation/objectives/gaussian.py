"""The linear model: Gaussian response, identity link, one residual variance.

ψ is θ, with T relative to σ; with priors on standard deviations log σ follows θ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Blocks, Matrix, Vector
from henderson.equations import MixedModelEquations, ThreadExecutor
from henderson.equations.executor import SERIAL
from henderson.errors import DataError
from henderson.estimation.control import FitControl
from henderson.estimation.fit_result import Findings, PredictorFit, TermFit, sandwich
from henderson.estimation.model_design import ModelDesign
from henderson.estimation.objectives.objective import End, Near, Start
from henderson.likelihood.fixed_basis import FixedBasis
from henderson.likelihood.gaussian import GaussianLikelihood, GaussianSolution
from henderson.likelihood.parameters import flat
from henderson.likelihood.penalized_gaussian import PenalizedGaussian
from henderson.optimize.boundary import settle, without_residual
from henderson.optimize.curvature import covariance_of
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


@final
@dataclass(frozen=True, slots=True)
class GaussianObjective:
    """−2 log L or the REML criterion of a linear model, from cross-products."""

    design: ModelDesign
    scaled: _Scaled
    weights: Vector | None  # (n,), None where all are 1
    of_theta: GaussianLikelihood  # with σ profiled out
    penalized: PenalizedGaussian | None  # with priors on standard deviations
    moments: Moments | None  # of another response, for the starts of several

    polishes = True

    @classmethod
    def of(cls, design: ModelDesign, restricted: bool, control: FitControl) -> Self:
        """One pass over the rows."""
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
        return cls(
            design, scaled, weights, likelihood, _with_priors(design, likelihood, scaled), None
        )

    def of_response(self, design: ModelDesign) -> Self:
        """Another response; moments of the first are used again."""
        y = design.response.y - design.predictors[0].offset
        scaled = _scale(self.scaled.basis, y, self.weights, design.label)
        likelihood = self.of_theta.of_response(scaled.y)
        likelihood.parameters = design.covariance_parameters()
        moments = self.moments
        if moments is None:
            scores, _, fixed = self.of_theta.moments()
            moments = Moments.of(self.of_theta.equations, scores, fixed)
        penalized = _with_priors(design, likelihood, scaled)
        return type(self)(design, scaled, self.weights, likelihood, penalized, moments)

    @property
    def likelihood(self) -> GaussianLikelihood | PenalizedGaussian:
        """What is searched."""
        return self.penalized or self.of_theta

    @property
    def strictness(self) -> float:
        """So that variances come out to the same digits.

        With g levels a variance is known to about √(2/g) of itself; a step that promises a
        decrease ε of the deviance moves it by √ε of that.
        """
        levels = [term.n_levels for p in self.design.predictors for term in p.random]
        return float(np.clip(min(levels, default=50) / 50.0, 0.01, 200.0))

    @property
    def hessian_is_cheap(self) -> bool:
        """Whether the tail is small and θ short; with priors always made."""
        small = self.of_theta.equations.tail <= _LARGE_TAIL
        return self.penalized is not None or (
            small and len(self.of_theta.parameters) <= _MANY_PARAMETERS
        )

    def start(self, near: Near | None = None) -> Vector:
        """By moments, or of the covariances of another fit."""
        likelihood, parameters = self.of_theta, self.design.covariance_parameters()
        likelihood.parameters = parameters
        if near is None or near.covariances is None:
            theta = _by_moments(likelihood, self.moments)
        else:
            sigma = float(np.exp(near.predictors[1][0]))
            theta = parameters.parameters_near(near.away_from_zero(likelihood.smallest, sigma))
        if self.penalized is None:
            return theta
        theta = self.penalized.penalty.lifted(parameters, theta, likelihood.smallest)
        regular = parameters.regular(theta, likelihood.smallest)
        return np.append(theta, 0.5 * np.log(likelihood.solution(regular).sigma2))

    def further_starts(self) -> Sequence[Start]:
        """None of its own."""
        return ()

    def settled(self, psi: Vector) -> End:
        """Variances and a residual variance that are zero to precision made zero."""
        likelihood = self.of_theta
        parameters, smallest = likelihood.parameters, likelihood.smallest
        theta, rest = np.split(psi, [len(parameters)])
        searched = self.likelihood

        def deviance(theta: Vector) -> float:
            return searched.deviance_at(np.concatenate([theta, rest]))

        theta = settle(parameters, theta, smallest, deviance)
        grown = np.zeros(len(theta), dtype=bool)
        if self.penalized is None:
            theta, grown = without_residual(parameters, theta, smallest, deviance)
        limits = ["the residual variance is estimated as 0"] if grown.any() else []
        moves = np.concatenate([~grown, np.ones(len(rest), dtype=bool)])
        return End(np.concatenate([theta, rest]), moves, limits)

    def findings(self, psi: Vector, free: NDArray[np.bool_], hessian: Matrix) -> Findings:
        """The estimates in the user's coefficients and units."""
        theta = psi[: len(self.of_theta.parameters)]
        solution = self.of_theta.solution(theta)
        if self.penalized is None:
            spread = _spread(self.of_theta.nu, solution, hessian, free)
            return self._findings(theta, solution, spread)
        covariance = np.zeros((len(psi), len(psi)))
        covariance[np.ix_(free, free)] = covariance_of(hessian)
        sigma2 = float(np.exp(2.0 * psi[-1]))
        moved = replace(
            solution,
            deviance=self.penalized.deviance(solution, psi),
            sigma2=sigma2,
            vcov=solution.vcov * sigma2 / solution.sigma2,
        )
        log_prior = -0.5 * self.penalized.penalty_at(psi).value
        spread = np.roll(covariance, 1, axis=(0, 1))
        return self._findings(theta, moved, spread, log_prior)

    def _findings(
        self, theta: Vector, solution: GaussianSolution, spread: Matrix, log_prior: float = 0.0
    ) -> Findings:
        """`spread` (1 + nθ, 1 + nθ) is the covariance of (log σ, θ)."""
        design, scaled, likelihood = self.design, self.scaled, self.of_theta
        location, unit = design.predictors[0], scaled.unit
        sigma2 = solution.sigma2 * unit**2
        beta = scaled.basis.coefficients(scaled.gamma + unit * solution.beta)
        deviance = solution.deviance + 2.0 * likelihood.nu * np.log(unit)
        if likelihood.restricted:
            deviance += 2.0 * scaled.basis.log_volume
        eta = location.fixed.matrix @ beta + location.offset
        templates = flat(likelihood.parameters.factors(theta))
        b = likelihood.equations.scale(solution.u, templates, transposed=False)
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
        log_sigma = 0.5 * np.log(sigma2)
        return Findings(
            predictors=(
                PredictorFit(beta, self._terms(theta, natural, solution, sigma2), eta),
                PredictorFit(np.array([log_sigma]), (), np.full(design.n, log_sigma)),
            ),
            vcov_all=vcov,
            log_likelihood=-0.5 * deviance,
            log_prior=log_prior,
        )

    def _terms(
        self, theta: Vector, natural: Vector, solution: GaussianSolution, sigma2: float
    ) -> tuple[TermFit, ...]:
        parameters, equations = self.of_theta.parameters, self.of_theta.equations
        u = equations.by_term(solution.u)
        inverse: list[Blocks] = equations.inverse_blocks()
        return tuple(
            TermFit(
                theta=natural[at],
                covariance=sigma2 * T @ T.T,
                modes=self.scaled.unit * u[t][:, :, 0] @ T.T,
                mode_covariance=sigma2 * sandwich(T, inverse[t]),
            )
            for t, (T, at) in enumerate(
                zip(parameters.factors(theta), parameters.slices, strict=True)
            )
        )


def _with_priors(
    design: ModelDesign, likelihood: GaussianLikelihood, scaled: _Scaled
) -> PenalizedGaussian | None:
    if design.penalty is None:
        return None
    return PenalizedGaussian(likelihood, design.penalty, scaled.unit)


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
        raise exact_fit(label, "variance")
    return _Scaled(basis, gamma, residual / unit, unit)


def exact_fit(label: str, what: str) -> DataError:
    """The error of a response that fixed effects fit exactly; `what` is left to estimate."""
    return DataError(
        f"The fixed effects fit the response {label!r} exactly, so that no {what} is left to "
        "estimate. Leave out terms, or check the response."
    )


def _by_moments(likelihood: GaussianLikelihood, moments: Moments | None) -> Vector:
    if not len(likelihood.parameters):
        return np.empty(0)
    scores, total, fixed = likelihood.moments()
    if moments is None:
        moments = Moments.of(likelihood.equations, scores, fixed)
    else:
        moments = moments.of_scores(scores)
    sigma2 = moments.residual_variance(total, likelihood.n - likelihood.p)
    return likelihood.parameters.parameters_near(moments.covariances(sigma2))


def _spread(
    nu: int, solution: GaussianSolution, hessian: Matrix, free: NDArray[np.bool_]
) -> Matrix:
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
