"""The Gaussian model whose residuals vary together within subjects; β profiled out.

    y ~ N(Xβ, V),  V = ZGZᵀ + R,  R block-diagonal over subjects

    −2 log L  =  log|C| + log|R| + r² + ν log 2π  [+ log|XᵀV⁻¹X|  if restricted]

In white coordinates, X̃ = L⁻¹X with R = LLᵀ and so on, this is a model with residual variance 1:
C = ΛᵀZ̃ᵀZ̃Λ + I and r² its penalized residual sum of squares. ν is n, or n − p if restricted.
The covariances of the residuals are structures like those of random effects, Σ = TTᵀ over the
positions of a subject. With e = L⁻¹(y − Xβ̂ − Zb̂) and F = L⁻¹(X − ZΛC⁻¹ΛᵀZ̃ᵀX̃)R_X⁻ᵀ,

    ∂d/∂Σ = Σ_s L⁻ᵀ (I − Z̃ΛC⁻¹ΛᵀZ̃ᵀ − [FFᵀ] − eeᵀ) L⁻¹   in the positions of s

The model Hessian is the average information wᵢᵀPwⱼ, wᵢ = ∂ᵢV Py.

Source: Gilmour, Thompson & Cullis (1995), Biometrics 51, 1440–1450; Jennrich & Schluchter
(1986), Biometrics 42, 805–820, for residual structures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.equations import LeastSquares, MixedModelEquations
from henderson.likelihood.chain_rule import factor_curvature, theta_gradient
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.parameters import (
    CovarianceParameters,
    covariance_changes,
    flat,
    smallest_factors,
    unflat,
)
from henderson.likelihood.residual_blocks import ResidualBlocks, Whitening

LOG_2PI = float(np.log(2.0 * np.pi))
_LEAST = 1e-7  # of a residual standard deviation, in units of the response's


@dataclass(frozen=True, slots=True)
class StructuredSolution:
    """What is known at one θ."""

    deviance: float
    beta: Vector  # (p,)
    vcov: Matrix  # (XᵀV⁻¹X)⁻¹
    u: Matrix  # (q, 1)


@dataclass(frozen=True, slots=True)
class _Point:
    """The equations factored at one θ, in white coordinates."""

    factors: Sequence[Matrix]  # of all structures
    whitening: Whitening
    values: Sequence[Matrix]  # L⁻¹Z of each term, (n, k)
    deviance: float
    fixed: LeastSquares
    x: Matrix  # C⁻¹ΛᵀZ̃ᵀ[X̃R_X⁻ᵀ, y − Xβ̂], (q, p + 1)
    rows: Matrix  # [F e], (n, p + 1)


@final
class StructuredLikelihood:
    """Deviance and exact gradient in θ: the random terms' parameters, then the residuals'.

    Parameters
    ----------
    equations
        The equations of the random terms, in one part and with values for all effects; the
        rows of a subject share all levels.
    parameters
        The structures of the random terms, then one for each group of subjects.
    blocks
        Which rows are of one subject.
    X, y, weights
        (n, p), (n,) and (n,): the residuals are those of √wᵢyᵢ.
    restricted
        REML if true, else ML.
    """

    def __init__(
        self,
        equations: MixedModelEquations,
        parameters: CovarianceParameters,
        blocks: ResidualBlocks,
        X: Matrix,
        y: Vector,
        weights: Vector | None,
        *,
        restricted: bool,
    ) -> None:
        n, p = X.shape
        self.equations, self.parameters, self.blocks = equations, parameters, blocks
        self.codes = [term.codes for term in equations.terms]
        self.p, self.restricted = p, restricted
        root = np.ones(n) if weights is None else np.sqrt(weights)
        self._log_weights = 2.0 * float(np.sum(np.log(root)))
        self._xy = np.column_stack([X, y]) * root[:, None]
        self._values = [term.values * root[:, None] for term in equations.terms]
        self._constant = (n - p if restricted else n) * LOG_2PI - self._log_weights
        batches = blocks.batches
        rows = [b.rows.ravel() for b in batches]
        sizes = np.concatenate([np.full(len(b.rows), b.rows.shape[1]) for b in batches])
        self._block_rows = np.concatenate(rows).astype(np.int32)
        self._block_starts = np.concatenate([[0], np.cumsum(sizes)])
        self.smallest: list[Vector] = []
        self._unit = float(np.std(y * root))

    @property
    def n_terms(self) -> int:
        """Random terms; the structures after them are the residuals'."""
        return len(self.codes)

    def start_from(self, theta: Vector) -> None:
        """Fix the units in which scales are small, by the information at a first θ."""
        at = self._point(theta)
        if at is not None:
            blocks = self.equations.cross_product_blocks()
            residual = [np.full(k, _LEAST * self._unit) for k in self.parameters.k]
            self.smallest = [*smallest_factors(blocks), *residual[self.n_terms :]]

    def _point(self, theta: Vector) -> _Point | None:
        """Factor at θ; None where a covariance of residuals is not positive definite."""
        equations, p = self.equations, self.p
        factors = self.parameters.factors(theta)
        whitening = self.blocks.factor([T @ T.T for T in factors[self.n_terms :]])
        if whitening is None:
            return None
        xy = whitening.white(self._xy)
        values = [whitening.white(v) for v in self._values]
        equations.set_values(values)
        gram = xy.T @ xy
        right = equations.data_sums(np.ascontiguousarray(xy[:, :p]), xy[:, p].copy(), None)
        templates = flat(factors[: self.n_terms])
        log_det, border = equations.factor_of_right(templates, right, gram)
        fixed = LeastSquares.of(gram)
        deviance = log_det + whitening.log_determinant + fixed.r2 + self._constant
        if self.restricted:
            deviance += fixed.log_determinant
        if not np.isfinite(deviance):
            return None
        combine = fixed.combination()
        x = border[0] @ combine
        equations.back_solve([x])
        rows = xy @ combine - self._random_part(values, factors, x)
        return _Point(factors, whitening, values, float(deviance), fixed, x, rows)

    def _random_part(
        self, values: Sequence[Matrix], factors: Sequence[Matrix], x: Matrix
    ) -> Matrix:
        """Z̃Λx, (n, m)."""
        out = np.zeros((self.blocks.n, x.shape[1]))
        for v, codes, T, u in zip(
            values, self.codes, factors, self.equations.by_term([x]), strict=False
        ):
            b = np.matmul(T, u)
            for effect in range(len(T)):
                out += v[:, effect, None] * b[codes, effect]
        return out

    def gradient(self, theta: Vector) -> Vector:
        """The gradient alone."""
        return self._evaluate(theta, with_hessian=False).gradient

    def evaluate(self, theta: Vector) -> Evaluation:
        """−2 log L, its gradient in θ, the average information with the curvature of TTᵀ."""
        return self._evaluate(theta, with_hessian=True)

    def _evaluate(self, theta: Vector, *, with_hessian: bool) -> Evaluation:
        theta = self.parameters.regular(theta, self.smallest)
        at = self._point(theta)
        if at is None:
            return Evaluation(np.inf, np.full(len(theta), np.nan), np.eye(len(theta)))
        derivatives = self.parameters.factor_derivatives(theta)
        changes = covariance_changes(at.factors, derivatives)
        information = self._information(at, changes) if with_hessian else None
        by_template = self._by_template(at)
        gradient = theta_gradient(self.parameters, derivatives, by_template)
        if information is None:
            return Evaluation(at.deviance, gradient, np.empty((0, 0)))
        curvature = factor_curvature(
            self.parameters, theta, at.factors, derivatives, by_template
        )
        return Evaluation(at.deviance, gradient, information + curvature)

    def _by_template(self, at: _Point) -> list[Matrix]:
        """∂d/∂T of the random terms and of the residuals; leaves C⁻¹."""
        equations, p = self.equations, self.p
        weight = np.ones(p + 1)
        weight[:p] = 1.0 if self.restricted else 0.0
        fz = equations.z_transpose_times([at.rows[:, None, :]])
        equations.invert(keep_factor=False)
        lost = equations.outer_sums([fz[0] * weight], [at.x])
        of_terms = unflat(
            2.0 * (equations.template_traces() - lost), self.parameters.k[: self.n_terms]
        )
        leverages = None
        if self.n_terms:
            total = sum(b.rows.size * b.rows.shape[1] for b in self.blocks.batches)
            leverages = equations.block_leverages(self._block_rows, self._block_starts, total)
        middle, start = [], 0
        rows = at.rows if self.restricted else at.rows[:, p:]
        for batch in self.blocks.batches:
            m, size = batch.rows.shape
            kept = rows[batch.rows]
            M = np.eye(size) - kept @ kept.transpose(0, 2, 1)
            if leverages is not None:
                stop = start + m * size * size
                M -= leverages[start:stop].reshape(m, size, size)
                start = stop
            middle.append(M)
        by_covariance = at.whitening.by_covariance(middle)
        residual = zip(by_covariance, at.factors[self.n_terms :], strict=True)
        return [*of_terms, *((g + g.T) @ T for g, T in residual)]

    def _information(self, at: _Point, changes: Sequence[Blocks]) -> Matrix:
        """wᵢᵀPwⱼ over all θ, by white rows L⁻¹wᵢ; needs the factor in place."""
        equations, p, terms = self.equations, self.p, self.n_terms
        e = at.rows[:, p]
        score = equations.z_transpose_times([e[:, None, None]])[0]  # Z̃ᵀe = ZᵀPy
        pieces = []
        for t, z in enumerate(equations.by_term([score])):
            b = np.einsum("iab,gb->gai", changes[t], z[:, :, 0])  # ∂ᵢG z by level
            w = np.zeros((len(e), len(changes[t])))
            for effect in range(b.shape[1]):
                w += at.values[t][:, effect, None] * b[self.codes[t], effect]
            pieces.append(w)
        back = at.whitening.transpose(e[:, None])[:, 0]  # R⁻¹(y − Xβ̂ − Zb̂) = Py
        pieces.append(at.whitening.white(self.blocks.changes_times(changes[terms:], back)))
        w = np.hstack(pieces)
        information = w.T @ w
        if terms:
            border = equations.scale(
                equations.z_transpose_times([w[:, None, :]]),
                flat(at.factors[:terms]),
                transposed=True,
            )
            equations.half_solve(border, information)
        across = at.rows[:, :p].T @ w
        return information - across.T @ across

    def deviance_at(self, theta: Vector) -> float:
        """−2 log L at θ exactly; infinite where it does not exist."""
        at = self._point(theta)
        return np.inf if at is None else at.deviance

    def solution(self, theta: Vector) -> StructuredSolution:
        """β̂ and the conditional modes at θ exactly, where there is a likelihood; leaves C⁻¹."""
        at = self._point(theta)
        assert at is not None
        self.equations.invert(keep_factor=False)
        half = at.fixed.half
        return StructuredSolution(
            at.deviance, at.fixed.beta, half @ half.T, np.ascontiguousarray(at.x[:, self.p :])
        )
