"""Our fits agree with R's on every stored model."""

from functools import cache

import pytest

from tests.reference.compare import TOLERANCES, Comparison, compare
from tests.reference.corpus import cases

PARAMETRIZED = pytest.mark.parametrize("name", cases())


@cache
def compared(name: str) -> Comparison:
    return compare(cases()[name])


@pytest.mark.parametrize("quantity", TOLERANCES)
@PARAMETRIZED
def test_a_fit_agrees_with_r(name: str, quantity: str) -> None:
    differences = compared(name).differences
    assert differences.within(quantity), getattr(differences, quantity)


@PARAMETRIZED
def test_a_search_ends_without_a_false_alarm(name: str) -> None:
    comparison = compared(name)
    expected = {"BOUNDARY"} if comparison.case.expected.singular else {"CONVERGED"}
    assert comparison.outcome in expected
