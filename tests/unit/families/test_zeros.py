"""Zero inflation and hurdles by the front door."""

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.errors import DataError, ModelError
from henderson.families import Hurdle, NegativeBinomial2, Poisson, ZeroInflated, family_named


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    group = np.repeat(np.arange(25), 12)
    x = rng.standard_normal(group.size)
    mean = np.exp(1.0 + 0.4 * x + 0.4 * rng.standard_normal(25)[group])
    y = np.where(rng.random(group.size) < 0.3, 0.0, rng.poisson(mean))
    return pd.DataFrame({"y": y, "x": x, "g": group.astype(str)})


def test_a_formula_for_zeros_wraps_the_family(table: pd.DataFrame) -> None:
    inflated = hd.fit("y ~ x + (1 | g)", table, family="poisson", zero_inflation="~ x")
    assert inflated.estimates.family == ZeroInflated(Poisson())
    assert "Fixed effects of the zero_inflation" in str(inflated.summary())
    hurdle = hd.fit("y ~ x + (1 | g)", table, family="truncated_poisson", zero_inflation="~ 1")
    assert hurdle.estimates.family == Hurdle(Poisson())


def test_the_family_may_be_given_wrapped(table: pd.DataFrame) -> None:
    by_argument = hd.fit("y ~ x", table, family="nbinom2", zero_inflation="~ 1")
    by_family = hd.fit("y ~ x", table, family=ZeroInflated(NegativeBinomial2()))
    by_name = hd.fit("y ~ x", table, family="zero_inflated_nbinom2", zero_inflation="~ 1")
    assert by_argument.llf == by_family.llf == by_name.llf


def test_a_hurdle_is_two_models(table: pd.DataFrame) -> None:
    """The likelihood of a hurdle is that of the zeros times that of the other counts."""
    hurdle = hd.fit(
        "y ~ x + (1 | g)", table, family="truncated_poisson", zero_inflation="~ x + (1 | g)"
    )
    zeros = hd.fit("z ~ x + (1 | g)", table.assign(z=table["y"] == 0), family="binomial")
    above = hd.fit("y ~ x + (1 | g)", table[table["y"] > 0], family="truncated_poisson")
    assert hurdle.llf == pytest.approx(zeros.llf + above.llf, abs=1e-7)
    assert hurdle.params["x"] == pytest.approx(above.params["x"], abs=1e-5)


def test_fitted_means_count_the_zeros(table: pd.DataFrame) -> None:
    model = hd.fit("y ~ x + (1 | g)", table, family="poisson", zero_inflation="~ x")
    eta = np.column_stack([p.eta for p in model.estimates.predictors.values()])
    means = np.exp(eta[:, 0]) / (1.0 + np.exp(eta[:, 1]))
    np.testing.assert_allclose(model.fitted, means, 1e-12)
    np.testing.assert_allclose(model.predict(table), means, 1e-10)
    interval = model.predict(table.head(4), interval="prediction")
    np.testing.assert_allclose(interval["prediction"], means[:4], 1e-10)
    assert (interval["lower"] == 0.0).all()
    with pytest.raises(ModelError, match="several linear predictors"):
        model.predict(table, interval="confidence")


def test_the_constant_probability_of_zeros_is_reported(table: pd.DataFrame) -> None:
    model = hd.fit("y ~ x", table, family="poisson", zero_inflation="~ 1")
    logit = model.estimates.predictors["zero_inflation"].beta[0]
    assert f"Zero inflation: {1.0 / (1.0 + np.exp(-logit)):.4g}" in str(model.summary())


def test_means_of_the_zero_inflation_are_probabilities(table: pd.DataFrame) -> None:
    model = hd.fit(
        "y ~ x",
        table.assign(f=np.where(table["x"] > 0, "a", "b")),
        family="poisson",
        zero_inflation="~ f",
    )
    means = model.emmeans("f", component="zero_inflation", scale="response").table()
    beta = model.estimates.predictors["zero_inflation"].beta
    want = 1.0 / (1.0 + np.exp(-np.array([beta[0], beta[0] + beta[1]])))
    np.testing.assert_allclose(means.iloc[:, 1].to_numpy(), want, 1e-10)


def test_counts_without_more_zeros_end_at_the_limit() -> None:
    rng = np.random.default_rng(3)
    y = rng.poisson(9.0, 300).astype(float)
    model = hd.fit("y ~ 1", {"y": y}, family="poisson", zero_inflation="~ 1")
    assert model.llf == pytest.approx(hd.fit("y ~ 1", {"y": y}, family="poisson").llf, abs=1e-3)
    assert "no structural zeros" in str(model.summary())


def test_zeros_are_refused_where_none_can_be_seen(table: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"no zero can be seen[\s\S]*zero_inflation="):
        hd.fit("y ~ x", table, family="truncated_poisson")


def test_only_counts_have_more_zeros(table: pd.DataFrame) -> None:
    with pytest.raises(ModelError, match=r"gaussian is not a family whose zeros.*poisson"):
        hd.fit("y ~ x", table, zero_inflation="~ 1")
    with pytest.raises(ModelError, match="no family called 'gamme'"):
        family_named("truncated_gamme")
