"""Adjustments for several tests, against exact identities, published tables and R."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from henderson.errors import ModelError
from henderson.inference.simultaneous.largest_t import largest_t, product_loadings
from henderson.inference.simultaneous.multiplicity import (
    ADJUSTMENTS,
    Compared,
    Family,
    adjusted_from_p,
    adjusted_p_values,
    critical_values,
)
from henderson.inference.simultaneous.roots import falling_root
from henderson.inference.simultaneous.studentized_range import (
    studentized_range_quantile,
    studentized_range_tail,
)
from henderson.quantiles import lower_tail, student_quantile, two_sided

DFS = [0.7, 2.0, 9.3, 40.0, 1e5, np.inf]


def equicorrelated(m: int, rho: float = 0.5) -> np.ndarray:
    return np.linalg.cholesky(np.full((m, m), rho) + (1.0 - rho) * np.eye(m))


def all_pairs(k: int) -> np.ndarray:
    i, j = np.triu_indices(k, 1)
    return (np.eye(k)[i] - np.eye(k)[j]) / np.sqrt(2.0)


def family(factor: np.ndarray, compared: Compared = "other") -> Family:
    return Family(factor, len(factor), compared)


@pytest.mark.parametrize("df", DFS)
def test_the_range_of_two_means_is_a_t_test(df: float) -> None:
    t = np.array([0.0, 0.1, 1.0, 3.0, 8.0, 30.0])
    tail = studentized_range_tail(np.sqrt(2.0) * t, 2, df)
    assert_allclose(tail, two_sided(t, np.full(6, df)), rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize(
    ("q", "k", "df", "r"),
    [
        (3.5, 3, 20.0, 0.0558918490821),
        (5.0, 12, 34.0, 0.0463416459693),
        (7.0, 66, np.inf, 0.00138297314542),
        (3.3, 4.7, 9.3, 0.199517287377),
    ],
)
def test_the_studentized_range_agrees_with_r(q: float, k: float, df: float, r: float) -> None:
    """R's ptukey, where it has digits: to 1e-9."""
    assert_allclose(studentized_range_tail(np.array([q]), k, df), r, rtol=3e-9)


def test_small_tails_of_the_range_have_their_digits() -> None:
    """The double integral by mpmath at 20 digits; R's ptukey gives 0.00037."""
    tail = studentized_range_tail(np.array([50.0]), 3, 2.0)
    assert_allclose(tail, 0.0014594469847464403, rtol=1e-12)


def test_far_out_the_range_of_normal_variables_is_that_of_one_pair() -> None:
    """Two pairs are then hardly ever far apart at once: Bonferroni is exact."""
    q = np.array([12.0, 20.0])
    pairs = 6.0 * two_sided(q / np.sqrt(2.0), np.full(2, np.inf))
    assert_allclose(studentized_range_tail(q, 4, np.inf), pairs, rtol=1e-4)


def test_many_ranges_are_interpolated_to_the_same_values() -> None:
    q = np.linspace(0.0, 40.0, 500)
    at_once = studentized_range_tail(q, 50, 12.0)
    one_by_one = studentized_range_tail(q[::50], 50, 12.0)
    assert_allclose(at_once[::50], one_by_one, rtol=1e-8)


@pytest.mark.parametrize("df", [1.0, 34.0, np.inf])
def test_quantiles_of_the_range_invert_its_tail(df: float) -> None:
    q = studentized_range_quantile(0.95, 12, df)
    assert_allclose(studentized_range_tail(np.array([q]), 12, df), 0.05, rtol=1e-9)


@pytest.mark.parametrize("df", DFS)
def test_comparisons_that_are_independent_given_the_scale(df: float) -> None:
    """One comparison is a t test."""
    x = np.array([0.5, 2.0, 6.0])
    tail = largest_t(np.ones((1, 1))).tail(x, df)
    assert_allclose(tail, two_sided(x, np.full(3, df)), rtol=1e-9)


def test_dunnett_agrees_with_the_published_table() -> None:
    """Dunnett (1964), Biometrics 20, 482–491, two-sided, 5 %, rows of 10, 20 and ∞ df."""
    table = {(2, 10.0): 2.57, (3, 20.0): 2.54, (5, 20.0): 2.73, (8, np.inf): 2.65}
    for (m, df), expected in table.items():
        found = largest_t(equicorrelated(m)).quantile(0.95, df)
        assert round(found, 2) == expected


def test_the_integral_over_directions_agrees_with_the_exact_one() -> None:
    """Tukey's distribution is that of the largest |t| of all pairs of equal variance."""
    pairs = largest_t(all_pairs(6))
    x = np.array([2.0, 3.0, 4.0, 6.0])
    exact = studentized_range_tail(np.sqrt(2.0) * x, 6, 18.0)
    assert pairs.rank == 5
    assert pairs.loadings is None
    assert_allclose(pairs.tail(x, 18.0), exact, rtol=1e-3)


def test_unequal_loadings_are_recognized_with_their_signs() -> None:
    loadings = np.array([0.9, 0.3, -0.5, 0.7])
    correlation = np.outer(loadings, loadings)
    np.fill_diagonal(correlation, 1.0)
    found = product_loadings(correlation)
    assert found is not None
    assert_allclose(np.abs(found), np.abs(loadings), rtol=1e-12)
    tail = largest_t(np.linalg.cholesky(correlation)).tail(np.array([2.5]), 12.0)
    assert_allclose(tail, 0.0909103, rtol=1e-5)  # mvtnorm, to 7e-7


def test_the_points_are_the_same_every_time() -> None:
    x = np.array([2.0])
    assert largest_t(all_pairs(5)).tail(x, 9.0) == largest_t(all_pairs(5)).tail(x, 9.0)
    assert largest_t(all_pairs(5), 1).tail(x, 9.0) != largest_t(all_pairs(5), 2).tail(x, 9.0)


@pytest.mark.parametrize("adjust", ADJUSTMENTS)
@pytest.mark.parametrize("df", [3.0, 25.0, np.inf])
def test_critical_values_are_where_the_p_value_is_the_level(adjust: str, df: float) -> None:
    needs: Compared = ADJUSTMENTS[adjust].needs or "other"
    factor = equicorrelated(4) if needs == "control" else all_pairs(4)
    of = Family(factor, 4 if needs == "pairs" else len(factor), needs)
    m = len(factor)
    critical = critical_values(of, 0.9, np.full(m, df), adjust)
    t = np.zeros(m)
    t[0] = critical[0]
    if adjust not in {"holm", "hochberg", "BH"}:
        assert_allclose(adjusted_p_values(of, t, np.full(m, df), adjust)[0], 0.1, rtol=1e-6)


@pytest.mark.parametrize("adjust", ADJUSTMENTS)
def test_adjusted_p_values_are_at_least_those_of_single_tests(adjust: str) -> None:
    needs: Compared = ADJUSTMENTS[adjust].needs or "other"
    factor = equicorrelated(3)
    t, df = np.array([3.1, -0.4, 1.9]), np.array([12.0, 12.0, 30.0])
    found = adjusted_p_values(Family(factor, 3, needs), t, df, adjust)
    assert (found >= two_sided(t, df) - 1e-12).all()
    assert (found <= 1.0).all()


def test_stepwise_adjustments_agree_with_r() -> None:
    """p.adjust(c(0.01, 0.02, 0.03, 0.5), ...)."""
    p = np.array([0.01, 0.02, 0.03, 0.5])
    assert_allclose(adjusted_from_p(p, 4, "holm"), [0.04, 0.06, 0.06, 0.5])
    assert_allclose(adjusted_from_p(p, 4, "hochberg"), [0.04, 0.06, 0.06, 0.5])
    assert_allclose(adjusted_from_p(p, 4, "BH"), [0.04, 0.04, 0.04, 0.5])
    assert_allclose(adjusted_from_p(p, 4, "fdr"), adjusted_from_p(p, 4, "BH"))


def test_what_cannot_be_estimated_counts_but_has_no_p_value() -> None:
    p = np.array([0.01, np.nan, 0.03])
    assert_allclose(adjusted_from_p(p, 3, "bonferroni"), [0.03, np.nan, 0.09])
    factor = np.vstack([np.eye(2), np.full((1, 2), np.nan)])
    t = np.array([2.0, 1.0, np.nan])
    found = adjusted_p_values(family(factor), t, np.array([9.0, 9.0, np.nan]), "mvt")
    assert np.isnan(found).tolist() == [False, False, True]


def test_scheffe_is_the_f_test_of_all_contrasts() -> None:
    """Its critical value for pairs of 3 means: √(2 F(2, 20))."""
    found = critical_values(family(all_pairs(3)), 0.95, np.full(3, 20.0), "scheffe")
    assert_allclose(found, np.sqrt(2.0 * 3.4928284767), rtol=1e-8)


def test_an_unknown_adjustment_gets_the_nearest_name() -> None:
    with pytest.raises(ModelError, match="'tukey'"):
        adjusted_p_values(family(np.eye(2)), np.ones(2), np.ones(2), "tuckey")
    with pytest.raises(ModelError, match="'holm'"):
        adjusted_from_p(np.ones(2), 2, "hol")


def test_tukey_is_refused_for_other_comparisons() -> None:
    with pytest.raises(ModelError, match="all pairs of means"):
        adjusted_p_values(family(np.eye(2)), np.ones(2), np.ones(2), "tukey")


def test_t_at_infinite_degrees_of_freedom_is_normal() -> None:
    t = np.array([-2.0, 0.0, 1.0])
    assert_allclose(lower_tail(t, np.full(3, np.inf)), lower_tail(t, np.full(3, 1e12)))
    assert_allclose(student_quantile(0.975, np.inf), 1.959963984540054)


def test_a_root_outside_the_first_guess_is_found() -> None:
    assert_allclose(falling_root(lambda x: 10.0 - x, 1.0, 2.0), 10.0)
    assert_allclose(falling_root(lambda x: 0.1 - x, 1.0, 2.0), 0.1)
