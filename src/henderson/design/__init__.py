"""The formula over the data: the rows used, X, and the groups and effects that make Z."""

from henderson.design.error_design import ErrorDesign, error_design
from henderson.design.fixed_effects import FixedDesign, fixed_design
from henderson.design.known_matrices import KnownMatrix, read_matrices
from henderson.design.model_frame import ModelFrame, model_frame
from henderson.design.new_data import NewDesign, NewRandom, new_design
from henderson.design.random_effects import RandomDesign, random_design
from henderson.design.relationships import RelationshipMatrix, relationship_matrix
from henderson.design.response import ObservedResponse
from henderson.design.structured_terms import (
    at_times,
    completed,
    over_levels_of_times,
    structured_term,
)

__all__ = [
    "ErrorDesign",
    "FixedDesign",
    "KnownMatrix",
    "ModelFrame",
    "NewDesign",
    "NewRandom",
    "ObservedResponse",
    "RandomDesign",
    "RelationshipMatrix",
    "at_times",
    "completed",
    "error_design",
    "fixed_design",
    "model_frame",
    "new_design",
    "over_levels_of_times",
    "random_design",
    "read_matrices",
    "relationship_matrix",
    "structured_term",
]
