"""The F of several contrasts where its formulas have a limit."""

import numpy as np

from henderson.inference.ddf.kenward_roger import _df_and_scale
from henderson.inference.ddf.satterthwaite import combined_df


def test_a_contrast_whose_squared_t_has_no_mean_leaves_two_degrees_of_freedom() -> None:
    assert combined_df(np.array([2.0, 9.0])) == 2.0


def test_a_covariance_known_exactly_leaves_the_chi_square() -> None:
    assert _df_and_scale(0.0, 0.0, 2) == (np.inf, 1.0)
