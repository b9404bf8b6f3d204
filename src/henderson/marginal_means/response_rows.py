"""Means of a response whose mean depends on several linear predictors.

    mᵣ  =  Σ_g w_rg E(y | η_g),   log m̂ᵣ ~ N(log mᵣ, JᵣΣJᵣᵀ),   Jᵣ = ∂log mᵣ/∂β

over the cells g of the reference grid, at random effects of 0; β are the coefficients of all
predictors and Σ their covariance. The mean is positive, so that the logarithm is the scale of
intervals and tests: contrasts are ratios of means. Expected values of ordered categories have
no ratios, and are their own scale.
"""

import numpy as np
from scipy.linalg import block_diag

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.inference.ddf.coefficient_df import CoefficientDf
from henderson.inference.ddf.methods import DegreesOfFreedom
from henderson.links import link_named
from henderson.marginal_means.argument_checks import checked_level
from henderson.marginal_means.averaging import averages
from henderson.marginal_means.mean_rows import MeanRows, contrast_labels
from henderson.marginal_means.reference_grid import (
    At,
    ReferenceGrid,
    over_cells,
    reference_grid,
    undetermined,
)
from henderson.marginal_means.specs import Names, wanted

_STEP = 1e-5  # of a linear predictor, for the derivative of the mean


def response_rows(
    estimates: Estimates,
    specs: Names,
    *,
    by: Names | None,
    at: At | None,
    weights: str,
    ddf: str | DegreesOfFreedom | None,
    level: float,
    offset: float | None,
) -> MeanRows:
    """Means of the response or their logarithms, linear in β to first order; see `emmeans`.

    Raises
    ------
    ModelError
        For a family whose mean is of the location alone, or degrees of freedom.
    """
    family = estimates.family
    if family.mean_is_of_location:
        raise ModelError(
            f"The mean of the {family.name} family is of the location alone. Use "
            'scale="response" in place of component="response".'
        )
    if ddf not in (None, "infinite"):
        raise ModelError("Means of the response have normal intervals only. Leave ddf out.")
    grid = reference_grid(estimates, at=at, offset=offset, others=True)
    factors, groups = wanted(specs, by, grid.names)
    made = averages(grid, [*factors, *groups], weights)
    mean, slopes = _over_cells(estimates, grid, offset)
    beta = np.concatenate([each.beta for each in estimates.predictors.values()])
    kept = np.concatenate([each.fixed.kept for each in estimates.predictors.values()])
    of_mean = made.matrix @ mean
    coordinates, value, link = made.matrix @ slopes, of_mean, None
    if not family.observes_categories:
        coordinates, value = coordinates / of_mean[:, None], np.log(of_mean)
        link = link_named("log")
    return MeanRows(
        estimates=estimates,
        beta=beta,
        reference=CoefficientDf("infinite", estimates.vcov, np.full(len(beta), np.inf)),
        free=_undetermined(estimates),
        kept=kept,
        coordinates=coordinates,
        offset=value - coordinates[:, kept] @ beta,
        factors=tuple(factors),
        by=tuple(groups),
        columns=made.columns,
        labels={n: contrast_labels(n, labels) for n, labels in made.labels.items()},
        averaged=made.averaged,
        fixed_at=grid.fixed_at((*factors, *groups)),
        weights=weights,
        level=checked_level(level),
        scale="response",
        link=link,
        random="zero",
        tau=np.zeros(len(of_mean)),
    )


def _over_cells(
    estimates: Estimates, grid: ReferenceGrid, offset: float | None
) -> tuple[Vector, Matrix]:
    """E(y) in each cell, (G,), and its derivatives by all columns of all predictors."""
    family = estimates.family
    matrices, predictors = [], []
    for name, each in estimates.predictors.items():
        matrix, added = over_cells(estimates, grid, offset, name)
        matrices.append(matrix)
        predictors.append(matrix[:, each.fixed.kept] @ each.beta + added)
    eta = np.column_stack(predictors)
    slopes = []
    for k, matrix in enumerate(matrices):
        step = np.zeros(eta.shape[1])
        step[k] = _STEP
        slope = (family.mean(eta + step) - family.mean(eta - step)) / (2.0 * _STEP)
        slopes.append(slope[:, None] * matrix)
    return family.mean(eta), np.hstack(slopes)


def _undetermined(estimates: Estimates) -> Matrix | None:
    """Those of all predictors, side by side; None if all is determined."""
    found = {name: undetermined(estimates, name) for name in estimates.predictors}
    if all(each is None for each in found.values()):
        return None
    blocks = [
        np.zeros((len(estimates.predictors[name].fixed.kept), 0)) if each is None else each
        for name, each in found.items()
    ]
    return np.asarray(block_diag(*blocks))
