"""Everything a fit learned, frozen: results, predictions and tests are functions of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance import CovarianceStructure
from henderson.design import ErrorDesign, FixedDesign, ModelFrame, RandomDesign
from henderson.errors import ModelError, did_you_mean
from henderson.estimation.fit_result import FitResult, PredictorFit
from henderson.estimation.model_design import ModelDesign, PredictorDesign
from henderson.estimation.specification import Specification
from henderson.families import Family, Response
from henderson.optimize import Certificate

_PART = 1e-3  # of a standard error


@dataclass(frozen=True, slots=True)
class TermEstimates:
    """One random term: g levels, k effects per level, on the scale of its linear predictor."""

    design: RandomDesign
    structure: CovarianceStructure
    theta: Vector  # the structure's parameters, TTᵀ the covariance of b
    covariance: Matrix  # (k, k), of b
    modes: Matrix  # (g, k), conditional modes of b
    mode_covariance: Blocks  # (g, k, k), conditional covariance of b given all parameters

    @property
    def row_variances(self) -> Vector:
        """z'Gz of each row, the variance that the term gives it; shape (n,)."""
        values, columns, G = self.design.values, self.design.columns, self.covariance
        if columns is None:
            return np.einsum("ia,ia->i", values @ G, values)
        between = G[columns[:, :, None], columns[:, None, :]]
        return np.einsum("ia,iab,ib->i", values, between, values)


@dataclass(frozen=True, slots=True)
class PredictorEstimates:
    """One linear predictor η = Xβ + Zb + offset."""

    name: str  # "location", "dispersion", "shape"
    fixed: FixedDesign
    beta: Vector  # (p,)
    offset: Vector  # (n,)
    terms: tuple[TermEstimates, ...]
    eta: Vector  # (n,), at the conditional modes

    @classmethod
    def of(cls, design: PredictorDesign, fit: PredictorFit) -> Self:
        """What was found of a linear predictor."""
        terms = tuple(
            TermEstimates(term, structure, t.theta, t.covariance, t.modes, t.mode_covariance)
            for term, structure, t in zip(
                design.random, design.structures, fit.terms, strict=True
            )
        )
        return cls(design.name, design.fixed, fit.beta, design.offset, terms, fit.eta)

    @property
    def fixed_eta(self) -> Vector:
        """Xβ + offset, the predictor at b = 0; shape (n,)."""
        return self.fixed.matrix @ self.beta + self.offset


@dataclass(frozen=True, slots=True)
class ErrorEstimates:
    """The covariance of Gaussian residuals within subjects, one for each group of subjects."""

    design: ErrorDesign
    structures: tuple[CovarianceStructure, ...]
    thetas: tuple[Vector, ...]
    covariances: tuple[Matrix, ...]  # (k, k), of the residuals at all positions


def takes_part(L: Matrix, vcov: Matrix, endless: Matrix) -> NDArray[np.bool_]:
    """Which functions Lβ, L (r, P), have a part in directions without a finite estimate.

    A part of a thousandth of their standard error, for a linear predictor moved by 1, counts.
    """
    se = np.sqrt(np.maximum(np.einsum("rp,pq,rq->r", L, vcov, L), 0.0))
    return np.any(np.abs(L @ endless.T) > _PART * (se + 1e-6)[:, None], axis=1)


@dataclass(frozen=True)
class Estimates:
    """A fitted model: what was asked for, the data it was asked of, and what was found.

    `vcov` (P, P) is that of the coefficients of all predictors, stacked in the order of
    `predictors`: for a Gaussian response with the identity link (XᵀV⁻¹X)⁻¹ for the location
    and the profile information for log σ; otherwise the inverse joint Hessian over
    (β, θ), its β part. `vcov_all` (P + nθ, P + nθ) adds the covariance parameters θ, NaN
    in rows of parameters at a boundary. With a residual structure θ has its parameters last,
    the dispersion has no coefficients, and its predictor is the logarithm of the residual sd.
    With priors the estimates are the mode of the posterior density, and `vcov` is from the
    Hessian of its logarithm.
    """

    specification: Specification
    design: ModelDesign
    result: FitResult
    predictors: Mapping[str, PredictorEstimates] = field(init=False)
    errors: ErrorEstimates | None = field(init=False)  # where residuals vary together

    def __post_init__(self) -> None:
        design, result = self.design, self.result
        pairs = zip(design.predictors, result.predictors, strict=True)
        predictors = {own.name: PredictorEstimates.of(own, fit) for own, fit in pairs}
        errors = None
        if design.errors is not None and result.errors is not None:
            found = result.errors
            errors = ErrorEstimates(
                design.errors, design.error_structures, found.thetas, found.covariances
            )
        object.__setattr__(self, "predictors", predictors)
        object.__setattr__(self, "errors", errors)

    @property
    def frame(self) -> ModelFrame:
        """The rows and variables used."""
        return self.design.frame

    @property
    def family(self) -> Family:
        """The conditional distribution and link."""
        return self.design.family

    @property
    def response(self) -> Response:
        """The observations."""
        return self.design.response

    @property
    def vcov_all(self) -> Matrix:
        """Covariance of (β of all predictors, θ)."""
        return self.result.vcov_all

    @property
    def determined_vcov(self) -> Matrix:
        """Covariance of the coefficients of all predictors, (P, P), but for `endless`."""
        P = self.result.n_coefficients
        return self.result.vcov_all[:P, :P]

    @property
    def endless(self) -> Matrix:
        """Directions of the coefficients without a finite estimate, (m, P)."""
        found = self.result.endless
        return np.empty((0, self.result.n_coefficients)) if found is None else found

    @property
    def vcov(self) -> Matrix:
        """Covariance of the coefficients of all predictors, (P, P); NaN for infinite ones."""
        vcov, endless = self.determined_vcov, self.endless
        if not len(endless):
            return vcov
        spoilt = takes_part(np.eye(len(vcov)), vcov, endless)
        return np.where(np.logical_or.outer(spoilt, spoilt), np.nan, vcov)

    @property
    def log_likelihood(self) -> float:
        """Restricted where specification.method is "REML"."""
        return self.result.log_likelihood

    @property
    def log_prior(self) -> float:
        """Σ log p of the priors, which `log_likelihood` is without."""
        return self.result.log_prior

    @property
    def n_parameters(self) -> int:
        """Fixed effects, dispersion, covariance parameters."""
        return self.result.n_coefficients + len(self.result.theta)

    @property
    def certificate(self) -> Certificate:
        """How the search ended."""
        return self.result.certificate

    @property
    def location(self) -> PredictorEstimates:
        """The predictor of the mean."""
        return self.predictors["location"]

    @property
    def is_linear(self) -> bool:
        """Whether the model is Gaussian with the identity link and one residual variance.

        With priors on coefficients it is not: their estimates are no linear function of y.
        """
        return self.design.is_linear

    def component(self, name: str) -> PredictorEstimates:
        """One linear predictor, by its name.

        Raises
        ------
        ModelError
            For a predictor that the model does not have.
        """
        if name not in self.predictors:
            known = list(self.predictors)
            raise ModelError(
                f"The model has no component {name!r}. {did_you_mean(str(name), known)}"
                f"Known: {', '.join(map(repr, known))}."
            )
        return self.predictors[name]
