"""The Gaussian model with identity link: likelihood with β and σ² profiled out.

    y ~ N(Xβ, σ²V₀),  V₀ = W⁻¹ + ZΛΛᵀZᵀ

    −2 log L  =  log|C| + ν (1 + log(2π r²/ν)) − Σ log wᵢ  [+ log|XᵀV₀⁻¹X|  if restricted]

r² is the penalized residual sum of squares at its minimum over β and u; ν = n, or n − p if
restricted (REML). After one pass over the rows only cross-products are left, so that an
evaluation costs the same whatever n.

Source: Bates, Mächler, Bolker & Walker (2015), J. Stat. Softw. 67(1), section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.equations import LeastSquares, MixedModelEquations
from henderson.likelihood.chain_rule import (
    factor_curvature,
    theta_gradient,
)
from henderson.likelihood.objective import Evaluation
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
    """Second derivatives in θ at one point, without the curvature of TTᵀ; (nθ, nθ)."""

    changes: list[Blocks]  # ∂G/∂θᵢ by term
    observed: Matrix  # y'P∂ᵢVP∂ⱼVPy/σ²
    average: Matrix  # of observed and expected information, σ² profiled out
    expected: Matrix | None  # tr(P∂ᵢVP∂ⱼV), where it is known before C is inverted


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
        self._one_factor = len(equations.terms) == 1 and not equations.tail
        small = _SMALL_BY_PARAMETERS if len(parameters) >= _MANY_PARAMETERS else _SMALL
        self.exact = len(equations.parts) == 1 and (equations.q <= small or self._one_factor)
        self._last: tuple[_Profile, Sequence[Matrix]] | None = None
        self.nu = n - p if restricted else n
        xy = np.column_stack([X, y])
        w = np.ones(n) if weights is None else weights
        wxy = xy if weights is None else xy * w[:, None]
        self._log_weights = 0.0 if weights is None else float(np.sum(np.log(w)))
        equations.cross_products([w[rows, None] for rows in equations.rows])
        self._zxy = equations.z_transpose_times([wxy[rows, None, :] for rows in equations.rows])
        self._xy = xy.T @ wxy
        self._blocks = equations.cross_product_blocks()
        self.smallest = smallest_factors(self._blocks)

    def _profile(self, templates: Vector) -> _Profile:
        nu = self.nu
        border = self.equations.scale(self._zxy, templates, transposed=True)
        gram = self._xy.copy()
        log_det = self.equations.factor(templates, border, gram)
        fixed = LeastSquares.of(gram)
        deviance = (
            log_det + nu * (1.0 + np.log(2.0 * np.pi * fixed.r2 / nu)) - self._log_weights
        )
        if self.restricted:
            deviance += fixed.log_determinant
        return _Profile(templates, float(deviance), border, fixed)

    def _solve(self, at: _Profile) -> tuple[Sequence[Matrix], Matrix]:
        """[C⁻¹ΛᵀZᵀWX R⁻ᵀ | u] by back substitution, and the matrix that combines [X y]."""
        p = self.p
        combine = np.zeros((p + 1, p + 1))
        combine[:p, :p] = at.fixed.half
        combine[:p, p] = -at.fixed.beta
        combine[p, p] = 1.0
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
        equations, p = self.equations, self.p
        theta = self.parameters.regular(theta, self.smallest)
        factors = self.parameters.factors(theta)
        templates = flat(factors)
        derivatives = self.parameters.factor_derivatives(theta)
        at = self._profile(templates)
        sigma2 = at.fixed.r2 / self.nu
        if not (np.isfinite(at.deviance) and sigma2 > 0):
            return _nowhere(len(theta))
        x, combine = self._solve(at)
        self._last = (at, x)
        # F = ZᵀV₀⁻¹XR⁻ᵀ and z = ZᵀV₀⁻¹(y − Xβ), side by side
        back = equations.multiply(equations.scale(x, templates, transposed=False))
        fz = [zxy @ combine - b for zxy, b in zip(self._zxy, back, strict=True)]
        equations.sum_tail(fz)
        information = self._information(theta, templates, fz, sigma2) if with_hessian else None
        equations.invert(keep_factor=False)
        weight = np.ones(p + 1)
        weight[:p] = 1.0 if self.restricted else 0.0
        weight[p] = 1.0 / sigma2
        lost = equations.outer_sums([piece * weight for piece in fz], x)
        by_template = unflat(2.0 * (equations.template_traces() - lost), self.parameters.k)
        gradient = theta_gradient(self.parameters, derivatives, by_template)
        if information is None:
            return Evaluation(at.deviance, gradient, np.empty((0, 0)))
        curvature = factor_curvature(self.parameters, theta, factors, derivatives, by_template)
        hessian = information.average + curvature
        if not self.exact:
            return Evaluation(at.deviance, gradient, hessian)
        expected = information.expected
        if expected is None:
            expected = self._by_level(information.changes, fz)
        return Evaluation(
            at.deviance, gradient, hessian, exact=hessian + information.observed - expected
        )

    def _information(
        self, theta: Vector, templates: Vector, fz: Sequence[Matrix], sigma2: float
    ) -> _Information:
        changes = covariance_changes(self.parameters, theta)
        observed, c = self._observed_information(templates, changes, fz, sigma2)
        pairs = self.exact and not self._one_factor
        return _Information(
            changes=changes,
            observed=observed,
            average=observed - np.outer(c, c) / self.nu,
            expected=self._by_pairs(templates, changes, fz) if pairs else None,
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

    def _by_level(self, changes: Sequence[Blocks], fz: Sequence[Matrix]) -> Matrix:
        """tr(P∂ᵢV P∂ⱼV) of one factor, whose levels only meet through X; after `invert`.

        K = ZᵀPZ is block-diagonal but for FFᵀ, which restricted likelihood takes away.
        """
        (k,), p = self.parameters.k, self.p
        D = changes[0].reshape(-1, k * k)
        K = self.equations.projected_blocks().reshape(-1, k * k)
        N = K.T @ K  # Σ Kⱼ[a, c] Kⱼ[b, d], as (a c, b d)
        if not (self.restricted and p):
            return D @ _regroup(N, k) @ D.T
        F = fz[0][:, :p].reshape(-1, k, p)
        FF = np.empty((k, k, len(F)))
        for a in range(k):
            for b in range(a + 1):
                FF[a, b] = FF[b, a] = np.einsum("jp,jp->j", F[:, a], F[:, b])
        cross = FF.reshape(k * k, -1) @ K
        by_row = F.reshape(-1, k * p)
        margins = D @ _regroup(by_row.T @ by_row, k, p)  # Fⱼᵀ∂ᵢG Fⱼ summed, (nθ, p p)
        turned = margins.reshape(-1, p, p).transpose(0, 2, 1).reshape(-1, p * p)
        return D @ _regroup(N - cross - cross.T, k) @ D.T + margins @ turned.T

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
        for s, (at, term) in enumerate(zip(parameters.slices, equations.terms, strict=True)):
            for t in range(s, len(equations.terms)):
                met = equations.terms[t]
                block = K[equations.columns(s), equations.columns(t)]
                pairs = block.reshape(term.levels, term.k, met.levels, met.k)
                flat_pairs = pairs.transpose(0, 2, 1, 3).reshape(-1, term.k * met.k)
                N = _regroup(flat_pairs.T @ flat_pairs, term.k, met.k)
                left = changes[s].reshape(-1, term.k**2)
                value = left @ N @ changes[t].reshape(-1, met.k**2).T
                out[at, parameters.slices[t]] = value
                out[parameters.slices[t], at] = value.T
        return out

    def moments(self) -> tuple[list[Matrix], float, Sequence[Matrix]]:
        """What starting values need: ZᵀW(y − Xβ) by level, residual sum of squares, ZᵀWXR⁻ᵀ.

        β is the least-squares one.
        """
        p = self.p
        fixed = LeastSquares.of(self._xy)
        combine = np.zeros((p + 1, p + 1))
        combine[:p, :p] = fixed.half
        combine[:p, p] = -fixed.beta
        combine[p, p] = 1.0
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
        templates = flat(self.parameters.factors(theta))
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
            flat_changes(covariance_changes(self.parameters, theta)),
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


def _regroup(products: Matrix, k: int, m: int | None = None) -> Matrix:
    """Σ M[a, r] M[b, s] from (a r, b s) to (a b, r s); a and b below k, r and s below m."""
    m = k if m is None else m
    return products.reshape(k, m, k, m).transpose(0, 2, 1, 3).reshape(k * k, m * m)


def _nowhere(count: int) -> Evaluation:
    return Evaluation(np.inf, np.full(count, np.nan), np.eye(count))
