"""Everything a fit learned, frozen: results, predictions and tests are functions of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance import CovarianceStructure
from henderson.design import ErrorDesign, FixedDesign, ModelFrame, RandomDesign
from henderson.errors import ModelError, did_you_mean
from henderson.estimation.specification import Specification
from henderson.families import Family, Response
from henderson.optimize import Certificate


@dataclass(frozen=True, slots=True)
class TermEstimates:
    """One random term: g levels, k effects per level, on the scale of its linear predictor."""

    design: RandomDesign
    structure: CovarianceStructure
    theta: Vector  # the structure's parameters; Gaussian: of the covariance over σ²
    covariance: Matrix  # (k, k), of b; Gaussian: σ² included
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


@dataclass(frozen=True, slots=True)
class Estimates:
    """A fitted model.

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
    frame: ModelFrame
    family: Family
    response: Response
    predictors: Mapping[str, PredictorEstimates]
    vcov: Matrix
    vcov_all: Matrix
    log_likelihood: float  # restricted where specification.method == "REML"
    n_parameters: int  # fixed effects, dispersion, covariance parameters
    certificate: Certificate
    errors: ErrorEstimates | None = None  # where residuals vary together
    log_prior: float = 0.0  # Σ log p of the priors, which `log_likelihood` is without

    @property
    def location(self) -> PredictorEstimates:
        """The predictor of the mean."""
        return self.predictors["location"]

    @property
    def is_linear(self) -> bool:
        """Whether the model is Gaussian with the identity link and one residual variance.

        With priors on coefficients it is not: their estimates are no linear function of y.
        """
        return (
            self.errors is None
            and not self.specification.has_coefficient_priors
            and self.family.is_quadratic
            and all(
                each.fixed.names == ("(Intercept)",)
                and not each.terms
                and not each.offset.any()
                for name, each in self.predictors.items()
                if name != "location"
            )
        )

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
