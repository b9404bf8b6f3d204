"""Satterthwaite's degrees of freedom, from exact derivatives.

    ν  =  2 v² / (gᵀ A g),   v = l'Φl,   g = ∂v/∂ψ

v is the estimated variance of l'β̂, ψ = (log σ, θ) the variance parameters and A the covariance
of their estimates, twice the inverse of the exact Hessian of −2 log L. ν does not depend on how
the variances are parametrized. A parameter at a boundary does not move v and adds nothing.

With TTᵀ = Φ, λ = Tᵀl and F as in `generalized_least_squares`:

    ∂v/∂θⱼ = λᵀFᵀ∆ⱼFλ,   ∆ⱼ = ∂G/∂θⱼ/σ²,   ∂v/∂log σ = 2v − 2λᵀFᵀ(G/σ²)Fλ

Several rows L jointly: the eigenvectors of LΦLᵀ give independent t with νₘ each; q⁻¹ Σ t² is
referred to F(q, ν), where ν makes its mean that of the independent t²:

    ν = 2E / (E − q),   E = Σ νₘ / (νₘ − 2)

Source: Satterthwaite (1946), Biometrics Bulletin 2, 110–114; Fai & Cornelius (1996), J. Stat.
Comput. Simul. 54, 363–378; Kuznetsova, Brockhoff & Christensen (2017), J. Stat. Softw. 82(13).
"""

from dataclasses import dataclass
from typing import Self, final

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.estimation.centred_terms import changes_in
from henderson.estimation.estimates import Estimates
from henderson.inference.ddf.expected_information import changes_of
from henderson.inference.ddf.generalized_least_squares import GeneralizedLeastSquares

_EQUAL = 1e-8


@final
@dataclass(frozen=True, slots=True)
class Satterthwaite:
    """What the degrees of freedom of any linear function are computed from."""

    vcov: Matrix  # Φ, (p, p)
    root: Matrix  # T, (p, p)
    changes: Blocks  # −Tᵀ∂(XᵀV⁻¹X)T by variance parameter, (m, p, p)
    covariance: Matrix  # A, (m, m), zero for parameters at a boundary

    name = "satterthwaite"

    @classmethod
    def of(cls, estimates: Estimates) -> Self:
        """For a linear model: ML or REML, any structure of the random effects."""
        gls = GeneralizedLeastSquares.of(estimates)
        location = estimates.location
        p, sigma2 = location.beta.size, gls.sigma**2
        of_sigma = 2.0 * np.eye(p)[None]
        changes = []
        for t, term in enumerate(location.terms):
            by_theta = changes_of(term.structure, term.theta, term.design.n_effects)
            moves = np.concatenate([term.covariance[None], by_theta]) / sigma2
            moved = gls.information_changes(t, changes_in(gls.bases[t], moves))
            of_sigma = of_sigma - 2.0 * moved[:1]
            changes.append(moved[1:])
        return cls(
            vcov=estimates.vcov[:p, :p],
            root=gls.root,
            changes=np.concatenate([of_sigma, *changes]),
            covariance=np.nan_to_num(estimates.vcov_all[p:, p:]),
        )

    def df(self, L: Matrix) -> Vector:
        """ν of each row of L (r, p); shape (r,)."""
        rows = L @ self.root
        v = np.einsum("rp,rp->r", rows, rows)
        g = np.einsum("rp,mpq,rq->rm", rows, self.changes, rows, optimize=True)
        spread = np.einsum("rm,ml,rl->r", g, self.covariance, g, optimize=True)
        return np.divide(2.0 * v**2, spread, out=np.full(len(L), np.nan), where=spread > 0.0)

    def joint(self, L: Matrix, value: Vector) -> tuple[float, float]:
        """F of `value` (q,), for independent rows L (q, p), and its denominator's ν."""
        values, vectors = np.linalg.eigh(L @ self.vcov @ L.T)
        contrasts = vectors.T @ L
        t2 = (vectors.T @ value) ** 2 / values
        return float(np.mean(t2)), combined_df(self.df(contrasts))


def combined_df(nu: Vector) -> float:
    """The ν of the F of independent t with the degrees of freedom `nu` (q,)."""
    if np.ptp(nu) < _EQUAL * nu.max():
        return float(nu.mean())
    if np.any(nu <= 2.0):
        return 2.0  # the mean of some t² is infinite
    mean = float(np.sum(nu / (nu - 2.0)))
    return 2.0 * mean / (mean - len(nu))
