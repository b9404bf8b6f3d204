"""Kenward and Roger's F-test for small samples, with its adjusted covariance.

For REML estimates of variances that enter V linearly, V = Σ γᵢVᵢ, with Φ = (XᵀV⁻¹X)⁻¹:

    Pᵢ = −XᵀV⁻¹VᵢV⁻¹X,   Qᵢⱼ = XᵀV⁻¹VᵢV⁻¹VⱼV⁻¹X
    W⁻¹ᵢⱼ = ½ [tr(V⁻¹VᵢV⁻¹Vⱼ) − 2 tr(ΦQᵢⱼ) + tr(ΦPᵢΦPⱼ)]          expected information
    Φ_A = Φ + 2Φ {Σᵢⱼ Wᵢⱼ (Qᵢⱼ − PᵢΦPⱼ)} Φ

For q independent rows L, with Θ = Lᵀ(LΦLᵀ)⁻¹L:

    A₁ = Σ Wᵢⱼ tr(ΘΦPᵢΦ) tr(ΘΦPⱼΦ),   A₂ = Σ Wᵢⱼ tr(ΘΦPᵢΦΘΦPⱼΦ),   B = (A₁ + 6A₂) / 2q
    c = (g, q − g, q + 2 − g) / (3q + 2(1 − g)),   g = ((q + 1)A₁ − (q + 4)A₂) / ((q + 2)A₂)
    E = 1 / (1 − A₂/q),   ρ = (1 + c₁B) / ((1 − c₂B)² (1 − c₃B)) / (q E²)
    ν = 4 + (q + 2) / (qρ − 1),   λ = ν / (E(ν − 2))

λ (Lβ̂)ᵀ(LΦ_ALᵀ)⁻¹Lβ̂ / q is referred to F(q, ν). For q = 1, λ = 1 and ν = 2/A₂.

The result is the same for all V₁, V₂, ... that span the same covariances. Here one of them is
V itself, for which Qᵢⱼ = PᵢΦPⱼ; the others are those of the random effects. Variances estimated
as 0 count as parameters. A structure that is not linear in its parameters has its first
derivatives for Vᵢ; its second derivatives are left out.

Source: Kenward & Roger (1997), Biometrics 53(3), 983–997.
"""

from dataclasses import dataclass
from typing import Self, final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.estimation.estimates import Estimates
from henderson.inference.ddf.expected_information import (
    Directions,
    covariance_traces,
    linear_directions,
    refuse_too_much,
)
from henderson.inference.ddf.generalized_least_squares import GeneralizedLeastSquares, stacked

_SINGULAR = 1e-10  # eigenvalues of the scaled information that count as 0


@final
@dataclass(frozen=True, slots=True)
class KenwardRoger:
    """What the test of any linear hypothesis is computed from."""

    vcov: Matrix  # Φ_A, (p, p)
    root: Matrix  # T, (p, p), TTᵀ = Φ
    P: Blocks  # −TᵀPᵢT, (m, p, p)
    W: Matrix  # (m, m)

    name = "kenward-roger"

    @classmethod
    def of(cls, estimates: Estimates) -> Self:
        """For a linear model estimated by REML; ModelError where that takes too long."""
        gls = GeneralizedLeastSquares.of(estimates)
        refuse_too_much(gls.equations)
        location = estimates.location
        n, p = location.fixed.matrix.shape
        directions = linear_directions(location.terms)
        changes = stacked(
            [gls.information_changes(t, D) for t, D in enumerate(directions.by_term)], p
        )
        Q = _second_order(gls, directions)
        first, second = covariance_traces(gls.equations, gls.templates, directions)
        m = len(directions)
        traces = np.empty((m + 1, m + 1))  # V itself is the first direction
        traces[0, 0] = n
        traces[0, 1:] = traces[1:, 0] = first
        traces[1:, 1:] = second
        P = np.concatenate([np.eye(p)[None], changes])
        with_V = np.empty((m + 1, p, m + 1, p))
        with_V[0] = P.transpose(1, 0, 2)
        with_V[:, :, 0] = P
        with_V[1:, :, 1:] = Q
        return cls.adjusted(estimates.vcov[:p, :p], gls.root, P, with_V, traces)

    @classmethod
    def adjusted(cls, vcov: Matrix, root: Matrix, P: Blocks, Q: Blocks, traces: Matrix) -> Self:
        """From Φ, T, −TᵀPᵢT (m, p, p), TᵀQᵢⱼT as i r j s, and tr(V⁻¹VᵢV⁻¹Vⱼ) (m, m)."""
        information = traces - 2.0 * np.einsum("irjr->ij", Q)
        information += np.einsum("irs,jsr->ij", P, P)
        W = 2.0 * _inverse(information)
        excess = Q - np.einsum("irs,jst->irjt", P, P)
        moved = np.einsum("ij,irjs->rs", W, excess)
        return cls(vcov=vcov + 2.0 * root @ moved @ root.T, root=root, P=P, W=W)

    def df(self, L: Matrix) -> Vector:
        """ν of each row of L (r, p); shape (r,)."""
        rows = L @ self.root
        v = np.einsum("rp,rp->r", rows, rows)
        g = np.einsum("rp,mpq,rq->rm", rows, self.P, rows, optimize=True)
        spread = np.einsum("rm,ml,rl->r", g, self.W, g, optimize=True)
        return np.divide(2.0 * v**2, spread, out=np.full(len(L), np.nan), where=spread > 0.0)

    def joint(self, L: Matrix, value: Vector) -> tuple[float, float]:
        """λF of `value` (q,), for independent rows L (q, p), and its denominator's ν."""
        q = len(L)
        U, _ = np.linalg.qr((L @ self.root).T)
        P = np.einsum("pa,mpq,qb->mab", U, self.P, U, optimize=True)
        along = np.einsum("maa->m", P)
        A1 = float(along @ self.W @ along)
        A2 = float(np.einsum("ij,iab,jba->", self.W, P, P, optimize=True))
        nu, scale = _df_and_scale(A1, A2, q)
        wald = float(value @ np.linalg.solve(L @ self.vcov @ L.T, value))
        return scale * wald / q, nu


def _second_order(gls: GeneralizedLeastSquares, directions: Directions) -> Blocks:
    """TᵀQᵢⱼT = FᵀDᵢKDⱼF of the random effects' directions, as i r j s, (m, p, m, p)."""
    equations = gls.equations
    (q, p), m = gls.F.shape, len(directions)
    moved = np.zeros((q, m, p))
    for t, (at, D) in enumerate(zip(directions.slices, directions.by_term, strict=True)):
        term, own = equations.terms[t], equations.columns(t)
        F = gls.F[own].reshape(term.levels, term.k, p)
        product = np.einsum("mab,gbp->gamp", D, F, optimize=True)
        moved[own, at] = product.reshape(term.levels * term.k, len(D), p)
    columns = moved.reshape(q, m * p)
    image = equations.multiply([columns])
    gram = columns.T @ image[0]
    border = equations.scale(image, gls.templates, transposed=True)
    equations.half_solve(border, gram)
    return gram.reshape(m, p, m, p)


def _inverse(information: Matrix) -> Matrix:
    """The inverse, or the generalized one where variances cannot be told apart."""
    scale = np.sqrt(np.maximum(np.diag(information), 0.0))
    scale = np.where(scale > 0.0, scale, 1.0)
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    kept = values > _SINGULAR * values[-1]
    return (vectors[:, kept] / values[kept]) @ vectors[:, kept].T / np.outer(scale, scale)


def _df_and_scale(A1: float, A2: float, q: int) -> tuple[float, float]:
    """ν and λ."""
    if not A2 > 0.0:
        return np.inf, 1.0
    B = (A1 + 6.0 * A2) / (2.0 * q)
    g = ((q + 1.0) * A1 - (q + 4.0) * A2) / ((q + 2.0) * A2)
    c1, c2, c3 = np.array([g, q - g, q + 2.0 - g]) / (3.0 * q + 2.0 * (1.0 - g))
    rest = 1.0 - A2 / q
    ratio = 1.0 if abs(rest) + abs(1.0 - c2 * B) < 1e-13 else rest / (1.0 - c2 * B)
    rho = ratio**2 * (1.0 + c1 * B) / (1.0 - c3 * B) / q
    nu = 4.0 + (q + 2.0) / (q * rho - 1.0)
    scale = 1.0 if abs(nu - 2.0) < 1e-2 else nu * rest / (nu - 2.0)  # both factors vanish at 2
    return float(nu), float(scale)
