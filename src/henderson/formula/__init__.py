"""Text to meaning, before any data."""

from henderson.formula.error_covariance import ErrorTerm, parse_residual
from henderson.formula.parsing import parse_formula, parse_one_sided
from henderson.formula.terms import Formula, RandomTerm, ResponseTerm

__all__ = [
    "ErrorTerm",
    "Formula",
    "RandomTerm",
    "ResponseTerm",
    "parse_formula",
    "parse_one_sided",
    "parse_residual",
]
