"""Linear and generalized linear mixed models: fit, check, test, compare, report."""

from henderson import datasets, families, plots, priors
from henderson.design import relationship_matrix
from henderson.diagnostics import check, influence, separated, suggest_family, vif
from henderson.errors import (
    DataError,
    FormulaError,
    HendersonError,
    MissingDependencyError,
    ModelError,
)
from henderson.estimation import FitControl
from henderson.experiment import describe_design, suggest_model
from henderson.fitted_model import FittedModel
from henderson.fitting import fit
from henderson.inference import anova, compare, power
from henderson.marginal_means import emmeans, emtrends, joint_tests
from henderson.planning import stated_model
from henderson.plots.design_diagram import plot_design
from henderson.report.publication import to_latex, to_markdown
from henderson.report.tidy_tables import augment, glance, tidy
from henderson.simulated_residuals import simulate_residuals

__all__ = [
    "DataError",
    "FitControl",
    "FittedModel",
    "FormulaError",
    "HendersonError",
    "MissingDependencyError",
    "ModelError",
    "anova",
    "augment",
    "check",
    "compare",
    "datasets",
    "describe_design",
    "emmeans",
    "emtrends",
    "families",
    "fit",
    "glance",
    "influence",
    "joint_tests",
    "plot_design",
    "plots",
    "power",
    "priors",
    "relationship_matrix",
    "separated",
    "simulate_residuals",
    "stated_model",
    "suggest_family",
    "suggest_model",
    "tidy",
    "to_latex",
    "to_markdown",
    "vif",
]
