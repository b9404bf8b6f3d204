"""Refusing observations that a family cannot have, with a message that leads on."""

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Vector
from henderson.errors import DataError


def require(
    allowed: NDArray[np.bool_],
    values: Vector,
    name: str,
    rows: Vector | None,
    *,
    rule: str,
    remedy: str,
) -> None:
    """Raise DataError for the first of `values` (n,) that is not `allowed` (n,)."""
    if allowed.all():
        return
    first = int(np.argmin(allowed))
    row = first if rows is None else int(rows[first])
    others = int(np.count_nonzero(~allowed)) - 1
    more = f", and {others} more such rows" if others else ""
    raise DataError(
        f"The response {name!r} is {values[first]:.10g} in row {row} (counted from 0){more}: "
        f"{rule}.\n\nHint: {remedy}"
    )


def require_finite(values: Vector, name: str, rows: Vector | None) -> None:
    """Every family needs finite observations."""
    require(
        np.isfinite(values),
        values,
        name,
        rows,
        rule="it must be a finite number",
        remedy="remove the row or correct the value.",
    )


def require_positive(values: Vector, name: str, rows: Vector | None, family: str) -> None:
    """Finite and above 0."""
    require_finite(values, name, rows)
    require(
        values > 0.0,
        values,
        name,
        rows,
        rule=f"the {family} family needs values above 0",
        remedy='for zeros that are real, consider family="gaussian" on a transformed '
        "response or a model of presence and one of the positive values.",
    )
