"""Responses that a formula transforms: log(y), sqrt(y), and the way back from them.

With g(y) = Lβ̂ + e the mean on the scale of y is h(Lβ̂), h the inverse of g: where e is
symmetric around 0, the median of y; for the logarithm the geometric mean.
"""

from dataclasses import dataclass

from henderson.estimation.estimates import Estimates
from henderson.formula.syntax_tree import (
    Call,
    Name,
    Node,
    deparse,
    parse_expression,
    strip_parentheses,
)
from henderson.links import Link, link_named

_INVERTED = ("log", "sqrt")


@dataclass(frozen=True, slots=True)
class Transformation:
    """g, and what it was taken of, as the formula has it: "yield" of log(yield)."""

    link: Link
    of: str

    @classmethod
    def of_response(cls, estimates: Estimates) -> "Transformation | None":
        """Of a response that is log(...) or sqrt(...) in a model with the identity link."""
        family = estimates.family
        if family.link.name != "identity" or family.observes_categories:
            return None
        node = _response(estimates)
        if not isinstance(node, Call) or len(node.arguments) != 1:
            return None
        if node.function not in _INVERTED:
            return None
        return cls(link_named(node.function), deparse(node.arguments[0]))


def left_transformed(estimates: Estimates) -> str | None:
    """A response that the formula computes in a way that is not inverted, as it has it."""
    node = _response(estimates)
    return None if node is None or isinstance(node, Name) else deparse(node)


def _response(estimates: Estimates) -> Node | None:
    """The response as the formula has it, where it is one expression."""
    response = estimates.specification.formula.response
    if response is None or response.kind != "plain":
        return None
    return strip_parentheses(parse_expression(response.expressions[0]))
