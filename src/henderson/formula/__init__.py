"""Text to meaning, before any data."""

from henderson.formula.parsing import parse_formula, parse_one_sided
from henderson.formula.residuals import ResidualTerm, parse_residual
from henderson.formula.terms import Formula, RandomTerm, ResponseTerm

__all__ = [
    "Formula",
    "RandomTerm",
    "ResidualTerm",
    "ResponseTerm",
    "parse_formula",
    "parse_one_sided",
    "parse_residual",
]
