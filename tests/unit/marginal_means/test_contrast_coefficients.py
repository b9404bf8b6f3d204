"""Named families of contrasts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from henderson.errors import ModelError
from henderson.marginal_means.contrast_coefficients import METHODS, coefficients

LABELS = ("a", "b", "c", "d")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_coefficients_of_every_contrast_sum_to_zero(method: str, k: int) -> None:
    made, adjust = coefficients(method, tuple("abcdefghi"[:k]))
    assert made.matrix.shape == (len(made.names), k)
    assert_allclose(made.matrix.sum(axis=1), 0.0, atol=1e-12)
    assert adjust


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("pairwise", ["a - b", "a - c", "a - d", "b - c", "b - d", "c - d"]),
        ("revpairwise", ["b - a", "c - a", "c - b", "d - a", "d - b", "d - c"]),
        ("trt.vs.ctrl", ["b - a", "c - a", "d - a"]),
        ("consec", ["b - a", "c - b", "d - c"]),
        ("poly", ["linear", "quadratic", "cubic"]),
        ("eff", ["a effect", "b effect", "c effect", "d effect"]),
    ],
)
def test_contrasts_have_the_names_r_gives_them(method: str, names: list[str]) -> None:
    assert list(coefficients(method, LABELS)[0].names) == names


def test_polynomials_are_in_the_whole_numbers_of_the_tables() -> None:
    six = coefficients("poly", tuple("abcdef"))[0].matrix
    assert six[0].tolist() == [-5, -3, -1, 1, 3, 5]
    assert six[1].tolist() == [5, -1, -4, -4, -1, 5]
    assert six[2].tolist() == [-5, 7, 4, -4, -7, 5]
    assert_allclose(six @ six.T, np.diag(np.diag(six @ six.T)))


def test_helmert_compares_with_the_mean_of_those_before() -> None:
    matrix = coefficients("helmert", LABELS)[0].matrix
    assert_allclose(matrix[2], [-1 / 3, -1 / 3, -1 / 3, 1])


def test_labels_that_look_like_arithmetic_are_in_parentheses() -> None:
    made, _ = coefficients("pairwise", ("GP", "EC-A"))
    assert made.names == ("GP - (EC-A)",)


def test_the_control_can_be_chosen() -> None:
    made, adjust = coefficients("dunnett", LABELS, "c")
    assert made.names == ("a - c", "b - c", "d - c")
    assert adjust == "dunnett"


def test_own_contrasts_keep_their_names_and_numbers() -> None:
    made, adjust = coefficients({"ends": [1, 0, 0, -1]}, LABELS)
    assert made.names == ("ends",)
    assert made.matrix.tolist() == [[1, 0, 0, -1]]
    assert adjust == "none"


def test_own_contrasts_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(
        ModelError, match=r"'ends' has the coefficients .1, -1., and there are 4 means"
    ):
        coefficients({"ends": [1, -1]}, LABELS)
    with pytest.raises(ModelError, match="one finite number"):
        coefficients({"ends": ["one", 0, 0, -1]}, LABELS)
    with pytest.raises(ModelError, match="empty"):
        coefficients({}, LABELS)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ModelError, match="'pairwise'"):
        coefficients("pairwse", LABELS)
    with pytest.raises(ModelError, match="no mean 'e'"):
        coefficients("dunnett", LABELS, "e")


def test_a_custom_contrast_may_name_its_means() -> None:
    labels = ("a", "b", "c")
    named, _ = coefficients({"ends": {"c": 1, "a": -1}}, labels)
    np.testing.assert_array_equal(named.matrix, [[-1.0, 0.0, 1.0]])
    with pytest.raises(ModelError, match=r"'ends' names 'd', which is none of the means.*a, b"):
        coefficients({"ends": {"d": 1}}, labels)
