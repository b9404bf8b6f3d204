"""Hypotheses in words and as matrices."""

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.errors import FormulaError, ModelError
from henderson.inference import joint_test
from henderson.inference.tests.wald import parse_hypothesis, wald_test

NAMES = ["(Intercept)", "f0.4", "f0.45", "x", "x:f0.4", "I(x^2)", "poly(z, 2)1"]


@cache
def model() -> hd.FittedModel:
    oats = hd.datasets.load("oats")
    return hd.fit("yield ~ Variety + factor(nitro) + (1 | Block/Variety)", oats)


@pytest.mark.parametrize(
    ("text", "weights", "constant"),
    [
        ("x", {"x": 1}, 0),
        ("x = 1.5", {"x": 1}, 1.5),
        ("f0.4 = f0.45", {"f0.4": 1, "f0.45": -1}, 0),
        ("(f0.4 + f0.45) / 2 - x:f0.4 == 0", {"f0.4": 0.5, "f0.45": 0.5, "x:f0.4": -1}, 0),
        ("-2*x + (Intercept) = 1e-1 + x*3", {"x": -5, "(Intercept)": 1}, 0.1),
        ("I(x^2)+1 = 2 * -(poly(z, 2)1 - 3)", {"I(x^2)": 1, "poly(z, 2)1": 2}, 5),
    ],
)
def test_words_become_rows(text: str, weights: dict[str, float], constant: float) -> None:
    ((_, row, value),) = parse_hypothesis(text, NAMES)
    assert_allclose(row, [weights.get(name, 0.0) for name in NAMES])
    assert_allclose(value, constant)


def test_a_chain_of_equations_makes_a_row_for_each() -> None:
    rows = parse_hypothesis("f0.4 = f0.45 = x", NAMES)
    assert [label for label, _, _ in rows] == ["f0.4 - f0.45", "f0.45 - x"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("f0.5 = 0", r"no coefficient 'f0.5'.*\n.*\n.*f0.5 = 0\n.*\^\^\^\^\n.*\n.*'f0.4"),
        ("x * f0.4 = 0", "product of two coefficients is not linear"),
        ("x / 0", "other than 0 can divide"),
        ("(x = 1", "parenthesis is not closed"),
        ("x = x", "says nothing about a coefficient"),
        ("x = ", "missing here"),
        ("x 2", "not understood here"),
    ],
)
def test_what_is_no_linear_equation_is_shown(text: str, problem: str) -> None:
    with pytest.raises(FormulaError, match=problem):
        parse_hypothesis(text, NAMES)


def test_words_and_matrices_test_the_same() -> None:
    L = np.zeros((2, 6))
    L[0, [1, 2]] = 1.0, -1.0
    L[1, 3] = 1.0
    by_words = wald_test(
        model(), ["VarietyMarvellous = VarietyVictory", "factor(nitro)0.2 = 10"]
    )
    by_matrix = wald_test(model(), L, value=np.array([0.0, 10.0]))
    assert_allclose(by_words.L, by_matrix.L)
    assert_allclose(by_words.rows["p_value"], by_matrix.rows["p_value"])
    assert by_words.rows["hypothesis"].tolist() == [
        "VarietyMarvellous - VarietyVictory = 0",
        "factor(nitro)0.2 = 10",
    ]
    assert by_words.joint == by_matrix.joint


def test_rows_and_joint_test_agree() -> None:
    test = wald_test(model(), "VarietyMarvellous = VarietyVictory")
    assert_allclose(test.rows["statistic"] ** 2, test.joint.statistic)
    assert_allclose(test.rows["df"], test.joint.df2)
    assert_allclose(test.rows["p_value"], test.joint.p_value, rtol=1e-8)


def test_a_value_shifts_the_estimate() -> None:
    at = model().estimates
    value = at.location.beta[1:3]
    test = joint_test(at, np.eye(6)[1:3], value=value)
    assert_allclose([test.statistic, test.p_value], [0.0, 1.0], atol=1e-12)


def test_consistent_repetitions_are_one_hypothesis_and_contradictions_none() -> None:
    once = wald_test(model(), "factor(nitro)0.2 = 10").joint
    twice = wald_test(model(), ["factor(nitro)0.2 = 10", "2 * factor(nitro)0.2 = 20"]).joint
    assert twice.df1 == 1
    assert_allclose(twice.statistic, once.statistic, rtol=1e-9)
    with pytest.raises(ModelError, match="contradict one another"):
        wald_test(model(), ["factor(nitro)0.2 = 10", "factor(nitro)0.2 = 11"])
