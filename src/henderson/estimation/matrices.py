"""The matrices of the theory, y = Xβ + Zb + e, b ~ N(0, G), e ~ N(0, R), V = ZGZᵀ + R.

Columns of Z, and rows and columns of G, run over the random terms in the order of the formula,
within a term over its levels, within a level over its effects.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import (
    block_diag,
    csr_array,
    dia_array,
    diags_array,
    eye_array,
    hstack,
    kron,
)

from henderson.arrays import Matrix, Vector
from henderson.design import ErrorDesign
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.likelihood.error_blocks import ErrorBlocks, Whitening

LARGEST_DENSE = 10_000  # rows: V then takes 0.8 GB


def level_columns(
    codes: NDArray[np.integer],
    values: Matrix,
    columns: NDArray[np.integer] | None,
    shape: tuple[int, int],
) -> csr_array:
    """Z of one term, (n, g·k), for `shape` (g, k).

    Row i holds values[i] in the columns of level codes[i]; it is empty where codes[i] is −1, a
    level that the fit has not seen. `columns` says to which effects the values belong; None, to
    all k in order.
    """
    g, k = shape
    n, nonzeros = values.shape
    effect = np.arange(nonzeros) if columns is None else columns
    column = codes[:, None].astype(np.int64) * k + effect
    known = codes >= 0
    starts = np.concatenate([[0], np.cumsum(np.where(known, nonzeros, 0))])
    return csr_array((values[known].ravel(), column[known].ravel(), starts), shape=(n, g * k))


def fixed_matrix(estimates: Estimates) -> Matrix:
    """X of the location, (n, p), without the columns that others determine."""
    return estimates.location.fixed.matrix


def random_matrix(estimates: Estimates) -> csr_array:
    """Z of the location, (n, q), sparse; q is 0 without random terms."""
    blocks = [
        level_columns(
            term.design.codes, term.design.values, term.design.columns, term.modes.shape
        )
        for term in estimates.location.terms
    ]
    n = estimates.response.y.size
    return csr_array(hstack(blocks, format="csr")) if blocks else csr_array((n, 0))


def random_covariance(estimates: Estimates) -> csr_array:
    """G, (q, q), sparse: the covariance of b, block-diagonal with one block a level."""
    blocks = [kron(eye_array(len(t.modes)), t.covariance) for t in estimates.location.terms]
    return csr_array(block_diag(blocks, format="csr")) if blocks else csr_array((0, 0))


def error_blocks(design: ErrorDesign) -> ErrorBlocks:
    """The rows of each subject."""
    return ErrorBlocks.of(design.subject, design.position, design.group, len(design.positions))


def row_precisions(estimates: Estimates) -> Vector:
    """What rows are weighted by where residuals vary together, (n,).

    wᵢ exp(−2xᵢ), w precision weights and x the dispersion formula without its constant, which
    the covariances of the residuals hold.
    """
    return estimates.response.size * np.exp(-2.0 * estimates.predictors["dispersion"].fixed_eta)


def error_whitening(estimates: Estimates) -> Whitening:
    """Σ = LLᵀ of residuals that vary together, by subject; R is Σ over `row_precisions`."""
    errors = estimates.errors
    assert errors is not None
    found = error_blocks(errors.design).factor(errors.covariances)
    assert found is not None
    return found


def error_covariance(estimates: Estimates) -> dia_array | csr_array:
    """R, (n, n), sparse: the covariance of the response given the random effects.

    For a Gaussian response σ²/wᵢ, diagonal; where residuals vary together, block-diagonal over
    subjects, the covariance over the roots of `row_precisions`. For other families the variance
    at the conditional modes. A binomial response is the proportion of successes.
    """
    if estimates.errors is not None:
        scale = diags_array(1.0 / np.sqrt(row_precisions(estimates)))
        return csr_array(scale @ error_whitening(estimates).covariance() @ scale)
    eta = np.column_stack([each.eta for each in estimates.predictors.values()])
    variance = estimates.family.variance(eta, estimates.response.size)
    return dia_array(diags_array(variance))


def marginal_covariance(estimates: Estimates) -> Matrix:
    """V = ZGZᵀ + R, (n, n), dense: the covariance of a Gaussian response.

    Raises
    ------
    ModelError
        For another family or link, where the covariance of y is not this sum; and for more than
        `LARGEST_DENSE` rows.
    """
    family, n = estimates.family, estimates.response.y.size
    if not family.is_quadratic:
        raise ModelError(
            "V = ZGZ' + R is the covariance of a Gaussian response with the identity link, and "
            f"this model is {family.name} with the {family.link.name} link. Z, G and R are "
            "there; simulate() shows how y varies."
        )
    if n > LARGEST_DENSE:
        raise ModelError(
            f"V would have {n} x {n} entries ({n * n * 8 / 1e9:.1f} GB), and is made for up to "
            f"{LARGEST_DENSE} rows. Work with the sparse matrices: Z @ G @ Z.T + R."
        )
    Z = random_matrix(estimates)
    return (Z @ random_covariance(estimates) @ Z.T + error_covariance(estimates)).toarray()
