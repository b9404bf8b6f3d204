"""Parts of the data side by side give the fit of the whole, to the tolerance of the search."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import henderson as hd

MODELS = [
    ("pastes", "strength ~ 1 + (1 | batch/cask)", "gaussian"),
    ("penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)", "gaussian"),
    ("sleepstudy", "Reaction ~ Days + (Days | Subject)", "gaussian"),
    ("cbpp", "cbind(incidence, size - incidence) ~ period + (1 | herd)", "binomial"),
    ("salamanders", "count ~ spp + mined + (1 | site)", "nbinom2"),
]


@pytest.mark.parametrize(("data", "formula", "family"), MODELS, ids=[m[0] for m in MODELS])
def test_a_fit_in_parts_is_the_fit_of_the_whole(data: str, formula: str, family: str) -> None:
    table = hd.datasets.load(data)
    whole = hd.fit(formula, table, family=family)
    parts = hd.fit(formula, table, family=family, control=hd.FitControl(threads=3))
    assert_allclose(parts.llf, whole.llf, rtol=1e-10)
    assert_allclose(
        np.array(list(parts.params.values())), np.array(list(whole.params.values())), rtol=1e-6
    )
    assert_allclose(parts.estimates.vcov, whole.estimates.vcov, rtol=1e-4, atol=1e-12)
    for mine, theirs in zip(
        parts.estimates.location.terms, whole.estimates.location.terms, strict=True
    ):
        assert_allclose(mine.covariance, theirs.covariance, rtol=1e-4, atol=1e-9)
        assert_allclose(mine.modes, theirs.modes, rtol=1e-3, atol=1e-5)
        assert_allclose(mine.mode_covariance, theirs.mode_covariance, rtol=1e-4, atol=1e-9)
    assert_allclose(parts.fitted, whole.fitted, rtol=1e-6)
