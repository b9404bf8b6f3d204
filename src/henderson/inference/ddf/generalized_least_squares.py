"""Generalized least squares at the estimates, and how its information moves with V.

    Φ = (XᵀV⁻¹X)⁻¹,   V = σ²(W⁻¹ + ZΓZᵀ),   Γ = ΛΛᵀ

A change of V by σ²Z∆Zᵀ, ∆ block-diagonal with one matrix D in all levels of a term, changes the
information XᵀV⁻¹X by −σ² XᵀV⁻¹Z∆ZᵀV⁻¹X. In coordinates in which Φ is I, X T with TTᵀ = Φ:

    change = −Fᵀ∆F,   F = σ ZᵀV⁻¹XT

F is (q, p): nothing has a row for each observation but X itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular

from henderson.arrays import Blocks, Matrix, Vector
from henderson.equations import MixedModelEquations
from henderson.estimation.centred_terms import Basis, bases_of, in_better_columns, root_in
from henderson.estimation.estimates import Estimates
from henderson.estimation.term_matrices import term_matrix
from henderson.likelihood.fixed_basis import FixedBasis
from henderson.likelihood.pair_traces import regrouped
from henderson.likelihood.parameters import flat

_MANY_PRODUCTS = 1_000_000  # of the elements of two blocks of F, too many to add up


@dataclass(frozen=True, slots=True)
class GeneralizedLeastSquares:
    """The linear model's equations at its estimates, factored.

    `root` T (p, p) has TTᵀ = Φ. `F` (q, p) is in the equations' order, `by_term[t]` (g, k, p)
    its levels of term t.
    """

    equations: MixedModelEquations
    sigma: float
    templates: Vector  # T of all terms relative to σ, one after another
    root: Matrix
    F: Matrix
    by_term: tuple[Blocks, ...]
    bases: tuple[Basis, ...]  # of the columns of each term, see `centred_terms`

    @classmethod
    def of(cls, estimates: Estimates) -> Self:
        """Assemble and factor; for models with one residual variance."""
        location = estimates.location
        X, n = location.fixed.matrix, estimates.response.y.size
        sigma = float(np.exp(estimates.predictors["dispersion"].beta[0]))
        bases = bases_of(estimates.design)
        columns = in_better_columns(estimates.design, bases).predictors[0].random
        terms = [term_matrix(term) for term in columns]
        pairs = zip(bases[0], location.terms, strict=True)
        roots = [root_in(A, term) / sigma for A, term in pairs]
        templates = flat(roots)
        basis = FixedBasis.of(X)
        weighted = basis.Q * estimates.response.size[:, None]
        equations = MixedModelEquations(terms, n, 1)
        equations.cross_products([estimates.response.size[:, None]])
        zx = equations.z_transpose_times([weighted[:, None, :]])
        border = equations.scale(zx, templates, transposed=True)
        gram = basis.Q.T @ weighted
        equations.factor(templates, border, gram)
        half = np.linalg.inv(np.linalg.cholesky(gram)).T  # of (QᵀV₀⁻¹Q)⁻¹, V = σ²V₀
        x = [piece @ half for piece in border]
        equations.back_solve(x)
        back = equations.multiply(equations.scale(x, templates, transposed=False))
        F = zx[0] @ half - back[0]
        root = sigma * (solve_triangular(basis.R, half) if half.size else half)
        return cls(
            equations, sigma, templates, root, F, tuple(equations.by_term([F])), bases[0]
        )

    def information_changes(self, term: int, D: Blocks) -> Blocks:
        """Fᵀ∆F of matrices D (m, k, k) in one term, (m, p, p): the information lost."""
        F = self.by_term[term]
        g, k, p = F.shape
        if k * k * p * p > _MANY_PRODUCTS:
            return np.array([np.tensordot(F, d @ F, axes=((0, 1), (0, 1))) for d in D])
        flat = F.reshape(g, k * p)
        return (
            D.reshape(len(D), k * k) @ regrouped(flat.T @ flat, k, p).reshape(k * k, p * p)
        ).reshape(len(D), p, p)


def stacked(blocks: Sequence[Blocks], p: int) -> Blocks:
    """Derivatives of several terms one after another, (m, p, p); none is an empty array."""
    return np.concatenate(blocks) if blocks else np.empty((0, p, p))
