"""Residuals of the model itself: against fitted values and covariates, and their quantiles."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaincinv, ndtri

from henderson.arrays import Vector
from henderson.design.factors import Factor
from henderson.diagnostics.quantile_residuals import variable_of
from henderson.drawing.curves import draw_quantile_pairs, draw_scatter
from henderson.drawing.style import new_axes
from henderson.drawing.table_columns import columns_of, is_numeric
from henderson.errors import check_choice
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.plots.smoothing import local_line
from henderson.prediction import ResidualKind, fitted, residuals
from henderson.tables import NativeTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KINDS = ("normalized", "pearson", "deviance", "response")


def residual_points(
    model: Fitted | Estimates,
    against: str = "fitted",
    *,
    kind: ResidualKind = "normalized",
) -> NativeTable:
    """Residuals at the conditional modes and what they are plotted against.

    Parameters
    ----------
    model
        A fitted model.
    against
        "fitted" for the fitted means, or a variable of the model.
    kind
        "normalized", "pearson", "deviance" or "response", as in `prediction.residuals`:
        "normalized" have unit variance and no correlation where residuals vary together, too,
        and are those of Pearson elsewhere.

    Returns
    -------
    table
        One row used a row: `against` under its name, and `residual`.

    Raises
    ------
    DataError
        For a name that is no variable of the model.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> hd.plots.residual_points(model, "Days").columns.tolist()
    ['Days', 'residual']
    """
    estimates = estimates_of(model)
    check_choice("kind", kind, _KINDS)
    if against == "fitted":
        values = fitted(estimates)
    else:
        found = variable_of(estimates.frame, against, "against", estimates.frame.n)
        values = found.keys[found.codes] if isinstance(found, Factor) else found
    return estimates.frame.table({against: values, "residual": residuals(estimates, kind=kind)})


def residual_quantiles(
    model: Fitted | Estimates, *, kind: ResidualKind = "normalized"
) -> NativeTable:
    """Ordered residuals, over their standard deviation, beside normal quantiles.

    Parameters
    ----------
    model
        A fitted model.
    kind
        "normalized", "pearson", "deviance" or "response".

    Returns
    -------
    table
        `expected`, `observed`, and the ends `lower`, `upper` between which 95 % of each ordered
        value are for a normal sample of this size.
    """
    estimates = estimates_of(model)
    check_choice("kind", kind, _KINDS)
    return estimates.frame.table(normal_pairs(residuals(estimates, kind=kind)))


def normal_pairs(values: Vector, level: float = 0.95) -> dict[str, Vector]:
    """Ordered values over their standard deviation beside normal quantiles, (n,) each.

    The i-th of n uniform values has the beta(i, n + 1 − i) distribution; its quantiles, made
    normal, are the ends. Exact for independent values of known variance.
    """
    n = values.size
    i = np.arange(1, n + 1)
    scale = float(np.std(values, ddof=1)) if n > 1 else 1.0
    return {
        "expected": ndtri((i - 0.375) / (n + 0.25)),
        "observed": np.sort(values) / (scale if scale > 0.0 else 1.0),
        "lower": ndtri(betaincinv(i, n + 1 - i, 0.5 - level / 2.0)),
        "upper": ndtri(betaincinv(i, n + 1 - i, 0.5 + level / 2.0)),
    }


def plot_residuals(
    model: Fitted | Estimates,
    against: str | None = None,
    *,
    kind: ResidualKind = "normalized",
) -> "Figure":
    """Residuals at the conditional modes: should be level, of one spread, and normal.

    Parameters
    ----------
    model
        A fitted model.
    against
        "fitted" or a variable of the model. None: three panels, against the fitted values,
        their size against the fitted values (scale and location), and their quantiles.
    kind
        "normalized", "pearson", "deviance" or "response".

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    DataError
        For a name that is no variable of the model.

    Notes
    -----
    Normal quantiles and an even spread are to be expected of a Gaussian response; for counts
    and proportions look at `simulate_residuals`.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> len(hd.plots.plot_residuals(model).axes)
    3
    """
    estimates = estimates_of(model)
    check_choice("kind", kind, _KINDS)
    if kind == "normalized" and estimates.errors is None:
        kind = "pearson"  # the same, by the name people know
    if against is not None:
        figure, (ax,) = new_axes()
        _draw_against(residual_points(estimates, against, kind=kind), against, kind, ax)
        return figure
    figure, (left, middle, right) = new_axes(3, size=(3.1, 3.0))
    points = residual_points(estimates, kind=kind)
    _draw_against(points, "fitted", kind, left)
    columns = columns_of(points)
    columns["spread"] = np.sqrt(np.abs(columns["residual"]))
    x, y = local_line(columns["fitted"], columns["spread"])
    draw_scatter(
        columns,
        "fitted",
        "spread",
        curve={"fitted": x, "spread": y},
        level=None,
        xlabel="Fitted mean",
        ylabel=f"√|{kind.capitalize()} residual|",
        title="Scale and location",
        ax=middle,
    )
    draw_quantile_pairs(
        residual_quantiles(estimates, kind=kind),
        ylabel=f"{kind.capitalize()} residual / sd",
        title="Quantiles of the residuals",
        ax=right,
    )
    return figure


def _draw_against(points: NativeTable, against: str, kind: str, ax: "Axes") -> None:
    columns = columns_of(points)
    curve = None
    if is_numeric(columns[against]):
        x, y = local_line(columns[against].astype(np.float64), columns["residual"])
        curve = {against: x, "residual": y}
    name = "fitted values" if against == "fitted" else against
    draw_scatter(
        columns,
        against,
        "residual",
        curve=curve,
        xlabel="Fitted mean" if against == "fitted" else against,
        ylabel=f"{kind.capitalize()} residual",
        title=f"Residuals against {name}",
        ax=ax,
    )
