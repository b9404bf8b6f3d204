"""Degrees of freedom from V itself: sums over independent blocks of rows.

    V = ZGZᵀ + R,   ∂ᵢV = Z∂ᵢGZᵀ  or  ∂ᵢR

Rows that share no subject and no level of any random term are independent, so that V is
block-diagonal. Block by block V = LLᵀ is dense, and with TTᵀ = Φ = (XᵀV⁻¹X)⁻¹ and A = V⁻¹XT

    information lost:  Aᵀ∂ᵢVA,     Qᵢⱼ = Aᵀ∂ᵢV V⁻¹∂ⱼVA,     tr(V⁻¹∂ᵢV V⁻¹∂ⱼV)

are what Satterthwaite's and Kenward and Roger's methods are made of. This is for residuals that
vary together, and for a residual variance of nearly 0: equations divided by it lose all digits
of V⁻¹, while V is as regular as ever.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from henderson.arrays import Blocks, Matrix, Vector
from henderson.estimation.centred_terms import (
    bases_of,
    changes_in,
    in_better_columns,
    root_in,
)
from henderson.estimation.correlated_errors import correlated_likelihood
from henderson.estimation.estimates import ErrorEstimates, Estimates
from henderson.estimation.matrices import error_blocks, row_precisions
from henderson.inference.ddf.expected_information import changes_of, linear_basis
from henderson.inference.ddf.kenward_roger import KenwardRoger
from henderson.inference.ddf.satterthwaite import Satterthwaite

_MOST_NUMBERS = 50_000_000  # in the changes of one block: 0.4 GB
_VANISHING = 1e-4  # of the variance of the random effects, in squares 1e-8
_SINGULAR = 1e-10  # a pivot of V, relative to its diagonal
_ONE: Blocks = np.ones((1, 1, 1))  # how the variance of independent residuals moves them


@dataclass(frozen=True, slots=True)
class _Block:
    """Independent rows: the factor L of their V, and ∂ᵢV."""

    rows: np.ndarray  # (m,)
    L: Matrix  # (m, m)
    changes: Blocks  # (number of directions, m, m)


@dataclass(frozen=True, slots=True)
class BlockSums:
    """What degrees of freedom are made of, over all blocks."""

    root: Matrix  # T, (p, p)
    lost: Blocks  # Aᵀ∂ᵢVA, (m, p, p)
    second: Matrix | None  # Qᵢⱼ as i r j s, (m, p, m, p)
    traces: Matrix  # tr(V⁻¹∂ᵢV V⁻¹∂ⱼV), (m, m)

    @classmethod
    def of(
        cls,
        estimates: Estimates,
        of_terms: list[Blocks],
        of_residuals: list[Blocks],
        *,
        second_order: bool,
    ) -> Self:
        """For directions (count, k, k) of each random term and each group's residuals.

        Before them are those of a dispersion formula beside residuals that vary together.
        """
        X = estimates.location.fixed.matrix
        p = X.shape[1]
        m = sum(map(len, [*of_terms, *of_residuals])) + _spread(estimates).shape[1]
        blocks = list(_blocks(estimates, of_terms, of_residuals))
        information = np.zeros((p, p))
        for block in blocks:
            half = solve_triangular(block.L, X[block.rows], lower=True)
            information += half.T @ half
        root = np.linalg.inv(np.linalg.cholesky(information)).T
        lost, traces = np.zeros((m, p, p)), np.zeros((m, m))
        second = np.zeros((m * p, m * p)) if second_order else None
        for block in blocks:
            size = len(block.rows)
            half = solve_triangular(block.L, X[block.rows] @ root, lower=True)
            A = solve_triangular(block.L.T, half, lower=False)
            white = solve_triangular(block.L, _side_by_side(block.changes), lower=True)
            both = white.reshape(size, m, size).transpose(2, 0, 1).reshape(size, -1)
            both = solve_triangular(block.L, both, lower=True)  # L⁻¹∂VL⁻ᵀ, as b a m
            flat = both.reshape(size * size, m)
            traces += flat.T @ flat
            moved = block.changes @ A  # (m, size, p)
            lost += np.einsum("ap,mas->mps", A, moved)
            if second is not None:
                C = solve_triangular(
                    block.L, moved.transpose(1, 0, 2).reshape(size, -1), lower=True
                )
                second += C.T @ C
        shaped = None if second is None else second.reshape(m, p, m, p)
        return cls(root, lost, shaped, traces)


def too_large(estimates: Estimates) -> int | None:
    """Rows of the largest block where its matrices would be too large; None where they fit."""
    size = linked_rows(estimates)
    count = estimates.vcov_all.shape[0] - estimates.location.beta.size
    return size if size * size * count > _MOST_NUMBERS else None


def linked_rows(estimates: Estimates) -> int:
    """Rows of the largest block."""
    return int(np.bincount(_independent(estimates)).max())


def residual_vanishes(estimates: Estimates) -> bool:
    """Whether the residual variance of a linear model is nearly 0 beside that of effects."""
    of_effects = float(np.sum(_of_effects(estimates)))
    of_residuals = _variance(estimates) * float(np.sum(1.0 / estimates.response.size))
    return of_residuals < _VANISHING * of_effects


def covariance_factors(estimates: Estimates) -> Iterator[tuple[np.ndarray, Matrix]]:
    """The rows of each independent block, and L of their V = LLᵀ."""
    for block in _blocks(estimates, [], []):
        yield block.rows, block.L


def is_regular(estimates: Estimates) -> bool:
    """Whether V is positive definite, to more than rounding."""
    if errors_are_regular(estimates):
        return True
    try:
        for _, L in covariance_factors(estimates):
            scale = np.sqrt(np.sum(L**2, axis=1))
            if np.any(np.diag(L) < np.sqrt(_SINGULAR) * scale):
                return False
    except np.linalg.LinAlgError:
        return False
    return True


def errors_are_regular(estimates: Estimates) -> bool:
    """Whether residuals that vary together make V so: no pivot is below 1/(R⁻¹)ᵢᵢ."""
    errors = estimates.errors
    if errors is None:
        return False
    blocks = error_blocks(errors.design)
    whitening = blocks.factor(errors.covariances)
    if whitening is None:
        return False
    d, extra = errors.design, _of_effects(estimates) * row_precisions(estimates)
    V = np.stack(errors.covariances)[d.group, d.position, d.position] + extra
    for batch, inverse in zip(blocks.batches, whitening.inverses, strict=True):
        left = 1.0 / np.sum(inverse**2, axis=1)[batch.pattern]
        if np.any(left < _SINGULAR * V[batch.rows]):
            return False
    return True


def _of_effects(estimates: Estimates) -> Vector:
    """The diagonal of ZGZᵀ, (n,)."""
    n = estimates.response.y.size
    return sum((t.row_variances for t in estimates.location.terms), np.zeros(n))


def satterthwaite(estimates: Estimates) -> Satterthwaite:
    """By the derivatives in the parameters that were estimated."""
    p = estimates.location.beta.size
    estimated = np.nan_to_num(estimates.vcov_all[p:, p:])
    vcov, errors = estimates.vcov[:p, :p], estimates.errors
    if errors_are_regular(estimates):
        likelihood, basis, psi = correlated_likelihood(estimates, scales=True)
        half, lost = likelihood.information_lost(psi)
        gamma = estimates.predictors["dispersion"].beta.size  # before θ in `vcov_all`
        lost = np.roll(lost, gamma, axis=0)
        return Satterthwaite(vcov, np.linalg.solve(basis.R, half), lost, estimated)
    bases = bases_of(estimates.design)[0]
    of_terms = [
        changes_in(A, changes_of(t.structure, t.theta, t.design.n_effects))
        for A, t in zip(bases, estimates.location.terms, strict=True)
    ]
    if errors is None:  # log σ, which is before θ in `vcov_all`
        of_residuals = [2.0 * _variance(estimates) * _ONE]
    else:
        of_residuals = _by_group(errors, changes_of)
    sums = BlockSums.of(estimates, of_terms, of_residuals, second_order=False)
    lost = np.roll(sums.lost, 1 if errors is None else 0, axis=0)
    return Satterthwaite(vcov, sums.root, lost, estimated)


def kenward_roger(estimates: Estimates) -> KenwardRoger:
    """By a basis of the covariances, where they are a linear space."""
    errors, p = estimates.errors, estimates.location.beta.size
    of_terms = [
        linear_basis(t.structure, t.theta, t.design.n_effects) for t in estimates.location.terms
    ]
    of_residuals = [_ONE] if errors is None else _by_group(errors, linear_basis)
    sums = BlockSums.of(estimates, of_terms, of_residuals, second_order=True)
    assert sums.second is not None
    vcov = estimates.vcov[:p, :p]
    return KenwardRoger.adjusted(vcov, sums.root, sums.lost, sums.second, sums.traces)


def _by_group(errors: ErrorEstimates, directions: Callable[..., Blocks]) -> list[Blocks]:
    k = len(errors.design.positions)
    return [
        directions(s, theta, k)
        for s, theta in zip(errors.structures, errors.thetas, strict=True)
    ]


def _spread(estimates: Estimates) -> Matrix:
    """D of a dispersion formula beside residuals that vary together, (n, number of γ)."""
    n = estimates.response.y.size
    no = np.empty((n, 0))
    return no if estimates.errors is None else estimates.predictors["dispersion"].fixed.matrix


def _variance(estimates: Estimates) -> float:
    """σ² of a linear model."""
    return float(np.exp(2.0 * estimates.predictors["dispersion"].beta[0]))


def _precisions(estimates: Estimates) -> Vector:
    """What rows are weighted by, (n,)."""
    if estimates.errors is None:
        return estimates.response.size
    return row_precisions(estimates)


def _subjects(estimates: Estimates) -> np.ndarray:
    """The subject of each row, (n,): the row itself where residuals are independent."""
    errors, n = estimates.errors, estimates.response.y.size
    return np.arange(n) if errors is None else errors.design.subject


def _blocks(
    estimates: Estimates, of_terms: list[Blocks], of_residuals: list[Blocks]
) -> Iterator[_Block]:
    """The independent blocks of rows, one after another."""
    errors, terms = estimates.errors, estimates.location.terms
    n = estimates.response.y.size
    if errors is None:
        position = group = np.zeros(n, dtype=int)
        covariances: tuple[Matrix, ...] = (np.full((1, 1), _variance(estimates)),)
    else:
        position, group = errors.design.position, errors.design.group
        covariances = errors.covariances
    subjects = _subjects(estimates)
    Z, roots = _columns_and_roots(estimates)
    weight = np.sqrt(_precisions(estimates))
    block_of = _independent(estimates)
    order = np.argsort(block_of, kind="stable")
    none = np.empty((0, 0, 0))
    by_term = of_terms or [none] * len(terms)
    by_group = of_residuals or [none] * len(covariances)
    D = _spread(estimates) if of_terms or of_residuals else np.empty((n, 0))
    counts = [D.shape[1], *(len(each) for each in (*by_term, *by_group))]
    starts = np.cumsum(counts).astype(int)
    for rows in np.split(order, np.cumsum(np.bincount(block_of))[:-1]):
        m = len(rows)
        V, changes = np.zeros((m, m)), np.zeros((starts[-1], m, m))
        for t, (term, z) in enumerate(zip(terms, Z, strict=True)):
            own, codes = z[rows], term.design.codes[rows]
            same = codes[:, None] == codes[None, :]
            V += same * ((own @ roots[t]) @ (own @ roots[t]).T)
            if len(by_term[t]):
                changes[starts[t] : starts[t + 1]] = same * (own @ by_term[t] @ own.T)
        at, subject, x = position[rows], subjects[rows], D[rows].T
        scale = (subject[:, None] == subject) / np.outer(weight[rows], weight[rows])
        for h, (sigma, moved) in enumerate(zip(covariances, by_group, strict=True)):
            inside = group[rows] == h
            if not inside.any():
                continue
            held = scale * np.outer(inside, inside)
            R = held * sigma[np.ix_(at, at)]
            V += R
            changes[: starts[0]] += (x[:, :, None] + x[:, None, :]) * R
            if len(moved):
                first = starts[len(terms) + h]
                changes[first : first + len(moved)] = held * moved[:, at[:, None], at[None, :]]
        yield _Block(rows, np.linalg.cholesky(V), changes)


def _columns_and_roots(estimates: Estimates) -> tuple[list[Matrix], list[Matrix]]:
    """z of every row (n, k), in columns that keep its digits, and T, of each term."""
    bases = bases_of(estimates.design)
    columns = in_better_columns(estimates.design, bases).predictors[0].random
    pairs = zip(bases[0], estimates.location.terms, strict=True)
    return [each.all_columns for each in columns], [root_in(A, t) for A, t in pairs]


def _independent(estimates: Estimates) -> np.ndarray:
    """The block of each row, (n,)."""
    groups = [_subjects(estimates)]
    groups += [term.design.codes for term in estimates.location.terms]
    n = len(groups[0])
    columns, total = [], 0
    for codes in groups:
        columns.append(codes + total)
        total += int(codes.max()) + 1
    rows = np.tile(np.arange(n), len(groups))
    linked = coo_array(
        (np.ones(len(rows)), (rows, n + np.concatenate(columns))), shape=(n + total, n + total)
    )
    found = connected_components(linked, directed=False)[1][:n]
    return np.unique(found, return_inverse=True)[1]


def _side_by_side(changes: Blocks) -> Matrix:
    """∂ᵢV next to one another, (size, m size)."""
    m, size, _ = changes.shape
    return changes.transpose(1, 0, 2).reshape(size, m * size)
