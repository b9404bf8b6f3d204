"""Colours, sizes, and the one place that loads Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
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


def shade(rows: int) -> float:
    """The opacity of points so that `rows` of them can be seen."""
    return min(0.75, max(0.03, 700.0 / max(rows, 1)))
