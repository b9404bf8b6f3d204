"""What a model looks like: the tables that are drawn, and the pictures of them.

Each picture is of a table, and both are here: `plot_effects` draws `effect_curves`. The
functions that draw such tables into axes of your own are in `henderson.drawing`.
"""

from henderson.plots.design_diagram import design_table, plot_design
from henderson.plots.effect_plots import effect_curves, observed_points, plot_effects
from henderson.plots.model_residuals import plot_residuals, residual_points, residual_quantiles
from henderson.plots.profile_plots import plot_profiles, profile_traces
from henderson.plots.random_effect_plots import (
    mode_intervals,
    mode_quantiles,
    plot_correlations,
    plot_random_effects,
    plot_random_quantiles,
    plot_shrinkage,
    pooled_estimates,
    random_correlations,
)
from henderson.plots.serial_plots import plot_autocorrelation, plot_variogram
from henderson.plots.steps import cascade, plot_cascade

__all__ = [
    "cascade",
    "design_table",
    "effect_curves",
    "mode_intervals",
    "mode_quantiles",
    "observed_points",
    "plot_autocorrelation",
    "plot_cascade",
    "plot_correlations",
    "plot_design",
    "plot_effects",
    "plot_profiles",
    "plot_random_effects",
    "plot_random_quantiles",
    "plot_residuals",
    "plot_shrinkage",
    "plot_variogram",
    "pooled_estimates",
    "profile_traces",
    "random_correlations",
    "residual_points",
    "residual_quantiles",
]
