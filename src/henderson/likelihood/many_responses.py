"""The Gaussian deviance of many responses of one design, with two derivatives, all at once.

What one response needs is little work in many small steps; here every step is taken for all
responses side by side. Random effects fall into blocks of levels that meet in the data: the
levels of one grouping factor, or those of a nested chain. With A, F = ZᵀV₀⁻¹XR⁻ᵀ and
z = ZᵀV₀⁻¹(y − Xβ) by block, K = A − AΛC⁻¹ΛᵀA, Dᵢ = ∂ᵢ(ΛΛᵀ), and K⁺ = K − FFᵀ, cᵢ = zᵀDᵢz/σ²,
the derivatives of −2 log L by REML are

    gᵢ  = tr(K⁺Dᵢ) − cᵢ
    Hᵢₗ = tr((K⁺ − zzᵀ/σ²) ∂ᵢₗΛΛᵀ) − tr(K⁺DᵢK⁺Dₗ) + 2 zᵀDᵢK⁺Dₗz/σ² − cᵢcₗ/ν

By ML, K stands for K⁺ in the traces. Λ is linear in θ: Λ = Σ θᵢEᵢ.

Arrays have the responses last, so that every operation is one pass over them: a, b, c effects
of a block, j blocks, n responses, i, l parameters, p, r fixed effects.

Source: Bates, Mächler, Bolker & Walker (2015), J. Stat. Softw. 67(1), section 3; Gilmour,
Thompson & Cullis (1995), Biometrics 51, 1440–1450.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from henderson.arrays import Matrix, Vector
from henderson.likelihood.parameters import CovarianceParameters

Stack = NDArray[np.floating]  # an array with the responses last
LARGEST_BLOCK = 8  # random effects: steps over the effects of a block are not compiled


@dataclass(frozen=True, slots=True)
class Responses:
    """What the deviance needs of m responses, each in units of its own."""

    zy: Stack  # (a, j, m), ZᵀWy by block
    xy: Stack  # (p, m)
    yy: Stack  # (m,)

    def some(self, which: NDArray[np.bool_]) -> "Responses":
        """Some of them."""
        return Responses(self.zy[..., which], self.xy[:, which], self.yy[which])


@dataclass(frozen=True, slots=True)
class Deviances:
    """−2 log L but for a constant, its derivatives in θ, and what was profiled out."""

    value: Stack  # (m,)
    gradient: Stack  # (i, m)
    hessian: Stack  # (i, l, m), exact
    beta: Stack  # (p, m)
    sigma2: Stack  # (m,)
    half: Stack  # (p, p, m), R⁻¹ of XᵀV₀⁻¹X = RRᵀ


@final
@dataclass(frozen=True, slots=True)
class ManyResponses:
    """The cross-products of one design, by blocks of random effects that meet."""

    A: Stack  # (a, b, j, 1), ZᵀWZ by block
    zx: Stack  # (a, p, j, 1)
    xx: Matrix  # (p, p)
    E: Stack  # (i, a, b, j, 1), or one j where all blocks are alike: ∂Λ/∂θ
    second: Stack  # (i, l, a, b, j, 1): EᵢEₗᵀ + EₗEᵢᵀ
    place: tuple[NDArray[np.intp], NDArray[np.intp]]  # of each column of Z: effect, block
    nu: int
    restricted: bool

    @classmethod
    def of(
        cls,
        Z: csr_array,
        levels: Sequence[int],
        parameters: CovarianceParameters,
        X: Matrix,
        weights: Vector | None,
        *,
        restricted: bool,
    ) -> Self | None:
        """Of a design; None where it is not made of small blocks or Λ is not linear in θ.

        Z (n, q) has the terms one after another, `levels` says how many each has.
        """
        if not len(parameters) or not all(s.linear for s in parameters.structures):
            return None
        level_of = np.repeat(
            np.arange(sum(levels)), np.repeat(parameters.k, np.asarray(levels, dtype=int))
        )
        block, count = _blocks(Z, level_of)
        order = np.argsort(block, kind="stable")
        sizes = np.bincount(block, minlength=count)
        size = int(sizes.max())
        if size > LARGEST_BLOCK:
            return None
        effect = np.empty(len(block), dtype=np.intp)
        effect[order] = np.arange(len(block)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        wX = X if weights is None else X * weights[:, None]
        wZ = Z if weights is None else Z * weights[:, None]
        products = (Z.T @ wZ).tocoo()
        A = np.zeros((size, size, count, 1))
        A[effect[products.row], effect[products.col], block[products.row], 0] = products.data
        zx = np.zeros((size, X.shape[1], count, 1))
        zx[effect, :, block, 0] = Z.T @ wX
        E = _factor_derivatives(parameters, levels, effect, block, (size, count))
        half = np.einsum("iabj,lcbj->ilacj", E, E)
        return cls(
            A=A,
            zx=zx,
            xx=X.T @ wX,
            E=E[..., None],
            second=(half + half.transpose(1, 0, 2, 3, 4))[..., None],
            place=(effect, block),
            nu=len(X) - X.shape[1] if restricted else len(X),
            restricted=restricted,
        )

    @property
    def size(self) -> int:
        """Numbers in the largest array for one response."""
        i, a, _, _, _ = self.E.shape
        return i * a * max(a, len(self.xx)) * self.A.shape[2]

    def responses(
        self, Z: csr_array, X: Matrix, y: Matrix, weights: Vector | None
    ) -> Responses:
        """Their cross-products with the design; y (n, m)."""
        wy = y if weights is None else y * weights[:, None]
        zy = np.zeros((self.A.shape[0], self.A.shape[2], y.shape[1]))
        zy[self.place] = Z.T @ wy
        return Responses(zy, X.T @ wy, np.einsum("nm,nm->m", y, wy))

    def evaluate(self, theta: Stack, responses: Responses) -> Deviances:
        """The deviances at θ (i, m); NaN where they do not exist."""
        factor = np.einsum("iabjn,in->abjn", self.E, theta)  # Λ
        scaled = np.einsum("abjn,bcjn->acjn", self.A, factor)  # AΛ
        C = np.einsum("bajn,bcjn->acjn", factor, scaled)
        C[np.diag_indices(len(C))] += 1.0
        L = _cholesky(C)
        moved = _forward(L, np.swapaxes(scaled, 0, 1))  # L⁻¹ΛᵀA
        of_x = _forward(L, np.einsum("bajn,bpjn->apjn", factor, self.zx))
        of_y = _forward(L, np.einsum("bajn,bjn->ajn", factor, responses.zy)[:, None])[:, 0]

        xx = self.xx[..., None] - np.einsum("apjn,arjn->prn", of_x, of_x)
        R = _cholesky(xx[:, :, None])  # XᵀV₀⁻¹X = RRᵀ
        right = responses.xy - np.einsum("apjn,ajn->pn", of_x, of_y)
        half = _forward(R, right[:, None, None])[:, 0, 0]  # R⁻¹XᵀV₀⁻¹y
        r2 = responses.yy - np.einsum("ajn,ajn->n", of_y, of_y) - np.sum(half**2, axis=0)
        inverse = _forward(R, np.eye(len(R))[:, :, None, None])[:, :, 0]  # R⁻¹
        beta = np.einsum("rpn,rn->pn", inverse, half)
        value = _log_determinant(L) + self.nu * np.log(np.where(r2 > 0.0, r2, np.nan))
        if self.restricted:
            value = value + _log_determinant(R)

        zx = self.zx - np.einsum("bajn,bpjn->apjn", moved, of_x)  # ZᵀV₀⁻¹X
        z = responses.zy - np.einsum("bajn,bjn->ajn", moved, of_y)
        gradient, hessian = self._derivatives(
            factor,
            self.A - np.einsum("bajn,bcjn->acjn", moved, moved),
            np.einsum("apjn,rpn->arjn", zx, inverse),
            z - np.einsum("apjn,pn->ajn", zx, beta),
            r2 / self.nu,
        )
        return Deviances(value, gradient, hessian, beta, r2 / self.nu, inverse)

    def _derivatives(
        self, factor: Stack, K: Stack, F: Stack, z: Stack, sigma2: Stack
    ) -> tuple[Stack, Stack]:
        """g (i, m) and H (i, l, m), from Λ, K, F, z and σ² as the module has them."""
        D = np.einsum("iabjn,cbjn->iacjn", self.E, factor)
        D = D + np.swapaxes(D, 1, 2)
        S = K - np.einsum("ajn,bjn->abjn", z, z / sigma2)
        if self.restricted:
            S -= np.einsum("apjn,bpjn->abjn", F, F)
        if D.shape[3] == 1:
            S = S.sum(axis=2, keepdims=True)
        KD = np.einsum("abjn,ibcjn->iacjn", K, D)
        Dz = np.einsum("iabjn,bjn->iajn", D, z)
        FDz = np.einsum("apjn,iajn->ipn", F, Dz)
        c = np.einsum("ajn,iajn->in", z, Dz) / sigma2
        quadratic = np.einsum("iajn,lajn->iln", Dz, np.einsum("abjn,ibjn->iajn", K, Dz))
        quadratic -= np.einsum("ipn,lpn->iln", FDz, FDz)
        hessian = np.einsum("abjn,ilabjn->iln", S, self.second)
        hessian -= np.einsum("iabjn,lbajn->iln", KD, KD)
        hessian += 2.0 * quadratic / sigma2 - c[:, None] * c[None] / self.nu
        if self.restricted:
            DF = np.einsum("iabjn,bpjn->iapjn", D, F)
            FDF = np.einsum("apjn,iarjn->iprn", F, DF)
            KDF = np.einsum("abjn,ibpjn->iapjn", K, DF)
            hessian += 2.0 * np.einsum("iapjn,lapjn->iln", DF, KDF)
            hessian -= np.einsum("iprn,lprn->iln", FDF, FDF)
        return np.einsum("abjn,iabjn->in", S, D), hessian


def _blocks(Z: csr_array, level_of: NDArray[np.intp]) -> tuple[NDArray[np.intp], int]:
    """The block of each column of Z, (q,), and how many there are."""
    shape = (len(Z.indptr) - 1, int(level_of[-1]) + 1)
    seen = csr_array((np.ones(len(Z.indices)), level_of[Z.indices], Z.indptr), shape=shape)
    count, block = connected_components(seen.T @ seen, directed=False)
    return block[level_of].astype(np.intp), int(count)


def _factor_derivatives(
    parameters: CovarianceParameters,
    levels: Sequence[int],
    effect: NDArray[np.intp],
    block: NDArray[np.intp],
    shape: tuple[int, int],
) -> Stack:
    """∂Λ/∂θ by block, (i, a, b, j); one j where all are the same."""
    size, count = shape
    E = np.zeros((len(parameters), size, size, count))
    start = 0
    derivatives = parameters.factor_derivatives(np.ones(len(parameters)))
    for at, k, g, dT in zip(parameters.slices, parameters.k, levels, derivatives, strict=True):
        columns = np.arange(start, start + g * k).reshape(g, k)
        rows, across = effect[columns][:, :, None], effect[columns][:, None, :]
        E[at, rows, across, block[columns][:, :1, None]] = dT[:, None]
        start += g * k
    return E[..., :1].copy() if np.all(E[..., :1] == E) else E


def _cholesky(C: Stack) -> Stack:
    """Lower L with LLᵀ = C, (a, a, ...)."""
    L = np.zeros_like(C)
    for a in range(len(C)):
        pivot = C[a, a] - np.sum(L[a, :a] ** 2, axis=0)
        L[a, a] = np.sqrt(np.where(pivot > 0.0, pivot, np.nan))
        below = C[a + 1 :, a] - np.einsum("bcjn,cjn->bjn", L[a + 1 :, :a], L[a, :a])
        L[a + 1 :, a] = below / L[a, a]
    return L


def _log_determinant(L: Stack) -> Stack:
    """log det LLᵀ over all blocks, (n,)."""
    return 2.0 * np.sum(np.log(L[np.diag_indices(len(L))]), axis=(0, 1))


def _forward(L: Stack, B: Stack) -> Stack:
    """L⁻¹B for B (a, p, j, n)."""
    out = np.empty((*B.shape[:2], *np.broadcast_shapes(L.shape[2:], B.shape[2:])))
    for a in range(len(B)):
        out[a] = (B[a] - np.einsum("bjn,bpjn->pjn", L[a, :a], out[:a])) / L[a, a]
    return out
