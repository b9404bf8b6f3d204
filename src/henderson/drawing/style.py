"""Colours, sizes, and the one place that loads Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill, shorten
from typing import TYPE_CHECKING, Any

from henderson.optional import need

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, told apart by all kinds of colour vision.
INK = "#0072B2"
ACCENT = "#D55E00"
GUIDE = "0.45"
TIME = "#007A5A"  # the bluish green, darker, so that it can be read as text
PALETTE = (INK, ACCENT, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1, 1, 1)))

PANEL = (3.6, 3.4)  # inches
_NAME, _LINE = 48, 20  # letters of a level below an axis, and of a line of it
_LETTER = 0.08  # inches, of a letter below an axis
_TIGHT = 0.14  # inches for a level that need a smaller font
_MANY = 12  # levels that are turned by a right angle
_MOST = 60  # levels that can be read
_FONTS: Any = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 300,
}


def new_axes(
    panels: int = 1,
    *,
    columns: int | None = None,
    size: tuple[float, float] = PANEL,
    share_y: bool = False,
) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side, at the size of a journal's page.

    Parameters
    ----------
    panels
        How many; those that do not fill the last row are left out.
    columns
        Panels in a row; all of them by default.
    size
        Width and height of a panel in inches.
    share_y
        Whether all panels have the same vertical axis.

    Returns
    -------
    Figure, list of Axes
    """
    need("matplotlib", extra="plot", purpose="Drawing")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    across = min(panels, columns or panels)
    down = -(-panels // across)
    with plt.rc_context(_FONTS):
        figure, axes = plt.subplots(
            down,
            across,
            figsize=(size[0] * across, size[1] * down),
            layout="constrained",
            squeeze=False,
            sharey=share_y,
        )
    every = list(axes.flat)
    for unused in every[panels:]:
        unused.remove()
    return figure, every[:panels]


def new_figure(heights: Sequence[float], *, width: float) -> tuple[Figure, list[Axes]]:
    """A figure with panels one under the other, of given heights in inches."""
    need("matplotlib", extra="plot", purpose="Drawing")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(
        len(heights),
        1,
        figsize=(width, sum(heights)),
        height_ratios=list(heights),
        layout="constrained",
        squeeze=False,
    )
    return figure, list(axes[:, 0])


def name_levels(ax: Axes, names: Sequence[str]) -> None:
    """Levels at 0, 1, ... below an axis: long names in lines or cut, many of them turned."""
    shown = [shorten(name, _NAME, placeholder=" …") if " " in name else name for name in names]
    lines = [fill(name, _LINE, break_on_hyphens=False).splitlines()[:3] for name in shown]
    ax.set_xticks(range(len(lines)), ["\n".join(each) for each in lines])
    inches = ax.get_position().width * ax.figure.bbox.width / ax.figure.dpi
    if sum(max(map(len, each), default=0) for each in lines) * _LETTER <= inches:
        return
    upright = len(lines) > _MANY or max(map(len, lines)) > 1
    for label in ax.get_xticklabels():
        label.set(rotation=90 if upright else 45, ha="center" if upright else "right")
        label.set(rotation_mode="default" if upright else "anchor")
        if inches / len(lines) < _TIGHT:
            label.set(fontsize="xx-small")
    if len(lines) > _MOST:
        ax.set_xticks([])


def shade(rows: int) -> float:
    """The opacity of points so that `rows` of them can be seen."""
    return min(0.75, max(0.03, 700.0 / max(rows, 1)))
