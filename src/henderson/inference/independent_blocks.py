"""Degrees of freedom where residuals vary together: sums over independent blocks of rows.

    V = ZGZᵀ + R,   ∂ᵢV = Z∂ᵢGZᵀ  or  ∂ᵢR

Rows that share no subject and no level of any random term are independent, so that V is
block-diagonal. Block by block V = LLᵀ is dense, and with TTᵀ = Φ = (XᵀV⁻¹X)⁻¹ and A = V⁻¹XT

    information lost:  Aᵀ∂ᵢVA,     Qᵢⱼ = Aᵀ∂ᵢV V⁻¹∂ⱼVA,     tr(V⁻¹∂ᵢV V⁻¹∂ⱼV)

are what Satterthwaite's and Kenward and Roger's methods are made of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from henderson.arrays import Blocks, Matrix
from henderson.estimation.estimates import Estimates, ResidualEstimates, TermEstimates
from henderson.estimation.matrices import level_columns
from henderson.inference.expected_information import changes_of, linear_basis
from henderson.inference.kenward_roger import KenwardRoger
from henderson.inference.satterthwaite import Satterthwaite

_MOST_NUMBERS = 50_000_000  # in the changes of one block: 0.4 GB


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
        """For directions (count, k, k) of each random term and each group's residuals."""
        X = estimates.location.fixed.matrix
        p = X.shape[1]
        m = sum(map(len, [*of_terms, *of_residuals]))
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
    size = int(np.bincount(_independent(estimates)).max())
    count = estimates.vcov_all.shape[0] - estimates.location.beta.size
    return size if size * size * count > _MOST_NUMBERS else None


def satterthwaite(estimates: Estimates) -> Satterthwaite:
    """By the derivatives in the parameters that were estimated."""
    residual = _residual(estimates)
    k = len(residual.design.positions)
    sums = BlockSums.of(
        estimates,
        [
            changes_of(t.structure, t.theta, t.design.n_effects)
            for t in estimates.location.terms
        ],
        [
            changes_of(s, theta, k)
            for s, theta in zip(residual.structures, residual.thetas, strict=True)
        ],
        second_order=False,
    )
    p = estimates.location.beta.size
    covariance = np.zeros((1 + len(sums.lost),) * 2)  # there is no σ beside them
    covariance[1:, 1:] = np.nan_to_num(estimates.vcov_all[p:, p:])
    return Satterthwaite(estimates.vcov[:p, :p], sums.root, sums.lost, covariance)


def kenward_roger(estimates: Estimates) -> KenwardRoger:
    """By a basis of the covariances, where they are a linear space."""
    residual = _residual(estimates)
    k = len(residual.design.positions)
    sums = BlockSums.of(
        estimates,
        [
            linear_basis(t.structure, t.theta, t.design.n_effects)
            for t in estimates.location.terms
        ],
        [
            linear_basis(s, theta, k)
            for s, theta in zip(residual.structures, residual.thetas, strict=True)
        ],
        second_order=True,
    )
    assert sums.second is not None
    p = estimates.location.beta.size
    vcov = estimates.vcov[:p, :p]
    return KenwardRoger.adjusted(vcov, sums.root, sums.lost, sums.second, sums.traces)


def _residual(estimates: Estimates) -> ResidualEstimates:
    assert estimates.residual is not None
    return estimates.residual


def _blocks(
    estimates: Estimates, of_terms: list[Blocks], of_residuals: list[Blocks]
) -> Iterator[_Block]:
    """The independent blocks of rows, one after another."""
    residual, terms = _residual(estimates), estimates.location.terms
    design, n = residual.design, estimates.response.y.size
    Z = [_columns(term) for term in terms]
    weight = np.sqrt(estimates.response.size)
    block_of = _independent(estimates)
    order = np.argsort(block_of, kind="stable")
    counts = [len(each) for each in (*of_terms, *of_residuals)]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(int)
    for rows in np.split(order, np.cumsum(np.bincount(block_of))[:-1]):
        m = len(rows)
        V, changes = np.zeros((m, m)), np.zeros((starts[-1], m, m))
        for t, (term, z) in enumerate(zip(terms, Z, strict=True)):
            own, codes = z[rows], term.design.codes[rows]
            same = codes[:, None] == codes[None, :]
            V += same * (own @ term.covariance @ own.T)
            changes[starts[t] : starts[t + 1]] = same * (own @ of_terms[t] @ own.T)
        at, subject = design.position[rows], design.subject[rows]
        scale = np.where(subject[:, None] == subject[None, :], 1.0, 0.0)
        scale /= np.outer(weight[rows], weight[rows])
        for h, (sigma, D) in enumerate(zip(residual.covariances, of_residuals, strict=True)):
            inside = design.group[rows] == h
            if not inside.any():
                continue
            held = scale * np.outer(inside, inside)
            V += held * sigma[np.ix_(at, at)]
            first = starts[len(terms) + h]
            changes[first : first + len(D)] = held * D[:, at[:, None], at[None, :]]
        yield _Block(rows, np.linalg.cholesky(V), changes)
    assert n == len(order)


def _columns(term: TermEstimates) -> Matrix:
    """Z of a term by row and effect, (n, k)."""
    design = term.design
    if design.columns is None:
        return design.values
    return level_columns(
        np.zeros_like(design.codes), design.values, design.columns, (1, design.n_effects)
    ).toarray()


def _independent(estimates: Estimates) -> np.ndarray:
    """The block of each row, (n,)."""
    groups = [_residual(estimates).design.subject]
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
