"""The coefficients of the location without some of the rows.

With W = −∂²log f/∂η² and l′ at the modes, the joint equations of (β, u) are

    H  =  [ XᵀWX     XᵀWZΛ ]
          [ ΛᵀZᵀWX   C     ],      C = ΛᵀZᵀWZΛ + I

Without the rows I, one Newton step from the estimates goes to

    β̂₋ᵢ − β̂  =  −[H₋ᵢ⁻¹ X̃ᵢᵀl′ᵢ]_β,    X̃ = (X, ZΛ),   H₋ᵢ = H − X̃ᵢᵀWᵢX̃ᵢ

For a Gaussian response with the identity link this is exact where the variances keep their
estimates: what generalized least squares gives without these rows. For one row it needs only
the selected inverse:

    h = w x̃ᵀH⁻¹x̃,    β̂₋ᵢ − β̂ = −S a l′ / (1 − h),    S₋ᵢ = S + S a aᵀ S w / (1 − h)

S = (XᵀV⁻¹X)⁻¹ and a = x − XᵀWZΛC⁻¹Λᵀz. Elsewhere it is a first-order approximation, with all
parameters but β at their estimates; `refitted` estimates all of them again.

Where residuals vary together within subjects, see `subject_deletion`.

Source: Cook & Weisberg (1982), Residuals and Influence in Regression, sections 3.2 and 5.2;
Christensen, Pearson & Johnson (1992), Technometrics 34(1), 38–45.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.design.rank import independent_columns
from henderson.diagnostics.subject_deletion import marginal_updates
from henderson.equations import MixedModelEquations
from henderson.errors import ModelError
from henderson.estimation.blas_threads import single_blas_thread
from henderson.estimation.estimates import Estimates
from henderson.estimation.model_design import ModelDesign
from henderson.estimation.prediction_error import coefficients_of
from henderson.estimation.term_matrices import lower_factor, term_matrix
from henderson.likelihood.parameters import flat
from henderson.refits.fewer_rows import without_rows
from henderson.refits.refitting import refit

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Deletions:
    """m fits, each without some of the rows; NaN where the rest does not determine β."""

    beta: Matrix  # (m, p)
    std_error: Matrix  # (m, p)
    leverage: Vector  # (m,), summed over the rows left out


@dataclass(frozen=True, slots=True)
class _Joint:
    """The joint equations of the location at the modes; dispersion and others held."""

    X: Matrix
    w: Vector  # (n,)
    score: Vector  # (n,), l′
    equations: MixedModelEquations
    templates: Vector

    @classmethod
    def of(cls, estimates: Estimates) -> "_Joint":
        location = estimates.location
        eta = np.column_stack([each.eta for each in estimates.predictors.values()])
        density = estimates.family.log_density(estimates.response, eta, 2)
        assert density.d1 is not None
        assert density.d2 is not None
        columns = [term_matrix(term.design) for term in location.terms]
        return cls(
            X=location.fixed.matrix,
            w=-density.d2[:, 0],
            score=density.d1[:, 0],
            equations=MixedModelEquations(columns, len(eta), 1),
            templates=flat([lower_factor(term.covariance) for term in location.terms]),
        )

    def scaled(self, v: Matrix) -> Matrix:
        """ΛᵀZᵀv for v (n, m)."""
        pushed = self.equations.z_transpose_times([np.ascontiguousarray(v[:, None, :])])
        return self.equations.scale(pushed, self.templates, transposed=True)[0]

    def single(self) -> tuple[Matrix, Matrix, Vector]:
        """S (p, p), a of each row (n, p), and its leverage h (n,)."""
        X, w, equations = self.X, self.w, self.equations
        a = X.copy()
        conditional = np.zeros(len(w))
        if equations.terms:
            equations.cross_products([w[:, None].copy()])
            border = [self.scaled(-w[:, None] * X)]
            equations.factor(self.templates, border, np.zeros((X.shape[1],) * 2))
            equations.back_solve(border)
            equations.invert(keep_factor=False)
            conditional = equations.leverages()[0][:, 0]
            effects = equations.scale(border, self.templates, transposed=False)[0]
            for j in range(X.shape[1]):
                column = np.ascontiguousarray(effects[:, j : j + 1])
                a[:, j] += equations.z_times([column])[0][:, 0]
        try:
            S = np.linalg.inv(X.T @ (w[:, None] * a))
        except np.linalg.LinAlgError as error:
            raise ModelError(
                "The information on the fixed effects is singular to rounding where the search "
                "ended, so that cases cannot be deleted by updating. Use influence(refit=True)."
            ) from error
        variance = np.einsum("ij,jk,ik->i", a, S, a, optimize=True) + conditional
        return S, a, w * variance

    def without(self, rows: Rows) -> tuple[Matrix, Vector]:
        """(S₋ᵢ)⁻¹ (p, p) and (S₋ᵢ)⁻¹(β̂₋ᵢ − β̂) (p,), by new equations without these rows."""
        w = self.w.copy()
        w[rows] = 0.0
        lost = np.zeros((len(w), 1))
        lost[rows, 0] = -self.score[rows]
        weighted = w[:, None] * self.X
        p = self.X.shape[1]
        gram = np.zeros((p + 1, p + 1))
        gram[:p, :p] = self.X.T @ weighted
        gram[:p, p] = gram[p, :p] = self.X.T @ lost[:, 0]
        if self.equations.terms:
            self.equations.cross_products([w[:, None].copy()])
            border = [self.scaled(np.hstack([weighted, lost]))]
            self.equations.factor(self.templates, border, gram)
        return gram[:p, :p], gram[:p, p]


def updated(estimates: Estimates, cases: Sequence[Rows] | None) -> Deletions:
    """Without each of the `cases`, variances at their estimates; None: each row is a case."""
    with single_blas_thread():
        if estimates.errors is not None:
            beta, errors, h = marginal_updates(estimates, cases)
            summed = h if cases is None else np.array([h[rows].sum() for rows in cases])
            return Deletions(beta, errors, summed)
        joint = _Joint.of(estimates)
        S, a, h = joint.single()
        if cases is None:
            return _singly(estimates, joint, S, a, h)
        beta, errors = np.full((2, len(cases), len(S)), np.nan)
        for i, rows in enumerate(cases):
            information, moved = joint.without(rows)
            scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
            scaled = information / np.outer(scale, scale)
            if not scaled.size or np.linalg.cond(scaled) < 1e12:
                inverse = np.linalg.inv(scaled) / np.outer(scale, scale)
                beta[i] = estimates.location.beta + inverse @ moved
                errors[i] = np.sqrt(np.maximum(np.diag(inverse), 0.0))
    return Deletions(beta, errors, np.array([h[rows].sum() for rows in cases]))


def refitted(estimates: Estimates, cases: Sequence[Rows], leverage: Vector) -> Deletions:
    """Without each of the `cases`, all parameters estimated again."""
    p = estimates.location.beta.size
    own = coefficients_of(estimates, "location")
    beta, errors = np.full((2, len(cases), p), np.nan)
    for i, rows in enumerate(cases):
        keep = np.ones(estimates.frame.n, dtype=bool)
        keep[rows] = False
        left = without_rows(estimates.design, keep)
        determined = all(
            independent_columns(e.fixed.matrix).all()
            for e in left.predictors
            if e.fixed.matrix.shape[1]
        )
        if determined and (left.errors is None or _is_seen(left)):
            fit = refit(estimates, design=left, nearby=True)
            beta[i] = fit.location.beta
            errors[i] = np.sqrt(np.diag(fit.vcov[own, own]))
    return Deletions(beta, errors, leverage)


def _is_seen(design: ModelDesign) -> bool:
    """Whether the rows left determine the covariance of every group, as far as it is theirs."""
    errors = design.errors
    assert errors is not None
    k = len(errors.positions)
    for h, structure in enumerate(design.error_structures):
        rows = errors.group == h
        seen = np.zeros((len(errors.subjects), k))
        seen[errors.subject[rows], errors.position[rows]] = 1.0
        together = seen.T @ seen
        count = structure.n_parameters(k)
        every = together if count == k * (k + 1) // 2 else np.diag(together)
        if not rows.any() or (count >= k and not np.all(every > 0.0)):
            return False
    return True


def _singly(estimates: Estimates, joint: _Joint, S: Matrix, a: Matrix, h: Vector) -> Deletions:
    left = np.where(h < 1.0 - 1e-10, 1.0 - h, np.nan)
    moved = a @ S
    beta = estimates.location.beta - moved * (joint.score / left)[:, None]
    variance = np.diag(S) + moved**2 * (joint.w / left)[:, None]
    return Deletions(beta, np.sqrt(np.maximum(variance, 0.0)), h)
