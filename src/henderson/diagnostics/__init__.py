"""Does the model hold? Residuals by simulation, influence, and what else may be wrong."""

from henderson.diagnostics.collinearity import vif
from henderson.diagnostics.family_choice import FamilySuggestion, suggest_family
from henderson.diagnostics.influence import Influence, influence
from henderson.diagnostics.model_check import Finding, ModelCheck, check
from henderson.diagnostics.quantile_residuals import QuantileResiduals, quantile_residuals
from henderson.diagnostics.residual_tests import ResidualTest
from henderson.diagnostics.serial_correlation import autocorrelation, variogram
from henderson.inference.separation import separated

__all__ = [
    "FamilySuggestion",
    "Finding",
    "Influence",
    "ModelCheck",
    "QuantileResiduals",
    "ResidualTest",
    "autocorrelation",
    "check",
    "influence",
    "quantile_residuals",
    "separated",
    "suggest_family",
    "variogram",
    "vif",
]
