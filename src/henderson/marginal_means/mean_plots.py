"""Pictures of marginal means and of p-values of their pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from henderson.drawing.means import draw_mean_panels, draw_p_values, p_values_size
from henderson.drawing.style import new_axes
from henderson.drawing.table_columns import as_text
from henderson.errors import DataError, ModelError, did_you_mean
from henderson.marginal_means.comparisons import letter_columns, p_value_columns
from henderson.marginal_means.mean_rows import MeanRows
from henderson.marginal_means.mean_table import mean_columns

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_means(
    rows: MeanRows,
    *,
    letters: bool,
    adjust: str,
    x: str | None,
    colour: str | None,
    connect: bool,
) -> Figure:
    """Means with intervals; see `MarginalMeans.plot`."""
    label = means_label(rows)
    if letters:
        columns = letter_columns(rows, adjust=adjust, alpha=0.05, order="grid", sweep=False)
    else:
        columns = mean_columns(rows)
    every = (*rows.factors, *rows.by)
    if not every:
        columns, every = {"": np.array(["overall"], dtype=object), **columns}, ("",)
    for name in (x, colour):
        if name is not None and name not in every:
            raise DataError(
                f"The means are not of {name!r}. {did_you_mean(name, list(every))}"
                f"They are of: {', '.join(every)}."
            )
    x = next(name for name in every if name != colour) if x is None else x
    left = [name for name in every if name not in {x, colour}]
    if colour is None:
        colour = next((name for name in left if name in rows.factors), None)
        left = [name for name in left if name != colour]
    return draw_mean_panels(
        columns, x, colour=colour, panels=left, connect=connect, ylabel=label
    )


def plot_p_values(rows: MeanRows, *, adjust: str) -> Figure:
    """P-values of all pairs as tiles; see `MarginalMeans.plot_p_values`."""
    columns = p_value_columns(rows, adjust=adjust)
    sizes = [len(at) for at in rows.groups]
    if max(sizes) < 2:
        raise ModelError(
            "There are no pairs to compare: a mean is alone in its group. Ask for means of a "
            "factor, or of several values: at={name: [values]}."
        )
    names = list(dict.fromkeys(columns["mean"].tolist()))
    figure, axes = new_axes(len(sizes), columns=3, size=p_values_size(names))
    ends = np.cumsum(sizes)
    for ax, start, end in zip(axes, ends - sizes, ends, strict=True):
        here = {name: column[start:end] for name, column in columns.items()}
        title = ", ".join(f"{name} = {as_text(here[name].tolist()[0])}" for name in rows.by)
        draw_p_values(here, here["mean"].tolist(), title=title, ax=ax)
    return figure


def means_label(rows: MeanRows) -> str:
    """What the axis of the means says: the response, its scale, and the coverage."""
    response = rows.estimates.frame.response
    name = "response" if response is None else response.label
    if rows.estimates.family.counts_trials:
        name = "proportion"
    coverage = f"{100 * rows.level:g} % interval"
    if rows.slope_of is not None:
        return f"Slope of {rows.slope_of} ({coverage})"
    for predictor in rows.estimates.predictors.values():
        if predictor.beta is rows.beta and predictor is not rows.estimates.location:
            name = f"{predictor.name} of {name}"
    if rows.transformation is not None:
        back = rows.scale == "response"
        shown = f"Median {rows.transformation.of}" if back else f"Mean {name}"
        return f"{shown} ({coverage})"
    if rows.link is None or rows.scale == "response":
        return f"Mean {name} ({coverage})"
    return f"{name}, {rows.link.name} scale ({coverage})"
