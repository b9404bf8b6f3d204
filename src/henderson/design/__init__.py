"""The formula over the data: the rows used, X, and the groups and effects that make Z."""

from henderson.design.fixed_effects import FixedDesign, fixed_design
from henderson.design.model_frame import ModelFrame, model_frame
from henderson.design.new_data import NewDesign, NewRandom, new_design
from henderson.design.random_effects import RandomDesign, random_design
from henderson.design.response import ObservedResponse

__all__ = [
    "FixedDesign",
    "ModelFrame",
    "NewDesign",
    "NewRandom",
    "ObservedResponse",
    "RandomDesign",
    "fixed_design",
    "model_frame",
    "new_design",
    "random_design",
]
