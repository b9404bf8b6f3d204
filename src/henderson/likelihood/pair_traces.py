"""Sums of tr(D K E Kᵀ) over pairs of levels, K the blocks of ZᵀPZ between them.

With few effects the products of the elements of all blocks are added up first, k²m² of them;
with many, each D and E is applied to K.
"""

import numpy as np

from henderson.arrays import Blocks, Matrix

WIDE = 400  # k m, the effects of two terms, from which on all pairs of elements are too many


def pair_traces(K: Matrix, D: Blocks, E: Blocks) -> Matrix:
    """Σⱼₗ tr(Dᵢ Kⱼₗ Eₘ Kⱼₗᵀ), (number of D, of E).

    K (g k, h m) has the blocks of g and h levels, D is (., k, k) and E (., m, m), symmetric.
    """
    k, m = D.shape[1], E.shape[1]
    if k * m <= WIDE:
        blocks = K.reshape(-1, k, K.shape[1] // m, m).transpose(0, 2, 1, 3)
        return _by_products(blocks.reshape(-1, k * m), D, E)
    turned = (K.reshape(-1, m) @ E).reshape(len(E), -1)
    out = np.empty((len(D), len(E)))
    for i, change in enumerate(D):
        out[i] = turned @ (change @ K.reshape(-1, k, K.shape[1])).ravel()
    return out


def level_traces(K: Blocks, D: Blocks) -> Matrix:
    """Σⱼ tr(Dᵢ Kⱼ Dₗ Kⱼ), (number of D, of D); K (g, k, k) symmetric."""
    k, count = D.shape[1], len(D)
    if k * k <= WIDE:
        return _by_products(K.reshape(-1, k * k), D, D)
    out = np.zeros((count, count))
    for block in K:
        moved = D @ block
        out += moved.reshape(count, -1) @ moved.transpose(0, 2, 1).reshape(count, -1).T
    return out


def regrouped(products: Matrix, k: int, m: int) -> Matrix:
    """Σ M[a, r] M[b, s] from (a r, b s) to (a b, r s); a and b below k, r and s below m."""
    return products.reshape(k, m, k, m).transpose(0, 2, 1, 3).reshape(k * k, m * m)


def _by_products(blocks: Matrix, D: Blocks, E: Blocks) -> Matrix:
    k, m = D.shape[1], E.shape[1]
    N = regrouped(blocks.T @ blocks, k, m)
    return D.reshape(-1, k * k) @ N @ E.reshape(-1, m * m).T
