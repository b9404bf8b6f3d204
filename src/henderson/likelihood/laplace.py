"""The Laplace approximation, for any family, with its exact gradient.

    −2 log L  ≈  −2h(û) + log det C,    C = ΛᵀZᵀWZΛ + I,   W = −∂²l/∂η² at û

Predictors η¹ ... ηᴷ (location, dispersion, ...) are stacked; W has a K x K block per row. For
REML the fixed effects of the location are integrated with u: C gains a border.

With Sᵢ the K x K block of ZΛC⁻¹ΛᵀZᵀ at row i, and

    tᵢᵃ = −½ Σ Sᵢᵇᶜ ∂³lᵢ/∂ηᵃ∂ηᵇ∂ηᶜ,   α = C⁻¹ΛᵀZᵀt,   r = ∂l/∂η − t + WZΛα

    ∂ log L/∂β = Xᵀr,    ∂ log L/∂Λ = Zᵀr ûᵀ − Zᵀ(∂l/∂η) αᵀ − ZᵀWZΛC⁻¹

The modes move with the parameters; their derivative is in α. The model Hessian is that of the
working linear model, its weights W frozen.

Source: the gradient by implicit differentiation of the modes, as in Skaug & Fournier (2006),
Comput. Stat. Data Anal. 51, 699–709.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Blocks, Matrix, Vector
from henderson.equations import MixedModelEquations
from henderson.likelihood.adaptive_quadrature import AdaptiveQuadrature, QuadratureSum
from henderson.likelihood.chain_rule import (
    factor_curvature,
    theta_gradient,
)
from henderson.likelihood.conditional_modes import ModeFinder, Modes
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.packing import pairs, second, third
from henderson.likelihood.parameters import (
    CovarianceParameters,
    covariance_changes,
    flat,
    flat_changes,
    unflat,
)
from henderson.likelihood.rows import LogDensity, Rows

LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True, slots=True)
class _WorkingModel:
    """Sums of the linear model with response η + W⁻¹∂l/∂η and weights W, at the modes."""

    zwx: Sequence[Matrix]  # ZᵀWX, (q_part, P), replicated
    xwx: Matrix  # XᵀWX, (P, P)
    score: Sequence[Matrix]  # Zᵀ∂l/∂η, (q_part, 1), replicated


@dataclass(frozen=True, slots=True)
class _Inverse:
    """C⁻¹ as far as the gradient needs it; with quadrature, what stands in its place."""

    leverages: Sequence[Matrix]  # blocks of ZΛC⁻¹ΛᵀZᵀ by row, (n_part, K(K+1)/2)
    traces: Vector  # Σ over levels of AΛC⁻¹, flat
    log_ratio: float = 0.0
    border: tuple[Sequence[Matrix], Matrix] | None = None  # C⁻¹ΛᵀZᵀWX_I R⁻ᵀ and R⁻ᵀ (REML)
    quadrature: QuadratureSum | None = None


@final
class LaplaceLikelihood:
    """Deviance in ψ = (θ, β), exact gradient, model Hessian.

    Parameters
    ----------
    equations
        The equations of the random terms of all predictors.
    parameters
        θ and its structures.
    rows
        One `Rows` a part of the equations.
    random
        Predictors with random effects, the location (0) first.
    integrated
        Coefficients integrated out with u (REML): those of the location; or an empty slice.
    smallest
        Diagonals of T that do not count, see `smallest_factors`; by default 1e-7.
    quadrature
        Adaptive quadrature in place of the Laplace approximation, for the only random term; in
        one part, nothing integrated out with u.
    """

    def __init__(
        self,
        equations: MixedModelEquations,
        parameters: CovarianceParameters,
        rows: Sequence[Rows],
        random: tuple[int, ...] = (0,),
        integrated: slice = slice(0, 0),
        smallest: Sequence[Vector] | None = None,
        quadrature: AdaptiveQuadrature | None = None,
    ) -> None:
        self.equations, self.parameters, self.rows = equations, parameters, rows
        self.random, self.integrated = random, integrated
        self.quadrature = quadrature
        self.n_predictors = len(rows[0].X)
        self.finder = ModeFinder(equations, rows, random, integrated)
        self.n_coefficients = rows[0].n_coefficients
        kept = np.ones(self.n_coefficients, dtype=bool)
        kept[integrated] = False
        self.outer = np.flatnonzero(kept)  # coefficients that are searched over
        self._beta = np.zeros(self.n_coefficients)
        self._last: tuple[Modes, _WorkingModel] | None = None
        self._last_psi = np.empty(0)
        self._best: tuple[float, Sequence[Matrix], Vector] | None = None
        self.smallest = smallest or [np.full(k, 1e-7) for k in parameters.k]

    # ---- parameters --------------------------------------------------------------------------

    def pack(self, theta: Vector, beta: Vector) -> Vector:
        """ψ: θ, then the coefficients that are searched over."""
        return np.concatenate([theta, beta[self.outer]])

    def unpack(self, psi: Vector) -> tuple[Vector, Vector]:
        """θ and all coefficients, the integrated ones where they were last."""
        theta = psi[: len(self.parameters)]
        beta = self._beta.copy()
        beta[self.outer] = psi[len(self.parameters) :]
        return theta, beta

    def start_from(self, beta: Vector) -> None:
        """Where integrated coefficients start."""
        self._beta = beta.copy()

    # ---- evaluation --------------------------------------------------------------------------

    def gradient(self, psi: Vector) -> Vector:
        """The gradient alone."""
        return self._evaluate(psi, with_hessian=False).gradient

    def evaluate(self, psi: Vector) -> Evaluation:
        """−2 log L, its gradient in ψ and the Hessian of the working model."""
        return self._evaluate(psi, with_hessian=True)

    def _evaluate(self, psi: Vector, *, with_hessian: bool) -> Evaluation:
        theta, beta = self.unpack(psi)
        theta = self.parameters.regular(theta, self.smallest)
        factors = self.parameters.factors(theta)
        modes = self.modes(flat(factors), beta)
        if modes is None:
            return Evaluation(np.inf, np.full(len(psi), np.nan), np.eye(len(psi)))
        work = self._working_model(modes)
        derivatives = self.parameters.factor_derivatives(theta)
        inverse = self._invert(modes)
        deviance = self._laplace_deviance(modes) - 2.0 * inverse.log_ratio
        by_template, by_beta = self._gradient(modes, work, inverse)
        gradient = np.concatenate(
            [theta_gradient(self.parameters, derivatives, by_template), by_beta[self.outer]]
        )
        hessian = np.empty((0, 0))
        if with_hessian:
            hessian = self._working_hessian(
                modes, work, covariance_changes(factors, derivatives)
            )
            at = slice(0, len(theta))
            hessian[at, at] += factor_curvature(
                self.parameters, theta, factors, derivatives, by_template
            )
        self._remember(modes, work, deviance)
        self._last_psi = psi
        return Evaluation(deviance, gradient, hessian)

    def exactly(self, psi: Vector) -> Modes | None:
        """The modes at ψ exactly, zero variances included, with C⁻¹ where it is needed."""
        theta, beta = self.unpack(psi)
        modes = self.modes(flat(self.parameters.factors(theta)), beta)
        if modes is not None:
            self.equations.invert(keep_factor=True)
        return modes

    def modes(self, templates: Vector, beta: Vector) -> Modes | None:
        """The modes, started where the last ones move to; else from the best, else from 0."""
        starts = []
        if self._last is not None:
            starts.append(self._predicted(templates, beta))
        if self._best is not None:
            starts.append((self._best[1], self._with_integrated(beta, self._best[2])))
        starts.append((self.equations.zeros(1), beta))
        for u, start in starts:
            modes = self.finder.find(templates, start, u)
            if modes is not None:
                return modes
        return None

    def deviance_at(self, psi: Vector) -> float:
        """−2 log L at ψ exactly, zero variances included."""
        theta, beta = self.unpack(psi)
        modes = self.modes(flat(self.parameters.factors(theta)), beta)
        return np.inf if modes is None else self.deviance(modes)

    def integrated_slope(self, free: NDArray[np.bool_]) -> Matrix:
        """∂β̂_I/∂ψ at the last point evaluated, over the free parameters: (p_I, number free)."""
        assert self._last is not None
        modes = self._last[0]
        theta = self._last_psi[: len(self.parameters)]
        columns = []
        for i in np.flatnonzero(free):
            step = 1e-6 * max(1.0, abs(self._last_psi[i]))
            moved = self._last_psi.copy()
            moved[i] += step
            near = self.parameters.regular(moved[: len(theta)], self.smallest)
            templates = flat(self.parameters.factors(near))
            _, beta = self._predicted(templates, self.unpack(moved)[1])
            columns.append((beta - modes.beta)[self.integrated] / step)
        return np.array(columns).T

    def deviance(self, modes: Modes) -> float:
        """−2 log L at the modes."""
        value = self._laplace_deviance(modes)
        if self.quadrature is not None:
            self.equations.invert(keep_factor=True)
            value -= 2.0 * self.quadrature.log_ratio(self.rows[0], *self._at(modes))
        return value

    def _laplace_deviance(self, modes: Modes) -> float:
        p = self.integrated.stop - self.integrated.start
        return modes.log_determinant - 2.0 * modes.joint - p * LOG_2PI

    def _at(self, modes: Modes) -> tuple[Matrix, Matrix, Matrix, Blocks]:
        """T, η, u (g, k) and C⁻¹ by level of the only random term."""
        (T,) = unflat(modes.templates, self.parameters.k)
        (u,) = self.equations.by_term(modes.u)
        (inverse,) = self.equations.inverse_blocks()
        return T, modes.eta[0], u[:, :, 0], inverse

    def _with_integrated(self, beta: Vector, values: Vector) -> Vector:
        out = beta.copy()
        out[self.integrated] = values[self.integrated]
        return out

    def _remember(self, modes: Modes, work: _WorkingModel, deviance: float) -> None:
        self._last = (modes, work)
        self._beta = modes.beta
        if self._best is None or deviance < self._best[0]:
            self._best = (deviance, modes.u, modes.beta)

    def _predicted(self, templates: Vector, beta: Vector) -> tuple[Sequence[Matrix], Vector]:
        """û moved along its derivative: C δu = δΛᵀZᵀ∂l/∂η − ΛᵀZᵀW(Xδβ + ZδΛû)."""
        assert self._last is not None
        modes, work = self._last
        equations = self.equations
        change = templates - modes.templates
        dbeta = beta - modes.beta
        dbeta[self.integrated] = 0.0
        if not change.any() and not dbeta.any():
            return modes.u, self._with_integrated(beta, modes.beta)
        moved = equations.multiply(equations.scale(modes.u, change, transposed=False))
        equations.sum_tail(moved)
        pull = [a + b @ dbeta[:, None] for a, b in zip(moved, work.zwx, strict=True)]
        first = equations.scale(work.score, change, transposed=True)
        second_ = equations.scale(pull, modes.templates, transposed=True)
        du = [a - b for a, b in zip(first, second_, strict=True)]
        p = self.integrated.stop - self.integrated.start
        border = [np.hstack([b, d]) for b, d in zip(modes.border, self._half(du), strict=True)]
        db = np.zeros(p)
        if p:
            known = -(work.xwx @ dbeta)[self.integrated]
            known -= (
                equations.inner(work.zwx, equations.scale(modes.u, change, transposed=False))
            )[self.integrated, 0]
            cross = equations.inner(modes.border, [b[:, p:] for b in border])[:, 0]
            db = modes.half @ (modes.half.T @ (known - cross))
        combine = np.append(-db, 1.0)[:, None]
        step = [b @ combine for b in border]
        equations.back_solve(step)
        start = self._with_integrated(beta, modes.beta)
        start[self.integrated] += db
        return [a + b for a, b in zip(modes.u, step, strict=True)], start

    def _half(self, x: Sequence[Matrix]) -> Sequence[Matrix]:
        """L⁻¹x of a replicated vector."""
        out = self.equations.additive(x)
        m = x[0].shape[1]
        self.equations.half_solve(out, np.zeros((m, m)))
        return out

    # ---- the working model -------------------------------------------------------------------

    def _working_model(self, modes: Modes) -> _WorkingModel:
        zwx = self.equations.z_transpose_times(
            [
                rows.weighted(d.d2, self.random)
                for rows, d in zip(self.rows, modes.densities, strict=True)
            ]
        )
        self.equations.sum_tail(zwx)
        xwx = sum(
            rows.information(d.d2) for rows, d in zip(self.rows, modes.densities, strict=True)
        )
        score = self.finder.score([d.d1 for d in modes.densities])
        return _WorkingModel(zwx, np.asarray(xwx), score)

    def _working_hessian(
        self, modes: Modes, work: _WorkingModel, changes: Sequence[Blocks]
    ) -> Matrix:
        """Hessian of the deviance of the working model in ψ, weights frozen.

        With V⁻¹ = W − WZΛC⁻¹ΛᵀZᵀW, z = ZᵀV⁻¹(working residual) = Zᵀ∂l/∂η and D = ∂ᵢG z:
        2XᵀV⁻¹X for β, 2XᵀV⁻¹ZD across, and for θ the average information, β profiled,
        plus what β's profile takes away, so that the whole is positive semidefinite.
        """
        equations, P, count = self.equations, self.n_coefficients, len(self.parameters)
        directions = equations.directions(
            self.parameters.term_of,
            flat_changes(changes),
            [np.ascontiguousarray(s[:, 0]) for s in work.score],
        )
        image = equations.multiply(directions)
        equations.sum_tail(image)
        gram = np.empty((P + count, P + count))
        gram[:P, :P] = work.xwx
        gram[:P, P:] = equations.inner(work.zwx, directions)
        gram[P:, :P] = gram[:P, P:].T
        gram[P:, P:] = equations.inner(directions, image)
        border = equations.scale(
            self.equations.additive(
                [np.hstack([a, b]) for a, b in zip(work.zwx, image, strict=True)]
            ),
            modes.templates,
            transposed=True,
        )
        equations.half_solve(border, gram)
        outer = np.concatenate([self.outer, np.arange(P, P + count)])
        inside = np.arange(self.integrated.start, self.integrated.stop)
        if len(inside):
            across = gram[np.ix_(inside, outer)]
            gram_outer = gram[np.ix_(outer, outer)] - across.T @ np.linalg.solve(
                gram[np.ix_(inside, inside)], across
            )
        else:
            gram_outer = gram
        p = len(self.outer)
        bb, bt, tt = gram_outer[:p, :p], gram_outer[:p, p:], gram_outer[p:, p:]
        hessian = np.empty((p + count, p + count))
        hessian[count:, count:] = 2.0 * bb
        hessian[count:, :count] = 2.0 * bt
        hessian[:count, count:] = 2.0 * bt.T
        hessian[:count, :count] = tt + bt.T @ _solve_nearly(bb, bt)
        return hessian

    # ---- the gradient ------------------------------------------------------------------------

    def _invert(self, modes: Modes) -> _Inverse:
        """C⁻¹ (bordered where β is integrated), as far as the gradient needs it."""
        equations, p = self.equations, self.integrated.stop - self.integrated.start
        equations.invert(keep_factor=True)
        if self.quadrature is not None:
            (A,) = equations.cross_product_blocks()
            sums = self.quadrature.integrate(self.rows[0], *self._at(modes), A)
            return _Inverse(
                [sums.leverages], sums.traces.ravel(), sums.log_ratio, quadrature=sums
            )
        leverages = equations.leverages()
        traces = equations.template_traces()
        if not p:
            return _Inverse(leverages, traces)
        # columns of C⁻¹ΛᵀZᵀWX_I R⁻ᵀ: what integrating β adds to the inverse
        half = modes.half
        columns = [b @ half for b in modes.border]
        equations.back_solve(columns)
        for S, m in zip(leverages, self._margins(modes, columns, half), strict=True):
            for column, (i, j) in enumerate(pairs(len(self.random))):
                S[:, column] += np.einsum("np,np->n", m[:, i], m[:, j])
        return _Inverse(leverages, traces, border=(columns, half))

    def _gradient(
        self, modes: Modes, work: _WorkingModel, inverse: _Inverse
    ) -> tuple[Sequence[Matrix], Vector]:
        """∂d/∂T of each term and ∂d/∂β, d = −2 log L."""
        equations, inside = self.equations, self.integrated
        sums = inverse.quadrature
        densities = self.finder.evaluate(modes.eta, 3)
        t = [self._t(S, d) for S, d in zip(inverse.leverages, densities, strict=True)]
        pull = equations.scale(self.finder.score(t), modes.templates, transposed=True)
        if sums is not None:
            pull[0] -= sums.mode_score
        alpha = self._half(pull)
        alpha_beta = np.zeros(inside.stop - inside.start)
        if len(alpha_beta):
            known = sum(
                rows.transpose_times(v)[inside] for rows, v in zip(self.rows, t, strict=True)
            )
            cross = equations.inner(modes.border, alpha)[:, 0]
            alpha_beta = modes.half @ (modes.half.T @ (known - cross))
            alpha = [
                a - b @ alpha_beta[:, None] for a, b in zip(alpha, modes.border, strict=True)
            ]
        equations.back_solve(alpha)
        moved = self.finder.random_part(modes.templates, alpha)
        through_modes = [
            self._weigh(rows, d, move, alpha_beta) - v
            for rows, d, v, move in zip(self.rows, densities, t, moved, strict=True)
        ]
        first = [d.d1 for d in densities] if sums is None else [sums.row_score]
        direct = (
            equations.outer_sums(work.score, modes.u) if sums is None else sums.direct.ravel()
        )
        total = (
            direct
            + equations.outer_sums(self.finder.score(through_modes), modes.u)
            - equations.outer_sums(work.score, alpha)
            - inverse.traces
        )
        if inverse.border is not None:
            columns, half = inverse.border
            back = equations.multiply(
                equations.scale(columns, modes.templates, transposed=False)
            )
            equations.sum_tail(back)
            F = [zwx[:, inside] @ half - b for zwx, b in zip(work.zwx, back, strict=True)]
            total = total + equations.outer_sums(F, columns)
        by_beta = sum(
            rows.transpose_times(v + w)
            for rows, v, w in zip(self.rows, first, through_modes, strict=True)
        )
        return unflat(-2.0 * total, self.parameters.k), -2.0 * np.asarray(by_beta)

    def _margins(
        self, modes: Modes, columns: Sequence[Matrix], half: Matrix
    ) -> Sequence[Matrix]:
        """(X_I − ZΛC⁻¹ΛᵀZᵀWX_I)R⁻ᵀ by row and predictor, (n_part, K of random, p_I)."""
        p = half.shape[0]
        out = [np.zeros((len(e), len(self.random), p)) for e in modes.eta]
        for c in range(p):
            column = [np.ascontiguousarray(x[:, c : c + 1]) for x in columns]
            for m, zb in zip(
                out, self.finder.random_part(modes.templates, column), strict=True
            ):
                m[:, :, c] = -zb
        for m, rows in zip(out, self.rows, strict=True):
            m[:, 0] += rows.X[0] @ half
        return out

    def _t(self, leverages: Matrix, density: LogDensity) -> Matrix:
        """t = −½ Σ S ∂³l, (n, K)."""
        K = self.n_predictors
        out = np.zeros((len(leverages), K))
        for a in range(K):
            for column, (i, j) in enumerate(pairs(len(self.random))):
                b, c = self.random[i], self.random[j]
                factor = -0.5 if i == j else -1.0
                out[:, a] += factor * leverages[:, column] * density.d3[:, third(K, a, b, c)]
        return out

    def _weigh(
        self, rows: Rows, density: LogDensity, move: Matrix, alpha_beta: Vector
    ) -> Matrix:
        """W(ZΛα + X_Iα_β), (n, K)."""
        K = self.n_predictors
        if len(alpha_beta):
            move = move.copy()
            move[:, 0] += rows.X[0] @ alpha_beta
        out = np.zeros((len(move), K))
        for a in range(K):
            for i, b in enumerate(self.random):
                out[:, a] -= density.d2[:, second(K, a, b)] * move[:, i]
        return out


def _solve_nearly(A: Matrix, B: Matrix) -> Matrix:
    """A⁻¹B; where A is singular, the solution of least length."""
    try:
        return np.linalg.solve(A, B)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(A, B, rcond=1e-12)[0]
