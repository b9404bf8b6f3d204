"""A joint test of each term, by contrasts of marginal means, within groups.

For a set S of variables the hypothesis is that all interaction contrasts of the means of their
combinations are 0:

    L  =  (D₁ ⊗ D₂ ⊗ ...) M,   Dᵢ the differences of neighbouring levels of variable i

M are the rows of the means over the reference grid, other factors averaged with equal weights.
Without empty cells these are type 3 tests. Covariates are at two values around their mean, so
that what is tested is a slope there.
"""

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix
from henderson.design.evaluation import columns_used
from henderson.errors import DataError
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.formula.syntax_tree import parse_expression
from henderson.inference.ddf.methods import DegreesOfFreedom, degrees_of_freedom
from henderson.inference.linear_functions import joint_test
from henderson.marginal_means.mean_rows import MeanRows
from henderson.marginal_means.means import mean_rows
from henderson.marginal_means.reference_grid import At, ReferenceGrid, reference_grid
from henderson.marginal_means.specs import Names, wanted
from henderson.tables import NativeTable

_RANK = 1e-8  # of singular values, relative to the largest


def joint_tests(
    model: Fitted | Estimates,
    *,
    by: Names | None = None,
    at: At | None = None,
    ddf: str | DegreesOfFreedom | None = None,
    component: str = "location",
) -> NativeTable:
    """Test each term of the fixed effects, within each combination of other variables.

    Parameters
    ----------
    model
        A fitted model, or its estimates.
    by
        Variables to test within, such as "Variety": is there an effect of nitrogen in each
        variety?
    at
        Levels or values of variables, as in `emmeans`. Covariates are otherwise at their mean
        and one unit below and above.
    ddf
        Denominator degrees of freedom, as in `emmeans`.
    component
        The linear predictor: "location", "dispersion", "zero_inflation".

    Returns
    -------
    table
        The `by` variables, then `term`, `df1`, `df2`, `statistic` (F; with infinite df2,
        chi-squared over df1), `p_value`, `ddf`. Where cells are empty, a test is of what can
        be estimated, and df1 says how much; 0 is nothing.

    Raises
    ------
    DataError
        For variables or levels that are not the model's, or a `by` that leaves no term.
    ModelError
        For a method or component that does not exist.

    Notes
    -----
    A factor nested in another is compared within the levels of that.

    Source: Lenth (2016), J. Stat. Softw. 69(1), for reference grids; Searle, Speed & Milliken
    (1980), Am. Stat. 34(4), 216–221.

    Examples
    --------
    >>> import henderson as hd
    >>> oats = hd.datasets.load("oats")
    >>> model = hd.fit("yield ~ Variety * factor(nitro) + (1 | Block/Variety)", oats)
    >>> table = joint_tests(model, by="Variety")
    >>> table["term"].tolist(), table["statistic"].round(2).tolist()
    (['nitro', 'nitro', 'nitro'], [13.02, 9.95, 15.32])
    """
    estimates = estimates_of(model)
    method = degrees_of_freedom(estimates, ddf, component=component)
    plain = reference_grid(estimates, at=at, component=component)
    _, groups = wanted([], by, plain.names)
    around = {
        variable.name: [float(variable.keys[0]) - 1.0, float(variable.keys[0]) + 1.0]
        for variable in plain.variables
        if variable.codes is None
        and len(variable.labels) == 1
        and variable.name not in {*groups, *(at or {})}
    }
    grid = reference_grid(estimates, at={**around, **(at or {})}, component=component)
    terms = _terms(grid, groups)
    if not terms:
        raise DataError(
            f"by={by!r} leaves no term of the {component} to test. Leave one of them out of by."
        )
    columns: dict[str, list[Any]] = {
        name: [] for name in (*groups, "term", "df1", "df2", "statistic", "p_value", "ddf")
    }
    tests = []
    for variables in terms:
        rows = mean_rows(
            estimates,
            grid,
            (list(variables), groups),
            weights="equal",
            ddf=method,
            level=0.95,
            scale="link",
            component=component,
            random="zero",
        )
        for place, group in enumerate(rows.groups):
            L = _estimable(rows, _differences(rows, grid, group) @ rows.coordinates)
            found = joint_test(estimates, L, ddf=method, component=component)
            values = [rows.columns[name][group[0]] for name in groups]
            row = (":".join(variables), found.df1, found.df2, found.statistic, found.p_value)
            tests.append((place, (*values, *row, found.ddf)))
    for _, row in sorted(tests, key=lambda each: each[0]):
        for name, value in zip(columns, row, strict=True):
            columns[name].append(value)
    return estimates.frame.table(columns)


def _terms(grid: ReferenceGrid, groups: list[str]) -> list[tuple[str, ...]]:
    """The sets of variables that terms are of, without those of `groups`, in order."""
    named = grid.predictor.fixed.recipe.terms
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for term in named.terms:
        used = [
            name for i in term for name in columns_used(parse_expression(named.variables[i]))
        ]
        own = tuple(n for n in dict.fromkeys(used) if n in grid.names and n not in groups)
        if own:
            found.setdefault(frozenset(own), own)
    return list(found.values())


def _differences(rows: MeanRows, grid: ReferenceGrid, group: NDArray[np.int64]) -> Matrix:
    """D (c, r): interaction contrasts within a group; of nested factors, within the outer."""
    outer = {parent for name in rows.factors for parent in grid.nested.get(name, ())}
    free = [name for name in rows.factors if name not in outer]
    fixed = [name for name in rows.factors if name in outer]
    parts: dict[tuple[str, ...], list[int]] = {}
    for row in group.tolist():
        parts.setdefault(tuple(rows.labels[n][row] for n in fixed), []).append(row)
    made = [np.zeros((0, rows.r))]
    for places in parts.values():
        levels = [list(dict.fromkeys(rows.labels[n][i] for i in places)) for n in free]
        steps = [np.diff(np.eye(len(each)), axis=0) for each in levels]
        position = {tuple(rows.labels[n][i] for n in free): i for i in places}
        cells = np.stack(np.meshgrid(*map(np.arange, map(len, levels)), indexing="ij"), -1)
        D = np.zeros((int(np.prod([len(step) for step in steps])), rows.r))
        for column, cell in zip(
            reduce(np.kron, steps).T, cells.reshape(-1, len(free)), strict=True
        ):
            D[:, position[tuple(each[i] for each, i in zip(levels, cell, strict=True))]] = (
                column
            )
        made.append(D)
    return np.concatenate(made)


def _estimable(rows: MeanRows, coordinates: Matrix) -> Matrix:
    """Combinations of hypotheses that the data determine, over the coefficients of the fit."""
    L = coordinates[:, rows.kept]
    if rows.free is None or not len(L):
        return L
    beyond = coordinates @ rows.free
    left, values, _ = np.linalg.svd(beyond)
    scale = max(np.abs(coordinates).max(), 1e-300)
    return left[:, int(np.sum(values > _RANK * scale)) :].T @ L
