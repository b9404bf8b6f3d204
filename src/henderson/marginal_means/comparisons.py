"""All pairs of means at a glance: letters, the matrix of p-values, significant differences."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.design.factors import Factor
from henderson.errors import ModelError
from henderson.inference.simultaneous.multiplicity import critical_values
from henderson.marginal_means.argument_checks import checked_alpha
from henderson.marginal_means.contrasts import ContrastGroup, contrast
from henderson.marginal_means.letters import letters
from henderson.marginal_means.mean_rows import MeanRows
from henderson.marginal_means.mean_table import mean_columns
from henderson.tables import NativeTable

Order = Literal["ascending", "descending", "grid"]


def letter_columns(
    rows: MeanRows,
    *,
    adjust: str,
    alpha: float,
    order: Order,
    sweep: bool,
    intervals: str = "none",
) -> dict[str, NDArray[Any]]:
    """The means of each group in order, with their letters; see `MarginalMeans.letters`."""
    if order not in {"ascending", "descending", "grid"}:
        raise ModelError(
            f"There is no order={order!r}. Choose 'ascending', 'descending' or 'grid'."
        )
    alpha = checked_alpha(alpha)
    _refuse_means_of_numbers(rows)
    pairs = contrast(rows, "pairwise", adjust=adjust)
    estimate = rows.functions().estimate
    chosen: list[NDArray[np.int64]] = []
    texts: list[str] = []
    for at, group in zip(rows.groups, pairs.groups, strict=True):
        known = at[np.isfinite(estimate[at])]
        if order != "grid":
            sign = 1.0 if order == "ascending" else -1.0
            known = known[np.argsort(sign * estimate[known], kind="stable")]
        p = pair_matrix(rows, group, pairs.group_p_values(group))
        found = letters(p[np.ix_(known, known)] < alpha, sweep=sweep) if len(known) else ()
        unknown = at[~np.isfinite(estimate[at])]
        chosen += [known, unknown]
        texts += [*found, *[""] * len(unknown)]
    place = np.concatenate(chosen)
    columns = mean_columns(rows, adjust=intervals)
    of_row = dict(zip(place.tolist(), texts, strict=True))
    if order == "grid":
        place = np.arange(rows.r)
    shown = {name: values[place] for name, values in columns.items()}
    return {**shown, "letters": np.array([of_row[i] for i in place.tolist()], dtype=object)}


def _refuse_means_of_numbers(rows: MeanRows) -> None:
    """One mean has nothing to differ from, and that of a number is no level's."""
    variables = rows.estimates.frame.variables
    numbers = [
        n for n in rows.factors if n in variables and not isinstance(variables[n], Factor)
    ]
    if numbers and all(len(group) == 1 for group in rows.groups):
        name = numbers[0]
        raise ModelError(
            f"There is one mean, at {name} = {rows.labels[name][0]}, and letters compare "
            f"several: {name} is a number, and the model has a slope of it. If its values are "
            f"labels of treatments, write factor({name}) in the formula; to compare means "
            f"along the slope, give values, at={{{name!r}: [...]}}."
        )


def p_value_columns(rows: MeanRows, *, adjust: str) -> dict[str, NDArray[Any]]:
    """Adjusted p-values of all pairs as a matrix a group; see `MarginalMeans.p_matrix`."""
    pairs = contrast(rows, "pairwise", adjust=adjust)
    labels = list(dict.fromkeys(rows.names(np.arange(rows.r))))
    table = np.full((rows.r, len(labels)), np.nan)
    names = rows.names(np.arange(rows.r))
    column = [labels.index(name) for name in names]
    for at, group in zip(rows.groups, pairs.groups, strict=True):
        p = pair_matrix(rows, group, pairs.group_p_values(group))
        for row in at:
            table[row, [column[other] for other in at]] = p[row, at]
    order = np.concatenate(rows.groups)
    columns = {name: rows.columns[name][order] for name in rows.by}
    columns["mean"] = np.array(names, dtype=object)[order]
    return columns | {label: table[order, i] for i, label in enumerate(labels)}


def difference_columns(rows: MeanRows, *, alpha: float, adjust: str) -> dict[str, NDArray[Any]]:
    """The least significant difference of each group; see `MarginalMeans.lsd`."""
    alpha = checked_alpha(alpha)
    pairs = contrast(rows, "pairwise", adjust=adjust)
    found: dict[str, list[Any]] = {name: [] for name in (*rows.by, "lsd", "lowest", "highest")}
    for group in pairs.groups:
        functions = group.functions
        critical = critical_values(group.family, 1.0 - alpha, functions.df, adjust)
        width = critical * functions.std_error
        width = width[np.isfinite(width)]
        for name in rows.by:
            found[name].append(group.by[name])
        some = len(width) > 0
        found["lsd"].append(float(width.mean()) if some else np.nan)
        found["lowest"].append(float(width.min()) if some else np.nan)
        found["highest"].append(float(width.max()) if some else np.nan)
    return {name: np.array(values) for name, values in found.items()}


def pair_matrix(rows: MeanRows, group: ContrastGroup, values: Vector) -> Matrix:
    """Values of pairs as a symmetric matrix over all rows; NaN where there is no pair."""
    matrix = np.full((rows.r, rows.r), np.nan)
    for pair, value in zip(group.pairs, values, strict=True):
        assert pair is not None
        matrix[pair] = matrix[pair[::-1]] = value
    return matrix


def native(rows: MeanRows, columns: dict[str, NDArray[Any]]) -> NativeTable:
    """A table of the user's own kind."""
    return rows.estimates.frame.table(columns)
