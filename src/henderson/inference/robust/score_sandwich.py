"""Cluster-robust covariance of a model without closed form, from the clusters' scores.

    V_R  =  M (Σᵢ sᵢsᵢᵀ) M,   sᵢ = ∂ log Lᵢ/∂(β, θ),   M = (−∂² log L/∂(β, θ)²)⁻¹

The likelihood is a product over clusters that no random effect crosses; sᵢ is the gradient of
the factor of cluster i, by the Laplace approximation or the quadrature of the fit. CR0 is V_R,
CR1 is m/(m − 1) V_R with m clusters. The reference is the normal distribution.

Source: Liang & Zeger (1986), Biometrika 73(1), 13–22; White (1982), Econometrica 50(1), 1–25.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.equations import MixedModelEquations, RandomTermMatrix
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.estimation.model_design import ModelDesign
from henderson.estimation.prediction_error import coefficients_of
from henderson.families import Response
from henderson.likelihood.adaptive_quadrature import AdaptiveQuadrature
from henderson.likelihood.laplace import LaplaceLikelihood
from henderson.likelihood.rows import Rows


@final
@dataclass(frozen=True, slots=True)
class ScoreCovariance:
    """A cluster-robust covariance of the location's coefficients, with normal tests.

    It can be given as `ddf` wherever a method for degrees of freedom can.
    """

    kind: str
    n_clusters: int
    names: tuple[str, ...]  # of the coefficients, (p,)
    vcov: Matrix  # V_R, (p, p)
    model_vcov: Matrix  # M of the coefficients, (p, p)

    @property
    def name(self) -> str:
        """The kind, in small letters."""
        return self.kind.lower()

    @property
    def std_error(self) -> Vector:
        """Robust standard errors of the coefficients, (p,)."""
        return np.sqrt(np.diag(self.vcov))

    def df(self, L: Matrix) -> Vector:
        """Infinite for each row of L (r, p); shape (r,)."""
        return np.full(len(L), np.inf)

    def joint(self, L: Matrix, value: Vector) -> tuple[float, float]:
        """Wald's chi-squared over q of `value` (q,), for independent rows L (q, p)."""
        middle = L @ self.vcov @ L.T
        if np.linalg.matrix_rank(middle, hermitian=True) < len(L):
            raise ModelError(
                f"{len(L)} hypotheses cannot be tested jointly with {self.n_clusters} "
                "clusters: their robust covariance is singular. Test fewer at once."
            )
        return float(value @ np.linalg.solve(middle, value)) / len(L), np.inf


def score_sandwich(
    estimates: Estimates, codes: NDArray[np.integer], m: int, kind: str
) -> ScoreCovariance:
    """From clusters `codes` (n,) in [0, m), CR0 or CR1."""
    if estimates.specification.method == "REML":
        raise ModelError(
            "The robust covariance of this model is made from the scores of maximum "
            'likelihood, and it was fitted by REML. Fit it with method="ML".'
        )
    scores = cluster_scores(estimates, codes, m)
    known = np.isfinite(np.diag(estimates.vcov_all))
    bread = estimates.vcov_all[np.ix_(known, known)]
    moved = scores[:, known] @ bread
    factor = m / (m - 1.0) if kind == "CR1" else 1.0
    own = coefficients_of(estimates, "location")
    place = np.searchsorted(np.flatnonzero(known), np.arange(own.start, own.stop))
    return ScoreCovariance(
        kind=kind,
        n_clusters=m,
        names=estimates.location.fixed.names,
        vcov=factor * (moved[:, place].T @ moved[:, place]),
        model_vcov=estimates.vcov[own, own],
    )


def cluster_scores(estimates: Estimates, codes: NDArray[np.integer], m: int) -> Matrix:
    """∂ log Lᵢ/∂(β, θ) of each cluster, (m, P + nθ), in the order of `vcov_all`."""
    design = estimates.design
    parameters = design.covariance_parameters()
    beta = np.concatenate([each.beta for each in estimates.predictors.values()])
    psi = np.concatenate([estimates.result.theta, beta])
    count = len(parameters)
    out = np.empty((m, len(psi)))
    order = np.argsort(codes, kind="stable")
    pieces = np.split(order, np.cumsum(np.bincount(codes, minlength=m))[:-1])
    for i, rows in enumerate(pieces):
        likelihood = _of_rows(design, estimates.specification.quadrature, rows)
        likelihood.start_from(beta)
        gradient = -0.5 * likelihood.gradient(psi)
        out[i] = np.concatenate([gradient[count:], gradient[:count]])
    return out


def _of_rows(design: ModelDesign, nodes: int, rows: NDArray[np.intp]) -> LaplaceLikelihood:
    """The likelihood of some rows, which share no level with others."""
    random = design.random_predictors
    terms = [_subset(term, rows) for term in design.term_matrices()]
    ends = np.cumsum([each.fixed.matrix.shape[1] for each in design.predictors]).tolist()
    starts = [0, *ends[:-1]]
    r = design.response
    response = Response(r.y[rows], r.size[rows], r.weight[rows])
    quadrature: AdaptiveQuadrature | None = None
    if nodes > 1 and terms:
        quadrature = AdaptiveQuadrature(nodes, terms[0], random[terms[0].predictor])
    return LaplaceLikelihood(
        MixedModelEquations(terms, len(rows), len(random)),
        design.covariance_parameters(),
        [
            Rows(
                density=partial(design.family.log_density, response),
                X=tuple(
                    np.ascontiguousarray(each.fixed.matrix[rows]) for each in design.predictors
                ),
                columns=tuple(slice(a, b) for a, b in zip(starts, ends, strict=True)),
                offset=np.column_stack([each.offset[rows] for each in design.predictors]),
            )
        ],
        random,
        quadrature=quadrature,
    )


def _subset(term: RandomTermMatrix, rows: NDArray[np.intp]) -> RandomTermMatrix:
    levels, codes = np.unique(term.codes[rows], return_inverse=True)
    return replace(
        term,
        levels=len(levels),
        codes=codes.astype(np.int32),
        values=np.ascontiguousarray(term.values[rows]),
        columns=None if term.columns is None else np.ascontiguousarray(term.columns[rows]),
    )
