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
from henderson.cholesky import solve_positive
from henderson.equations import AtModes, MixedModelEquations
from henderson.likelihood.adaptive_quadrature import AdaptiveQuadrature, QuadratureSum
from henderson.likelihood.chain_rule import (
    factor_curvature,
    theta_gradient,
)
from henderson.likelihood.conditional_modes import ModeFinder, Modes
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.parameters import (
    CovarianceParameters,
    covariance_changes,
    flat,
    flat_changes,
    unflat,
)
from henderson.likelihood.rows import Rows

LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True, slots=True)
class _Last:
    """The modes of the last evaluation, with what tells where they move."""

    modes: Modes
    at: AtModes
    XWX: Matrix


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
        self.finder = ModeFinder(equations, rows, random, integrated)
        self.n_coefficients = rows[0].n_coefficients
        self._coefficients = tuple(X.shape[1] for X in rows[0].X)
        kept = np.ones(self.n_coefficients, dtype=bool)
        kept[integrated] = False
        self.outer = np.flatnonzero(kept)  # coefficients that are searched over
        self._beta = np.zeros(self.n_coefficients)
        self._last: _Last | None = None
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
        """Where integrated coefficients start; modes found before are forgotten."""
        self._beta = beta.copy()
        self._last = self._best = None

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
        derivatives = self.parameters.factor_derivatives(theta)
        sums = self._quadrature_sums(modes)
        deviance = self._laplace_deviance(modes) - (2.0 * sums.log_ratio if sums else 0.0)
        count, P = len(theta), self.n_coefficients
        changes, gram = np.empty(0), np.empty((0, 0))
        if with_hessian:
            changes = flat_changes(covariance_changes(factors, derivatives))
            gram = np.empty((P + count, P + count))
        at = self._at_modes(modes)
        XWX, flat_gradient, by_beta = self.equations.differentiate_laplace(
            at, sums and sums.as_core(), self.parameters.term_of, changes, gram
        )
        by_template = unflat(flat_gradient, self.parameters.k)
        gradient = np.concatenate(
            [theta_gradient(self.parameters, derivatives, by_template), by_beta[self.outer]]
        )
        hessian = np.empty((0, 0))
        if with_hessian:
            hessian = self._working_hessian(gram)
            hessian[:count, :count] += factor_curvature(
                self.parameters, theta, factors, derivatives, by_template
            )
        self._remember(_Last(modes, at, XWX), deviance)
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
        modes = self._last.modes
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

    def _remember(self, last: _Last, deviance: float) -> None:
        self._last, modes = last, last.modes
        self._beta = modes.beta
        if self._best is None or deviance < self._best[0]:
            self._best = (deviance, modes.u, modes.beta)

    def _predicted(self, templates: Vector, beta: Vector) -> tuple[Sequence[Matrix], Vector]:
        """û moved along its derivative: C δu = δΛᵀZᵀ∂l/∂η − ΛᵀZᵀW(Xδβ + ZδΛû)."""
        assert self._last is not None
        modes = self._last.modes
        start = self._with_integrated(beta, modes.beta)
        u, moved = self.equations.predict_modes(
            self._last.at, templates - modes.templates, start - modes.beta, self._last.XWX
        )
        start[self.integrated] += moved
        return u, start

    def _at_modes(self, modes: Modes) -> AtModes:
        P = self.n_coefficients
        return AtModes(
            [
                (
                    rows.compiled or rows.density,
                    rows.X,
                    eta,
                    density.d1,
                    density.d2,
                    u,
                    border,
                    np.empty((len(u), P + 1)),
                )
                for rows, eta, density, u, border in zip(
                    self.rows, modes.eta, modes.densities, modes.u, modes.border, strict=True
                )
            ],
            self._coefficients,
            self.random,
            modes.templates,
            modes.half,
        )

    def _quadrature_sums(self, modes: Modes) -> QuadratureSum | None:
        if self.quadrature is None:
            return None
        self.equations.invert(keep_factor=True)
        (A,) = self.equations.cross_product_blocks()
        return self.quadrature.integrate(self.rows[0], *self._at(modes), A)

    def _working_hessian(self, gram: Matrix) -> Matrix:
        """Hessian of the deviance of the working model in ψ, weights frozen.

        With V⁻¹ = W − WZΛC⁻¹ΛᵀZᵀW, z = ZᵀV⁻¹(working residual) = Zᵀ∂l/∂η and D = ∂ᵢG z, from
        the cross-products under V⁻¹ of [X, ZD]: 2XᵀV⁻¹X for β, 2XᵀV⁻¹ZD across, and for θ the
        average information, β profiled, plus what β's profile takes away, so that the whole is
        positive semidefinite.
        """
        P, count = self.n_coefficients, len(self.parameters)
        inside = np.arange(self.integrated.start, self.integrated.stop)
        if len(inside):
            outer = np.concatenate([self.outer, np.arange(P, P + count)])
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


def _solve_nearly(A: Matrix, B: Matrix) -> Matrix:
    """A⁻¹B; where A is not positive definite, the solution of least length.

    NaN where they are not finite: a search turns back from there.
    """
    if not np.isfinite(A.sum() + B.sum()):
        return np.full_like(B, np.nan)
    solved = solve_positive(A, B)
    return solved[0] if solved else np.linalg.lstsq(A, B, rcond=1e-12)[0]
