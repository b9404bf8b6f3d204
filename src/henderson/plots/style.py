"""Colours, sizes, and the one place that loads Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from henderson.optional import need

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, told apart by all kinds of colour vision.
INK = "#0072B2"
ACCENT = "#D55E00"
TIME = "#007A5A"  # the bluish green, darker, so that it can be read as text
GUIDE = "0.45"

PANEL = (3.6, 3.4)  # inches


def new_axes(panels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side, at the size of a journal's page."""
    need("matplotlib", extra="plot", purpose="Drawing")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(
        1,
        panels,
        figsize=(PANEL[0] * panels, PANEL[1]),
        layout="constrained",
        squeeze=False,
    )
    return figure, list(axes[0])


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
