"""The picture of contrasts of means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from henderson.drawing.means import contrasts_size, draw_contrasts
from henderson.drawing.style import new_axes
from henderson.drawing.table_columns import columns_of
from henderson.errors import ModelError
from henderson.marginal_means.mean_rows import MeanRows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LABELS = {"estimate": "Contrast", "ratio": "Ratio", "odds_ratio": "Odds ratio"}


def plot_contrasts(
    columns: Mapping[str, Any], rows: MeanRows, measure: str, level: float
) -> Figure:
    """Contrasts with simultaneous intervals; see `MeanContrasts.plot`."""
    plain = measure == "estimate" and rows.link is not None
    unit = f", {rows.link.name} scale" if plain and rows.link is not None else ""
    if not len(columns["contrast"]):
        raise ModelError(
            "There are no contrasts to draw: a mean is alone in its group. Ask for means of a "
            "factor, or of several values: at={name: [values]}."
        )
    figure, (ax,) = new_axes(size=contrasts_size(columns_of(columns), rows.by))
    draw_contrasts(
        columns,
        measure=measure,
        by=rows.by,
        xlabel=f"{_LABELS[measure]} ({100 * level:g} % interval{unit})",
        ax=ax,
    )
    return figure
