"""What was asked for: the model as stated, before any data are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from henderson.families import Family
from henderson.formula import Formula


@dataclass(frozen=True, slots=True)
class Specification:
    """A model as the user stated it."""

    formula: Formula
    family: Family
    method: Literal["ML", "REML"]
    quadrature: int = 1  # nodes per random effect; 1 is the Laplace approximation
    weights: str | None = None  # a column's name, for the report
    offset: str | None = None
    contrasts: str | Mapping[str, str] = field(default_factory=dict)
