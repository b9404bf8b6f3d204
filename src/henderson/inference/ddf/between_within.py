"""Between-within degrees of freedom, for one grouping factor or several nested ones.

    νᵢ = mᵢ − (mᵢ₋₁ + pᵢ),   m₀ = 1 with an intercept, else 0

mᵢ is the number of groups at level i, outermost first, the last level being the rows; pᵢ counts
the coefficients, without the intercept, of the terms that vary within the groups of level i − 1
and are constant within those of level i. With one factor (subjects) these are the between- and
within-subject degrees of freedom. The intercept counts as between.

Source: SAS Institute, SAS/STAT User's Guide, The MIXED Procedure, DDFM=BETWITHIN; Pinheiro &
Bates (2000), Mixed-Effects Models in S and S-PLUS, section 2.4.2, for nested factors.
"""

from itertools import pairwise

import numpy as np

from henderson.arrays import Codes, Vector
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates


def between_within_df(estimates: Estimates) -> Vector:
    """ν of each coefficient of the location, (p,).

    Raises
    ------
    ModelError
        Where grouping factors are crossed.
    """
    fixed = estimates.location.fixed
    n = estimates.response.y.size
    levels = [*_nested_levels(estimates), np.arange(n)]
    errors = estimates.errors
    unrestricted = errors is not None and errors.design.term.structure == "us"
    if unrestricted and not estimates.location.terms:
        levels = levels[:1]
    constant = [
        np.array(
            [_is_constant_within(fixed.matrix[:, j], codes) for j in range(len(fixed.names))]
        )
        for codes in levels
    ]
    last = len(levels) - 1
    level_of = np.full(len(fixed.names), last)
    for term in range(len(fixed.terms)):
        own = fixed.assign == term
        level_of[own] = next((i for i, flat in enumerate(constant) if flat[own].all()), last)
    has_intercept = fixed.recipe.terms.intercept
    sizes = [int(has_intercept), *(int(codes.max()) + 1 for codes in levels)]
    counted = np.ones(len(fixed.names), dtype=bool)
    if has_intercept:
        counted[0] = False
    nu = [
        sizes[i + 1] - sizes[i] - int(np.sum(counted & (level_of == i)))
        for i in range(len(levels))
    ]
    return np.maximum(np.array(nu, dtype=np.float64)[level_of], 0.0)


def _nested_levels(estimates: Estimates) -> list[Codes]:
    """The distinct groupings, outermost first."""
    groups = {t.design.group: t.design.codes for t in estimates.location.terms}
    if estimates.errors is not None:
        groups.setdefault(estimates.errors.design.label, estimates.errors.design.subject)
    ordered = sorted(groups.items(), key=lambda each: int(each[1].max()))
    for (outer, codes), (inner, within) in pairwise(ordered):
        if not _is_constant_within(codes.astype(np.float64), within):
            raise ModelError(
                f"Between-within degrees of freedom are for nested groups, and {outer!r} "
                f'and {inner!r} are crossed. Use ddf="kenward-roger", "satterthwaite" '
                'or "containment".'
            )
    return [codes for _, codes in ordered]


def _is_constant_within(column: Vector, codes: Codes) -> bool:
    of_group = np.empty(int(codes.max()) + 1)
    of_group[codes] = column
    spread = np.abs(of_group[codes] - column).max()
    return bool(spread <= 1e-12 * max(np.abs(column).max(), 1e-300))
