"""Where the search starts: covariances by moments, one pass and no iteration.

With scores sⱼ = ZⱼᵀW(y − Xβ) of the levels j of a term, other terms left aside,

    E[sⱼsⱼᵀ] = σ²(AⱼGAⱼ + Aⱼ),   Aⱼ = ZⱼᵀWZⱼ,   G relative to σ²

so that Σⱼ(Aⱼ ⊗ Aⱼ) vec G = vec Σⱼ(sⱼsⱼᵀ/σ² − Aⱼ).
"""

from collections.abc import Sequence

import numpy as np

from henderson.arrays import Blocks, Matrix

_LARGE = 8  # beyond this many effects only variances are estimated


def moment_covariances(
    blocks: Sequence[Blocks], scores: Sequence[Matrix], sigma2: float
) -> list[Matrix]:
    """G of each term relative to σ², positive definite; blocks (g, k, k), scores (g, k)."""
    return [
        _well_inside(_moments(A, s, sigma2), A) for A, s in zip(blocks, scores, strict=True)
    ]


def residual_variance(
    blocks: Sequence[Blocks], scores: Sequence[Matrix], total: float, df: float
) -> float:
    """σ² within levels: the least residual mean square that a single term leaves.

    `total` is the residual sum of squares without random effects on `df` degrees of freedom.
    """
    best = total / df
    for A, s in zip(blocks, scores, strict=True):
        g, k = s.shape
        left = df - min(g * k, df)
        if left < max(2.0, 0.02 * df):
            continue
        ridge = 1e-8 * np.einsum("gkk->", A) / (g * k) + 1e-300
        solution = np.linalg.solve(A + ridge * np.eye(k), s[:, :, None])
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


def _well_inside(G: Matrix, A: Blocks) -> Matrix:
    """A positive definite matrix near G, away from zero variances and correlations of one.

    In units where an average level has information 1 on each effect, eigenvalues are kept
    above a hundredth, and above a twentieth of their mean.
    """
    unit = np.sqrt(np.maximum(np.einsum("gkk->k", A) / max(len(A), 1), 1e-300))
    scaled = 0.5 * (G + G.T) * np.outer(unit, unit)
    values, vectors = np.linalg.eigh(scaled)
    lowest = max(0.01, 0.05 * float(np.mean(np.maximum(values, 0.0))))
    scaled = (vectors * np.maximum(values, lowest)) @ vectors.T
    return scaled / np.outer(unit, unit)
