"""Random effects in centred columns, where the model is the same and its search is not.

A term whose covariance may be any matrix spans the same models in any basis of its columns:

    Zb = (ZA)b',   b = Ab',   Cov(b) = A Cov(b') Aᵀ

`(year | site)` with years 2000 to 2011 has intercepts in the year 0 and slopes that determine
one another but for a millionth; with A = [1, −m/s; 0, 1/s] they are intercepts at the mean and
slopes in standard deviations. A is made from the columns: centred where an intercept is among
them, then orthonormal by Cholesky's factor of their cross-products. Terms in columns that are
good enough, sparse ones, structures that mean other models elsewhere, and models whose priors
name effects stay as they are.
"""

from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance import CovarianceStructure
from henderson.design import RandomDesign
from henderson.estimation.estimates import TermEstimates
from henderson.estimation.fit_result import Findings, TermFit, sandwich
from henderson.estimation.model_design import ModelDesign
from henderson.estimation.objectives.objective import Near, RestatedObjective
from henderson.estimation.term_matrices import lower_factor

_FAR = 4.0  # standard deviations of a column that its mean may be away from 0
_WORST_PIVOT = 0.05  # of the cross-products of centred columns, with unit diagonal
_SIZES = (1e-3, 1e3)  # that columns may have

Basis = Matrix | None  # A (k, k) of a term; None where it stays as it is


def better_basis(term: RandomDesign, structure: CovarianceStructure) -> Basis:
    """A of one term, or None."""
    V = term.values
    if not structure.any_basis or term.columns is not None or not 1 < V.shape[1] < len(V):
        return None
    k = V.shape[1]
    constant = np.flatnonzero(np.ptp(V, axis=0) == 0.0)
    first = int(constant[0]) if len(constant) and V[0, constant[0]] != 0.0 else None
    if len(constant) > (first is not None):
        return None  # columns of zeros, or several constants
    means = V.mean(axis=0) if first is not None else np.zeros(k)
    others = [j for j in range(k) if j != first]
    centred = V[:, others] - means[others]
    sizes = np.sqrt(np.mean(centred**2, axis=0))
    gram = (centred / sizes).T @ (centred / sizes) / len(V)
    try:
        root = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return None
    far = np.any(np.abs(means[others]) > _FAR * sizes)
    odd = np.any((sizes < _SIZES[0]) | (sizes > _SIZES[1]))
    if not (far or odd or np.diag(root).min() ** 2 < _WORST_PIVOT):
        return None
    A = np.zeros((k, k))
    A[np.ix_(others, others)] = np.linalg.inv(root).T / sizes[:, None]
    if first is not None:
        A[first, first] = 1.0
        A[first, others] = -(means[others] / V[0, first]) @ A[np.ix_(others, others)]
    return A


def bases_of(design: ModelDesign) -> tuple[tuple[Basis, ...], ...]:
    """A of the terms of each predictor."""
    if design.penalty is not None:  # priors are on effects as the formula has them
        return tuple((None,) * len(p.random) for p in design.predictors)
    return tuple(
        tuple(better_basis(t, s) for t, s in zip(p.random, p.structures, strict=True))
        for p in design.predictors
    )


@final
@dataclass(frozen=True, slots=True)
class CentredObjective(RestatedObjective):
    """An objective in better columns; its findings are in those of the formula."""

    bases: tuple[tuple[Basis, ...], ...]

    def start(self, near: Near | None = None) -> Vector:
        """That of the better columns."""
        if near is None or near.covariances is None:
            return self.inner.start(near)
        of_terms = [A for own in self.bases for A in own]
        moved = tuple(
            G if A is None else np.linalg.solve(A, np.linalg.solve(A, G).T)
            for A, G in zip(of_terms, near.covariances, strict=True)
        )
        return self.inner.start(replace(near, covariances=moved))

    def findings(self, psi: Vector, free: NDArray[np.bool_], hessian: Matrix) -> Findings:
        """b = Ab', and the covariance of θ by ∂θ/∂θ'."""
        found = self.inner.findings(psi, free, hessian)
        at = found.n_coefficients
        change = np.eye(len(found.vcov_all))
        predictors = []
        for design, fit, own in zip(
            self.design.predictors, found.predictors, self.bases, strict=True
        ):
            terms = []
            for structure, term, A in zip(design.structures, fit.terms, own, strict=True):
                place = slice(at, at + len(term.theta))
                at = place.stop
                if A is not None:
                    term, change[place, place] = _moved(structure, term, A)
                terms.append(term)
            predictors.append(replace(fit, terms=tuple(terms)))
        known = np.isfinite(np.diag(found.vcov_all))
        held = np.diag(change) == 1.0
        change[~known & held, ~known & held] = np.nan
        vcov = change @ np.where(np.outer(known, known), found.vcov_all, 0.0) @ change.T
        return replace(found, predictors=tuple(predictors), vcov_all=vcov)

    def of_response(self, design: ModelDesign) -> Self:
        """Another response in the same columns."""
        inner = replace(self.inner.design, response=design.response)
        return replace(self, design=design, inner=self.inner.of_response(inner))


def in_better_columns(design: ModelDesign, bases: tuple[tuple[Basis, ...], ...]) -> ModelDesign:
    """The design with ZA in the place of Z."""
    predictors = []
    for predictor, own in zip(design.predictors, bases, strict=True):
        random = tuple(
            term if A is None else replace(term, values=np.ascontiguousarray(_times(term, A)))
            for term, A in zip(predictor.random, own, strict=True)
        )
        predictors.append(replace(predictor, random=random))
    return replace(design, predictors=tuple(predictors))


def effects_far_from_origin(
    term: RandomDesign, structure: CovarianceStructure
) -> dict[str, tuple[float, float]]:
    """Least and largest value of columns whose 0 is far away and makes a difference.

    It makes none where the covariance may be any matrix and an intercept is among the effects.
    """
    V = term.values
    varies = np.ptp(V, axis=0) > 0.0
    if term.columns is not None or (structure.any_basis and not varies.all()):
        return {}
    far = varies & (np.abs(V.mean(axis=0)) > _FAR * V.std(axis=0))
    return {
        effect: (float(V[:, j].min()), float(V[:, j].max()))
        for j, effect in enumerate(term.effects)
        if far[j]
    }


def changes_in(basis: Basis, D: Blocks) -> Blocks:
    """Changes (m, k, k) of Cov(b) as those of Cov(b'), b = Ab'."""
    if basis is None:
        return D
    back = np.linalg.inv(basis)
    return back @ D @ back.T


def root_in(basis: Basis, term: TermEstimates) -> Matrix:
    """A factor (k, k) of Cov(b') of one term."""
    if basis is None:
        return lower_factor(term.covariance)
    return np.linalg.solve(basis, term.structure.factor(term.theta, len(basis)))


def _times(term: RandomDesign, A: Matrix) -> Matrix:
    """ZA; differences from the mean first, so that they keep their digits."""
    V = term.values
    constant = np.ptp(V, axis=0) == 0.0
    if not constant.any():
        return V @ A
    (first,) = np.flatnonzero(constant)
    others = ~constant
    centred = V[:, others] - V[:, others].mean(axis=0)
    out = np.empty_like(V)
    out[:, first] = V[:, first]
    out[:, others] = centred @ A[np.ix_(others, others)]
    return out


def _moved(structure: CovarianceStructure, term: TermFit, A: Matrix) -> tuple[TermFit, Matrix]:
    """The term in the formula's columns, and ∂θ/∂θ' (nθ, nθ).

    The derivative is solved for in the better columns, where A⁻¹ ∂G/∂θ A⁻ᵀ = ∂G'/∂θ: NaN in
    rows of parameters that do not move G.
    """
    k = len(A)
    T = structure.factor(term.theta, k)
    theta = structure.of_root(A @ T)
    there, here = structure.free(theta, k), structure.free(term.theta, k)
    back = np.linalg.inv(A)
    root = back @ structure.factor(theta, k)
    half = back @ structure.factor_derivatives(theta, k) @ root.T
    by_new = (half + half.transpose(0, 2, 1)).reshape(len(theta), -1).T
    half = structure.factor_derivatives(term.theta, k) @ T.T
    by_old = (half + half.transpose(0, 2, 1)).reshape(len(theta), -1).T
    size = np.linalg.norm(by_new[:, there], axis=0)
    change = np.zeros((len(theta), len(theta)))
    change[~there] = np.nan
    solved = np.linalg.lstsq(by_new[:, there] / size, by_old[:, here], rcond=1e-14)[0]
    change[np.ix_(there, here)] = solved / size[:, None]
    moved = TermFit(
        theta=theta,
        covariance=A @ term.covariance @ A.T,
        modes=term.modes @ A.T,
        mode_covariance=sandwich(A, term.mode_covariance),
    )
    return moved, change
