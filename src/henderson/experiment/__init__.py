"""The structure of an experiment, read from its data: units, treatments, concerns."""

from henderson.experiment.reading import describe_design, experiment_of
from henderson.experiment.record import Concern, Crossing, Experiment, Treatment, Unit, Within
from henderson.experiment.suggestion import Suggestion, suggest_model

__all__ = [
    "Concern",
    "Crossing",
    "Experiment",
    "Suggestion",
    "Treatment",
    "Unit",
    "Within",
    "describe_design",
    "experiment_of",
    "suggest_model",
]
