"""Families made from one of counts by doing something else with its zeros."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.families.base import Family
from henderson.families.bell import Bell
from henderson.families.compois import ConwayMaxwellPoisson
from henderson.families.genpois import GeneralizedPoisson
from henderson.families.nbinom1 import NegativeBinomial1
from henderson.families.nbinom2 import NegativeBinomial2
from henderson.families.nbinom12 import NegativeBinomial12
from henderson.families.poisson import Poisson
from henderson.families.response import Response
from henderson.links import Link

COUNTS: tuple[type[Family], ...] = (
    Poisson,
    NegativeBinomial1,
    NegativeBinomial2,
    NegativeBinomial12,
    GeneralizedPoisson,
    ConwayMaxwellPoisson,
    Bell,
)


@dataclass(frozen=True, slots=True, init=False)
class FromCounts(Family):
    """A family that wraps a family of counts: the location is that of the wrapped family.

    Subclasses are final and say what becomes of the zeros.
    """

    bases: ClassVar[tuple[type[Family], ...]] = COUNTS  # what can be wrapped

    base: Family

    def __init__(self, base: Family) -> None:
        if not isinstance(base, self.bases):
            known = ", ".join(kind.name for kind in self.bases)
            raise ModelError(
                f"{base.name} is not a family whose zeros can be modelled apart. "
                f"Choose one of {known}."
            )
        object.__setattr__(self, "base", base)
        object.__setattr__(self, "link", base.link)

    @property
    @abstractmethod
    def prefix(self) -> str:
        """What stands before the name of the wrapped family: "zero_inflated_"."""

    @property
    def name(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The name, "zero_inflated_poisson"."""
        return self.prefix + self.base.name

    @property
    def links(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Those of the wrapped family."""
        return self.base.links

    @property
    def discrete(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Counts are."""
        return True

    @property
    def dispersion_label(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the wrapped family, whose variance it is about."""
        label = self.base.dispersion_label
        return label.replace("with variance", "with variance of the counts", 1)

    @property
    def further_labels(self) -> tuple[tuple[str, str], ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Those of the wrapped family."""
        return self.base.further_labels

    def link_of(self, predictor: str) -> Link:
        return (
            self.base.link_of(predictor)
            if predictor in self.base.predictors
            else Family.link_of(self, predictor)
        )

    @property
    def mean_is_of_location(self) -> bool:
        return False

    @property
    def core_name(self) -> str:
        return self.prefix + self.base.core_name

    @property
    def constants(self) -> Vector:
        return self.base.constants

    def other_starts(self, response: Response) -> tuple[Mapping[str, float], ...]:
        """Those of the wrapped family."""
        return self.base.other_starts(response)

    def of_base(self, eta: Matrix) -> Matrix:
        """The columns of η that are predictors of the wrapped family."""
        return eta[:, : len(self.base.predictors)]

    def log_zero(self, eta: Matrix) -> Vector:
        """log f(0) of the wrapped family, (n,)."""
        zeros = Response.of(np.zeros(len(eta)))
        return self.base.log_density(zeros, self.of_base(eta)).value
