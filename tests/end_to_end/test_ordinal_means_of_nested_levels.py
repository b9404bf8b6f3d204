"""Means of ordered categories where levels are nested or cells are missing."""

import numpy as np
import pandas as pd
import pytest

import henderson as hd


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    genotype = dict(zip("abcdef", ["g2", "g2", "g1", "g1", "g3", "g3"], strict=True))
    rng = np.random.default_rng(6)
    table = pd.DataFrame(
        [(s, k, t) for s in genotype for k in range(6) for t in range(4)],
        columns=["strain", "k", "trial"],
    )
    table["genotype"] = [genotype[strain] for strain in table["strain"]]
    z = (
        rng.normal(size=144) * 1.5
        + (table["genotype"] == "g2")
        + rng.normal(size=4)[table["trial"]]
    )
    table["y"] = np.digitize(z, [-1.5, -0.5, 0.5, 1.5]).astype(float)
    return table


def test_means_of_nested_strains_are_those_of_the_strains_alone(scores: pd.DataFrame) -> None:
    nested = hd.fit("y ~ genotype + strain + (1 | trial)", scores, family="cumulative")
    alone = hd.fit("y ~ strain + (1 | trial)", scores, family="cumulative")
    means = nested.emmeans("genotype").table()["estimate"].to_numpy()
    assert np.isfinite(means).all()
    strain = alone.emmeans("strain").table().set_index("strain")["estimate"]
    pairs = np.array([strain[list(two)].mean() for two in ("cd", "ab", "ef")])
    np.testing.assert_allclose(np.diff(means), np.diff(pairs), atol=1e-4)
    assert "nonEst" not in str(nested.emmeans("strain"))
    response = nested.emmeans("genotype", scale="response").table()["estimate"]
    assert np.isfinite(response.to_numpy()).all()


@pytest.mark.parametrize("factor", ["strain", "trial"])
def test_the_same_means_can_be_estimated_as_of_a_gaussian_response(
    scores: pd.DataFrame, factor: str
) -> None:
    some = scores[~((scores["strain"] == "a") & (scores["trial"] == 0))]
    formula = "y ~ strain * factor(trial)"
    ordinal = hd.fit(formula, some, family="cumulative").emmeans(factor).table()["estimate"]
    gaussian = hd.fit(formula, some).emmeans(factor).table()["estimate"]
    np.testing.assert_array_equal(np.isnan(ordinal), np.isnan(gaussian))
    assert np.isnan(ordinal).sum() == 1
