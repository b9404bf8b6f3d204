"""How alike residuals are by how far apart they are: in order, in time, in space.

    autocorrelation   r(l) = [Σ eᵢ eⱼ / N(l)] / [Σ e² / n],   pairs l positions apart in a group
    variogram         γ(h) = Σ (eᵢ − eⱼ)² / 2 N(h),           pairs at distances around h

N counts the pairs. Without correlation r(l) is near 0, sd 1 / √N, and γ(h) near the variance.

Source: Box & Jenkins (1970), Time Series Analysis, section 2.1; Cressie (1993), Statistics for
Spatial Data, section 2.4.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from henderson.arrays import Codes, Matrix, Vector
from henderson.design.factors import Factor, factorize
from henderson.diagnostics.quantile_residuals import numbers_of, variable_of
from henderson.errors import DataError, ModelError
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.prediction import ResidualKind, residuals
from henderson.tables import NativeTable

_BLOCK = 1_000_000  # distances held at a time


def autocorrelation(
    model: Fitted | Estimates,
    time: str | ArrayLike,
    *,
    by: str | ArrayLike | None = None,
    lags: int = 10,
    kind: ResidualKind = "normalized",
) -> NativeTable:
    """Correlation of residuals that are some positions apart in time.

    Parameters
    ----------
    model
        A fitted model.
    time
        A variable of the model, or one value a row, by which residuals are ordered.
    by
        The series that each row belongs to, such as "Subject"; None: all are one.
    lags
        Up to how many positions apart, 1 or more.
    kind
        Residuals at the conditional modes: "normalized" (Pearson residuals; white where they
        vary together and the model holds), "pearson", "deviance" or "response".

    Returns
    -------
    table
        `lag` from 0, `correlation`, and `pairs`, their number.

    Raises
    ------
    DataError
        For a `time` that is not numbers, or occurs twice in a series.
    ModelError
        For lags below 1.

    Notes
    -----
    Residuals at the conditional modes are slightly negatively correlated within levels of
    random factors, the more so the fewer rows a level has.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> model.autocorrelation("Days", by="Subject", lags=2).round(3)
       lag  correlation  pairs
    0    0        1.000    180
    1    1        0.116    162
    2    2       -0.167    144
    """
    estimates = estimates_of(model)
    if isinstance(lags, bool) or not isinstance(lags, int | np.integer) or lags < 1:
        raise ModelError(f"lags={lags!r} is not a number of lags. Give 1 or more.")
    times = numbers_of(estimates.frame, time, "time", estimates.frame.n)
    series = _series(estimates, by)
    order = np.lexsort((times, series))
    code, at, e = series[order], times[order], residuals(estimates, kind=kind)[order]
    if np.any((code[1:] == code[:-1]) & (at[1:] == at[:-1])):
        raise DataError(
            "Some rows share a time. Give by= the series that each row belongs to, in which "
            "every time occurs once."
        )
    e = e - e.mean()
    variance, rows = float(np.mean(e**2)), [(0, 1.0, e.size)]
    for lag in range(1, min(lags, e.size - 1) + 1):
        same = code[lag:] == code[:-lag]
        if same.any():
            product = float(np.mean((e[lag:] * e[:-lag])[same]))
            rows.append((lag, product / variance, int(same.sum())))
    header = ("lag", "correlation", "pairs")
    return estimates.frame.table({n: [row[i] for row in rows] for i, n in enumerate(header)})


def variogram(
    model: Fitted | Estimates,
    x: str | ArrayLike,
    y: str | ArrayLike | None = None,
    *,
    by: str | ArrayLike | None = None,
    bins: int = 12,
    kind: ResidualKind = "normalized",
) -> NativeTable:
    """Half the mean squared difference of residuals by distance in time or space.

    Parameters
    ----------
    model
        A fitted model.
    x, y
        Places, or times if there is no `y`: variables of the model, or one value a row.
    by
        Pairs are taken within the levels of this variable only; None: all pairs.
    bins
        Classes of equal width, from 0 to the largest distance in time, or half of it in space.
    kind
        Residuals at the conditional modes: "normalized" (Pearson residuals; white where they
        vary together and the model holds), "pearson", "deviance" or "response".

    Returns
    -------
    table
        `distance` (the mean of the pairs), `semivariance`, `pairs`, and `variance`, that of all
        residuals, which the semivariance is near without autocorrelation.

    Raises
    ------
    DataError
        For places that are not numbers, or no two rows at different places.
    ModelError
        For bins below 1.

    Notes
    -----
    Takes time O(n²), memory O(n).

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> table = model.variogram("Days", by="Subject", bins=9)
    >>> table["pairs"].tolist()
    [162, 144, 126, 108, 90, 72, 54, 36, 18]
    """
    estimates = estimates_of(model)
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 1:
        raise ModelError(f"bins={bins!r} is not a number of classes. Give 1 or more.")
    axes = [numbers_of(estimates.frame, x, "x", estimates.frame.n)]
    axes += [] if y is None else [numbers_of(estimates.frame, y, "y", estimates.frame.n)]
    places, series = np.column_stack(axes), _series(estimates, by)
    e = residuals(estimates, kind=kind)
    farthest = max(
        (float(d.max()) for d, _ in _pairs(places, series, e) if d.size), default=0.0
    )
    if farthest <= 0.0:
        raise DataError(
            "No two rows of a group are at different places. Give x= and y= that differ, or "
            "leave by= out."
        )
    reach = farthest if y is None else 0.5 * farthest
    sums = np.zeros((3, bins))  # pairs, distances, squared differences
    for distance, squares in _pairs(places, series, e):
        near = (distance > 0.0) & (distance <= reach)
        d = distance[near]
        which = np.minimum((d / reach * bins - 1e-9).astype(np.int64), bins - 1)
        for total, weights in zip(sums, (np.ones(d.size), d, squares[near]), strict=True):
            total += np.bincount(which, weights, bins)
    used = sums[0] > 0.0
    count, distances, differences = sums[:, used]
    return estimates.frame.table(
        {
            "distance": distances / count,
            "semivariance": 0.5 * differences / count,
            "pairs": count.astype(np.int64),
            "variance": np.full(count.size, float(np.var(e, ddof=1))),
        }
    )


def _pairs(places: Matrix, series: Codes, e: Vector) -> Iterator[tuple[Vector, Vector]]:
    """Distances and squared differences of the pairs of a group, block by block."""
    order = np.argsort(series, kind="stable")
    starts = np.flatnonzero(np.diff(series[order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        n = rows.size
        size = max(1, _BLOCK // n)
        for start in range(0, n, size):
            first = rows[start : start + size]
            later = np.arange(start, min(start + size, n))[:, None] < np.arange(n)
            apart = places[first, None, :] - places[None, rows, :]
            distance = np.sqrt((apart**2).sum(axis=-1))
            yield distance[later], ((e[first, None] - e[None, rows]) ** 2)[later]


def _series(estimates: Estimates, by: str | ArrayLike | None) -> Codes:
    n = estimates.frame.n
    if by is None:
        return np.zeros(n, dtype=np.int32)
    values = variable_of(estimates.frame, by, "by", n)
    return (values if isinstance(values, Factor) else factorize(values)).codes
