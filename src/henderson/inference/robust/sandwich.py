"""Covariance of the fixed effects that does not trust the model's variances: by clusters.

    V_R  =  M (Σᵢ XᵢᵀVᵢ⁻¹Aᵢ eᵢeᵢᵀ Aᵢ Vᵢ⁻¹Xᵢ) M,   M = (Σᵢ XᵢᵀVᵢ⁻¹Xᵢ)⁻¹

Cluster i has nᵢ rows, residuals eᵢ = yᵢ − Xᵢβ̂ and the model's covariance Vᵢ (nᵢ, nᵢ).

    CR0   A = I
    CR1   A = √(m/(m−1)) I, with m clusters
    CR2   Aᵢ = CᵢBᵢ^(−½)Cᵢᵀ,  Vᵢ = CᵢCᵢᵀ,  Bᵢ = Cᵢᵀ(Vᵢ − XᵢMXᵢᵀ)Cᵢ

CR2 makes V_R unbiased where the model's V is right up to a factor, and nearly so elsewhere.
Degrees of freedom are those of the χ² with the first two moments that l'V_R l has under the
model; several functions jointly are referred to Hotelling's T² with such degrees of freedom.

Source: Liang & Zeger (1986), Biometrika 73(1), 13–22; Bell & McCaffrey (2002), Survey
Methodology 28(2), 169–181; Pustejovsky & Tipton (2018), J. Bus. Econ. Stat. 36(4), 672–683.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular
from scipy.sparse import csr_array

from henderson.arrays import Matrix, Vector
from henderson.design.columns import read_array
from henderson.design.factors import Factor, differing_row
from henderson.design.model_frame import ModelFrame, missing_values
from henderson.errors import DataError, ModelError, did_you_mean
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.estimation.matrices import (
    error_covariance,
    random_covariance,
    random_matrix,
)
from henderson.inference.robust.score_sandwich import ScoreCovariance, score_sandwich

Kind = Literal["CR0", "CR1", "CR2"]
KINDS = ("CR0", "CR1", "CR2")
LARGEST_CLUSTER = 5000  # rows: Vᵢ then takes 0.2 GB
_ZERO = 1e-12  # of an eigenvalue of Bᵢ, relative to the largest


@final
@dataclass(frozen=True, slots=True)
class RobustCovariance:
    """A cluster-robust covariance, and the degrees of freedom that go with it.

    It can be given as `ddf` wherever a method for degrees of freedom can: to `coefficients`,
    `anova`, `wald_test`, `emmeans`.
    """

    kind: str
    n_clusters: int
    names: tuple[str, ...]  # of the coefficients, (p,)
    vcov: Matrix  # V_R, (p, p)
    root: Matrix  # T, (p, p), TTᵀ = M
    middles: NDArray[np.float64]  # (m, p, p), MXᵢᵀVᵢ⁻¹AᵢVᵢAᵢVᵢ⁻¹XᵢM
    sides: NDArray[np.float64]  # (m, p, p), MXᵢᵀVᵢ⁻¹AᵢXᵢT

    @property
    def name(self) -> str:
        """The kind, in small letters."""
        return self.kind.lower()

    @property
    def model_vcov(self) -> Matrix:
        """M, the model's own covariance, (p, p)."""
        return self.root @ self.root.T

    @property
    def std_error(self) -> Vector:
        """Robust standard errors of the coefficients, (p,)."""
        return np.sqrt(np.diag(self.vcov))

    def df(self, L: Matrix) -> Vector:
        """ν of each row of L (r, p); shape (r,)."""
        return np.array([self._shape(row[None, :])[1] for row in L])

    def joint(self, L: Matrix, value: Vector) -> tuple[float, float]:
        """F of `value` (q,), for independent rows L (q, p), and its denominator's ν."""
        q = len(L)
        if np.linalg.matrix_rank(L @ self.vcov @ L.T, hermitian=True) < q:
            raise ModelError(
                f"{q} hypotheses cannot be tested jointly with {self.n_clusters} clusters: "
                "their robust covariance is singular. Test fewer at once."
            )
        wald = float(value @ np.linalg.solve(L @ self.vcov @ L.T, value))
        eta = self._shape(L)[1]
        nu = eta - q + 1.0
        if nu <= 0.0:
            raise ModelError(
                f"{q} hypotheses are too many for {self.n_clusters} clusters: a joint test has "
                "no degrees of freedom left. Test fewer at once."
            )
        return nu / (eta * q) * wald, nu

    def _shape(self, L: Matrix) -> tuple[Matrix, float]:
        """The mean of LV_R Lᵀ under the model, (q, q), and η of the Wishart like it.

        With pₛᵢ the weights that cluster i gives to y in row s, cov(pₛᵢᵀe, pₜⱼᵀe) is
        aₛₜᵢ − eₛᵢᵀeₜᵢ for i = j, and −eₛᵢᵀeₜⱼ else.
        """
        q = len(L)
        a = np.einsum("sp,ipr,tr->ist", L, self.middles, L, optimize=True)
        e = np.einsum("sp,ipr->isr", L, self.sides, optimize=True)
        mean = np.sum(a - e @ e.transpose(0, 2, 1), axis=0)
        values, vectors = np.linalg.eigh(mean)
        if not values[0] > 0.0:
            return mean, 0.0
        half = (vectors / np.sqrt(values)).T
        a = half @ a @ half.T
        e = half @ e
        d = e @ e.transpose(0, 2, 1)
        pairs = np.einsum("isp,itr->stpr", e, e, optimize=True)
        ones, own = np.diagonal(a, axis1=1, axis2=2), np.diagonal(d, axis1=1, axis2=2)
        spread = ones.T @ ones - ones.T @ own - own.T @ ones
        spread += np.sum(pairs**2, axis=(2, 3))
        spread += np.sum(a**2 - 2.0 * a * d, axis=0)
        spread += np.einsum("stpr,strp->st", pairs, pairs)
        return mean, float(q * (q + 1) / np.sum(spread))


def robust_vcov(
    model: Fitted | Estimates,
    cluster: str | Sequence[str] | ArrayLike,
    *,
    kind: Kind | None = None,
) -> RobustCovariance | ScoreCovariance:
    """Cluster-robust covariance of the fixed effects, with degrees of freedom.

    Parameters
    ----------
    model
        A fitted model; by maximum likelihood, unless linear.
    cluster
        A grouping factor of the model ("Subject", "Block:Variety"), any column of a table of
        which the model uses it, or one value for each row of the user's table. Every level of
        every random term must lie within one cluster.
    kind
        "CR2" (bias-reduced), "CR1" (multiplied by m/(m − 1)), or "CR0". None is CR2 for linear
        models and CR1, with normal tests, for others, which have no CR2.

    Returns
    -------
    RobustCovariance or ScoreCovariance
        `vcov` (p, p) and `std_error` (p,) on the scale of the linear predictor. Give it as
        `ddf` to other methods for robust tests, means and intervals.

    Raises
    ------
    ModelError
        For clusters that random effects cross, fewer than two clusters, a kind that does not
        exist or that the model does not have, or REML of a model that is not linear.
    DataError
        For clusters that are neither in the model nor one value a row.

    Notes
    -----
    The covariance is right for many clusters whatever the covariance within them; the mean must
    be right. With few clusters use CR2: its degrees of freedom say how few they are.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (1 | Subject)", hd.datasets.load("sleepstudy"))
    >>> robust = robust_vcov(model, "Subject")
    >>> robust.std_error.round(3)
    array([6.825, 1.546])
    >>> model.anova(ddf=robust)["df2"].round(1).tolist()
    [17.0]
    """
    estimates = estimates_of(model)
    linear = estimates.is_linear or estimates.errors is not None
    if kind is None:
        kind = "CR2" if linear else "CR1"
    if kind not in KINDS:
        raise ModelError(
            f"There is no robust covariance {kind!r}. {did_you_mean(str(kind), KINDS)}"
            f"Choose one of {', '.join(map(repr, KINDS))}."
        )
    if kind == "CR2" and not linear:
        raise ModelError(
            "CR2 is for a Gaussian response with the identity link, with one residual variance "
            "or residual=. "
            'Use kind="CR1" with this model.'
        )
    codes, m = _cluster_codes(estimates, cluster)
    _refuse_crossing(estimates, codes, m)
    if not linear:
        return score_sandwich(estimates, codes, m, kind)
    return _sandwich(estimates, codes, m, kind)


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Whitened by Cᵢ: X, e and Cᵢ itself."""

    X: Matrix  # Cᵢ⁻¹Xᵢ, (nᵢ, p)
    e: Vector  # Cᵢ⁻¹eᵢ
    C: Matrix  # lower, (nᵢ, nᵢ)


def _clusters(estimates: Estimates, codes: NDArray[np.integer], m: int) -> Iterator[_Cluster]:
    location = estimates.location
    X, Z = location.fixed.matrix, random_matrix(estimates)
    ZG = Z @ random_covariance(estimates)
    residual = csr_array(error_covariance(estimates))
    e = estimates.response.y - location.fixed_eta
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(codes, minlength=m))[:-1]):
        V = (ZG[rows] @ Z[rows].T).toarray() + residual[rows][:, rows].toarray()
        C = np.linalg.cholesky(V)
        both = solve_triangular(C, np.column_stack([X[rows], e[rows]]), lower=True)
        yield _Cluster(both[:, :-1], both[:, -1], C)


def _sandwich(
    estimates: Estimates, codes: NDArray[np.integer], m: int, kind: Kind
) -> RobustCovariance:
    p = estimates.location.beta.size
    information = np.zeros((p, p))
    for one in _clusters(estimates, codes, m):
        information += one.X.T @ one.X
    root = np.linalg.inv(np.linalg.cholesky(information)).T
    M = root @ root.T
    factor = np.sqrt(m / (m - 1.0)) if kind == "CR1" else 1.0
    scores, middles, sides = np.empty((m, p)), np.empty((m, p, p)), np.empty((m, p, p))
    for i, one in enumerate(_clusters(estimates, codes, m)):
        adjusted = _adjusted(one, M) if kind == "CR2" else factor * one.X  # CᵢᵀAᵢCᵢ⁻ᵀ C⁻¹X
        scores[i] = M @ (adjusted.T @ one.e)
        middles[i] = M @ adjusted.T @ adjusted @ M
        sides[i] = M @ adjusted.T @ one.X @ root
    return RobustCovariance(
        kind=kind,
        n_clusters=m,
        names=estimates.location.fixed.names,
        vcov=scores.T @ scores,
        root=root,
        middles=middles,
        sides=sides,
    )


def _adjusted(one: _Cluster, M: Matrix) -> Matrix:
    """CᵀA V⁻¹X = CᵀC B^(−½) CᵀC⁻ᵀC⁻¹X, (nᵢ, p): AᵢV⁻¹X, to be met with C⁻¹e."""
    S = one.C.T @ one.C
    CX = one.C.T @ (one.C @ one.X)  # CᵀX
    values, vectors = np.linalg.eigh(S @ S - CX @ M @ CX.T)
    kept = values > _ZERO * values[-1]
    part = vectors[:, kept]
    return S @ (part / np.sqrt(values[kept])) @ (part.T @ one.X)


def _cluster_codes(
    estimates: Estimates, cluster: str | Sequence[str] | ArrayLike
) -> tuple[NDArray[np.integer], int]:
    """The cluster of each row, in [0, m), and m."""
    frame = estimates.frame
    values = _named(estimates, cluster) if isinstance(cluster, str) else _given(frame, cluster)
    levels, codes = np.unique(values, return_inverse=True)
    m = len(levels)
    if m < 2:
        raise ModelError("There is one cluster only: a robust covariance needs several.")
    largest = int(np.bincount(codes).max())
    if largest > LARGEST_CLUSTER:
        raise ModelError(
            f"The largest cluster has {largest} rows, and the robust covariance is made for up "
            f"to {LARGEST_CLUSTER}. Use smaller clusters."
        )
    return codes, m


def _given(frame: ModelFrame, cluster: Sequence[str] | ArrayLike) -> NDArray[np.generic]:
    """The clusters given for each row of the user's table, in the rows used."""
    read = read_array(cluster, "cluster")
    values = np.asarray(read.codes if isinstance(read, Factor) else read)
    if len(values) != frame.n_given:
        raise DataError(
            f"cluster has {len(values)} values and the data have {frame.n_given} rows. "
            "Give one value per row, or the name of a factor of the model."
        )
    absent = missing_values("cluster", read)
    if absent is not None and absent[frame.rows].any():
        raise DataError(
            "cluster has missing values in rows that the model uses. Fill them in, or fit the "
            "model without these rows."
        )
    return values[frame.rows]


def _named(estimates: Estimates, name: str) -> NDArray[np.generic]:
    for each in estimates.predictors.values():
        for term in each.terms:
            if term.design.group == name:
                return np.asarray(term.design.codes)
    variables = estimates.frame.variables
    if name in variables:
        value = variables[name]
        return np.asarray(value.codes if isinstance(value, Factor) else value)
    known = dict.fromkeys(
        [t.design.group for e in estimates.predictors.values() for t in e.terms]
        + list(variables)
    )
    raise DataError(
        f"There is no cluster {name!r} in the model. {did_you_mean(name, list(known))}"
        f"Name one of {', '.join(known)}, or give one value per row of the data."
    )


def _refuse_crossing(estimates: Estimates, codes: NDArray[np.integer], m: int) -> None:
    dependent = [
        (d.codes, d.levels, d.group, d.term.text)
        for d in (t.design for each in estimates.predictors.values() for t in each.terms)
    ]
    if estimates.errors is not None:
        design = estimates.errors.design
        dependent.append((design.subject, design.subjects, design.label, design.term.text))
    for own, levels, group, text in dependent:
        row = differing_row(codes, own, len(levels))
        if row is not None:
            level = levels[own[row]]
            raise ModelError(
                f"Level {level!r} of {group!r} has rows in several of the {m} clusters, which "
                f"{text} makes dependent. Clusters must contain whole levels of every random "
                "term, and whole subjects of the residuals: use coarser clusters."
            )
