"""Responses in units of their spread, where a unit is a unit: y × 10⁶ has the same fit.

For a family of location and scale with the identity link, and c > 0,

    f(y | η, σ) = f(y/c | η/c, σ/c) / c

so that coefficients and standard deviations of the location are c times those of y/c, log σ is
larger by log c, and log L smaller by Σ weight · log c; the restricted likelihood, which is
integrated over the p coefficients, is larger again by p log c. c is a power of two: no digit
changes. Responses in units that are good enough, and models with priors, which have the unit
of the response, stay as they are.
"""

from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.covariance import CovarianceStructure
from henderson.estimation.fit_result import ErrorFit, Findings, PredictorFit, TermFit
from henderson.estimation.model_design import ModelDesign, PredictorDesign
from henderson.estimation.objectives.objective import Near, RestatedObjective
from henderson.likelihood.parameters import CovarianceParameters

_SIZES = (1e-3, 1e3)  # that the spread of a response may have


def better_unit(design: ModelDesign) -> float:
    """c, or 1 where the response stays as it is."""
    if not design.family.scales_with_response or design.penalty is not None:
        return 1.0
    left = design.response.y - design.predictors[0].offset
    spread = float(np.median(np.abs(left - np.median(left)))) or float(np.std(left))
    if not 0.0 < spread < np.inf or _SIZES[0] < spread < _SIZES[1]:
        return 1.0
    return float(2.0 ** np.round(np.log2(spread)))


def in_units(design: ModelDesign, c: float) -> ModelDesign:
    """The design of y/c; the coefficients of log σ are as they were."""
    response = replace(design.response, y=design.response.y / c)
    location, *others = design.predictors
    moved = [replace(location, offset=location.offset / c)]
    moved += [replace(p, offset=p.offset - _added(design, p, c)) for p in others]
    return replace(design, response=response, predictors=tuple(moved))


@final
@dataclass(frozen=True, slots=True)
class RescaledObjective(RestatedObjective):
    """The objective of y/c; its findings are in the units of y."""

    unit: float  # c
    restricted: bool

    def start(self, near: Near | None = None) -> Vector:
        """That of y/c."""
        if near is None:
            return self.inner.start()
        c, design = self.unit, self.design
        location, *others = near.predictors
        held = design.errors is not None and near.residuals is not None
        moved = [
            eta - np.log(c) * (p.name == "dispersion" and not held)
            for eta, p in zip(others, design.predictors[1:], strict=True)
        ]
        covariances, residuals = near.covariances, near.residuals
        if covariances is not None:
            first = len(design.predictors[0].random)
            covariances = (*(G / c**2 for G in covariances[:first]), *covariances[first:])
        if residuals is not None:
            residuals = tuple(R / c**2 for R in residuals)
        return self.inner.start(
            replace(
                near,
                predictors=(location / c, *moved),
                covariances=covariances,
                residuals=residuals,
            )
        )

    def findings(self, psi: Vector, free: NDArray[np.bool_], hessian: Matrix) -> Findings:
        """β, θ, their covariance and log L for y."""
        found = self.inner.findings(psi, free, hessian)
        design, c = self.design, self.unit
        location, *others = found.predictors
        p = len(location.beta)
        by = [np.full(p, c), np.ones(found.n_coefficients - p)]
        terms = []
        for structure, term in zip(
            design.predictors[0].structures, location.terms, strict=True
        ):
            theta, change = _scaled(structure, term.theta, len(term.covariance), c)
            by.append(change)
            terms.append(
                TermFit(
                    theta=theta,
                    covariance=c**2 * term.covariance,
                    modes=c * term.modes,
                    mode_covariance=c**2 * term.mode_covariance,
                )
            )
        by += [np.ones(len(term.theta)) for each in others for term in each.terms]
        errors = found.errors
        if errors is not None:
            pairs = zip(design.error_structures, errors.thetas, strict=True)
            k = len(errors.covariances[0])
            moved = [_scaled(structure, theta, k, c) for structure, theta in pairs]
            by += [change for _, change in moved]
            errors = ErrorFit(
                thetas=tuple(theta for theta, _ in moved),
                covariances=tuple(c**2 * R for R in errors.covariances),
            )
        of_others = [
            replace(fit, eta=fit.eta + np.log(c) * (predictor.name == "dispersion"))
            for fit, predictor in zip(others, design.predictors[1:], strict=True)
        ]
        d = np.concatenate(by)
        lost = float(np.sum(design.response.weight)) - p * self.restricted
        return replace(
            found,
            predictors=(
                PredictorFit(c * location.beta, tuple(terms), c * location.eta),
                *of_others,
            ),
            vcov_all=d[:, None] * found.vcov_all * d,
            errors=errors,
            log_likelihood=found.log_likelihood - lost * np.log(c),
        )

    def of_response(self, design: ModelDesign) -> Self:
        """Another response in the same unit."""
        inner = self.inner.of_response(in_units(design, self.unit))
        return replace(self, design=design, inner=inner)


def _added(design: ModelDesign, predictor: PredictorDesign, c: float) -> float:
    """What y has more than y/c in a predictor's offset: log c in log σ.

    Variances of correlated residuals hold the unit themselves.
    """
    return float(np.log(c)) if predictor.name == "dispersion" and design.errors is None else 0.0


def _scaled(
    structure: CovarianceStructure, theta: Vector, k: int, c: float
) -> tuple[Vector, Vector]:
    """θ of c²G, and the derivative of its elements."""
    moved, by_theta, _ = CovarianceParameters((structure,), (k,)).rescaled(theta, c)
    return moved, by_theta
