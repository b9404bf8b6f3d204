"""The structures a formula can ask for, by keyword."""

from collections.abc import Mapping
from types import MappingProxyType

from henderson.covariance.base import CovarianceStructure
from henderson.covariance.diagonal import Diagonal, HomogeneousDiagonal
from henderson.covariance.unstructured import Unstructured
from henderson.errors import FormulaError, did_you_mean

STRUCTURES: Mapping[str, CovarianceStructure] = MappingProxyType(
    {s.keyword: s for s in (Unstructured(), Diagonal(), HomogeneousDiagonal())}
)


def structure_named(keyword: str, text: str, start: int) -> CovarianceStructure:
    """Look up what a formula asked for; `text` and `start` locate it for the message."""
    if keyword in STRUCTURES:
        return STRUCTURES[keyword]
    known = sorted(STRUCTURES)
    raise FormulaError.at(
        text,
        start,
        start + len(keyword),
        problem=f"There is no covariance structure called {keyword!r}.",
        hint=f"{did_you_mean(keyword, known)}Known: {', '.join(known)}.",
    )
