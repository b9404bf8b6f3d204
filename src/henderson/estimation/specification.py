"""What was asked for: the model as stated, before any data are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from henderson.design import KnownMatrix
from henderson.estimation.stated_priors import PriorStatement
from henderson.families import Family
from henderson.formula import ErrorTerm, Formula, parse_one_sided


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
    others: Mapping[str, Formula] = field(default_factory=dict)  # of predictors but location
    matrices: Mapping[str, KnownMatrix] = field(default_factory=dict)  # of propto(), by name
    residual: ErrorTerm | None = None  # how Gaussian residuals vary together
    priors: tuple[PriorStatement, ...] = ()

    @property
    def has_coefficient_priors(self) -> bool:
        """Whether a prior is on a fixed effect of any predictor."""
        return any(not each.deviation for each in self.priors)

    @property
    def formulas(self) -> tuple[Formula, ...]:
        """One formula for each predictor of the family; ~ 1 where none was given."""
        constant = parse_one_sided("~ 1")
        names = self.family.predictors[1:]
        return (self.formula, *(self.others.get(name, constant) for name in names))
