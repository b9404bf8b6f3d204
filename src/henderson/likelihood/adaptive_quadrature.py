"""Adaptive Gauss-Hermite quadrature over the random effects of one grouping factor.

For a group with modes û (k,) and C = LLᵀ, and nodes x and weights w of the Hermite rule in k
dimensions,

    ∫ e^{h(u)} du/(2π)^{k/2}  ≈  |L|⁻¹ Σ_q ω_q e^{h(u_q)}

    u_q = û + √2 L⁻ᵀx_q,   ω_q = w_q e^{|x_q|²}/π^{k/2}

One node is the Laplace approximation. The sum depends on the parameters directly and through
the modes and L; with p_q the normalized terms, G_q = L⁻¹∂h/∂u at u_q and E = Σ p_q x_q G_qᵀ,
its derivatives in C and û are

    C̄ = −½C⁻¹ − (1/√2) L⁻ᵀ(tril E + tril Eᵀ − diag E)L⁻¹,    ū = Σ p_q ∂h/∂u

Source: Pinheiro & Bates (1995), J. Comput. Graph. Stat. 4(1), 12–35; the derivative of L as in
Giles (2008), Collected matrix derivative results.
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.equations import RandomTermMatrix
from henderson.errors import ModelError
from henderson.likelihood.rows import Rows

MOST_POINTS = 20_000  # points of the rule for one group


@dataclass(frozen=True, slots=True)
class QuadratureSum:
    """The sums over nodes, and what the gradient needs of them."""

    log_ratio: float  # Σ over groups of log Σ ω e^{h(u_q) − h(û)}
    row_score: Matrix  # Σ p_q ∂l/∂η at the nodes, (n, K)
    mode_score: Matrix  # ū, (g k, 1)
    direct: Matrix  # Σ over groups and nodes of p_q Zᵀ(∂l/∂η) uᵀ, (k, k)
    leverages: Matrix  # −2 zᵀTC̄Tᵀz of each row, (n, 1): plays the part of zᵀTC⁻¹Tᵀz
    traces: Matrix  # −2 Σ over groups of A T C̄, (k, k): plays the part of Σ A T C⁻¹

    def as_core(self) -> tuple[Matrix, Matrix, Matrix, Matrix]:
        """What stands in place of the derivatives at the modes, see `laplace.hpp`."""
        return self.leverages, self.direct - self.traces, self.mode_score, self.row_score


@final
class AdaptiveQuadrature:
    """The rule for one random term of one predictor.

    Parameters
    ----------
    nodes
        Points in each dimension.
    term
        The random term.
    predictor
        Index of its linear predictor among the K.
    """

    def __init__(self, nodes: int, term: RandomTermMatrix, predictor: int) -> None:
        k = term.k
        if nodes**k > MOST_POINTS:
            most = int(MOST_POINTS ** (1.0 / k))
            raise ModelError(
                f"quadrature={nodes} with {k} random effects a level needs {nodes}^{k} points. "
                f"Use {most} or fewer, or the Laplace approximation, quadrature=1."
            )
        x, w = np.polynomial.hermite.hermgauss(nodes)
        grid = np.stack(np.meshgrid(*[x] * k, indexing="ij"), axis=-1).reshape(-1, k)
        weight = np.stack(np.meshgrid(*[w] * k, indexing="ij"), axis=-1).reshape(-1, k)
        self.x = grid
        self.log_omega = np.log(weight).sum(1) + (grid**2).sum(1) - 0.5 * k * np.log(np.pi)
        self.term, self.predictor = term, predictor
        self.z = term.in_full().values

    def log_ratio(
        self, rows: Rows, T: Matrix, eta: Matrix, u: Matrix, inverse: Blocks
    ) -> float:
        """Σ over groups of log Σ ω e^{h(u_q) − h(û)}: what the Laplace approximation lacks."""
        zt = self.z @ T
        half = np.sqrt(2.0) * np.linalg.cholesky(inverse[:, ::-1, ::-1])[:, ::-1, ::-1]
        terms = np.empty((len(self.x), len(u)))
        base = self._joint(rows.density(eta, 0).value, u)
        for q, x in enumerate(self.x):
            u_q = u + half @ x
            moved = self._moved(eta, zt, u_q - u)
            terms[q] = self.log_omega[q] + self._joint(rows.density(moved, 0).value, u_q) - base
        return float(np.sum(_log_sum_exp(terms)))

    def integrate(
        self, rows: Rows, T: Matrix, eta: Matrix, u: Matrix, inverse: Blocks, A: Blocks
    ) -> QuadratureSum:
        """The sums at modes u (g, k) with C⁻¹ `inverse` and A = ZᵀWZ by group, (g, k, k)."""
        zt = self.z @ T
        # L⁻ᵀ is the upper factor of C⁻¹ = L⁻ᵀL⁻¹
        upper = np.linalg.cholesky(inverse[:, ::-1, ::-1])[:, ::-1, ::-1]
        g, k = u.shape
        base = self._joint(rows.density(eta, 0).value, u)
        terms = np.empty((len(self.x), g))
        points, scores, gradients = [], [], []
        for q, x in enumerate(self.x):
            u_q = u + np.sqrt(2.0) * (upper @ x)
            density = rows.density(self._moved(eta, zt, u_q - u), 1)
            terms[q] = self.log_omega[q] + self._joint(density.value, u_q) - base
            points.append(u_q)
            scores.append(density.d1)
            gradients.append(self._by_group(zt * density.d1[:, self.predictor, None]) - u_q)
        total = _log_sum_exp(terms)
        p = np.exp(terms - total)  # (nodes, g)
        codes = self.term.codes
        row_score = np.zeros_like(eta)
        direct = np.zeros((k, k))
        mode_score = np.zeros((g, k))
        E = np.zeros((g, k, k))
        for q, (u_q, d1, gradient) in enumerate(zip(points, scores, gradients, strict=True)):
            row_score += p[q, codes, None] * d1
            z_score = self._by_group(self.z * d1[:, self.predictor, None])
            direct += (p[q, :, None] * z_score).T @ u_q
            mode_score += p[q, :, None] * gradient
            G = np.einsum("gji,gj->gi", upper, gradient)
            E += p[q, :, None, None] * self.x[q][None, :, None] * G[:, None, :]
        lower = np.tril(E)
        index = np.arange(k)
        symmetric = lower + lower.transpose(0, 2, 1)
        symmetric[:, index, index] -= E[:, index, index]
        adjoint = -0.5 * inverse - np.sqrt(0.5) * (upper @ symmetric @ upper.transpose(0, 2, 1))
        return QuadratureSum(
            log_ratio=float(np.sum(total)),
            row_score=row_score,
            mode_score=mode_score.reshape(-1, 1),
            direct=direct,
            leverages=-2.0 * np.einsum("nk,nkl,nl->n", zt, adjoint[codes], zt)[:, None],
            traces=-2.0 * np.einsum("gab,bc,gcd->ad", A, T, adjoint, optimize=True),
        )

    def _moved(self, eta: Matrix, zt: Matrix, du: Matrix) -> Matrix:
        moved = eta.copy()
        moved[:, self.predictor] += np.einsum("nk,nk->n", zt, du[self.term.codes])
        return moved

    def _joint(self, log_density: Vector, u: Matrix) -> Vector:
        return self._by_group(log_density[:, None])[:, 0] - 0.5 * (u**2).sum(axis=1)

    def _by_group(self, values: Matrix) -> Matrix:
        codes, g = self.term.codes, self.term.levels
        return np.column_stack(
            [np.bincount(codes, column, g).astype(np.float64) for column in values.T]
        )


def _log_sum_exp(terms: Matrix) -> Vector:
    top = terms.max(axis=0)
    return top + np.log(np.exp(terms - top).sum(axis=0))
