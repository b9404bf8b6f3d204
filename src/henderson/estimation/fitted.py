"""Whatever holds the record of a fit."""

from typing import Protocol

from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates


class Fitted(Protocol):
    """Whatever holds the record of a fit: what `henderson.fit` returns."""

    @property
    def estimates(self) -> Estimates:
        """Everything the fit learned."""
        ...


def estimates_of(model: Fitted | Estimates) -> Estimates:
    """The record of a fitted model.

    Raises
    ------
    ModelError
        For anything else.
    """
    found = model if isinstance(model, Estimates) else getattr(model, "estimates", None)
    if isinstance(found, Estimates):
        return found
    raise ModelError(
        f"This needs a fitted model, as henderson.fit returns it, and was given "
        f"{_article(type(model).__name__)}. Fit a model first: henderson.fit(formula, data)."
    )


def _article(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
