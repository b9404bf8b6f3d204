"""The coefficients without some of the rows, where residuals vary together within subjects.

    y ~ N(Xβ, V),   V block-diagonal over rows that are linked

What is left of a subject keeps its covariance, V₋ᵢ of the other rows I⁻, so that with the
variances at their estimates and e = y − Xβ̂ generalized least squares gives, block by block,

    S₋ᵢ⁻¹ = Σ X₋ᵀV₋⁻¹X₋,     S₋ᵢ⁻¹(β̂₋ᵢ − β̂) = Σ X₋ᵀV₋⁻¹e₋

Only blocks with rows left out change. For one row, with a = XᵀV⁻¹1ᵢ and P = V⁻¹ − V⁻¹XSXᵀV⁻¹,

    β̂₋ᵢ − β̂ = −S a (V⁻¹e)ᵢ / Pᵢᵢ,    S₋ᵢ = S + S a aᵀ S / Pᵢᵢ

The leverage is the diagonal of I − RP: how far a fitted value follows its observation.

Source: Christensen, Pearson & Johnson (1992), Technometrics 34(1), 38–45.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.estimation.matrices import error_covariance
from henderson.inference.ddf.independent_blocks import covariance_factors

_LARGEST = 4000  # rows that are linked: V⁻¹ of them takes 0.13 GB
_DETERMINED = 1e-10  # of Pᵢᵢ, relative to its value where nothing is estimated

Rows = NDArray[np.int64]


def marginal_updates(
    estimates: Estimates, cases: Sequence[Rows] | None
) -> tuple[Matrix, Matrix, Vector]:
    """β (m, p) and its standard errors (m, p) without each case, and the leverages (n,).

    Raises
    ------
    ModelError
        Where subjects and random effects link more than 4000 rows.
    """
    location = estimates.location
    X, beta = location.fixed.matrix, location.beta
    n, p = X.shape
    xe = np.column_stack([X, estimates.response.y - location.offset - X @ beta])
    R = error_covariance(estimates).tocsr()
    blocks = list(covariance_factors(estimates))
    largest = max(len(rows) for rows, _ in blocks)
    if largest > _LARGEST:
        raise ModelError(
            f"Subjects and random effects link {largest} rows, too many for influence with "
            f"residuals that vary together, which is made for up to {_LARGEST}. Give "
            "refit=True."
        )
    solved, own, followed = np.empty((n, p + 1)), np.empty(n), np.empty(n)
    for rows, L in blocks:
        inverse = cho_solve((L, True), np.eye(len(rows)))
        solved[rows] = inverse @ xe[rows]  # V⁻¹[X e]
        own[rows] = np.diag(inverse)
        inside = R[rows][:, rows].toarray()
        followed[rows] = np.einsum("ij,ji->i", inside, inverse)
    S = np.linalg.inv(X.T @ solved[:, :p])
    a = solved[:, :p] @ S
    leverage = 1.0 - followed + np.einsum("ij,ij->i", R @ solved[:, :p], a)
    if cases is not None:
        found, errors = _by_case(xe, solved, blocks, cases)
        return beta + found, errors, leverage
    left = own - np.einsum("ij,ij->i", a, solved[:, :p])  # Pᵢᵢ
    left = np.where(left > _DETERMINED * own, left, np.nan)
    moved = a * (solved[:, p] / left)[:, None]
    variance = np.diag(S) + a**2 / left[:, None]
    return beta - moved, np.sqrt(variance), leverage


def _by_case(
    xe: Matrix,
    solved: Matrix,
    blocks: Sequence[tuple[NDArray[np.integer], Matrix]],
    cases: Sequence[Rows],
) -> tuple[Matrix, Matrix]:
    """β̂₋ᵢ − β̂ and standard errors, each (m, p), from [X e] and V⁻¹[X e], (n, p + 1)."""
    n, p = len(xe), xe.shape[1] - 1
    block_of = np.empty(n, dtype=np.int64)
    for index, (rows, _) in enumerate(blocks):
        block_of[rows] = index
    total = xe[:, :p].T @ solved
    found, errors = np.full((2, len(cases), p), np.nan)
    for case, rows in enumerate(cases):
        gram = total.copy()
        for index in np.unique(block_of[rows]):
            linked, L = blocks[index]
            gram -= xe[linked, :p].T @ solved[linked]
            kept = ~np.isin(linked, rows)
            if kept.any():
                rest = xe[linked[kept]]
                V = (L @ L.T)[np.ix_(kept, kept)]
                gram += rest[:, :p].T @ np.linalg.solve(V, rest)
        scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        scaled = gram[:, :p] / np.outer(scale, scale)
        if np.linalg.cond(scaled) < 1.0 / _DETERMINED:
            inverse = np.linalg.inv(scaled) / np.outer(scale, scale)
            found[case] = inverse @ gram[:, p]
            errors[case] = np.sqrt(np.diag(inverse))
    return found, errors
