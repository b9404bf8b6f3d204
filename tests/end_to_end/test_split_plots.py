"""The split-plot trap: what was given to whole plots is tested with their degrees of freedom.

In a balanced split plot the tests are those of the textbook's analysis of variance. With r
blocks, a levels on whole plots and b on subplots, whole plots have (r − 1)(a − 1) degrees of
freedom and subplots a(r − 1)(b − 1).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import studentized_range

import henderson as hd


@dataclass(frozen=True)
class SplitPlot:
    """A balanced split plot, contrasts that sum to zero, and its two error strata."""

    data: str
    formula: str
    whole: str  # the factor on whole plots, as the formula has it
    sub: str
    whole_df: float
    sub_df: float

    def fit(self) -> hd.FittedModel:
        table = hd.datasets.load(self.data)
        for name in ("nitro", "replicate", "temperature"):
            if name in table:
                table[name] = table[name].astype(str)
        return hd.fit(self.formula, table, contrasts="sum")


OATS = SplitPlot(
    "oats", "yield ~ Variety * nitro + (1 | Block/Variety)", "Variety", "nitro", 10.0, 45.0
)
CAKE = SplitPlot(
    "cake",
    "angle ~ recipe * temperature + (1 | replicate/recipe)",
    "recipe",
    "temperature",
    28.0,
    210.0,
)
EACH = pytest.mark.parametrize("case", [OATS, CAKE], ids=lambda case: case.data)


@EACH
def test_whole_plots_have_their_degrees_of_freedom_in_the_summary(case: SplitPlot) -> None:
    model = case.fit()
    table = pd.DataFrame(model.coefficients())
    own = table["term"].str.startswith(case.whole) & ~table["term"].str.contains(":")
    assert_allclose(table.loc[own, "df"], case.whole_df, rtol=1e-6)
    rest = table["term"].str.contains(case.sub)
    assert_allclose(table.loc[rest, "df"], case.sub_df, rtol=1e-6)
    lines = str(model.summary()).splitlines()
    shown = [line.split()[3] for line in lines if line.strip().startswith(f"{case.whole}1 ")]
    assert shown == [f"{case.whole_df:.1f}"]
    assert "Degrees of freedom: Kenward-Roger" in lines


@EACH
def test_whole_plots_have_their_degrees_of_freedom_in_the_analysis_of_variance(
    case: SplitPlot,
) -> None:
    for type in (1, 2, 3):
        table = pd.DataFrame(hd.anova(case.fit(), type=type)).set_index("term")
        expected = [case.whole_df, case.sub_df, case.sub_df]
        assert_allclose(table["df2"], expected, rtol=1e-6)


@EACH
def test_whole_plots_have_their_degrees_of_freedom_in_contrasts_and_letters(
    case: SplitPlot,
) -> None:
    model = case.fit()
    for factor, df in ((case.whole, case.whole_df), (case.sub, case.sub_df)):
        means = model.emmeans(factor)
        pairs = pd.DataFrame(means.contrasts().table())
        assert_allclose(pairs["df"], df, rtol=1e-6)
        levels = len(means.estimate)
        q = np.sqrt(2.0) * np.abs(pairs["estimate"] / pairs["std_error"])
        assert_allclose(
            pairs["p_value"], studentized_range.sf(q, levels, df), rtol=1e-6, atol=1e-12
        )
        # letters join exactly the means that these tests do not tell apart
        letters = pd.DataFrame(means.letters(order="grid"))["letters"].tolist()
        joined = [
            bool(set(letters[i]) & set(letters[j]))
            for i in range(levels)
            for j in range(i + 1, levels)
        ]
        assert joined == (pairs["p_value"] >= 0.05).tolist()
