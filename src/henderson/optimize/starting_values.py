"""Where the search starts: covariances by moments, one pass and no iteration.

With scores sⱼ = ZⱼᵀW(y − Xβ) of the levels j of a term, other terms left aside,

    E[sⱼsⱼᵀ] = σ²(AⱼGAⱼ + Aⱼ),   Aⱼ = ZⱼᵀWZⱼ,   G relative to σ²

so that Σⱼ(Aⱼ ⊗ Aⱼ) vec G = vec Σⱼ(sⱼsⱼᵀ/σ² − Aⱼ).
"""

from collections.abc import Sequence

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector

_LARGE = 8  # beyond this many effects only variances are estimated


def moment_covariances(
    blocks: Sequence[Blocks], scores: Sequence[Matrix], sigma2: float
) -> list[Matrix]:
    """G of each term relative to σ², positive definite; blocks (g, k, k), scores (g, k)."""
    out = []
    for A, s in zip(blocks, scores, strict=True):
        A_unit, s_unit, unit = _in_units(A, s)
        out.append(_well_inside(_moments(A_unit, s_unit, sigma2)) / np.outer(unit, unit))
    return out


def _in_units(A: Blocks, s: Matrix) -> tuple[Blocks, Matrix, Vector]:
    """A and s where an average level has information 1 on each effect, and these units (k,)."""
    unit = np.sqrt(np.maximum(np.einsum("gkk->k", A) / max(len(A), 1), 1e-300))
    return A / np.outer(unit, unit), s / unit, unit


def residual_variance(
    blocks: Sequence[Blocks], scores: Sequence[Matrix], total: float, df: float
) -> float:
    """σ² within levels: the least residual mean square that a single term leaves.

    `total` is the residual sum of squares without random effects on `df` degrees of freedom.
    """
    best = total / df
    for block, score in zip(blocks, scores, strict=True):
        g, k = score.shape
        left = df - min(g * k, df)
        if left < max(2.0, 0.02 * df):
            continue
        A, s, _ = _in_units(block, score)
        solution = np.linalg.solve(A + 1e-8 * np.eye(k), s[:, :, None])
        within = (total - float(np.sum(s * solution[:, :, 0]))) / left
        best = min(best, within)
    return max(best, 0.02 * total / df)


def _moments(A: Blocks, s: Matrix, sigma2: float) -> Matrix:
    k = s.shape[1]
    target = s.T @ s / sigma2 - A.sum(axis=0)
    if k > _LARGE:
        diagonal = np.einsum("gkk->gk", A)
        return np.diag(np.diag(target) / np.maximum((diagonal**2).sum(axis=0), 1e-300))
    system = np.einsum("gab,gcd->acbd", A, A, optimize=True).reshape(k * k, k * k)
    ridge = 1e-10 * np.trace(system) / (k * k) + 1e-300
    return np.linalg.solve(system + ridge * np.eye(k * k), target.ravel()).reshape(k, k)


def _well_inside(G: Matrix) -> Matrix:
    """A positive definite matrix near G, away from zero variances and correlations of one.

    In units where an average level has information 1 on each effect, eigenvalues are kept
    above a hundredth, and above a twentieth of their mean.
    """
    values, vectors = np.linalg.eigh(0.5 * (G + G.T))
    lowest = max(0.01, 0.05 * float(np.mean(np.maximum(values, 0.0))))
    return (vectors * np.maximum(values, lowest)) @ vectors.T
