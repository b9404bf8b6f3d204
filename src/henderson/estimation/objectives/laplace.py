"""Any other model: the Laplace approximation, or quadrature, over θ and β together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self, final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from henderson.arrays import Matrix, Vector
from henderson.equations import (
    SERIAL,
    MixedModelEquations,
    RandomTermMatrix,
    ThreadExecutor,
)
from henderson.errors import ModelError
from henderson.estimation.control import FitControl
from henderson.estimation.fit_result import Findings, PredictorFit, TermFit, sandwich
from henderson.estimation.model_design import ModelDesign
from henderson.estimation.objectives.gaussian import exact_fit
from henderson.estimation.objectives.objective import End, Near, Start
from henderson.families import Response
from henderson.likelihood.adaptive_quadrature import AdaptiveQuadrature
from henderson.likelihood.conditional_modes import ModeFinder, Modes, concave
from henderson.likelihood.fixed_basis import FixedBasis
from henderson.likelihood.laplace import LaplaceLikelihood
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.parameters import CovarianceParameters, flat, smallest_factors
from henderson.likelihood.penalty import Penalized, Penalty
from henderson.likelihood.rows import LogDensity, Rows
from henderson.optimize import SearchLimits, minimize
from henderson.optimize.boundary import settle
from henderson.optimize.curvature import covariance_of
from henderson.optimize.starting_values import Moments

_ENDLESS = 100.0  # a standard error of a logit or logarithm that is no estimate
_LEAST_INFORMATION = 2e-5  # on a coefficient, in place of none
_ROUGH = SearchLimits(tolerance=1e-2, max_evaluations=60)  # for a start without random effects


@dataclass(frozen=True, slots=True)
class _Coefficients:
    """The coefficients of all predictors, each in an orthonormal basis of its X."""

    bases: tuple[FixedBasis, ...]
    columns: tuple[slice, ...]

    @classmethod
    def of(cls, design: ModelDesign) -> "_Coefficients":
        bases = tuple(FixedBasis.of(p.fixed.matrix) for p in design.predictors)
        ends = np.cumsum([len(basis.R) for basis in bases]).tolist()
        columns = tuple(
            slice(end - len(basis.R), end) for basis, end in zip(bases, ends, strict=True)
        )
        return cls(bases, columns)

    def natural(self, gamma: Vector) -> list[Vector]:
        """β of each predictor."""
        return [
            basis.coefficients(gamma[at])
            for basis, at in zip(self.bases, self.columns, strict=True)
        ]

    @property
    def to_natural(self) -> Matrix:
        """R⁻¹ of all predictors: β = R⁻¹γ."""
        return np.asarray(block_diag(*[np.linalg.inv(basis.R) for basis in self.bases]))


@final
@dataclass(frozen=True, slots=True)
class LaplaceObjective:
    """−2 log L by the Laplace approximation or quadrature; REML with β integrated."""

    design: ModelDesign
    integrated: slice  # coefficients integrated with u
    coefficients: _Coefficients
    finder: ModeFinder  # of modes with β, for starts
    unpenalized: LaplaceLikelihood
    likelihood: LaplaceLikelihood | Penalized

    strictness = 1.0
    hessian_is_cheap = True
    polishes = True

    @classmethod
    def of(cls, design: ModelDesign, restricted: bool, nodes: int, control: FitControl) -> Self:
        """One pass over the rows: bases of X and the elimination order."""
        terms = design.term_matrices()
        quadrature = _quadrature(design, terms, nodes) if nodes > 1 else None
        threads = 1 if quadrature else control.threads
        executor = ThreadExecutor(threads) if threads > 1 else SERIAL
        equations = MixedModelEquations(
            terms, design.n, len(design.random_predictors), parts=threads, executor=executor
        )
        coefficients = _Coefficients.of(design)
        integrated = coefficients.columns[0] if restricted else slice(0, 0)
        return cls._made(design, integrated, coefficients, equations, quadrature)

    @classmethod
    def _made(
        cls,
        design: ModelDesign,
        integrated: slice,
        coefficients: _Coefficients,
        equations: MixedModelEquations,
        quadrature: AdaptiveQuadrature | None,
    ) -> Self:
        _refuse_exact_fit(design, coefficients.bases[0])
        random = design.random_predictors
        rows = [_rows(design, coefficients, which) for which in equations.rows]
        likelihood = LaplaceLikelihood(
            equations,
            design.covariance_parameters(),
            rows,
            random,
            integrated,
            quadrature=quadrature,
        )
        return cls(
            design,
            integrated,
            coefficients,
            ModeFinder(equations, rows, random, coefficients.columns[0]),
            likelihood,
            _penalized(likelihood, design.penalty, coefficients),
        )

    def of_response(self, design: ModelDesign) -> Self:
        """Another response, in the same bases and equations."""
        likelihood = self.unpenalized
        return self._made(
            design,
            self.integrated,
            self.coefficients,
            likelihood.equations,
            likelihood.quadrature,
        )

    def start(self, near: Near | None = None) -> Vector:
        """From the model without random effects and moments; or near another fit."""
        if near is not None:
            gamma = _projected(near.predictors, self.design, self.coefficients)
            return self._start_at(gamma, near)
        return self._start_held({})

    def further_starts(self) -> Sequence[Start]:
        """Those that the family names: values of predictors that are held at first."""
        starts = self.design.family.other_starts(self.design.response)
        return [partial(self._start_held, held) for held in starts]

    def _start_held(self, held: Mapping[str, float]) -> Vector:
        """`held` has values of predictors, by name, at which coefficients start and stay."""
        design, finder = self.design, self.finder
        gamma = _without_random_effects(design, self.coefficients, finder, held)
        psi = self._start_at(gamma, None)
        if design.penalty and design.penalty.coefficients:
            return psi
        likelihood = self.unpenalized
        theta = psi[: len(likelihood.parameters)]
        templates = flat(likelihood.parameters.factors(theta))
        jointly = finder.find(templates, gamma, finder.equations.zeros(1))
        if jointly is None:
            return psi
        likelihood.start_from(jointly.beta)
        return likelihood.pack(theta, jointly.beta)

    def _start_at(self, gamma: Vector, near: Near | None) -> Vector:
        likelihood, design = self.unpenalized, self.design
        likelihood.parameters = parameters = design.covariance_parameters()
        theta, likelihood.smallest = _start(
            self.finder, parameters, gamma, design.penalty, near
        )
        likelihood.start_from(gamma)
        return likelihood.pack(theta, gamma)

    def settled(self, psi: Vector) -> End:
        """Variances that are zero to precision made zero; predictors that ran to a limit."""
        likelihood, searched = self.unpenalized, self.likelihood
        theta, gamma = np.split(psi, [len(likelihood.parameters)])
        theta = settle(
            likelihood.parameters,
            theta,
            likelihood.smallest,
            lambda t: searched.deviance_at(np.concatenate([t, gamma])),
        )
        psi = np.concatenate([theta, gamma])
        moves, limits = _limits(self.design, self.coefficients, likelihood.unpack(psi)[1])
        still = np.ones(len(theta), dtype=bool)
        return End(psi, np.concatenate([still, moves[likelihood.outer]]), limits)

    def findings(self, psi: Vector, free: NDArray[np.bool_], hessian: Matrix) -> Findings:
        """The estimates in the user's coefficients."""
        design, likelihood, coefficients = self.design, self.unpenalized, self.coefficients
        modes = likelihood.exactly(psi)
        if modes is None:
            raise ModelError(
                "The likelihood of this model cannot be computed for these data: no "
                "conditional modes of the random effects were found. Choose another link, "
                "change the unit of the response, or leave out random terms."
            )
        parameters = likelihood.parameters
        theta = psi[: len(parameters)]
        deviance = likelihood.deviance(modes)
        if likelihood.integrated.stop:
            deviance += 2.0 * coefficients.bases[0].log_volume
        natural, change = parameters.translation(theta, design.covariance_parameters())
        terms = _terms(likelihood, modes, theta, natural)
        etas = likelihood.equations.join_rows(modes.eta)
        betas = coefficients.natural(modes.beta)
        predictors, start = [], 0
        for index, (beta, predictor) in enumerate(zip(betas, design.predictors, strict=True)):
            count = len(predictor.random)
            own = terms[start : start + count]
            predictors.append(PredictorFit(beta, own, np.ascontiguousarray(etas[:, index])))
            start += count
        discrete = design.family.discrete
        vcov, endless = _covariance(
            coefficients, likelihood, modes, hessian, free, change, scale_free=discrete
        )
        log_prior = 0.0
        if design.penalty is not None:
            log_prior = design.penalty.log_density(np.concatenate(betas), parameters, theta)
        return Findings(
            predictors=tuple(predictors),
            vcov_all=vcov,
            log_likelihood=-0.5 * deviance,
            log_prior=log_prior,
            endless=endless,
        )


def _limits(
    design: ModelDesign, coefficients: _Coefficients, gamma: Vector
) -> tuple[np.ndarray, list[str]]:
    """Which coefficients move the likelihood, and sentences for those at a limit.

    A constant predictor can run off to where the family becomes a simpler one.
    """
    moves, sentences = np.ones(len(gamma), dtype=bool), []
    for predictor, at, beta in zip(
        design.predictors, coefficients.columns, coefficients.natural(gamma), strict=True
    ):
        if predictor.fixed.names != ("(Intercept)",) or predictor.random:
            continue
        limit = design.family.limit_of(predictor.name, float(beta[0]))
        if limit is not None:
            moves[at] = False
            sentences.append(f"the {predictor.name} is estimated at its limit, {limit}")
    return moves, sentences


def _refuse_exact_fit(design: ModelDesign, basis: FixedBasis) -> None:
    """The density of a continuous response has no bound where the residuals are zero."""
    if design.family.discrete:
        return
    with np.errstate(all="ignore"):
        target = design.family.link.link(design.response.y) - design.predictors[0].offset
    if not np.isfinite(target).all():
        return
    left = target - basis.Q @ (basis.Q.T @ target) / design.n
    if not np.sum(left**2) > 1e-20 * np.sum(target**2):
        raise exact_fit(design.label, "dispersion")


def _quadrature(
    design: ModelDesign, terms: list[RandomTermMatrix], nodes: int
) -> AdaptiveQuadrature | None:
    """The rule, where the likelihood is a product over the levels of one random term."""
    if not terms:
        return None
    if len(terms) > 1:
        groups = ", ".join(t.term.text for p in design.predictors for t in p.random)
        raise ModelError(
            f"quadrature={nodes} needs one random term, and there are {len(terms)}: {groups}. "
            "Use the Laplace approximation, quadrature=1; effects of one group can be written "
            "as one term, (x | g) or (x || g)."
        )
    return AdaptiveQuadrature(nodes, terms[0], design.random_predictors[terms[0].predictor])


def _rows(design: ModelDesign, coefficients: _Coefficients, which: slice | np.ndarray) -> Rows:
    r = design.response
    response = Response(r.y[which], r.size[which], r.weight[which])
    return Rows(
        density=partial(design.family.log_density, response),
        X=tuple(basis.Q[which] for basis in coefficients.bases),
        columns=coefficients.columns,
        offset=np.column_stack([p.offset[which] for p in design.predictors]),
        compiled=design.family.compiled(response),
    )


def _without_random_effects(
    design: ModelDesign,
    coefficients: _Coefficients,
    finder: ModeFinder,
    held: Mapping[str, float],
) -> Vector:
    """The coefficients of the model without its random terms, roughly.

    The predictors in `held` stay at those values.
    """
    family, n = design.family, design.n
    observed = family.initial_location(design.response)
    named = zip(family.predictors[1:], family.initial_dispersion(design.response), strict=True)
    others = [np.full(n, held.get(name, value)) for name, value in named]
    moving = np.ones(coefficients.columns[-1].stop, dtype=bool)
    for predictor, at in zip(design.predictors, coefficients.columns, strict=True):
        moving[at] = predictor.name not in held

    penalty = design.penalty or Penalty({}, ())
    to_natural = coefficients.to_natural if penalty.coefficients else np.empty((0, 0))

    def densities(at: Vector, order: int) -> list[LogDensity]:
        return [rows.density(rows.fixed(at), order) for rows in finder.rows]

    def evaluate(part: Vector) -> Evaluation:
        at = gamma.copy()
        at[moving] = part
        prior = penalty.of_coefficients(to_natural, at)
        value, gradient, hessian = prior.value, prior.gradient, prior.hessian
        for rows, density in zip(finder.rows, densities(at, 2), strict=True):
            value -= 2.0 * float(np.sum(density.value))
            gradient = gradient - 2.0 * rows.transpose_times(density.d1)
            hessian = hessian + 2.0 * rows.information(density.d2)
        return Evaluation(value, gradient[moving], hessian[np.ix_(moving, moving)])

    # A line through the observations may leave the support; one mean for all is inside it.
    for location in (observed, np.full(n, observed.mean())):
        gamma = _projected([location, *others], design, coefficients)
        if finder.n_predictors == 1:
            none = np.zeros(sum(term.k**2 for term in finder.equations.terms))
            found = finder.find(none, gamma, finder.equations.zeros(1), _ROUGH.tolerance)
            if found is not None:
                return found.beta
        if all(np.isfinite(density.value).all() for density in densities(gamma, 0)):
            gamma[moving] = minimize(evaluate, gamma[moving], _ROUGH).parameters
            return gamma
    raise ModelError(
        f"With the {family.link.name} link no starting point gives every row a mean that the "
        f"{family.name} family can have. Choose another link, check the offset, or keep the "
        "intercept in the model."
    )


def _projected(
    targets: Sequence[Vector], design: ModelDesign, coefficients: _Coefficients
) -> Vector:
    """The coefficients whose predictors are nearest to `targets`, one (n,) a predictor."""
    gamma = np.zeros(coefficients.columns[-1].stop)
    for basis, at, target, predictor in zip(
        coefficients.bases, coefficients.columns, targets, design.predictors, strict=True
    ):
        gamma[at] = basis.Q.T @ (target - predictor.offset) / design.n
    return gamma


def _penalized(
    likelihood: LaplaceLikelihood, penalty: Penalty | None, coefficients: _Coefficients
) -> LaplaceLikelihood | Penalized:
    """What is minimized: the deviance, with the priors where there are some."""
    if penalty is None:
        return likelihood
    return Penalized(likelihood, penalty, coefficients.to_natural[:, likelihood.outer])


def _start(
    finder: ModeFinder,
    parameters: CovarianceParameters,
    gamma: Vector,
    penalty: Penalty | None,
    near: Near | None,
) -> tuple[Vector, list[Vector]]:
    """θ, and the smallest factors that count.

    θ is that of the covariances `near`, or by moments on the working response.
    """
    if not len(parameters):
        return np.empty(0), []
    equations = finder.equations
    densities = [
        concave(r.density(r.fixed(gamma), 2), finder.n_predictors) for r in finder.rows
    ]
    equations.cross_products(finder.weights(densities))
    smallest = smallest_factors(equations.cross_product_blocks())
    if near is None or near.covariances is None:
        scores = equations.by_term(finder.score([d.d1 for d in densities]))
        covariances = Moments.of(equations, [s[:, :, 0] for s in scores]).covariances(1.0)
    else:
        covariances = near.away_from_zero(smallest)
    theta = parameters.parameters_near(covariances)
    if penalty is not None:
        theta = penalty.lifted(parameters, theta, smallest)
    return theta, smallest


def _covariance(
    coefficients: _Coefficients,
    likelihood: LaplaceLikelihood,
    modes: Modes,
    hessian: Matrix,
    free: np.ndarray,
    change: Matrix,
    *,
    scale_free: bool,
) -> tuple[Matrix, Matrix | None]:
    """Covariance of (β, θ), and directions of β without a finite estimate.

    It is the inverse joint Hessian, NaN for what is at a boundary. `change` (nθ, nθ) is the
    derivative of the θ reported by the θ searched over. Integrated coefficients (REML) have
    their conditional covariance plus what they inherit from ψ through the derivative of their
    mode.

    With `scale_free` predictors (logits, logarithms) a direction that moves them by 1, in root
    mean square, and has a standard error of more than 100 is without end: it is separation, or
    a level without events. The covariance is then that of the other directions.
    """
    count, P = len(likelihood.parameters), likelihood.n_coefficients
    slope = np.zeros((P + count, len(free)))  # of (γ, θ) by ψ
    slope[likelihood.outer, np.arange(count, len(free))] = 1.0
    slope[P:, :count] = np.eye(count)
    inside = likelihood.integrated
    if inside.stop:
        slope[inside, free] = likelihood.integrated_slope(free)
    of_psi = np.zeros((len(free), len(free)))
    of_psi[np.ix_(free, free)] = covariance_of(hessian)
    if scale_free and not np.isfinite(of_psi).all():
        outer = np.where(np.arange(len(free)) < count, 0.0, _LEAST_INFORMATION)[free]
        of_psi[np.ix_(free, free)] = covariance_of(hessian + np.diag(outer))
    out = slope @ of_psi @ slope.T
    if inside.stop:
        out[inside, inside] += modes.half @ modes.half.T
    endless = None
    if scale_free and np.isfinite(out[:P, :P]).all():
        values, vectors = np.linalg.eigh(out[:P, :P])
        endless = vectors[:, values > _ENDLESS**2].T
        keep = np.eye(len(out))
        keep[:P, :P] -= endless.T @ endless
        out = keep @ out @ keep if len(endless) else out
    moved = np.empty_like(out)
    R = coefficients.to_natural
    moved[:P, :P] = R @ out[:P, :P] @ R.T
    moved[P:, :P] = change @ out[P:, :P] @ R.T
    moved[:P, P:] = moved[P:, :P].T
    moved[P:, P:] = change @ out[P:, P:] @ change.T
    return moved, endless @ R.T if endless is not None and len(endless) else None


def _terms(
    likelihood: LaplaceLikelihood, modes: Modes, theta: Vector, natural: Vector
) -> tuple[TermFit, ...]:
    parameters, equations = likelihood.parameters, likelihood.equations
    u = equations.by_term(modes.u)
    inverse = equations.inverse_blocks()
    if likelihood.integrated.stop:
        columns = [b @ modes.half for b in modes.border]
        equations.back_solve(columns)
        for block, column in zip(inverse, equations.by_term(columns), strict=True):
            block += column @ column.transpose(0, 2, 1)
    return tuple(
        TermFit(
            theta=natural[at],
            covariance=T @ T.T,
            modes=u[t][:, :, 0] @ T.T,
            mode_covariance=sandwich(T, inverse[t]),
        )
        for t, (T, at) in enumerate(
            zip(parameters.factors(theta), parameters.slices, strict=True)
        )
    )
