"""Fitted curves with bands over data, and points with a smooth line through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from henderson.drawing.means import draw_means
from henderson.drawing.style import (
    ACCENT,
    DASHES,
    GUIDE,
    INK,
    MARKERS,
    PALETTE,
    name_levels,
    new_axes,
    shade,
)
from henderson.drawing.table_columns import (
    AXIS,
    Drawable,
    as_text,
    columns_of,
    distinct,
    heading,
    is_numeric,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW = 12  # values of a number along the axis: means with intervals, not a curve


def draw_effects(
    table: Drawable,
    x: str,
    *,
    by: str | None = None,
    points: Drawable | None = None,
    ylabel: str = "Mean",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Fitted means along `x` with their bands, over the observations.

    Parameters
    ----------
    table
        With `x`, `estimate`, `lower`, `upper`, and `by` if given. Levels have means with
        intervals in place of a curve.
    x
        The variable along the axis.
    by
        A variable shown by colour.
    points
        With `x`, `y`, and `by` if given: what was observed.
    ylabel, title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
    """
    columns = columns_of(table, [x, "estimate", "lower", "upper", *([by] if by else [])])
    ax = new_axes(size=(4.2, 3.4))[1][0] if ax is None else ax
    groups = [None] if by is None else distinct(columns[by])
    levels = None if is_numeric(columns[x]) else distinct(columns[x])
    few = len(columns[x]) <= _FEW * len(groups)
    if points is not None:
        _draw_points(ax, points, x, by, groups, levels)
    if levels is not None or few:
        return draw_means(
            table, x, colour=by, connect=few and not levels, ylabel=ylabel, title=title, ax=ax
        )
    for i, group in enumerate(groups):
        here = np.ones(len(columns[x]), dtype=bool) if by is None else columns[by] == group
        at, which = columns[x][here], i % len(PALETTE)
        ax.fill_between(
            at,
            columns["lower"][here],
            columns["upper"][here],
            color=PALETTE[which],
            alpha=0.18,
            linewidth=0,
        )
        ax.plot(
            at,
            columns["estimate"][here],
            color=PALETTE[which],
            linestyle=DASHES[which],
            linewidth=1.8,
            label=None if group is None else as_text(group),
        )
    ax.set(xlabel=plain(x), ylabel=heading(ylabel, AXIS), title=heading(title))
    if by is not None:
        ax.legend(title=plain(by), frameon=False, fontsize="small", title_fontsize="small")
    return ax


def draw_scatter(
    table: Drawable,
    x: str,
    y: str,
    *,
    curve: Drawable | None = None,
    level: float | None = 0.0,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Points, where they should be level, and a smooth line through them.

    Parameters
    ----------
    table
        With `x` and `y`. Where `x` has levels, boxes are drawn in place of points.
    x, y
        The columns along the axes.
    curve
        With `x` and `y`: the smooth line.
    level
        Where a horizontal line is drawn; None for none.
    xlabel, ylabel, title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
    """
    columns = columns_of(table, [x, y])
    ax = new_axes()[1][0] if ax is None else ax
    if level is not None:
        ax.axhline(level, color=GUIDE, linewidth=1.0, linestyle="--", zorder=0)
    if is_numeric(columns[x]):
        n = len(columns[x])
        ax.plot(
            columns[x], columns[y], ".", color=INK, ms=4, alpha=shade(n), rasterized=n > 2000
        )
    else:
        levels = distinct(columns[x])
        boxes = [columns[y][columns[x] == each] for each in levels]
        made = ax.boxplot(boxes, positions=range(len(levels)), widths=0.55, sym=".")
        for median in made["medians"]:
            median.set_color(ACCENT)
        name_levels(ax, [as_text(each) for each in levels])
        if sum(len(as_text(each)) for each in levels) > 34:
            ax.tick_params(axis="x", rotation=90)
    if curve is not None:
        smooth = columns_of(curve, [x, y])
        ax.plot(smooth[x], smooth[y], color=ACCENT, linewidth=1.8, label="smooth")
    ax.set(xlabel=plain(xlabel or x), ylabel=heading(ylabel or y, AXIS), title=heading(title))
    return ax


def draw_quantile_pairs(
    table: Drawable,
    *,
    ylabel: str = "Observed quantile",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Observed against expected normal quantiles, with the band that 95 % of points are in.

    Parameters
    ----------
    table
        With `expected`, `observed`, `lower`, `upper`.
    ylabel, title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
    """
    columns = columns_of(table, ["expected", "observed", "lower", "upper"])
    ax = new_axes()[1][0] if ax is None else ax
    at = columns["expected"]
    ax.fill_between(at, columns["lower"], columns["upper"], color=GUIDE, alpha=0.2, linewidth=0)
    ax.axline((0.0, 0.0), slope=1.0, color=GUIDE, linewidth=1.0)
    ax.plot(at, columns["observed"], ".", color=INK, ms=4, rasterized=len(at) > 2000)
    ax.set(
        xlabel="Expected quantile (standard normal)",
        ylabel=heading(ylabel, AXIS),
        title=heading(title),
    )
    return ax


def _draw_points(
    ax: Axes,
    points: Drawable,
    x: str,
    by: str | None,
    groups: list[Any],
    levels: list[Any] | None,
) -> None:
    observed = columns_of(points, [x, "y"])
    by = by if by in observed else None
    opacity = shade(len(observed["y"])) * 0.7
    across = np.random.default_rng(0).uniform(-0.12, 0.12, len(observed["y"]))
    place: NDArray[Any] = observed[x]
    if levels is not None:
        place = np.array([levels.index(each) for each in place.tolist()]) + across
    shared = len(groups) > 1 and by is None  # all points belong to every curve
    for i, group in enumerate([None] if by is None else groups):
        here = np.ones(len(place), dtype=bool) if by is None else observed[by] == group
        which = i % len(PALETTE)
        ax.plot(
            place[here],
            observed["y"][here],
            MARKERS[which],
            color=GUIDE if shared else PALETTE[which],
            alpha=opacity,
            ms=3,
            markeredgewidth=0,
            rasterized=len(place) > 2000,
        )
