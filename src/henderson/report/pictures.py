"""Figures as bytes, the same every time."""

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

from henderson.report.contents import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 200  # of the PNG


def picture(
    draw: Callable[[], "Figure"], name: str, *, caption: str, alt: str, png: bool = False
) -> Picture:
    """What `draw` draws, as SVG or, for documents that take none, as PNG.

    Without the user's own styles, without dates, and with identifiers that do not change.
    """
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib import pyplot as plt  # noqa: PLC0415

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rc("svg", hashsalt=name, fonttype="path")
        figure = draw()
        width = float(figure.get_size_inches()[0])
        svg, raster = BytesIO(), BytesIO()
        if png:
            figure.savefig(raster, format="png", dpi=DPI, metadata={"Software": None})
        else:
            figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    return Picture(name, caption, alt, svg.getvalue(), raster.getvalue(), width)
