"""Quantile residuals as tables and as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from henderson.arrays import Vector
from henderson.diagnostics import QuantileResiduals, ResidualTest
from henderson.diagnostics.quantile_regression import quantile_curve
from henderson.diagnostics.residual_tests import DOUBTFUL, QUARTILES, covariate_of, ranks
from henderson.drawing.style import ACCENT, GUIDE, INK, name_levels, new_axes
from henderson.drawing.table_columns import as_text, distinct, heading, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NODES = 80


def quantile_points(found: QuantileResiduals) -> dict[str, Vector]:
    """Expected and observed quantiles of the residuals, each (n,), in order."""
    n = found.values.size
    return {"expected": (np.arange(n) + 0.5) / n, "observed": np.sort(found.values)}


def prediction_points(found: QuantileResiduals) -> dict[str, Vector]:
    """The rank of each prediction over n, and its residual; each (n,)."""
    return {"predicted_rank": ranks(found.fitted), "residual": found.values}


def covariate_points(
    found: QuantileResiduals, against: str | ArrayLike
) -> tuple[str, dict[str, NDArray[Any]]]:
    """The name of a variable, and its values (ranks over n of numbers) with the residuals."""
    values = covariate_of(found, against)
    name = against if isinstance(against, str) else "covariate"
    along = values if values.dtype.kind not in "iuf" else ranks(values)
    return name, {name: along, "residual": found.values}


def quantile_curves(points: Mapping[str, Vector]) -> dict[str, Vector]:
    """Smooth quartiles of the residuals along `prediction_points`, by quantile regression."""
    x, residual = next(iter(points)), points["residual"]
    at = np.linspace(points[x].min(), points[x].max(), _NODES)
    curves = {
        f"q{level:g}": quantile_curve(points[x], residual, level, at) for level in QUARTILES
    }
    return {x: at, **curves}


def draw_quantiles(
    points: Mapping[str, Vector],
    tests: Sequence[ResidualTest] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw `quantile_points` with p-values; off the line, the model does not hold."""
    ax = new_axes()[1][0] if ax is None else ax
    ax.axline((0.0, 0.0), slope=1.0, color=GUIDE, linewidth=1.0, zorder=0)
    ax.plot(points["expected"], points["observed"], ".", color=INK, ms=4, rasterized=True)
    _write_tests(ax, tests, top=0.95)
    ax.set(
        title="Quantiles of the residuals",
        xlabel="Expected quantile (uniform)",
        ylabel="Observed quantile",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
    return ax


def draw_against(
    points: Mapping[str, NDArray[Any]],
    curves: Mapping[str, Vector] | None = None,
    *,
    test: ResidualTest | None = None,
    xlabel: str = "Prediction (rank / n)",
    title: str = "Residuals against predictions",
    ax: Axes | None = None,
) -> Axes:
    """Draw residuals along the first column, with quartiles that should be near the lines.

    Levels have boxes, whose sides are quartiles, in place of curves. `test` is of these.
    """
    ax = new_axes()[1][0] if ax is None else ax
    x = next(iter(points))
    for level in QUARTILES:
        ax.axhline(level, color=GUIDE, linewidth=1.0, linestyle="--", zorder=2)
    if points[x].dtype.kind in "iuf":
        n = len(points["residual"])
        ax.plot(
            points[x],
            points["residual"],
            ".",
            color=INK,
            ms=3,
            alpha=float(np.clip(700.0 / n, 0.03, 0.35)),
            zorder=1,
            rasterized=True,
        )
        ax.set_xlim(-0.02, 1.02)
    else:
        _draw_boxes(ax, points[x], points["residual"])
    if curves is not None:
        for level in QUARTILES:
            ax.plot(
                curves[x],
                curves[f"q{level:g}"],
                color=ACCENT,
                linewidth=2.0 if level == 0.5 else 1.3,
                zorder=3,
                label="quartiles" if level == 0.5 else None,
            )
    ax.set(
        title=heading(title),
        xlabel=plain(xlabel),
        ylabel="Quantile residual",
        ylim=(-0.02, 1.16),
        yticks=[0.0, 0.25, 0.5, 0.75, 1.0],
    )
    if curves is not None:
        ax.legend(loc="upper right", fontsize="small", frameon=False)
    if test is not None:
        _write_tests(ax, [test], top=0.97)
    return ax


def _write_tests(ax: Axes, tests: Sequence[ResidualTest], *, top: float) -> None:
    for line, test in enumerate(tests):
        doubtful = test.p_value < DOUBTFUL
        ax.text(
            0.04,
            top - 0.075 * line,
            f"{test.name}: {test.p_in_words}",
            transform=ax.transAxes,
            fontsize="small",
            va="top",
            color=ACCENT if doubtful else "black",
            weight="bold" if doubtful else "normal",
        )


def _draw_boxes(ax: Axes, levels: NDArray[Any], residual: Vector) -> None:
    known = distinct(levels)
    boxes = [residual[levels == each] for each in known]
    made = ax.boxplot(boxes, positions=range(len(known)), widths=0.6, sym="", zorder=3)
    for part in (*made["medians"], *made["boxes"]):
        part.set_color(ACCENT)
    name_levels(ax, [as_text(each) for each in known])
