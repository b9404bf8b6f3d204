"""From a formula and a table to frozen estimates: specification, pipeline, estimates."""

from henderson.estimation.control import FitControl
from henderson.estimation.estimates import Estimates, PredictorEstimates, TermEstimates
from henderson.estimation.pipeline import estimate
from henderson.estimation.specification import Specification

__all__ = [
    "Estimates",
    "FitControl",
    "PredictorEstimates",
    "Specification",
    "TermEstimates",
    "estimate",
]
