"""Marginal means, their contrasts and p-values, as a paper shows them."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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
    Columns,
    Drawable,
    as_text,
    chosen,
    columns_of,
    distinct,
    heading,
    is_numeric,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDEST = 40  # letters of a name in one line
_SHORT_LETTERS = 4  # as many stand side by side; longer ones are turned
_FEW_GROUPS = 3  # whose legend has room among the means
_LEGEND = 1.2  # inches, of a legend beside the axes
_DODGE = 0.55  # of the distance between two levels, that curves share
_CLASSES = ((0.001, "p < 0.001"), (0.01, "p < 0.01"), (0.05, "p < 0.05"), (np.inf, "p ≥ 0.05"))
_BLUES = ("#08519c", "#4292c6", "#9ecae1", "#f7f7f7")
_DIFFER = 0.05


def draw_means(
    table: Drawable,
    x: str,
    *,
    colour: str | None = None,
    connect: bool = False,
    ylabel: str = "Estimated marginal mean",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Means with their intervals, and letters above them where the table has `letters`.

    Parameters
    ----------
    table
        With the columns `x`, `estimate`, `lower`, `upper`, and those named below; as
        `MarginalMeans.table` and `letters` return it.
    x
        The variable along the axis. Numbers have a numeric axis where means are connected.
    colour
        A second variable, shown by colour, marker and dash.
    connect
        Whether to connect the means of a colour by a line: an interaction plot.
    ylabel, title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
    """
    columns = columns_of(
        table, [x, "estimate", "lower", "upper", *([colour] if colour else [])]
    )
    ax = new_axes()[1][0] if ax is None else ax
    known = np.isfinite(columns["estimate"].astype(np.float64))
    columns = chosen(columns, known)
    numeric = connect and is_numeric(columns[x])
    place = _places(ax, columns[x], numeric=numeric)
    groups = [None] if colour is None else distinct(columns[colour])
    gap = float(np.min(np.diff(np.unique(place)), initial=np.inf))
    gap = gap if np.isfinite(gap) else 1.0
    width = _DODGE * gap * (0.35 if connect else 1.0)
    for i, group in enumerate(groups):
        here = np.ones(place.size, dtype=bool) if colour is None else columns[colour] == group
        shift = 0.0 if len(groups) == 1 else width * (i / (len(groups) - 1) - 0.5)
        _draw_group(
            ax,
            chosen(columns, here),
            place[here] + shift,
            i,
            label=None if group is None else as_text(group),
            connect=connect,
        )
    ax.set(xlabel=plain(x), ylabel=heading(ylabel, AXIS), title=heading(title))
    if not numeric:
        ax.set_xlim(-0.6, len(distinct(columns[x])) - 0.4)
    turned = colour is not None and "letters" in columns and _are_long(columns["letters"])
    ax.margins(y=0.25 if turned else 0.12)
    if colour is not None:
        beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        ax.legend(
            title=plain(colour),
            frameon=False,
            fontsize="small",
            title_fontsize="small",
            **(beside if len(groups) > _FEW_GROUPS else {}),
        )
    return ax


def draw_mean_panels(
    table: Drawable,
    x: str,
    *,
    colour: str | None = None,
    panels: Sequence[str] = (),
    connect: bool = False,
    ylabel: str = "Estimated marginal mean",
    title: str = "",
) -> Figure:
    """`draw_means` once for each combination of the variables `panels`.

    Returns
    -------
    Figure
    """
    columns = columns_of(table, [x, *panels])
    keys = list(zip(*(columns[name].tolist() for name in panels), strict=True))
    found = list(dict.fromkeys(keys)) if panels else [()]
    each = max(2.2, 0.75 + 0.42 * len(distinct(columns[x])))
    if colour is not None:
        turned = "letters" not in columns or _are_long(columns["letters"])
        wide = 0.16 if turned else 0.34  # inches a mean, for its letters
        each = max(each, 0.75 + wide * len(columns[x]) / len(found))
    width = max(each, 3.4 if len(found) == 1 else 2.2)
    if colour is not None and len(distinct(columns[colour])) > _FEW_GROUPS:
        width += _LEGEND
    figure, axes = new_axes(len(found), columns=4, size=(width, 3.2), share_y=True)
    for ax, key in zip(axes, found, strict=True):
        here = np.array([not panels or each == key for each in keys or [()] * len(columns[x])])
        draw_means(
            chosen(columns, here),
            x,
            colour=colour,
            connect=connect,
            ylabel=ylabel if ax is axes[0] else "",
            title=", ".join(f"{n} = {as_text(v)}" for n, v in zip(panels, key, strict=True))
            or title,
            ax=ax,
        )
        legend = ax.get_legend()
        if legend is not None and ax is not axes[-1]:
            legend.remove()
    if panels and title:
        figure.suptitle(plain(title), fontsize=9.5)
    return figure


def draw_contrasts(
    table: Drawable,
    *,
    measure: str = "estimate",
    by: Sequence[str] = (),
    xlabel: str = "Difference of means",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Contrasts with their intervals, one a line, around no difference.

    Parameters
    ----------
    table
        With `contrast`, `measure`, `lower`, `upper`, `p_value`, and the variables `by`, as
        `MeanContrasts.table` returns it.
    measure
        "estimate", or "ratio" or "odds_ratio", which have a logarithmic axis around 1.
    by
        Variables within which the contrasts are; they are written before each.
    xlabel, title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
        Filled and coloured where p < 0.05; p-values are on the right.
    """
    columns = columns_of(table, ["contrast", measure, "lower", "upper", "p_value", *by])
    names = _contrast_names(columns, by)
    n = len(names)
    ax = new_axes(size=contrasts_size(columns, by))[1][0] if ax is None else ax
    ax.axvline(0.0 if measure == "estimate" else 1.0, color=GUIDE, linewidth=1.0, zorder=0)
    if measure != "estimate":
        ratio_axis(ax, np.concatenate([columns["lower"], columns["upper"], [1.0]]))
    margin = ax.get_yaxis_transform()
    for i in range(n):
        differs = bool(columns["p_value"][i] < _DIFFER)
        colour = ACCENT if differs else INK
        ends = [columns["lower"][i], columns["upper"][i]]
        ax.plot(ends, [i, i], color=colour, linewidth=1.6, solid_capstyle="butt")
        face = colour if differs else "white"
        ax.plot(columns[measure][i], i, "o", color=colour, markerfacecolor=face, ms=5)
        ax.text(
            1.02,
            i,
            p_text(float(columns["p_value"][i])),
            transform=margin,
            va="center",
            fontsize="small",
            color=colour,
        )
    ax.set_yticks(range(n), names)
    ax.set(xlabel=plain(xlabel), title=heading(title), ylim=(n - 0.4, -0.6))
    return ax


def contrasts_size(columns: Columns, by: Sequence[str] = ()) -> tuple[float, float]:
    """Width and height in inches that contrasts need for their names."""
    names = _contrast_names(columns, by)
    lines = max((name.count("\n") + 1 for name in names), default=1)
    return 3.2 + _width(names), 0.9 + (0.24 if lines == 1 else 0.16 * lines + 0.06) * len(names)


def _contrast_names(columns: Columns, by: Sequence[str]) -> list[str]:
    return [
        _folded(", ".join([*(f"{b} = {as_text(columns[b][i])}" for b in by), plain(str(name))]))
        for i, name in enumerate(columns["contrast"].tolist())
    ]


def _folded(name: str) -> str:
    """A long name over several lines."""
    return fill(name, _WIDEST, break_on_hyphens=False)


def _width(names: Sequence[str]) -> float:
    """Inches that the longest of some names takes."""
    lines = [line for name in names for line in name.splitlines()]
    return 0.065 * max(map(len, lines), default=0)


def _are_long(letters: NDArray[Any]) -> bool:
    return max((len(str(each)) for each in letters.tolist()), default=0) > _SHORT_LETTERS


def draw_p_values(
    table: Drawable, names: Sequence[str], *, title: str = "", ax: Axes | None = None
) -> Axes:
    """P-values of all pairs as a triangle of tiles.

    Parameters
    ----------
    table
        With `mean` and a column for each of `names`, as `MarginalMeans.p_matrix` returns it.
    names
        The means, in the order to show.
    title
        What to write.
    ax
        Axes to draw into; new ones by default.

    Returns
    -------
    Axes
    """
    columns = columns_of(table, ["mean", *names])
    m = len(names)
    shown = [_folded(plain(name)) for name in names]
    ax = new_axes(size=p_values_size(names))[1][0] if ax is None else ax
    rows = [columns["mean"].tolist().index(name) for name in names]
    for i, row in enumerate(rows[1:], 1):
        for j, name in enumerate(names[:i]):
            p = float(columns[name][row])
            if np.isfinite(p):
                _tile(ax, j, i, p)
    from matplotlib.patches import Patch  # noqa: PLC0415

    handles = [
        Patch(facecolor=colour, edgecolor=GUIDE, label=label)
        for colour, (_, label) in zip(_BLUES, _CLASSES, strict=True)
    ]
    ax.legend(handles=handles, frameon=False, fontsize="small", loc="upper right")
    ax.set_xticks(range(m - 1), shown[:-1], rotation=90 if _turned(names) else 0)
    ax.set_yticks(range(1, m), shown[1:])
    ax.set(xlim=(-0.5, m - 0.5), ylim=(m - 0.5, 0.5), title=heading(title), aspect="equal")
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def p_values_size(names: Sequence[str]) -> tuple[float, float]:
    """Width and height in inches that the tiles of some means need, with their names."""
    shown = [_folded(name) for name in names]
    tiles, wide = 0.6 + 0.42 * len(names), _width(shown)
    return max(tiles + wide, 2.4), tiles + (wide if _turned(names) else 0.3)


def _turned(names: Sequence[str]) -> bool:
    """Whether names below tiles would meet."""
    return len(names) > 4 or max(map(len, names), default=0) > 8


def ratio_axis(ax: Axes, shown: NDArray[np.float64]) -> None:
    """A logarithmic axis with plain numbers, as many as there is room for."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter  # noqa: PLC0415

    ax.set_xscale("log")
    ends = np.log10(shown[np.isfinite(shown) & (shown > 0.0)])
    subs = (1.0, 2.0, 5.0) if np.ptp(ends) < 2.0 else (1.0,)
    ax.xaxis.set_major_locator(LogLocator(subs=subs))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def p_text(p: float) -> str:
    """A p-value as papers print it."""
    if not np.isfinite(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _tile(ax: Axes, x: int, y: int, p: float) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    which = next(i for i, (end, _) in enumerate(_CLASSES) if p < end)
    ax.add_patch(
        Rectangle((x - 0.5, y - 0.5), 1.0, 1.0, facecolor=_BLUES[which], edgecolor="white")
    )
    text = "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
    ax.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize="small",
        color="white" if which < 2 else "black",
    )


def _places(ax: Axes, values: NDArray[Any], *, numeric: bool) -> NDArray[np.float64]:
    """Where each row is along the axis, whose ticks are set."""
    if numeric:
        return values.astype(np.float64)
    levels = distinct(values)
    name_levels(ax, [as_text(level) for level in levels])
    return np.array([levels.index(value) for value in values.tolist()], dtype=np.float64)


def _draw_group(
    ax: Axes,
    columns: Columns,
    place: NDArray[np.float64],
    number: int,
    *,
    label: str | None,
    connect: bool,
) -> None:
    which = number % len(PALETTE)
    order = np.argsort(place) if connect else np.arange(place.size)
    estimate = columns["estimate"].astype(np.float64)[order]
    ends = np.stack([columns["lower"], columns["upper"]]).astype(np.float64)[:, order]
    ax.errorbar(
        place[order],
        estimate,
        np.abs(ends - estimate),
        color=PALETTE[which],
        marker=MARKERS[which],
        linestyle=DASHES[which] if connect else "none",
        ms=4.5,
        elinewidth=1.2,
        linewidth=1.1,
        capsize=2.5,
        label=label,
    )
    if "letters" in columns:
        turned = label is not None and _are_long(columns["letters"])
        for at, top, letters in zip(
            place[order], ends[1], columns["letters"][order], strict=True
        ):
            ax.annotate(
                str(letters),
                (at, top),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize="small",
                rotation=90 if turned else 0,
            )
