"""The compact letter display."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from henderson.errors import ModelError
from henderson.marginal_means.letters import letters


def matrix(size: int, *pairs: tuple[int, int]) -> np.ndarray:
    different = np.zeros((size, size), dtype=bool)
    for i, j in pairs:
        different[i, j] = different[j, i] = True
    return different


def sharing(texts: tuple[str, ...]) -> np.ndarray:
    return np.array([[bool(set(a) & set(b)) for b in texts] for a in texts])


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 9), st.integers(0, 2**32 - 1), st.booleans())
def test_means_share_a_letter_exactly_if_they_do_not_differ(
    size: int, seed: int, sweep: bool
) -> None:
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((size, size)) < rng.random(), 1)
    different = upper | upper.T
    np.testing.assert_array_equal(sharing(letters(different, sweep=sweep)), ~different)


def test_means_that_do_not_differ_all_have_the_first_letter() -> None:
    assert letters(matrix(3)) == ("a", "a", "a")


def test_means_that_all_differ_have_letters_in_order() -> None:
    assert letters(~np.eye(3, dtype=bool)) == ("a", "b", "c")


def test_a_run_of_means_shares_its_letter_unless_swept() -> None:
    far = [(0, 3), (0, 4), (1, 4)]
    assert letters(matrix(5, *far)) == ("a", "ab", "abc", "bc", "c")


def test_sweeping_leaves_out_what_other_letters_say() -> None:
    """R's multcompView gives the first, multcomp the second."""
    different = matrix(6, (0, 4), (0, 5), (1, 5))
    assert letters(different) == ("a", "ab", "abc", "abc", "bc", "c")
    assert "".join(letters(different, sweep=True)).count("b") < 4


def test_after_52_letters_come_numbers() -> None:
    texts = letters(~np.eye(54, dtype=bool))
    assert texts[51:] == ("Z", "(53)", "(54)")


def test_one_mean_and_none() -> None:
    assert letters(matrix(1)) == ("a",)
    assert letters(matrix(0)) == ()


def test_a_matrix_that_is_not_symmetric_is_refused() -> None:
    with pytest.raises(ModelError, match="symmetric"):
        letters(np.array([[False, True], [False, False]]))
