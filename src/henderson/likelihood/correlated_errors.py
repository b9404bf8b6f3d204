"""The Gaussian model whose residuals vary together within subjects; β profiled out.

    y ~ N(Xβ, V),  V = ZGZᵀ + R,  R block-diagonal over subjects,  R = S Σ S

    −2 log L  =  log|C| + log|R| + r² + ν log 2π  [+ log|XᵀV⁻¹X|  if restricted]

In white coordinates, X̃ = L⁻¹X with R = LLᵀ and so on, this is a model with residual variance 1:
C = ΛᵀZ̃ᵀZ̃Λ + I and r² its penalized residual sum of squares. ν is n, or n − p if restricted.
The covariances of the residuals are structures like those of random effects, Σ = TTᵀ over the
positions of a subject; S is diagonal, exp(Dγ), where a dispersion formula has D, and else I.
With e = L⁻¹(y − Xβ̂ − Zb̂) and F = L⁻¹(X − ZΛC⁻¹ΛᵀZ̃ᵀX̃)R_X⁻ᵀ,

    M  =  I − Z̃ΛC⁻¹ΛᵀZ̃ᵀ − [FFᵀ] − eeᵀ
    ∂d/∂Σ = Σ_s L⁻ᵀ M L⁻¹   in the positions of s,     ∂d/∂γ = 2 Dᵀ diag(L⁻ᵀ M Lᵀ)

Effects that cross the subjects are a dense tail of C, see `crossed_effects`. The model Hessian
is the average information wᵢᵀPwⱼ, wᵢ = ∂ᵢV Py.

Source: Gilmour, Thompson & Cullis (1995), Biometrics 51, 1440–1450; Jennrich & Schluchter
(1986), Biometrics 42, 805–820, for residual structures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.sparse import csr_array, hstack

from henderson.arrays import Blocks, Matrix, Vector
from henderson.equations import LeastSquares, MixedModelEquations, RandomTermMatrix
from henderson.errors import ModelError
from henderson.likelihood.chain_rule import factor_curvature, theta_gradient
from henderson.likelihood.crossed_effects import (
    CrossedEffects,
    Posterior,
    Tail,
    WhiteEffects,
)
from henderson.likelihood.error_blocks import ErrorBlocks, Whitening
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.parameters import (
    CovarianceParameters,
    covariance_changes,
    flat,
    smallest_factors,
    unflat,
)

LOG_2PI = float(np.log(2.0 * np.pi))
_ROWS = 256  # that are predicted at a time
_LEAST = 1e-7  # of a residual standard deviation, in units of the response's


@dataclass(frozen=True, slots=True)
class StructuredSolution:
    """What is known at one ψ."""

    deviance: float
    beta: Vector  # (p,)
    vcov: Matrix  # (XᵀV⁻¹X)⁻¹
    modes: list[Matrix]  # of b by term, (g, k)
    mode_covariances: list[Blocks]  # of b given y and all parameters, (g, k, k)


@dataclass(frozen=True, slots=True)
class _White:
    """Rows in white coordinates at one ψ."""

    factors: Sequence[Matrix]  # of all structures
    whitening: Whitening
    values: Sequence[Matrix]  # L⁻¹Z of each nested term, (n, k)
    xy: Matrix  # L⁻¹[X y]
    crossed: WhiteEffects | None
    log_determinant: float  # of R


@dataclass(frozen=True, slots=True)
class _Point:
    """The equations factored at one ψ, in white coordinates."""

    factors: Sequence[Matrix]  # of all structures
    whitening: Whitening
    values: Sequence[Matrix]  # L⁻¹Z of each nested term, (n, k)
    deviance: float
    fixed: LeastSquares
    x: Matrix  # C⁻¹ΛᵀZ̃ᵀ[X̃R_X⁻ᵀ, y − Xβ̂] of the nested terms, (q, p + 1)
    rows: Matrix  # [F e], (n, p + 1)
    tail: Tail | None


@final
class CorrelatedErrorsLikelihood:
    """Deviance and exact gradient in ψ: θ of the random terms, of the residuals, and γ.

    Parameters
    ----------
    terms
        The random terms.
    parameters
        The structures of the random terms, then one for each group of subjects.
    blocks
        Which rows are of one subject.
    X, y, weights
        (n, p), (n,) and (n,): the residuals are those of √wᵢyᵢ.
    scales
        D (n, number of γ), without a constant; None: no γ.
    log_scale
        (n,), added to Dγ; zeros unless given.
    restricted
        REML if true, else ML.
    """

    def __init__(
        self,
        terms: Sequence[RandomTermMatrix],
        parameters: CovarianceParameters,
        blocks: ErrorBlocks,
        X: Matrix,
        y: Vector,
        weights: Vector | None,
        *,
        scales: Matrix | None = None,
        log_scale: Vector | None = None,
        restricted: bool,
    ) -> None:
        n, p = X.shape
        self.parameters, self.blocks, self.n_terms = parameters, blocks, len(terms)
        crossing = [blocks.are_crossed_by(term.codes) for term in terms]
        self.nested = [t for t, crosses in enumerate(crossing) if not crosses]
        self.crossed = [t for t, crosses in enumerate(crossing) if crosses]
        own = [terms[t].in_full() for t in self.nested]
        self.equations = MixedModelEquations(own, n, 1)
        self.codes = [term.codes for term in own]
        self._z = [term.values for term in own]
        self._effects = (
            CrossedEffects.of(blocks, [terms[t] for t in self.crossed])
            if self.crossed
            else None
        )
        self.p, self.restricted = p, restricted
        self._root = np.ones(n) if weights is None else np.sqrt(weights)
        self._log_weights = 2.0 * float(np.sum(np.log(self._root)))
        self._xy = np.column_stack([X, y])
        self._constant = (n - p if restricted else n) * LOG_2PI - self._log_weights
        self._scales = np.empty((n, 0)) if scales is None else scales
        self._log_scale = np.zeros(n) if log_scale is None else log_scale
        batches = blocks.batches
        rows = [b.rows.ravel() for b in batches]
        sizes = np.concatenate([np.full(len(b.rows), b.rows.shape[1]) for b in batches])
        self._block_rows = np.concatenate(rows).astype(np.int32)
        self._block_starts = np.concatenate([[0], np.cumsum(sizes)])
        self.smallest: list[Vector] = []
        self._unit = float(np.std(y * self._root))

    def start_from(self, psi: Vector) -> None:
        """Fix the units in which scales are small, by the information at a first ψ."""
        at = self._point(psi)
        if at is None:
            self.smallest = [np.full(k, 1e-6 * self._unit) for k in self.parameters.k]
            return
        blocks: list[Blocks] = [np.empty(0)] * self.n_terms
        own = self.equations.cross_product_blocks()
        if at.tail is not None:
            white = at.tail.white
            own += white.effects.level_blocks(white.cross_products())
        for t, block in zip([*self.nested, *self.crossed], own, strict=True):
            blocks[t] = block
        residual = [np.full(k, _LEAST * self._unit) for k in self.parameters.k]
        self.smallest = [*smallest_factors(blocks), *residual[self.n_terms :]]

    def _of(self, which: Sequence[int], factors: Sequence[Matrix]) -> list[Matrix]:
        return [factors[t] for t in which]

    def _white(self, psi: Vector) -> _White | None:
        """White rows at ψ; None where a covariance of residuals is not positive definite."""
        count = len(self.parameters)
        factors = self.parameters.factors(psi[:count])
        whitening = self.blocks.factor([T @ T.T for T in factors[self.n_terms :]])
        if whitening is None:
            return None
        logs = self._scales @ psi[count:] + self._log_scale
        scale = self._root * np.exp(-logs)
        return _White(
            factors,
            whitening,
            [whitening.white(z * scale[:, None]) for z in self._z],
            whitening.white(self._xy * scale[:, None]),
            None if self._effects is None else self._effects.white(whitening, scale),
            whitening.log_determinant + 2.0 * float(np.sum(logs)),
        )

    def _point(self, psi: Vector) -> _Point | None:
        """Factor at ψ; None where there is no likelihood."""
        white, equations = self._white(psi), self.equations
        if white is None:
            return None
        xy, crossed, own = white.xy, white.crossed, self._of(self.nested, white.factors)
        equations.set_values(white.values)
        right = equations.data_sums(
            np.ascontiguousarray(xy[:, :-1]), np.ascontiguousarray(xy[:, -1]), None
        )[0]
        gram, q = xy.T @ xy, 0
        if crossed is not None:
            q = crossed.effects.q
            right = np.hstack([self._nested_by_crossed(crossed), right])
            across = crossed.transpose_times(xy)
            gram = np.block([[crossed.cross_products(), across], [across.T, gram]])
        log_det, border = equations.factor_of_right(flat(own), [right], gram)
        taken = None
        if crossed is not None:
            taken = Posterior.of(crossed, self._of(self.crossed, white.factors), gram)
            if taken is None:
                return None
            log_det += taken.log_determinant
        fixed = LeastSquares.of(np.ascontiguousarray(gram[q:, q:]))
        deviance = log_det + white.log_determinant + fixed.r2 + self._constant
        if self.restricted:
            deviance += fixed.log_determinant
        if not np.isfinite(deviance):
            return None
        equations.back_solve(border)
        combine, x = fixed.combination(), border[0][:, q:]
        tail, rows = None, xy @ combine
        if crossed is not None and taken is not None:
            tail = Tail.of(crossed, taken, np.ascontiguousarray(border[0][:, :q]), combine)
            x = x - tail.x @ taken.b
            rows -= crossed.times(tail.b)
        x = np.ascontiguousarray(x @ combine)
        rows -= self._random_part(white.values, own, x)
        return _Point(
            white.factors, white.whitening, white.values, float(deviance), fixed, x, rows, tail
        )

    def _nested_by_crossed(self, white: WhiteEffects) -> Matrix:
        """Z₁ᵀR⁻¹Z₂, (q, q₂)."""
        pieces = [
            self.equations.z_transpose_times([dense[:, None, :]])[0]
            for dense in white.some_columns()
        ]
        return np.hstack(pieces)

    def _random_part(
        self, values: Sequence[Matrix], factors: Sequence[Matrix], x: Matrix
    ) -> Matrix:
        """Z̃Λx of the nested terms, (n, m)."""
        out = np.zeros((self.blocks.n, x.shape[1]))
        for v, codes, T, u in zip(
            values, self.codes, factors, self.equations.by_term([x]), strict=True
        ):
            b = np.matmul(T, u)
            for effect in range(len(T)):
                out += v[:, effect, None] * b[codes, effect]
        return out

    def gradient(self, psi: Vector) -> Vector:
        """The gradient alone."""
        return self._evaluate(psi, with_hessian=False).gradient

    def evaluate(self, psi: Vector) -> Evaluation:
        """−2 log L, its gradient in ψ, the average information with the curvature of TTᵀ."""
        return self._evaluate(psi, with_hessian=True)

    def _evaluate(self, psi: Vector, *, with_hessian: bool) -> Evaluation:
        count = len(self.parameters)
        theta = self.parameters.regular(psi[:count], self.smallest)
        psi = np.concatenate([theta, psi[count:]])
        at = self._point(psi)
        if at is None:
            return Evaluation(np.inf, np.full(len(psi), np.nan), np.eye(len(psi)))
        derivatives = self.parameters.factor_derivatives(theta)
        changes = covariance_changes(at.factors, derivatives)
        information = self._information(at, changes) if with_hessian else None
        by_template, by_scale = self._by_template(at)
        gradient = np.concatenate(
            [theta_gradient(self.parameters, derivatives, by_template), by_scale]
        )
        if information is None:
            return Evaluation(at.deviance, gradient, np.empty((0, 0)))
        information[:count, :count] += factor_curvature(
            self.parameters, theta, at.factors, derivatives, by_template
        )
        return Evaluation(at.deviance, gradient, information)

    def _by_template(self, at: _Point) -> tuple[list[Matrix], Vector]:
        """∂d/∂T of the random terms and of the residuals, and ∂d/∂γ; leaves C⁻¹."""
        equations, p, tail = self.equations, self.p, at.tail
        own = self._of(self.nested, at.factors)
        weight = np.ones(p + 1)
        weight[:p] = 1.0 if self.restricted else 0.0
        fz = equations.z_transpose_times([at.rows[:, None, :]])
        met = np.empty((0, 0))
        if tail is not None and self.nested:  # Z₁ᵀV₁⁻¹Z₂P
            pushed = equations.scale([tail.x], flat(own), transposed=False)
            met = (self._nested_by_crossed(tail.white) - equations.multiply(pushed)[0]) @ tail.P
        equations.invert(keep_factor=False)
        lost = equations.outer_sums([fz[0] * weight], [at.x])
        if tail is not None and self.nested:
            lost += equations.outer_sums([np.ascontiguousarray(met)], [tail.x])
        of_terms: list[Matrix] = [np.empty(0)] * self.n_terms
        nested = unflat(2.0 * (equations.template_traces() - lost), [len(T) for T in own])
        for t, each in zip(self.nested, nested, strict=True):
            of_terms[t] = each
        if tail is not None:
            factors = self._of(self.crossed, at.factors)
            found = tail.traces(factors, fixed=p if self.restricted else 0)
            for t, each in zip(self.crossed, found, strict=True):
                of_terms[t] = each
        middle = self._middle(at, own)
        by_covariance = at.whitening.by_covariance(middle)
        residual = zip(by_covariance, at.factors[self.n_terms :], strict=True)
        by_scale = np.empty(0)
        if self._scales.shape[1]:
            by_scale = self._scales.T @ at.whitening.by_row_scale(middle)
        return [*of_terms, *((g + g.T) @ T for g, T in residual)], by_scale

    def _middle(self, at: _Point, own: Sequence[Matrix]) -> list[Blocks]:
        """M of each subject, by batch (m, size, size); after C was inverted."""
        leverages = None
        if self.nested:
            total = sum(b.rows.size * b.rows.shape[1] for b in self.blocks.batches)
            leverages = self.equations.block_leverages(
                self._block_rows, self._block_starts, total
            )
        crossed = None
        if at.tail is not None:
            nested = [
                (codes, v @ T) for codes, v, T in zip(self.codes, at.values, own, strict=True)
            ]
            crossed = at.tail.leverages(nested, lambda x: self.equations.by_term([x]))
        middle, start = [], 0
        rows = at.rows if self.restricted else at.rows[:, self.p :]
        for index, batch in enumerate(self.blocks.batches):
            m, size = batch.rows.shape
            kept = rows[batch.rows]
            M = np.eye(size) - kept @ kept.transpose(0, 2, 1)
            if leverages is not None:
                stop = start + m * size * size
                M -= leverages[start:stop].reshape(m, size, size)
                start = stop
            if crossed is not None:
                M -= crossed[index]
            middle.append(M)
        return middle

    def _information(self, at: _Point, changes: Sequence[Blocks]) -> Matrix:
        """wᵢᵀPwⱼ over all ψ, by white rows L⁻¹wᵢ; needs the factor in place."""
        equations, p, terms, tail = self.equations, self.p, self.n_terms, at.tail
        e = at.rows[:, p]
        score = equations.z_transpose_times([e[:, None, None]])[0]  # Z̃ᵀe = ZᵀPy
        pieces: list[Matrix] = [np.empty(0)] * terms
        for i, z in enumerate(equations.by_term([score])):
            t = self.nested[i]
            b = np.einsum("iab,gb->gai", changes[t], z[:, :, 0])  # ∂ᵢG z by level
            w = np.zeros((len(e), len(changes[t])))
            for effect in range(b.shape[1]):
                w += at.values[i][:, effect, None] * b[self.codes[i], effect]
            pieces[t] = w
        if tail is not None:
            effects, start = tail.white.effects, 0
            for t, z in zip(self.crossed, effects.by_term(tail.F[:, p:]), strict=True):
                b = np.einsum("iab,gb->gai", changes[t], z[:, :, 0])
                g, k, count = b.shape
                moved = np.zeros((effects.q, count))
                moved[start : start + g * k] = b.reshape(g * k, count)
                pieces[t] = tail.white.times(moved)
                start += g * k
        whitening = at.whitening
        back = whitening.transpose(e[:, None])  # Py = R⁻¹(y − Xβ̂ − Zb̂), of scaled rows
        by_covariance = self.blocks.changes_times(changes[terms:], back[:, 0])
        pieces.append(whitening.white(by_covariance))
        if self._scales.shape[1]:
            D, left = self._scales, whitening.colour(e[:, None])
            pieces.append(whitening.white(D * left) + whitening.colour_transposed(D * back))
        w = np.hstack(pieces)
        information, met = w.T @ w, None
        if self.nested:
            own = flat(self._of(self.nested, at.factors))
            pushed = equations.z_transpose_times([w[:, None, :]])
            border = equations.scale(pushed, own, transposed=True)
            met = None if tail is None else tail.x.T @ border[0]
            equations.half_solve(border, information)
        if tail is not None:
            left = tail.white.transpose_times(w)
            left -= 0.0 if met is None else met  # Z₂ᵀV₁⁻¹w
            information -= left.T @ tail.P @ left
        across = at.rows[:, :p].T @ w
        return information - across.T @ across

    def information_lost(self, psi: Vector) -> tuple[Matrix, Blocks]:
        """T with TTᵀ = (XᵀV⁻¹X)⁻¹, (p, p), and Aᵀ∂ᵢVA of every ψᵢ, A = V⁻¹XT, (m, p, p)."""
        at = self._point(psi)
        assert at is not None
        count = len(self.parameters)
        derivatives = self.parameters.factor_derivatives(psi[:count])
        changes = covariance_changes(at.factors, derivatives)
        p, whitening = self.p, at.whitening
        F = np.ascontiguousarray(at.rows[:, :p])
        found: list[Blocks] = [np.empty(0)] * self.n_terms
        by_term = self.equations.by_term(self.equations.z_transpose_times([F[:, None, :]]))
        for t, z in zip(self.nested, by_term, strict=True):
            found[t] = _products(z, changes[t])
        if at.tail is not None:
            effects = at.tail.white.effects
            for t, z in zip(self.crossed, effects.by_term(at.tail.F[:, :p]), strict=True):
                found[t] = _products(z, changes[t])
        A = whitening.transpose(F)  # of scaled rows
        own = changes[self.n_terms :]
        moved = [A.T @ self.blocks.changes_times(own, A[:, j]) for j in range(p)]
        found.append(np.stack(moved, axis=1).transpose(2, 0, 1))
        left = whitening.colour(F)
        half = np.einsum("nd,np,nq->dpq", self._scales, A, left, optimize=True)
        found.append(half + half.transpose(0, 2, 1))
        return at.fixed.half, np.concatenate(found)

    def prediction_variance(self, psi: Vector, rows: Matrix, z: Sequence[csr_array]) -> Vector:
        """Variance of the prediction error of x'β̂ + z'b̂ of each of m rows, (m,).

        `rows` (m, p) has the x, `z` (m, g k) the z of each term.

        Raises
        ------
        ModelError
            Where the covariance of the residuals is singular.
        """
        at = self._point(psi)
        if at is None:
            raise ModelError(
                "The covariance of the residuals is estimated as singular, so that there are "
                "no intervals with random effects. Give random=False."
            )
        parts = range(0, len(rows), _ROWS)
        found = [
            self._some_variances(at, rows[i : i + _ROWS], [each[i : i + _ROWS] for each in z])
            for i in parts
        ]
        return np.concatenate(found)

    def _some_variances(self, at: _Point, rows: Matrix, z: Sequence[csr_array]) -> Vector:
        equations, p, m, tail = self.equations, self.p, len(rows), at.tail
        wanted = np.zeros((equations.q, m))
        for i, t in enumerate(self.nested):
            wanted[equations.columns(i)] = z[t].T.toarray()
        own = flat(self._of(self.nested, at.factors))
        border = equations.scale([wanted], own, transposed=True)  # Λ₁ᵀz₁
        moved = rows @ at.fixed.half - border[0].T @ at.x[:, :p]
        variance = np.zeros(m)
        if tail is not None:
            crossed = hstack([z[t] for t in self.crossed]).toarray()
            moved -= crossed @ tail.b[:, :p]
            left = crossed - border[0].T @ tail.x
            variance += np.einsum("ij,ij->i", left @ tail.P, left)
        gram = np.zeros((m, m))
        equations.half_solve(border, gram)
        return variance - np.diag(gram) + np.sum(moved**2, axis=1)

    def deviance_at(self, psi: Vector) -> float:
        """−2 log L at ψ exactly; infinite where it does not exist."""
        at = self._point(psi)
        return np.inf if at is None else at.deviance

    def solution(self, psi: Vector) -> StructuredSolution:
        """β̂ and the conditional modes at ψ exactly; leaves C⁻¹ where it is needed.

        Raises
        ------
        ModelError
            Where there is no likelihood.
        """
        at = self._point(psi)
        if at is None:
            raise ModelError(
                "The likelihood of this model cannot be computed for these data: where the "
                "search ended, the covariance of the residuals is singular. Choose a simpler "
                "structure, or leave out random terms."
            )
        self.equations.invert(keep_factor=False)
        modes: list[Matrix] = [np.empty(0)] * self.n_terms
        covariances: list[Blocks] = [np.empty(0)] * self.n_terms
        inverse = self.equations.inverse_blocks()
        if at.tail is not None:
            x = self.equations.by_term([at.tail.x])
            xP = self.equations.by_term([np.ascontiguousarray(at.tail.x @ at.tail.P)])
            inverse = [
                B + a @ c.transpose(0, 2, 1) for B, a, c in zip(inverse, x, xP, strict=True)
            ]
            effects = at.tail.white.effects
            of_crossed = effects.by_term(at.tail.b[:, self.p :])
            for t, b, B in zip(
                self.crossed, of_crossed, effects.level_blocks(at.tail.P), strict=True
            ):
                modes[t], covariances[t] = b[:, :, 0], B
        u = self.equations.by_term([np.ascontiguousarray(at.x[:, self.p :])])
        for t, each, B in zip(self.nested, u, inverse, strict=True):
            T = at.factors[t]
            modes[t], covariances[t] = each[:, :, 0] @ T.T, T @ B @ T.T
        half = at.fixed.half
        return StructuredSolution(at.deviance, at.fixed.beta, half @ half.T, modes, covariances)


def _products(z: Blocks, changes: Blocks) -> Blocks:
    """Σ zᵀDz over levels, (count, p, p), for z (g, k, p) and D (count, k, k)."""
    return np.array([np.tensordot(z, D @ z, axes=((0, 1), (0, 1))) for D in changes]).reshape(
        len(changes), z.shape[2], z.shape[2]
    )
