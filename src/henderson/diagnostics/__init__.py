"""Does the model hold? Residuals by simulation, and tests of them."""

from henderson.diagnostics.quantile_residuals import QuantileResiduals, quantile_residuals
from henderson.diagnostics.residual_tests import ResidualTest

__all__ = ["QuantileResiduals", "ResidualTest", "quantile_residuals"]
