"""The columns of a table of means: estimates and intervals on the scale asked for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Vector
from henderson.inference.simultaneous.multiplicity import Family, critical_values
from henderson.marginal_means.mean_rows import Functions, MeanRows
from henderson.marginal_means.response_scale import Transformed, back_transformed


def mean_columns(rows: MeanRows, *, adjust: str = "none") -> dict[str, NDArray[Any]]:
    """Levels, estimates, standard errors, degrees of freedom and intervals."""
    found = rows.functions()
    critical = np.full(rows.r, np.nan)
    for at in rows.groups:
        family = Family(found.factor[at], len(at), "other")
        critical[at] = critical_values(family, rows.level, found.df[at], adjust)
    shown = transformed(rows, found, critical * found.std_error)
    levels = {name: rows.columns[name] for name in (*rows.factors, *rows.by)}
    return {
        **levels,
        "estimate": shown.estimate,
        "std_error": shown.std_error,
        "df": found.df,
        "lower": shown.lower,
        "upper": shown.upper,
    }


def transformed(rows: MeanRows, found: Functions, half: Vector) -> Transformed:
    """Estimates and intervals on the scale of `rows`."""
    if rows.scale == "response" and rows.link is not None:
        return back_transformed(
            found.estimate, found.std_error, half, rows.link, rows.tau, rows.random
        )
    return Transformed(
        found.estimate, found.std_error, found.estimate - half, found.estimate + half
    )
