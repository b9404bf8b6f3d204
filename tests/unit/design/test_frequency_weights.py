"""Rows that stand for several."""

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.errors import DataError


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    made = pd.DataFrame({"g": np.repeat(list("abcdef"), 6), "x": rng.standard_normal(36)})
    made["times"] = rng.integers(0, 4, 36)
    made["y"] = made["x"] + rng.standard_normal(6).repeat(6) + rng.standard_normal(36)
    made["count"] = rng.poisson(np.exp(0.3 * made["x"] + 1.0))
    return made


def test_a_frequency_weight_is_the_row_so_often(table: pd.DataFrame) -> None:
    longer = table.iloc[np.repeat(np.arange(len(table)), table["times"].to_numpy())]
    for response, family in (("y", "gaussian"), ("count", "poisson")):
        formula = f"{response} ~ x + (1 | g)"
        short = hd.fit(formula, table, family=family, frequency_weights="times")
        long = hd.fit(formula, longer, family=family)
        assert short.llf == pytest.approx(long.llf, rel=1e-12)
        assert short.params == pytest.approx(long.params, rel=1e-9)
        assert short.bic == pytest.approx(long.bic, rel=1e-12)
        assert short.nobs == len(longer)


def test_rows_that_stand_for_none_are_left_out_and_said(table: pd.DataFrame) -> None:
    model = hd.fit("y ~ x", table, frequency_weights="times")
    none = np.count_nonzero(table["times"].to_numpy() == 0)
    text = str(model.summary())
    assert f"{36 - none} of 36 rows; dropped: {none} of weight zero" in text
    assert f"with frequency weights {table['times'].sum()}" in text


def test_frequency_weights_are_whole_numbers(table: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"'half' are not all whole numbers: 0\.5 in row 0"):
        hd.fit("y ~ x", table.assign(half=0.5), frequency_weights="half")
    with pytest.raises(DataError, match="negative"):
        hd.fit("y ~ x", table, frequency_weights=np.full(36, -1.0))
