"""The linear model whose residuals vary together within subjects; β profiled out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.design import ErrorDesign
from henderson.estimation.fit_result import ErrorFit, Findings, PredictorFit, TermFit
from henderson.estimation.matrices import error_blocks
from henderson.estimation.model_design import ModelDesign
from henderson.estimation.objectives.gaussian import exact_fit
from henderson.estimation.objectives.objective import End, Near, Start
from henderson.likelihood.correlated_errors import CorrelatedErrorsLikelihood
from henderson.likelihood.fixed_basis import FixedBasis
from henderson.likelihood.penalty import Penalized
from henderson.optimize.boundary import ends_in_words, settle
from henderson.optimize.curvature import covariance_of

_SHARE = 0.3  # of the variance, that random terms have at the start
_SINGULAR = 1e-4  # a singular value of the factor of the correlations, taken as 0
_LEAST_EIGENVALUE = 0.05  # of a first covariance, times its mean variance


@final
@dataclass(frozen=True, slots=True)
class CorrelatedErrorsObjective:
    """−2 log L or the REML criterion; residuals are independent between subjects."""

    design: ModelDesign
    restricted: bool
    basis: FixedBasis
    gamma: Vector  # the least-squares coefficients, in the basis
    left: Vector  # (n,), residuals of these
    likelihood: CorrelatedErrorsLikelihood | Penalized

    strictness = 1.0
    hessian_is_cheap = True
    polishes = False

    @classmethod
    def of(cls, design: ModelDesign, restricted: bool) -> Self:
        """The blocks of the subjects and the response less its least-squares fit."""
        errors, location, spread = design.errors, *design.predictors
        assert errors is not None
        weights = None if np.all(design.response.size == 1.0) else design.response.size
        basis = FixedBasis.of(location.fixed.matrix)
        y = design.response.y - location.offset
        gamma = basis.Q.T @ y / design.n
        left = y - basis.Q @ gamma
        if not np.sum(left**2) > 1e-20 * np.sum(y**2):
            raise exact_fit(design.label, "variance")
        likelihood = CorrelatedErrorsLikelihood(
            design.term_matrices(),
            design.covariance_parameters(),
            error_blocks(errors),
            basis.Q,
            left,
            weights,
            scales=spread.fixed.matrix,
            log_scale=spread.offset,
            restricted=restricted,
        )
        searched = likelihood
        if design.penalty is not None:  # coefficients of the location have no priors
            count = spread.fixed.matrix.shape[1]
            rows = np.vstack([np.zeros((basis.Q.shape[1], count)), np.eye(count)])
            searched = Penalized(likelihood, design.penalty, rows)
        return cls(design, restricted, basis, gamma, left, searched)

    def of_response(self, design: ModelDesign) -> Self:
        """Another response."""
        return type(self).of(design, self.restricted)

    @property
    def unpenalized(self) -> CorrelatedErrorsLikelihood:
        """The likelihood without priors."""
        searched = self.likelihood
        found = searched.likelihood if isinstance(searched, Penalized) else searched
        assert isinstance(found, CorrelatedErrorsLikelihood)
        return found

    def start(self, near: Near | None = None) -> Vector:
        """Of the random terms a share of the variance; of the residuals that of pairs seen.

        Near another fit, what it found; then residuals are independent where they were there.
        """
        errors, likelihood = self.design.errors, self.unpenalized
        assert errors is not None
        likelihood.parameters = parameters = self.design.covariance_parameters()
        spread = self.design.predictors[1]
        covariances = _first_covariances(self.design, errors, self.left)
        logs = np.zeros(spread.fixed.matrix.shape[1])
        psi = np.concatenate([parameters.parameters_near(covariances), logs])
        likelihood.start_from(psi)
        if near is None or near.covariances is None or not likelihood.smallest:
            return psi
        if near.residuals is None:
            variance = float(np.exp(2.0 * near.predictors[1].mean()))
            residuals = (variance * np.eye(len(errors.positions)),) * len(errors.groups)
        else:
            residuals = near.residuals
            apart = near.predictors[1] - spread.offset
            logs = np.linalg.lstsq(spread.fixed.matrix, apart, rcond=None)[0]
        covariances = [*near.away_from_zero(likelihood.smallest), *residuals]
        return np.concatenate([parameters.parameters_near(covariances), logs])

    def further_starts(self) -> Sequence[Start]:
        """None of its own."""
        return ()

    def settled(self, psi: Vector) -> End:
        """Variances that are zero to precision made zero; correlations at their ends."""
        searched, likelihood = self.likelihood, self.unpenalized
        parameters, smallest = likelihood.parameters, likelihood.smallest
        found, logs = np.split(psi, [len(parameters)])
        theta = settle(
            parameters,
            found,
            smallest,
            lambda theta: searched.deviance_at(np.concatenate([theta, logs])),
        )
        psi = np.concatenate([theta, logs])
        if not np.isfinite(searched.deviance_at(psi)):  # residuals of a singular covariance
            theta = parameters.regular(found, smallest)
            psi = np.concatenate([theta, logs])
        return End(psi, np.ones(len(psi), dtype=bool), _limits(likelihood, theta))

    def findings(self, psi: Vector, free: NDArray[np.bool_], hessian: Matrix) -> Findings:
        """The estimates in the user's coefficients and units."""
        design, basis, likelihood = self.design, self.basis, self.unpenalized
        errors, location, spread = design.errors, *design.predictors
        assert errors is not None
        solution = likelihood.solution(psi)
        parameters, count = likelihood.parameters, len(likelihood.parameters)
        theta, logs = np.split(psi, [count])
        deviance = solution.deviance
        if likelihood.restricted:
            deviance += 2.0 * basis.log_volume
        beta = basis.coefficients(self.gamma + solution.beta)
        factors = parameters.factors(theta)
        natural, change = parameters.translation(theta, design.covariance_parameters())
        terms = tuple(
            TermFit(natural[at], T @ T.T, modes, covariance)
            for at, T, modes, covariance in zip(
                parameters.slices,
                factors,
                solution.modes,
                solution.mode_covariances,
                strict=False,
            )
        )
        covariances = tuple(T @ T.T for T in factors[likelihood.n_terms :])
        eta = location.fixed.matrix @ beta + location.offset
        for term, z in zip(terms, location.random, strict=True):
            eta = eta + np.einsum("nk,nk->n", z.all_columns, term.modes[z.codes])
        variance = np.stack(covariances)[errors.group, errors.position, errors.position]
        joint = np.zeros((len(psi), len(psi)))
        joint[np.ix_(free, free)] = covariance_of(hessian)
        first = np.r_[count : len(psi), 0:count]  # γ is before θ
        moves = np.eye(len(psi))
        moves[len(logs) :, len(logs) :] = change
        p = len(beta)
        vcov = np.zeros((p + len(psi), p + len(psi)))
        vcov[:p, :p] = basis.covariance(solution.vcov)
        vcov[p:, p:] = moves @ joint[np.ix_(first, first)] @ moves.T
        log_sd = 0.5 * np.log(variance) + spread.fixed.matrix @ logs + spread.offset
        before = np.zeros(p)  # coefficients of the location have no priors
        return Findings(
            predictors=(PredictorFit(beta, terms, eta), PredictorFit(logs, (), log_sd)),
            vcov_all=vcov,
            log_likelihood=-0.5 * deviance,
            errors=ErrorFit(
                thetas=tuple(natural[at] for at in parameters.slices[likelihood.n_terms :]),
                covariances=covariances,
            ),
            log_prior=0.0
            if design.penalty is None
            else design.penalty.log_density(np.append(before, logs), parameters, theta),
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
