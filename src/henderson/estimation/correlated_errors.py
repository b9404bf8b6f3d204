"""The likelihood of a fit whose residuals vary together, and its errors of predictions."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from henderson.arrays import Matrix, Vector, in_all_columns
from henderson.design import NewRandom
from henderson.estimation.estimates import Estimates
from henderson.estimation.matrices import error_blocks, level_columns
from henderson.estimation.term_matrices import term_matrix
from henderson.likelihood.correlated_errors import CorrelatedErrorsLikelihood
from henderson.likelihood.fixed_basis import FixedBasis
from henderson.likelihood.parameters import CovarianceParameters


def correlated_likelihood(
    estimates: Estimates, *, scales: bool = False
) -> tuple[CorrelatedErrorsLikelihood, FixedBasis, Vector]:
    """The likelihood, the basis of its X, and ψ; `scales`: with γ, else γ is in the rows."""
    errors, location = estimates.errors, estimates.location
    spread = estimates.predictors["dispersion"]
    assert errors is not None
    size, terms = estimates.response.size, location.terms
    basis = FixedBasis.of(location.fixed.matrix)
    k = len(errors.design.positions)
    likelihood = CorrelatedErrorsLikelihood(
        [term_matrix(term.design) for term in terms],
        CovarianceParameters(
            (*(term.structure for term in terms), *errors.structures),
            (*(term.design.n_effects for term in terms), *[k] * len(errors.structures)),
        ),
        error_blocks(errors.design),
        basis.Q,
        estimates.response.y - location.offset,
        None if np.all(size == 1.0) else size,
        scales=spread.fixed.matrix if scales else None,
        log_scale=spread.offset if scales else spread.fixed_eta,
        restricted=False,
    )
    theta = [*(term.theta for term in terms), *errors.thetas]
    return likelihood, basis, np.concatenate([*theta, *([spread.beta] if scales else [])])


def correlated_variance(
    estimates: Estimates, matrix: Matrix, random: Sequence[NewRandom | None]
) -> Vector:
    """Variance of the prediction error of x'β̂ + z'b̂, (m,), by V at the estimates.

    `random` has z of every term, None for one that is left out. A level that was not seen, code
    −1, adds z'Gz.
    """
    terms = estimates.location.terms
    likelihood, basis, theta = correlated_likelihood(estimates)
    rows = np.linalg.solve(basis.R.T, matrix.T).T
    z, unseen = [], np.zeros(len(rows))
    for term, new in zip(terms, random, strict=True):
        if new is None:
            z.append(csr_array((len(rows), term.modes.size)))
            continue
        values = np.nan_to_num(new.values)
        z.append(level_columns(new.codes, values, new.columns, term.modes.shape))
        whole = in_all_columns(values, new.columns, term.design.n_effects)
        own = np.einsum("ia,ia->i", whole @ term.covariance, whole)
        unseen += np.where(new.codes < 0, own, 0.0)
    return likelihood.prediction_variance(theta, rows, z) + unseen
