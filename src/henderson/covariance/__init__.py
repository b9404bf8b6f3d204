"""Covariance structures: θ to the factor T with its derivatives, one structure a file."""

from henderson.covariance.base import CovarianceStructure
from henderson.covariance.diagonal import Diagonal, HomogeneousDiagonal
from henderson.covariance.registry import STRUCTURES, structure_named
from henderson.covariance.unstructured import Unstructured

__all__ = [
    "STRUCTURES",
    "CovarianceStructure",
    "Diagonal",
    "HomogeneousDiagonal",
    "Unstructured",
    "structure_named",
]
