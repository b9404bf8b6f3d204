"""The Gaussian model with identity link: likelihood with β and σ² profiled out.

    y ~ N(Xβ, σ²V₀),  V₀ = W⁻¹ + ZΛΛᵀZᵀ

    −2 log L  =  log|C| + ν (1 + log(2π r²/ν)) − Σ log wᵢ  [+ log|XᵀV₀⁻¹X|  if restricted]

r² is the penalized residual sum of squares at its minimum over β and u; ν = n, or n − p if
restricted (REML). After one pass over the rows only cross-products are left, so that an
evaluation costs the same whatever n.

Source: Bates, Mächler, Bolker & Walker (2015), J. Stat. Softw. 67(1), section 3.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.equations import LeastSquares, MixedModelEquations
from henderson.likelihood.chain_rule import (
    factor_curvature,
    theta_gradient,
)
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.pair_traces import level_traces, pair_traces, regrouped
from henderson.likelihood.parameters import (
    CovarianceParameters,
    covariance_changes,
    flat,
    flat_changes,
    smallest_factors,
    unflat,
)

# Random effects up to which the exact Hessian costs little, and where it is worth more.
_SMALL, _SMALL_BY_PARAMETERS = 300, 1000
_MANY_PARAMETERS = 10


@dataclass(frozen=True, slots=True)
class GaussianSolution:
    """What is known at one θ: everything that was profiled out."""

    deviance: float
    beta: Vector  # (p,)
    sigma2: float
    vcov: Matrix  # (p, p), σ²(XᵀV₀⁻¹X)⁻¹
    u: Sequence[Matrix]  # spherical modes, (q_part, 1), relative to σ: b = Λu
    sigma_slope: Vector  # ∂ log σ̂/∂θ, (nθ,)


@dataclass(frozen=True, slots=True)
class _Profile:
    """One factorization with the border [X y] taken through it."""

    templates: Vector
    deviance: float
    border: Sequence[Matrix]  # L⁻¹ΛᵀZᵀW[X y]
    fixed: LeastSquares  # generalized, by V₀⁻¹


@dataclass(frozen=True, slots=True)
class _Information:
    """Second derivatives in θ at one point, without the curvature of TTᵀ."""

    observed: Matrix  # y'P∂ᵢVP∂ⱼVPy/σ², (nθ, nθ)
    c: Vector  # y'P∂ᵢVPy/σ², (nθ,)
    expected: Matrix | None  # tr(P∂ᵢVP∂ⱼV), (nθ, nθ)


@final
class GaussianLikelihood:
    """Deviance, gradient and average information in θ, from cross-products.

    Parameters
    ----------
    equations
        The equations of the random terms.
    parameters
        θ and its structures; T is relative to σ.
    X, y, weights
        (n, p), (n,) and (n,): Var(eᵢ) = σ²/wᵢ.
    restricted
        REML if true, else ML.
    """

    def __init__(
        self,
        equations: MixedModelEquations,
        parameters: CovarianceParameters,
        X: Matrix,
        y: Vector,
        weights: Vector | None,
        *,
        restricted: bool,
    ) -> None:
        n, p = X.shape
        self.equations, self.parameters = equations, parameters
        self.n, self.p, self.restricted = n, p, restricted
        small = _SMALL_BY_PARAMETERS if len(parameters) >= _MANY_PARAMETERS else _SMALL
        self._apart = len(equations.terms) == 1 and not equations.tail  # levels do not meet
        self.exact = equations.one_factor or (
            len(equations.parts) == 1 and (self._apart or equations.q <= small)
        )
        self._last: tuple[_Profile, Sequence[Matrix]] | None = None
        self.nu = n - p if restricted else n
        self._log_weights = 0.0 if weights is None else float(np.sum(np.log(weights)))
        self._X, self._weights = X, weights
        self._zxy = equations.data_sums(X, y, weights)
        self._xy = _cross_products(X, y, weights)
        self._blocks = equations.cross_product_blocks()
        self.smallest = smallest_factors(self._blocks)

    def of_response(self, y: Vector) -> Self:
        """The same likelihood of another response (n,); the equations are shared."""
        other, p = copy(self), self.p
        wy = y if self._weights is None else y * self._weights
        zy = self.equations.z_transpose_times(
            [wy[rows, None, None] for rows in self.equations.rows]
        )
        other._zxy = [np.hstack([a[:, :p], b]) for a, b in zip(self._zxy, zy, strict=True)]
        other._xy = self._xy.copy()
        other._xy[:p, p] = other._xy[p, :p] = self._X.T @ wy
        other._xy[p, p] = wy @ y
        other._last = None
        return other

    def _profile(self, templates: Vector) -> _Profile:
        nu = self.nu
        gram = self._xy.copy()
        log_det, border = self.equations.factor_of_right(templates, self._zxy, gram)
        fixed = LeastSquares.of(gram)
        deviance = (
            log_det + nu * (1.0 + np.log(2.0 * np.pi * fixed.r2 / nu)) - self._log_weights
        )
        if self.restricted:
            deviance += fixed.log_determinant
        return _Profile(templates, float(deviance), border, fixed)

    def _solve(self, at: _Profile) -> tuple[Sequence[Matrix], Matrix]:
        """[C⁻¹ΛᵀZᵀWX R⁻ᵀ | u] by back substitution, and the matrix that combines [X y]."""
        combine = at.fixed.combination()
        x = [b @ combine for b in at.border]
        self.equations.back_solve(x)
        return x, combine

    def gradient(self, theta: Vector) -> Vector:
        """The gradient alone."""
        return self._evaluate(theta, with_hessian=False).gradient

    def evaluate(self, theta: Vector) -> Evaluation:
        """−2 log L, its gradient in θ, and the average information plus the curvature of TTᵀ.

        With K = ZᵀPZ over the levels j of a term (P projects out X where β is estimated for
        REML), z = ZᵀV₀⁻¹(y − Xβ) and g = Σⱼ(Kⱼⱼ − zⱼzⱼᵀ/σ²):

            ∂d/∂T = 2gT,   KⱼⱼT = (AΛC⁻¹)ⱼⱼ − FⱼTxⱼᵀ,   Tᵀzⱼ = uⱼ

        The average information in G is DᵀZᵀPZD/σ² − cc ᵀ/ν with D = ∂ᵢG z, c = Dᵀz/σ².

        Source: Gilmour, Thompson & Cullis (1995), Biometrics 51, 1440–1450.
        """
        return self._evaluate(theta, with_hessian=True)

    def _evaluate(self, theta: Vector, *, with_hessian: bool) -> Evaluation:
        theta = self.parameters.regular(theta, self.smallest)
        factors = self.parameters.factors(theta)
        derivatives = self.parameters.factor_derivatives(theta)
        at = self._profile(flat(factors))
        sigma2 = at.fixed.r2 / self.nu
        if not (np.isfinite(at.deviance) and sigma2 > 0):
            return _nowhere(len(theta))
        weight = np.ones(self.p + 1)  # of FFᵀ and zzᵀ in g
        weight[: self.p] = 1.0 if self.restricted else 0.0
        weight[self.p] = 1.0 / sigma2
        changes = covariance_changes(factors, derivatives) if with_hessian else None
        step = self._by_level if self.equations.one_factor else self._by_passes
        x, flat_gradient, information = step(at, weight, changes)
        self._last = (at, x)
        by_template = unflat(2.0 * flat_gradient, self.parameters.k)
        gradient = theta_gradient(self.parameters, derivatives, by_template)
        if information is None:
            return Evaluation(at.deviance, gradient, np.empty((0, 0)))
        curvature = factor_curvature(self.parameters, theta, factors, derivatives, by_template)
        average = information.observed - np.outer(information.c, information.c) / self.nu
        hessian = average + curvature
        if information.expected is None:
            return Evaluation(at.deviance, gradient, hessian)
        exact = hessian + information.observed - information.expected
        return Evaluation(at.deviance, gradient, hessian, exact=exact)

    def _by_passes(
        self, at: _Profile, weight: Vector, changes: list[Blocks] | None
    ) -> tuple[Sequence[Matrix], Vector, _Information | None]:
        """[C⁻¹ΛᵀZᵀWXR⁻ᵀ | u], Σ gT by term, and the information; any pattern of terms."""
        equations, templates = self.equations, at.templates
        x, combine = self._solve(at)
        # F = ZᵀV₀⁻¹XR⁻ᵀ and z = ZᵀV₀⁻¹(y − Xβ), side by side
        back = equations.multiply(equations.scale(x, templates, transposed=False))
        fz = [zxy @ combine - b for zxy, b in zip(self._zxy, back, strict=True)]
        equations.sum_tail(fz)
        information = None
        if changes is not None:
            observed, c = self._observed_information(templates, changes, fz, 1.0 / weight[-1])
            pairs = self.exact and not self._apart
            expected = self._by_pairs(templates, changes, fz) if pairs else None
            information = _Information(observed, c, expected)
        equations.invert(keep_factor=False)
        if information is not None and self.exact and self._apart:
            assert changes is not None
            expected = self._by_wide_level(changes[0], fz[0][:, : self.p])
            information = replace(information, expected=expected)
        lost = equations.outer_sums([piece * weight for piece in fz], x)
        return x, equations.template_traces() - lost, information

    def _by_level(
        self, at: _Profile, weight: Vector, changes: list[Blocks] | None
    ) -> tuple[Sequence[Matrix], Vector, _Information | None]:
        """What `_by_passes` gives, of one term without a tail, in one pass over its levels.

        K = ZᵀPZ is block-diagonal but for FFᵀ, which restricted likelihood takes away.
        """
        p, (k,) = self.p, self.parameters.k
        combine = at.fixed.combination()
        parts = self.equations.level_sums(
            self._zxy,
            at.border,
            combine,
            weight,
            np.empty(0) if changes is None else flat_changes(changes),
        )
        x = [part.x for part in parts]
        gradient = np.sum([part.by_template for part in parts], axis=0)
        if changes is None:
            return x, gradient, None
        across = np.sum([part.across for part in parts], axis=0)
        observed = np.sum([part.information for part in parts], axis=0)
        observed -= across[:-1].T @ across[:-1]
        # Σ Kⱼ[a, c] Kⱼ[b, d] as (a c, b d), K less FFᵀ but for the square of the latter
        N = np.zeros((k * k, k * k))
        by_row = np.zeros((k * p, k * p))
        for part in parts:
            K, FF = part.K.reshape(-1, k * k), part.FF.reshape(-1, k * k)
            N += K.T @ K
            if self.restricted and p:
                cross = FF.T @ K
                N -= cross + cross.T
                F = part.F.reshape(-1, k * p)
                by_row += F.T @ F
        D = changes[0].reshape(-1, k * k)
        expected = D @ regrouped(N, k, k) @ D.T
        if self.restricted and p:
            margins = D @ regrouped(by_row, k, p)  # Σ Fⱼᵀ∂ᵢG Fⱼ, (nθ, p p)
            turned = margins.reshape(-1, p, p).transpose(0, 2, 1).reshape(-1, p * p)
            expected += margins @ turned.T
        return (
            x,
            gradient,
            _Information(observed * weight[-1], across[-1] * weight[-1], expected),
        )

    def _observed_information(
        self,
        templates: Vector,
        changes: Sequence[Blocks],
        fz: Sequence[Matrix],
        sigma2: float,
    ) -> tuple[Matrix, Vector]:
        """DᵀZᵀPZD/σ², (nθ, nθ), and c = Dᵀz/σ²; `changes` are the ∂G/∂θᵢ."""
        equations = self.equations
        z = [np.ascontiguousarray(piece[:, -1]) for piece in fz]
        directions = equations.directions(self.parameters.term_of, flat_changes(changes), z)
        image = equations.multiply(directions)
        totals = [piece.copy() for piece in image]
        equations.sum_tail(totals)
        information = equations.inner(directions, totals)
        border = equations.scale(image, templates, transposed=True)
        equations.half_solve(border, information)
        across = equations.inner(fz, directions)
        information -= across[:-1].T @ across[:-1]
        return information / sigma2, across[-1] / sigma2

    def _by_wide_level(self, D: Blocks, fixed: Matrix) -> Matrix:
        """tr(P∂ᵢV P∂ⱼV) of one term without a tail by level, after `invert`; F (q, p)."""
        K = self.equations.projected_blocks()
        out = level_traces(K, D)
        if not (self.restricted and self.p):
            return out
        F = fixed.reshape(-1, D.shape[1], self.p)
        within = np.zeros((len(D), self.p, self.p))  # Σ Fⱼᵀ∂ᵢG Fⱼ
        for block, f in zip(K, F, strict=True):
            moved = D @ f
            cross = np.einsum("ikp,jkp->ij", moved, block @ moved)
            out -= cross + cross.T
            within += f.T @ moved
        turned = within.transpose(0, 2, 1).reshape(len(D), -1)
        return out + within.reshape(len(D), -1) @ turned.T

    def _by_pairs(
        self, templates: Vector, changes: Sequence[Blocks], fz: Sequence[Matrix]
    ) -> Matrix:
        """tr(P∂ᵢV P∂ⱼV) by K = ZᵀPZ in full: Σ over pairs of levels of tr(∂ᵢG Kⱼₗ ∂ⱼG Kₗⱼ)."""
        equations, parameters = self.equations, self.parameters
        K = equations.projected_cross_products(templates)
        if self.restricted:
            F = fz[0][:, : self.p]
            K -= F @ F.T
        out = np.empty((len(parameters), len(parameters)))
        for s, at in enumerate(parameters.slices):
            for t in range(s, len(equations.terms)):
                block = K[equations.columns(s), equations.columns(t)]
                value = pair_traces(block, changes[s], changes[t])
                out[at, parameters.slices[t]] = value
                out[parameters.slices[t], at] = value.T
        return out

    def moments(self) -> tuple[list[Matrix], float, Sequence[Matrix]]:
        """What starting values need: ZᵀW(y − Xβ) by level, residual sum of squares, ZᵀWXR⁻ᵀ.

        β is the least-squares one.
        """
        p = self.p
        fixed = LeastSquares.of(self._xy)
        combine = fixed.combination()
        both = [zxy @ combine for zxy in self._zxy]
        self.equations.sum_tail(both)
        scores = [s[:, :, p] for s in self.equations.by_term(both)]
        return scores, fixed.r2, [np.ascontiguousarray(b[:, :p]) for b in both]

    def deviance_at(self, theta: Vector) -> float:
        """−2 log L at θ exactly, zero variances included; infinite where it does not exist."""
        self._last = None
        deviance = self._profile(flat(self.parameters.factors(theta))).deviance
        return deviance if np.isfinite(deviance) else np.inf

    def solution(self, theta: Vector) -> GaussianSolution:
        """β, σ² and the conditional modes at θ exactly; leaves C⁻¹ where it is needed."""
        factors = self.parameters.factors(theta)
        templates = flat(factors)
        if self._last is not None and np.array_equal(self._last[0].templates, templates):
            at, x = self._last  # the equations are still those of this point
        else:
            at = self._profile(templates)
            x, _ = self._solve(at)
            self.equations.invert(keep_factor=False)
        u = [np.ascontiguousarray(piece[:, self.p :]) for piece in x]
        combine = np.append(-at.fixed.beta, 1.0)[:, None]
        back = self.equations.multiply(self.equations.scale(u, templates, transposed=False))
        z = [zxy @ combine - b for zxy, b in zip(self._zxy, back, strict=True)]
        self.equations.sum_tail(z)
        moved = self.equations.directions(
            self.parameters.term_of,
            flat_changes(
                covariance_changes(factors, self.parameters.factor_derivatives(theta))
            ),
            [np.ascontiguousarray(piece[:, 0]) for piece in z],
        )
        slope = -0.5 * self.equations.inner(moved, z)[:, 0] / at.fixed.r2
        sigma2 = at.fixed.r2 / self.nu
        return GaussianSolution(
            deviance=at.deviance,
            beta=at.fixed.beta,
            sigma2=sigma2,
            vcov=sigma2 * at.fixed.half @ at.fixed.half.T,
            u=u,
            sigma_slope=slope,
        )


def _cross_products(X: Matrix, y: Vector, weights: Vector | None) -> Matrix:
    """[X y]ᵀW[X y], (p + 1, p + 1)."""
    p = X.shape[1]
    wX, wy = (X, y) if weights is None else (X * weights[:, None], y * weights)
    out = np.empty((p + 1, p + 1))
    out[:p, :p] = X.T @ wX
    out[p, :p] = out[:p, p] = wX.T @ y
    out[p, p] = y @ wy
    return out


def _nowhere(count: int) -> Evaluation:
    return Evaluation(np.inf, np.full(count, np.nan), np.eye(count))
