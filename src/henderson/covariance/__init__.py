"""Covariance structures: θ to the factor T with its derivatives, one structure a file."""

from henderson.covariance.base import CovarianceStructure
from henderson.covariance.diagonal import Diagonal, HomogeneousDiagonal
from henderson.covariance.registry import (
    HOLD_A_CONSTANT,
    RESIDUAL_STRUCTURES,
    STRUCTURES,
    error_structure_named,
    structure_named,
)
from henderson.covariance.unstructured import Unstructured

__all__ = [
    "HOLD_A_CONSTANT",
    "RESIDUAL_STRUCTURES",
    "STRUCTURES",
    "CovarianceStructure",
    "Diagonal",
    "HomogeneousDiagonal",
    "Unstructured",
    "error_structure_named",
    "structure_named",
]
