"""Estimates at given variance parameters by full matrices: what results are tested against."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from henderson import FittedModel
from henderson.arrays import Matrix, Vector
from henderson.equations.dense import dense_z
from henderson.estimation.estimates import Estimates
from henderson.estimation.fit_result import FitResult, PredictorFit, TermFit
from henderson.estimation.model_design import ModelDesign, design_model
from henderson.estimation.specification import Specification
from henderson.families import family_named
from henderson.formula import parse_formula
from henderson.optimize import Certificate, Outcome


@dataclass(frozen=True)
class ByHand:
    """A fit without a search, and the matrices it was made from."""

    estimates: Estimates
    X: Matrix
    Z: Matrix  # (n, q)
    G: Matrix  # (q, q)
    W: Vector  # (n,), the working weights
    joint: Matrix  # covariance of (β̂ − β, b̂ − b), (p + q, p + q)


def fitted_by_hand(
    formula: str,
    data: object,
    covariances: Sequence[object],
    *,
    family: str = "gaussian",
    others: Sequence[float] = (0.0,),
    weights: str | None = None,
    offset: str | None = None,
) -> ByHand:
    """β and b by Henderson's equations, iterated where the family needs it.

    `covariances` has the (k, k) matrix of each term, `others` the other predictors.
    """
    asked = Specification(
        parse_formula(formula), family_named(family), "ML", weights=weights, offset=offset
    )
    design = design_model(asked, data, weights=weights, offset=offset)
    G_blocks = [np.atleast_2d(np.asarray(c, dtype=float)) for c in covariances]
    location = design.predictors[0]
    Z = dense_z(design.term_matrices(), design.n)
    levels = [term.n_levels for term in location.random]
    G = np.zeros((0, 0))
    if levels:
        of_terms = (np.kron(np.eye(g), c) for g, c in zip(levels, G_blocks, strict=True))
        G = np.array(block_diag(*of_terms))
    eta, solution, joint, W = _solve(design, Z, G, others)
    p = location.fixed.matrix.shape[1]
    terms, at = [], p
    for term, structure, covariance in zip(
        location.random, location.structures, G_blocks, strict=True
    ):
        g, k = term.n_levels, term.n_effects
        b = solution[at : at + g * k].reshape(g, k)
        given_beta = _conditional(Z, G, W)
        blocks = np.stack(
            [given_beta[i : i + k, i : i + k] for i in range(at - p, at - p + g * k, k)]
        )
        theta = structure.parameters_near(covariance + 1e-9 * np.eye(k))
        terms.append(TermFit(theta, covariance, b, blocks))
        at += g * k
    fits = [PredictorFit(solution[:p], tuple(terms), eta[:, 0])]
    for i in range(1, len(design.predictors)):
        fits.append(PredictorFit(np.array([others[i - 1]]), (), eta[:, i]))
    count = p + len(fits) - 1
    vcov_all = np.zeros((count + sum(t.theta.size for t in terms),) * 2)
    vcov_all[:count, :count] = np.eye(count) * 0.01
    vcov_all[:p, :p] = joint[:p, :p]
    found = FitResult(
        predictors=tuple(fits),
        vcov_all=vcov_all,
        log_likelihood=-100.0,
        certificate=Certificate(Outcome.CONVERGED, 5, 1e-9, 0.5),
    )
    estimates = Estimates(asked, design, found)
    return ByHand(estimates, location.fixed.matrix, Z, G, W, joint)


def _solve(
    design: ModelDesign, Z: Matrix, G: Matrix, others: Sequence[float]
) -> tuple[Matrix, Vector, Matrix, Vector]:
    """η (n, K), (β, b), their covariance and W, by Newton steps in (β, b)."""
    location, n = design.predictors[0], design.n
    XZ = np.hstack([location.fixed.matrix, Z])
    p = location.fixed.matrix.shape[1]
    prior = np.zeros((XZ.shape[1],) * 2)
    prior[p:, p:] = np.linalg.pinv(G)
    solution = np.zeros(XZ.shape[1])
    start = design.family.initial_location(design.response) - location.offset
    solution[:p] = np.linalg.lstsq(location.fixed.matrix, start, rcond=None)[0]
    second, eta = np.zeros(n), np.zeros((n, 1))
    for _ in range(100):
        first_eta = XZ @ solution + location.offset
        eta = np.column_stack(
            [first_eta, *(np.full(n, other) for other in others[: len(design.predictors) - 1])]
        )
        density = design.family.log_density(design.response, eta, 2)
        assert density.d1 is not None
        assert density.d2 is not None
        second = -density.d2[:, 0]
        step = np.linalg.solve(
            XZ.T @ (second[:, None] * XZ) + prior, XZ.T @ density.d1[:, 0] - prior @ solution
        )
        solution = solution + step
        if np.abs(step).max() < 1e-12:
            break
    joint = np.array(np.linalg.inv(XZ.T @ (second[:, None] * XZ) + prior), dtype=np.float64)
    return eta, solution, joint, second


def _conditional(Z: Matrix, G: Matrix, W: Vector) -> Matrix:
    """Covariance of b given the data and β: (ZᵀWZ + G⁻¹)⁻¹."""
    return np.array(np.linalg.inv(Z.T @ (W[:, None] * Z) + np.linalg.pinv(G)), np.float64)


def generalized_least_squares(model: FittedModel, keep: np.ndarray) -> tuple[Vector, Vector]:
    """β and its standard errors from the rows kept, with V of all rows: the definition."""
    X, y = model.X[keep], model.estimates.response.y[keep]
    V = np.linalg.inv(model.V[np.ix_(keep, keep)])
    S = np.linalg.inv(X.T @ V @ X)
    return S @ X.T @ V @ y, np.sqrt(np.diag(S))
