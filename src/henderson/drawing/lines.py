"""Estimates with intervals in order, shrinkage, profiles and correlations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from henderson.drawing.style import (
    ACCENT,
    DASHES,
    GUIDE,
    INK,
    MARKERS,
    PALETTE,
    name_levels,
    new_axes,
)
from henderson.drawing.table_columns import (
    AXIS,
    Drawable,
    as_text,
    columns_of,
    distinct,
    heading,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NAMES = 60  # beside an axis


def draw_ordered(
    table: Drawable,
    *,
    label: str = "level",
    estimate: str = "mode",
    xlabel: str = "",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Estimates with intervals, one a line, from the smallest to the largest.

    Parameters
    ----------
    table
        With `label`, `estimate`, `lower`, `upper`.
    label, estimate
        Names of these columns.
    xlabel, title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
        Names of lines are left out where there are more than 60.
    """
    columns = columns_of(table, [label, estimate, "lower", "upper"])
    n = len(columns[label])
    height = 1.0 + 0.16 * min(n, _MOST_NAMES)
    ax = new_axes(size=(3.6, height))[1][0] if ax is None else ax
    order = np.argsort(columns[estimate], kind="stable")
    place = np.arange(n)
    ax.axvline(0.0, color=GUIDE, linewidth=1.0, linestyle="--", zorder=0)
    ends = columns["lower"][order], columns["upper"][order]
    ax.hlines(place, *ends, color=INK, linewidth=min(1.2, 250 / n))
    ax.plot(columns[estimate][order], place, "o", color=INK, ms=4 if n <= _MOST_NAMES else 2)
    if n <= _MOST_NAMES:
        names = [as_text(each) for each in columns[label][order].tolist()]
        ax.set_yticks(place, names, fontsize="small" if n <= 30 else "x-small")
    else:
        ax.set_yticks([])
    ax.set(xlabel=plain(xlabel), title=heading(title), ylim=(-0.8, n - 0.2))
    return ax


def draw_bars(
    table: Drawable,
    label: str,
    value: str,
    *,
    limits: Sequence[float] = (),
    named: int = 3,
    ylabel: str = "",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A stem for each row, the largest ones with their names.

    Parameters
    ----------
    table
        With `label` and `value`.
    label, value
        Names of these columns.
    limits
        Where horizontal lines are drawn.
    named
        How many of the largest, in absolute value, get their names.
    ylabel, title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
    """
    columns = columns_of(table, [label, value])
    heights = np.nan_to_num(columns[value].astype(np.float64))
    ax = new_axes(size=(4.2, 3.2))[1][0] if ax is None else ax
    place = np.arange(heights.size)
    beyond = np.zeros(heights.size, dtype=bool)
    for limit in limits:
        ax.axhline(limit, color=GUIDE, linewidth=1.0, linestyle="--", zorder=0)
        beyond |= heights > limit if limit > 0.0 else heights < limit
    for here, colour in ((~beyond, INK), (beyond, ACCENT)):
        ax.vlines(place[here], 0.0, heights[here], color=colour, linewidth=1.2)
        ax.plot(place[here], heights[here], "o", color=colour, ms=3)
    for i in np.argsort(-np.abs(heights))[: min(named, heights.size)].tolist():
        ax.annotate(
            as_text(columns[label].tolist()[i]),
            (i, heights[i]),
            xytext=(0, 4 if heights[i] >= 0 else -10),
            textcoords="offset points",
            ha="center",
            fontsize="small",
        )
    ax.margins(y=0.15)
    ax.set(xlabel=plain(label), ylabel=heading(ylabel or value, AXIS), title=heading(title))
    ax.set_xticks([])
    return ax


def draw_shrinkage(
    table: Drawable,
    x: str,
    y: str,
    *,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """From each level's own estimate to the model's, with an arrow, and where all pool.

    Parameters
    ----------
    table
        With `level`, `pooling` ("none", "partial", "complete"), and the effects `x` and `y`.
    x, y
        Two of the effects; the same name twice shows that one against its level.
    title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
    """
    columns = columns_of(table, ["level", "pooling", x, y])
    one = x == y
    ax = new_axes(size=(4.2, 3.6))[1][0] if ax is None else ax
    of = {}
    for kind in ("none", "partial", "complete"):
        here = columns["pooling"] == kind
        across = np.arange(here.sum()) if one else columns[x][here]
        of[kind] = (columns["level"][here], across, columns[y][here])
    names, own_x, own_y = of["none"]
    _, model_x, model_y = of["partial"]
    for i in range(len(names)):
        ax.annotate(
            "",
            (model_x[i], model_y[i]),
            (own_x[i], own_y[i]),
            arrowprops={
                "arrowstyle": "->",
                "color": GUIDE,
                "lw": 0.8,
                "shrinkA": 3,
                "shrinkB": 3,
            },
        )
    ax.plot(own_x, own_y, MARKERS[1], color=ACCENT, mfc="white", ms=4.5, label="no pooling")
    ax.plot(model_x, model_y, MARKERS[0], color=INK, ms=4.5, label="partial pooling (model)")
    if one:
        ax.axhline(of["complete"][2][0], color="black", linewidth=1.0, label="complete pooling")
        if len(names) <= 30:
            name_levels(ax, [as_text(each) for each in names.tolist()])
        ax.set(xlabel="level", ylabel=plain(y), title=heading(title))
    else:
        ax.plot(*of["complete"][1:], MARKERS[3], color="black", ms=7, label="complete pooling")
        ax.set(xlabel=plain(x), ylabel=plain(y), title=heading(title))
    ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def draw_correlations(table: Drawable, *, title: str = "", ax: Axes | None = None) -> Axes:
    """A correlation matrix as discs: area and colour by size, filled where positive.

    Parameters
    ----------
    table
        With `term`, `term2` and `correlation`, one row a pair.
    title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
    """
    columns = columns_of(table, ["term", "term2", "correlation"])
    names = list(dict.fromkeys([*columns["term"].tolist(), *columns["term2"].tolist()]))
    m = len(names)
    ax = new_axes(size=(1.6 + 0.5 * m, 1.2 + 0.5 * m))[1][0] if ax is None else ax
    pairs = zip(*(columns[c].tolist() for c in ("term", "term2", "correlation")), strict=True)
    for first, second, r in pairs:
        j, i = sorted((names.index(first), names.index(second)))
        size = 0.0 if not np.isfinite(r) else 900.0 * abs(r) / max(1.0, m / 4.0)
        ax.scatter([j], [i], s=size, c=INK if r >= 0 else ACCENT, alpha=0.35, linewidths=0)
        ax.text(j, i, f"{r:.2f}", ha="center", va="center", fontsize="small")
    ax.set_xticks(range(m - 1), [*map(plain, names[:-1])], rotation=90 if m > 3 else 0)
    ax.set_yticks(range(1, m), [*map(plain, names[1:])])
    ax.set(xlim=(-0.6, m - 1.4), ylim=(m - 0.4, 0.4), title=heading(title))
    return ax


def draw_profile(
    table: Drawable, *, z: float, title: str = "", xlabel: str = "", ax: Axes | None = None
) -> Axes:
    """The profile trace ζ of one parameter, and the interval where |ζ| ≤ z.

    Parameters
    ----------
    table
        With `value` and `zeta`.
    z
        The normal quantile of the interval.
    title, xlabel
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
    """
    columns = columns_of(table, ["value", "zeta"])
    ax = new_axes()[1][0] if ax is None else ax
    order = np.argsort(columns["value"])
    value, zeta = columns["value"][order], columns["zeta"][order]
    ax.axhline(0.0, color=GUIDE, linewidth=0.8)
    for end in (-z, z):
        ax.axhline(end, color=GUIDE, linewidth=0.8, linestyle="--")
        if zeta.min() <= end <= zeta.max():
            ax.axvline(
                float(np.interp(end, zeta, value)), color=ACCENT, linewidth=1.0, linestyle=":"
            )
    ax.plot(value, zeta, color=INK, linewidth=1.6, marker="o", ms=2.5)
    ax.set(xlabel=plain(xlabel), ylabel="ζ", title=heading(title))
    return ax


def draw_autocorrelation(table: Drawable, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Correlations by lag, with the band where 95 % of those of white noise are.

    Parameters
    ----------
    table
        With `lag`, `correlation`, `pairs`.
    title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
    """
    columns = columns_of(table, ["lag", "correlation", "pairs"])
    ax = new_axes()[1][0] if ax is None else ax
    band = 1.96 / np.sqrt(np.maximum(columns["pairs"], 1.0))
    lag = columns["lag"]
    ax.fill_between(lag, -band, band, color=GUIDE, alpha=0.2, linewidth=0)
    ax.axhline(0.0, color=GUIDE, linewidth=1.0)
    ax.vlines(lag, 0.0, columns["correlation"], color=INK, linewidth=1.4)
    ax.plot(lag, columns["correlation"], "o", color=INK, ms=4)
    ax.set(xlabel="Lag", ylabel="Correlation of residuals", title=heading(title))
    return ax


def draw_variogram(table: Drawable, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Half the mean squared difference of residuals by distance.

    Parameters
    ----------
    table
        With `distance`, `semivariance`, `pairs`, `variance`.
    title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
        The dashed line is the variance: where the points are without autocorrelation.
    """
    columns = columns_of(table, ["distance", "semivariance", "pairs", "variance"])
    ax = new_axes()[1][0] if ax is None else ax
    ax.axhline(columns["variance"][0], color=GUIDE, linewidth=1.0, linestyle="--")
    size = 12.0 + 60.0 * columns["pairs"] / columns["pairs"].max()
    ax.plot(columns["distance"], columns["semivariance"], color=INK, linewidth=1.0)
    ax.scatter(columns["distance"], columns["semivariance"], s=size, color=INK)
    top = max(columns["variance"][0], columns["semivariance"].max())
    ax.set(xlabel="Distance", ylabel="Semivariance of residuals", title=heading(title))
    ax.set(xlim=(0.0, 1.1 * columns["distance"].max()), ylim=(0.0, 1.15 * top))
    return ax


def draw_densities(
    table: Drawable,
    *,
    xlabel: str = "y",
    ylabel: str = "Density",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A curve for each distribution, and stems where single values have a probability.

    Parameters
    ----------
    table
        With `y`, `density`, `is_mass` and `distribution`.
    xlabel, ylabel, title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
    """
    columns = columns_of(table, ["y", "density", "is_mass", "distribution"])
    ax = new_axes(size=(4.2, 3.2))[1][0] if ax is None else ax
    names = distinct(columns["distribution"])
    apart = 0.18 if columns["is_mass"].all() else 0.0
    for i, name in enumerate(names):
        here, colour = columns["distribution"] == name, PALETTE[i % len(PALETTE)]
        curve, mass = here & ~columns["is_mass"], here & columns["is_mass"]
        if curve.any():
            ax.plot(
                columns["y"][curve],
                columns["density"][curve],
                color=colour,
                linestyle=DASHES[i % len(DASHES)],
                linewidth=1.6,
                label=name,
            )
        if mass.any():
            at = columns["y"][mass] + apart * (i - (len(names) - 1) / 2.0)
            ax.vlines(at, 0.0, columns["density"][mass], color=colour, linewidth=1.2)
            ax.plot(
                at,
                columns["density"][mass],
                MARKERS[i % len(MARKERS)],
                color=colour,
                ms=3,
                label=None if curve.any() else name,
            )
    ax.set(xlabel=plain(xlabel), ylabel=heading(ylabel, AXIS), title=heading(title))
    ax.set_ylim(bottom=0.0)
    ax.legend(frameon=False, fontsize="small")
    return ax
