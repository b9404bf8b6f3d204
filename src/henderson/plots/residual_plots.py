"""Quantile residuals as tables and as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from henderson.arrays import Vector
from henderson.diagnostics import QuantileResiduals, ResidualTest
from henderson.diagnostics.residual_tests import DOUBTFUL, ranks
from henderson.drawing.style import ACCENT, GUIDE, INK, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = (0.25, 0.5, 0.75)
_ROWS_A_BIN = 40
_MOST_BINS = 12


def quantile_points(found: QuantileResiduals) -> dict[str, Vector]:
    """Expected and observed quantiles of the residuals, each (n,), in order."""
    n = found.values.size
    return {"expected": (np.arange(n) + 0.5) / n, "observed": np.sort(found.values)}


def prediction_points(found: QuantileResiduals) -> dict[str, Vector]:
    """The rank of each prediction over n, and its residual; each (n,)."""
    return {"predicted_rank": ranks(found.fitted), "residual": found.values}


def quantile_curves(points: Mapping[str, Vector]) -> dict[str, Vector]:
    """Quartiles of the residuals in bins of `prediction_points`, of about equal size."""
    rank, residual = points["predicted_rank"], points["residual"]
    bins = int(np.clip(rank.size // _ROWS_A_BIN, 1, _MOST_BINS))
    bin_of = np.minimum((rank * bins).astype(np.int64), bins - 1)
    used = [bin_of == each for each in np.unique(bin_of)]
    table = {"predicted_rank": np.array([rank[at].mean() for at in used])}
    for level in LEVELS:
        table[f"q{level:g}"] = np.array([np.quantile(residual[at], level) for at in used])
    return table


def draw_quantiles(
    points: Mapping[str, Vector],
    tests: Sequence[ResidualTest] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw `quantile_points` with p-values; off the line, the model does not hold."""
    ax = new_axes()[1][0] if ax is None else ax
    ax.axline((0.0, 0.0), slope=1.0, color=GUIDE, linewidth=1.0, zorder=0)
    ax.plot(points["expected"], points["observed"], ".", color=INK, ms=4, rasterized=True)
    for line, test in enumerate(tests):
        doubtful = test.p_value < DOUBTFUL
        ax.text(
            0.04,
            0.95 - 0.075 * line,
            f"{test.name}: {test.p_in_words}",
            transform=ax.transAxes,
            fontsize="small",
            va="top",
            color=ACCENT if doubtful else "black",
            weight="bold" if doubtful else "normal",
        )
    ax.set(
        title="Quantiles of the residuals",
        xlabel="Expected quantile (uniform)",
        ylabel="Observed quantile",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
    return ax


def draw_against_predictions(
    points: Mapping[str, Vector],
    curves: Mapping[str, Vector],
    ax: Axes | None = None,
) -> Axes:
    """Draw `prediction_points` and their `quantile_curves`; these should be near the lines."""
    ax = new_axes()[1][0] if ax is None else ax
    ax.plot(
        points["predicted_rank"],
        points["residual"],
        ".",
        color=INK,
        ms=3,
        alpha=float(np.clip(700.0 / len(points["residual"]), 0.03, 0.35)),
        zorder=1,
        rasterized=True,
    )
    for level in LEVELS:
        ax.axhline(level, color=GUIDE, linewidth=1.0, linestyle="--", zorder=2)
        ax.plot(
            curves["predicted_rank"],
            curves[f"q{level:g}"],
            color=ACCENT,
            linewidth=2.0 if level == 0.5 else 1.3,
            marker="o",
            ms=2.5,
            zorder=3,
            label="quartiles in bins" if level == 0.5 else None,
        )
    ax.set(
        title="Residuals against predictions",
        xlabel="Prediction (rank / n)",
        ylabel="Quantile residual",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.16),
        yticks=[0.0, 0.25, 0.5, 0.75, 1.0],
    )
    ax.legend(loc="upper right", fontsize="small", frameon=False)
    return ax
