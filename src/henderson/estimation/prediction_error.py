"""How far a predicted linear predictor may be from the true one, by Henderson's equations.

For rows x, z of new or old observations, with the variance parameters at their estimates:

    Var(x'(β̂ − β) + z'(b̂ − b))  =  a' Var(β̂) a  +  z' Λ C⁻¹ Λ' z,    a = x + (∂b̂/∂β)' z

    C = ΛᵀZᵀWZΛ + I,    ∂b̂/∂β = −Λ C⁻¹ ΛᵀZᵀWX,    W = −∂²log f/∂η² at the modes

The second summand is the variance of b given the data and β; the first is what the estimation
of β adds to it. Exact for a Gaussian response with the identity link, where the sum is the
prediction error variance of the best linear unbiased predictor; otherwise a normal
approximation.

Source: Henderson (1975), Biometrics 31(2), 423–447; for other families Booth & Hobert (1998),
J. Am. Stat. Assoc. 93, 262–272, without their term for the variance parameters.
"""

from collections.abc import Sequence

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.design import NewRandom
from henderson.equations import MixedModelEquations, RandomTermMatrix
from henderson.estimation.estimates import Estimates, TermEstimates
from henderson.likelihood.packing import pairs, second


def prediction_variance(
    estimates: Estimates, name: str, matrix: Matrix, random: Sequence[NewRandom | None]
) -> Vector:
    """Variance of the prediction error of a linear predictor's rows, (m,), on the link scale.

    `matrix` (m, p) is x of each row; `random` has z of each term of predictor `name`, None for
    a term that is left out and adds nothing. A level that was not seen (code −1) has the whole
    variance of its term.
    """
    predictor = estimates.predictors[name]
    vcov = coefficient_covariance(estimates, name)
    if all(each is None for each in random):
        return quadratic_form(matrix, vcov)
    n = len(predictor.fixed.matrix)
    moved, conditional = _joint_system(estimates, name, random, len(matrix))
    return quadratic_form(matrix + moved[n:], vcov) + conditional[n:]


def coefficient_covariance(estimates: Estimates, name: str) -> Matrix:
    """Var(β̂), (p, p), of the linear predictor `name`."""
    start = 0
    for each, predictor in estimates.predictors.items():
        stop = start + predictor.beta.size
        if each == name:
            return estimates.vcov[start:stop, start:stop]
        start = stop
    raise KeyError(name)


def quadratic_form(rows: Matrix, covariance: Matrix) -> Vector:
    """x'Sx of each row x; shape (m,)."""
    return np.einsum("ij,jk,ik->i", rows, covariance, rows, optimize=True)


def lower_factor(covariance: Matrix) -> Matrix:
    """T lower triangular with TTᵀ = `covariance` (k, k), which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(np.linalg.qr(root.T, mode="r")).T


def _joint_system(
    estimates: Estimates, name: str, random: Sequence[NewRandom | None], m: int
) -> tuple[Matrix, Vector]:
    """(∂b̂/∂β)'z, (n + m, p), and z'ΛC⁻¹Λ'z, (n + m,), of the rows used and then the new ones.

    The new rows enter the equations with W = 0: they change nothing, but the pairs of levels
    they bring together are then among those where C⁻¹ is known. So does one more level of each
    term for all levels that were not seen.
    """
    with_effects = [each for each, p in estimates.predictors.items() if p.terms]
    terms: list[RandomTermMatrix] = []
    factors: list[Matrix] = []
    for position, each in enumerate(with_effects):
        for i, term in enumerate(estimates.predictors[each].terms):
            new = random[i] if each == name else None
            terms.append(_extended(term, new, position, m))
            factors.append(lower_factor(term.covariance))
    target = with_effects.index(name)
    weights, moving = _weights(estimates, with_effects, name, m)
    n = len(weights)
    equations = MixedModelEquations(terms, n, len(with_effects))
    templates = np.concatenate([factor.ravel() for factor in factors])
    equations.cross_products([weights])
    border = equations.scale(equations.z_transpose_times([moving]), templates, transposed=True)
    p = moving.shape[2]
    equations.factor(templates, border, np.zeros((p, p)))
    equations.back_solve(border)
    equations.invert(keep_factor=False)
    conditional = equations.leverages()[0][:, second(len(with_effects), target, target)]
    effects = equations.scale(border, templates, transposed=False)[0]
    moved = np.empty((n, p))
    for j in range(p):
        column = np.ascontiguousarray(effects[:, j : j + 1])
        moved[:, j] = -equations.z_times([column])[0][:, target]
    return moved, conditional


def _extended(
    term: TermEstimates, new: NewRandom | None, position: int, m: int
) -> RandomTermMatrix:
    """The term over the rows used and m new ones; without `new`, no effects in those."""
    design, (g, k) = term.design, term.modes.shape
    if new is None:
        width = design.values.shape[1]
        columns = None if design.columns is None else np.zeros((m, width), dtype=np.int32)
        new = NewRandom(np.zeros(m, dtype=np.int32), np.zeros((m, width)), columns)
    unseen = new.codes < 0
    return RandomTermMatrix(
        predictor=position,
        k=k,
        levels=g + int(unseen.any()),
        codes=np.concatenate([design.codes, np.where(unseen, g, new.codes)]).astype(np.int32),
        values=np.concatenate([design.values, np.nan_to_num(new.values)]),
        columns=None
        if design.columns is None or new.columns is None
        else np.concatenate([design.columns, new.columns]),
    )


def _weights(
    estimates: Estimates, with_effects: list[str], name: str, m: int
) -> tuple[Matrix, np.ndarray]:
    """W packed, (n + m, R(R + 1)/2), over the R predictors with effects; and WX, (n + m, R, p).

    X is that of predictor `name`. Both are zero in the m new rows.
    """
    predictors = estimates.predictors
    names = list(predictors)
    eta = np.column_stack([each.eta for each in predictors.values()])
    curvature = estimates.family.log_density(estimates.response, eta, 2).d2
    assert curvature is not None

    def weight(a: str, b: str) -> Vector:
        return -curvature[:, second(len(names), *sorted((names.index(a), names.index(b))))]

    X = predictors[name].fixed.matrix
    n, p = X.shape
    R = len(with_effects)
    packed = np.zeros((n + m, R * (R + 1) // 2))
    moving = np.zeros((n + m, R, p))
    for a, b in pairs(R):
        packed[:n, second(R, a, b)] = weight(with_effects[a], with_effects[b])
    for a, each in enumerate(with_effects):
        moving[:n, a] = weight(each, name)[:, None] * X
    return packed, moving
