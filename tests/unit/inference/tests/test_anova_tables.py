"""Analysis of variance tables: definitions that must hold whatever the data."""

from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.errors import ModelError
from henderson.inference.tests.anova_tables import anova

NUMBERS = ["df1", "df2", "statistic", "p_value"]


@cache
def data() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 120
    table = pd.DataFrame(
        {
            "g": rng.integers(0, 12, n),
            "a": rng.choice(["p", "q", "r"], n, p=[0.5, 0.3, 0.2]),
            "b": rng.choice(["s", "t"], n),
            "x": rng.normal(5.0, 1.0, n),
        }
    )
    y = rng.normal(size=n) + rng.normal(size=12)[table["g"]] + 0.3 * table["x"]
    return table.assign(y=y + (table["a"] == "q") * (table["b"] == "t"))


@cache
def fitted(formula: str, contrasts: str = "treatment", rows: int = 120) -> hd.FittedModel:
    return hd.fit(formula, data().iloc[:rows], contrasts=contrasts)


def table_of(formula: str, contrasts: str = "treatment", **options: Any) -> pd.DataFrame:  # noqa: ANN401
    return anova(fitted(formula, contrasts), **options)


@pytest.mark.parametrize("convention", ["car", "sas"])
@pytest.mark.parametrize("type", [1, 2, 3])
@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger"])
@pytest.mark.parametrize("formula", ["y ~ a * b + (1 | g)", "y ~ a * x + b + (1 | g)"])
def test_no_table_depends_on_the_contrasts(
    formula: str, ddf: str, type: Literal[1, 2, 3], convention: Literal["car", "sas"]
) -> None:
    options = {"type": type, "ddf": ddf, "convention": convention}
    ours = table_of(formula, "treatment", **options)
    for contrasts in ("sum", "helmert"):
        assert_allclose(
            table_of(formula, contrasts, **options)[NUMBERS], ours[NUMBERS], rtol=1e-6
        )


def test_type_3_is_the_test_of_sum_contrasts() -> None:
    model = fitted("y ~ a * b + (1 | g)", "sum")
    table = anova(model, type=3, test="Chisq").set_index("term")
    beta, vcov = model.estimates.location.beta, model.estimates.vcov
    assign = model.estimates.location.fixed.assign
    for place, term in enumerate(["a", "b", "a:b"], start=1):
        own = np.flatnonzero(assign == place)
        chi2 = beta[own] @ np.linalg.solve(vcov[np.ix_(own, own)], beta[own])
        assert_allclose(table.loc[term, "statistic"], chi2, rtol=1e-8)


def test_type_2_is_the_test_in_the_model_without_what_contains_a_term() -> None:
    model = fitted("y ~ a * b + (1 | g)")
    table = anova(model, type=2, test="Chisq").set_index("term")
    V, y = model.V, data()["y"].to_numpy()
    smaller = fitted("y ~ a + b + (1 | g)").X
    for term, own in {"a": [1, 2], "b": [3]}.items():
        Phi = np.linalg.inv(smaller.T @ np.linalg.solve(V, smaller))
        beta = Phi @ smaller.T @ np.linalg.solve(V, y)
        chi2 = beta[own] @ np.linalg.solve(Phi[np.ix_(own, own)], beta[own])
        assert_allclose(table.loc[term, "statistic"], chi2, rtol=1e-7)


def test_type_1_chi_squared_of_all_terms_add_up() -> None:
    model = fitted("y ~ a * x + b + (1 | g)")
    parts = anova(model, type=1, test="Chisq")["statistic"].sum()
    beta, vcov = model.estimates.location.beta[1:], model.estimates.vcov[1:, 1:]
    p = len(beta)
    assert_allclose(parts, beta @ np.linalg.solve(vcov[:p, :p], beta), rtol=1e-8)


def test_a_covariate_far_from_zero_is_no_trouble() -> None:
    shifted = data().assign(x=data()["x"] * 1e-3 + 100.0)
    formula = "y ~ a * x + b + (1 | g)"
    for type in (1, 2):
        ours = anova(hd.fit(formula, shifted), type=type)
        assert_allclose(ours[NUMBERS], table_of(formula, type=type)[NUMBERS], rtol=1e-5)


def test_missing_cells_leave_what_can_be_estimated() -> None:
    kept = data()[(data()["a"] != "r") | (data()["b"] != "t")]
    table = anova(hd.fit("y ~ a * b + (1 | g)", kept), type=3)
    assert table["df1"].tolist() == [2, 1, 1]
    nested = hd.fit("y ~ b + a:b + (1 | g)", kept)
    assert anova(nested, type=2)["df1"].tolist() == [1, 3]


def test_a_term_that_others_determine_has_nothing_to_test() -> None:
    doubled = data().assign(twin=data()["x"] * 2.0)
    table = anova(hd.fit("y ~ x + twin + (1 | g)", doubled), type=1)
    assert table["df1"].tolist() == [1, 0]
    assert np.isnan(table["p_value"][1])


def test_without_an_intercept_the_first_factor_has_all_its_levels() -> None:
    assert table_of("y ~ 0 + a + b + (1 | g)", type=1)["df1"].tolist() == [3, 1]


def test_other_families_get_chi_squared() -> None:
    counts = data().assign(y=np.random.default_rng(1).poisson(2.0, 120))
    table = anova(hd.fit("y ~ a + x + (1 | g)", counts, family="poisson"))
    assert np.isinf(table["df2"]).all()
    assert set(table["ddf"]) == {"infinite"}


def test_the_table_is_of_the_users_kind() -> None:
    pl = pytest.importorskip("polars")
    model = hd.fit("y ~ a + (1 | g)", pl.from_pandas(data()))
    assert isinstance(anova(model), pl.DataFrame)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": 4}, "type must be 1, 2 or 3"),
        ({"test": "chi"}, 'test must be "F" or "Chisq"'),
        ({"convention": "spss"}, 'convention must be "car" or "sas"'),
        ({"test": "Chisq", "ddf": "satterthwaite"}, "has no denominator"),
    ],
)
def test_options_that_do_not_exist_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        table_of("y ~ a * b + (1 | g)", **options)
