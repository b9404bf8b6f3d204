"""Colours, sizes, and the one place that loads Matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from henderson.optional import need

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, told apart by all kinds of colour vision.
INK = "#0072B2"
ACCENT = "#D55E00"
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
