"""The structure of an experiment: a box for each kind of unit, joined by lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from henderson.drawing.style import ACCENT, GUIDE, INK, TIME, new_figure
from henderson.drawing.table_columns import plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BOX = (2.1, 0.92)  # inches
STEP = (2.5, 1.32)  # inches, from box to box
SIDE = 1.75  # inches, for treatments beside the boxes
LINE = 0.165  # inches, of a warning
LETTER = 0.074  # inches, of a warning
LETTERS = 24  # of a name; longer ones are cut


@dataclass(frozen=True, slots=True)
class Box:
    """A unit where it is drawn: `depth` from the top, `place` from the left."""

    name: str
    depth: int
    place: float
    levels: int
    inside: tuple[str, ...]
    each: tuple[tuple[int, int], ...]
    joined: tuple[str, ...]  # what stands at the lines to those it is inside of
    rows: tuple[int, int]
    treatments: tuple[tuple[str, str, str], ...]  # name, what is said of it, role
    variance: float
    share: float
    in_model: bool


def design_figure(boxes: Sequence[Box], warned: Sequence[str], *, title: str) -> Figure:
    """A figure of the size that the boxes and the warnings below them need."""
    width = _width(boxes)
    lines = [fill(each, int(width / LETTER)) for each in warned]
    deepest = max(box.depth for box in boxes)
    height = deepest * STEP[1] + BOX[1] + 0.2 + LINE * _count(lines)
    figure, axes = new_figure([height + 0.35], width=width)
    draw_design(boxes, axes[0], warned=lines, title=title)
    return figure


def _width(boxes: Sequence[Box]) -> float:
    right = any(box.place > 0.0 and box.treatments for box in boxes)
    return (1 + right) * SIDE + _widest(boxes) * STEP[0]


def _count(warned: Sequence[str]) -> int:
    return sum(text.count("\n") + 1 for text in warned)


def _widest(boxes: Sequence[Box]) -> int:
    """The most boxes side by side."""
    return int(np.bincount([box.depth for box in boxes]).max())


def draw_design(
    boxes: Sequence[Box], ax: Axes, *, warned: Sequence[str] = (), title: str = ""
) -> Axes:
    """Draw boxes in inches on an axes without frame, joined to the larger units above."""
    width = _width(boxes)
    centre = SIDE + _widest(boxes) * STEP[0] / 2.0
    middle = {box.name: (centre + box.place * STEP[0], -box.depth * STEP[1]) for box in boxes}
    for box in boxes:
        _draw_box(box, middle[box.name], ax)
        for inside, each in zip(box.inside, box.joined, strict=True):
            _draw_line(middle[inside], middle[box.name], each, ax)
        _draw_treatments(box, middle[box.name], width, ax)
    bottom = -max(box.depth for box in boxes) * STEP[1] - BOX[1] / 2.0
    if warned:
        ax.text(
            0.03, bottom - 0.12, plain("\n".join(warned)), va="top", fontsize=8.5, color=ACCENT
        ).set_in_layout(False)
    ax.set(
        xlim=(0.0, width),
        ylim=(bottom - 0.1 - LINE * _count(warned), BOX[1] / 2.0 + 0.1),
        aspect="equal",
    )
    ax.set_title(title, loc="left", fontsize="medium")
    ax.set_axis_off()
    return ax


def _draw_box(box: Box, at: tuple[float, float], ax: Axes) -> None:
    from matplotlib.patches import FancyBboxPatch, Rectangle  # noqa: PLC0415

    x, y = at[0] - BOX[0] / 2.0, at[1] - BOX[1] / 2.0
    ax.add_patch(
        FancyBboxPatch(
            (x, y),
            *BOX,
            boxstyle="round,pad=0,rounding_size=0.07",
            facecolor="white",
            edgecolor=INK if box.in_model else GUIDE,
            linestyle="-" if box.in_model else "--",
            lw=1.3,
            zorder=3,
        )
    )
    known = not np.isnan(box.variance)
    upper = at[1] + (0.2 if known else 0.0)
    name = box.name if len(box.name) <= LETTERS else f"{box.name[: LETTERS - 1]}…"
    ax.text(at[0], upper + 0.02, plain(name), ha="center", va="bottom", weight="bold", zorder=4)
    ax.text(at[0], upper - 0.03, str(box.levels), ha="center", va="top", zorder=4)
    if not known:
        return
    share = "" if np.isnan(box.share) else f" ({box.share:.0%})"
    text = f"variance {short(box.variance)}{share}"
    ax.text(at[0], y + 0.13, text, ha="center", va="bottom", fontsize="small", zorder=4)
    if not np.isnan(box.share):
        whole = BOX[0] - 0.3
        bar = {"height": 0.06, "lw": 0, "zorder": 4}
        ax.add_patch(Rectangle((x + 0.15, y + 0.06), whole, facecolor="0.9", **bar))
        ax.add_patch(Rectangle((x + 0.15, y + 0.06), whole * box.share, facecolor=INK, **bar))


def _draw_line(
    upper: tuple[float, float], lower: tuple[float, float], text: str, ax: Axes
) -> None:
    x, y = (upper[0], lower[0]), (upper[1] - BOX[1] / 2.0, lower[1] + BOX[1] / 2.0)
    ax.plot(x, y, color=GUIDE, lw=1.0, zorder=1)
    near = 0.5 if x[0] == x[1] else 0.35
    place = (x[0] + near * (x[1] - x[0]) + 0.07, y[0] + near * (y[1] - y[0]))
    ax.text(
        *place,
        text,
        va="center",
        fontsize="small",
        color="0.25",
        bbox={"facecolor": "white", "lw": 0, "pad": 1.0},
        zorder=2,
    )


def _draw_treatments(box: Box, at: tuple[float, float], width: float, ax: Axes) -> None:
    """Names at the left, or right of the middle at the right, with an arrow to their box."""
    if not box.treatments:
        return
    colours = {"treatment": ACCENT, "time": TIME, "covariate": "0.25"}
    side = 1.0 if box.place > 0.0 else -1.0
    edge, align = (width - 0.03, "right") if side > 0.0 else (0.03, "left")
    height = 0.36
    top = at[1] + height * (len(box.treatments) - 1) / 2.0
    for place, (name, said, role) in enumerate(box.treatments):
        shown = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
        y = top - place * height
        named = ax.text(edge, y, plain(shown), ha=align, va="bottom", fontsize="small")
        named.set(weight="bold", color=colours[role])
        ax.text(edge, y - 0.01, said, ha=align, va="top", fontsize=7.5, color="0.25")
    start = edge - side * (SIDE - 0.22)
    ax.annotate(
        "",
        (at[0] + side * BOX[0] / 2.0, at[1]),
        (start, at[1]),
        arrowprops={"arrowstyle": "-|>", "color": GUIDE, "lw": 1.0},
        zorder=0,
    )
