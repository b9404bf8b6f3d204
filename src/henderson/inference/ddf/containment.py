"""Containment degrees of freedom, SAS's default.

    ν of a term  =  min over the random effects that contain it of
                    rank [X Z₁ ... Zⱼ] − rank [X Z₁ ... Zⱼ₋₁]
    n − rank [X Z]  where no random effect contains the term

A random effect contains a term if all of the term's variables are among its grouping factors
and the variables of its effect: Block:Variety contains Variety and the intercept. Ranks are
counted in the order of the formula. It is exact in balanced split plots and the like. The names
decide: without (1 | block:variety) nothing says that varieties were applied to whole plots.

Source: SAS Institute, SAS/STAT User's Guide, The MIXED Procedure, DDFM=CONTAIN.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from henderson.arrays import Matrix, Vector
from henderson.design.model_matrix import MatrixRecipe
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.estimation.matrices import random_matrix

LARGEST = 3000  # columns of [X Z] whose rank is counted
_RANK = 1e-9  # eigenvalues of [X Z]ᵀ[X Z] with unit diagonal that count as 0


def containment_df(estimates: Estimates) -> Vector:
    """ν of each coefficient of the location, (p,).

    Raises
    ------
    ModelError
        For more than `LARGEST` columns of X and Z together.
    """
    location = estimates.location
    n, p = location.fixed.matrix.shape
    effects = _random_effects(estimates)
    total = p + sum(columns.size for _, columns in effects)
    if total > LARGEST:
        raise ModelError(
            f"Containment degrees of freedom need the rank of X and Z together, here {total} "
            f'columns, and are made for up to {LARGEST}. Use ddf="satterthwaite".'
        )
    gram = _cross_products(estimates)
    used, rank, contributions = np.arange(p), p, []
    for variables, columns in effects:
        used = np.concatenate([used, p + columns])
        next_rank = _rank(gram[np.ix_(used, used)])
        contributions.append((variables, next_rank - rank))
        rank = next_rank
    of_term = [
        min([own for outer, own in contributions if variables <= outer], default=n - rank)
        for variables in term_variables(location.fixed.recipe)
    ]
    return np.array(of_term, dtype=np.float64)[location.fixed.assign]


def term_variables(recipe: MatrixRecipe) -> list[frozenset[str]]:
    """The variables of each term, an intercept first where there is one."""
    named = recipe.terms
    found = [frozenset(named.variables[i] for i in term) for term in named.terms]
    return [frozenset[str](), *found] if named.intercept else found


def _random_effects(
    estimates: Estimates,
) -> list[tuple[frozenset[str], NDArray[np.int64]]]:
    """The variables and the columns of Z of each random effect: (x | g) has g and x:g."""
    found, start = [], 0
    for term in estimates.location.terms:
        g, k = term.modes.shape
        group = frozenset(term.design.factors)
        variables = term_variables(term.design.recipe)
        assign = _assign(term.design.recipe, k)
        for place, own in enumerate(variables):
            effects = np.flatnonzero(assign == place)
            columns = start + (np.arange(g)[:, None] * k + effects).ravel()
            found.append((group | own, columns))
        start += g * k
    return found


def _assign(recipe: MatrixRecipe, k: int) -> NDArray[np.int64]:
    """The term of each of the k effects."""
    widths = [1] if recipe.terms.intercept else []
    for term, flags in zip(recipe.terms.terms, recipe.full, strict=True):
        width = 1
        for i, in_full in zip(term, flags, strict=True):
            coding = recipe.codings.get(recipe.terms.variables[i])
            if coding is not None:
                width *= (coding.full if in_full else coding.contrasts).matrix.shape[1]
        widths.append(width)
    if sum(widths) == k:
        return np.repeat(np.arange(len(widths)), widths)
    return np.minimum(np.arange(k), len(widths) - 1)  # several columns a variable: poly(x, 2)


def _cross_products(estimates: Estimates) -> Matrix:
    """[X Z]ᵀ[X Z] with a unit diagonal."""
    both = hstack([csr_array(estimates.location.fixed.matrix), random_matrix(estimates)])
    gram = (both.T @ both).toarray()
    scale = np.sqrt(np.diag(gram))
    scale[scale == 0.0] = 1.0
    return gram / np.outer(scale, scale)


def _rank(gram: Matrix) -> int:
    values = np.linalg.eigvalsh(gram)
    return int(np.sum(values > _RANK * values[-1]))
