"""Likelihoods with several maxima are searched from several starts."""

import re

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.estimation import pipeline
from henderson.families import FAMILIES, Response, family_named
from tests.reference.corpus import cases


def outliers(seed: int) -> pd.DataFrame:
    """10 groups of 4 with residuals of a t distribution."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(10), 4)
    x = rng.normal(size=40)
    y = 1 + 0.4 * x + 0.7 * rng.normal(size=10)[g] + rng.standard_t(4, size=40)
    return pd.DataFrame({"y": y, "x": x, "g": g})


def skewed(seed: int) -> pd.DataFrame:
    """10 groups of 4 with skewed residuals."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(10), 4)
    x = rng.normal(size=40)
    d = 3 / np.sqrt(10)
    e = d * abs(rng.normal(size=40)) + np.sqrt(1 - d * d) * rng.normal(size=40)
    return pd.DataFrame({"y": 1 + 0.4 * x + 0.5 * rng.normal(size=10)[g] + e, "x": x, "g": g})


def zeros(seed: int) -> pd.DataFrame:
    """Negative binomial counts of 20 groups of 8, a fifth of which are zero."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(20), 8)
    x = rng.normal(size=160)
    mean = np.exp(0.7 + 0.4 * x + 0.5 * rng.normal(size=20)[g])
    y = rng.poisson(mean * rng.gamma(1.5, 1 / 1.5, 160))
    return pd.DataFrame({"y": np.where(rng.random(160) < 0.2, 0, y), "x": x, "g": g})


def trial(seed: int) -> pd.DataFrame:
    """Genotypes in environments whose error variances differ."""
    rng = np.random.default_rng(seed)
    env, gen, _ = np.indices((6, 7, 3)).reshape(3, -1)
    y = (
        rng.normal(size=6)[env]
        + 0.5 * rng.normal(size=7)[gen]
        + 0.8 * rng.normal(size=(6, 7))[env, gen]
    )
    y = y + rng.normal(size=126) * np.exp(rng.normal(size=6))[env]
    return pd.DataFrame({"env": env.astype(str), "gen": gen.astype(str), "y": y})


LOWER = {  # where the usual start leads to a lower maximum
    "t": outliers(13),
    "skewnormal": skewed(34),
    "zero_inflated_nbinom2": zeros(25),
}


@pytest.mark.parametrize("family", LOWER)
def test_the_highest_maximum_of_several_starts_is_kept(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = hd.fit("y ~ x + (1 | g)", LOWER[family], family=family)
    assert model.converged
    assert model.estimates.certificate.starts == 3
    monkeypatch.setattr(pipeline, "highest_of_starts", lambda first, *_: first)
    usual = hd.fit("y ~ x + (1 | g)", LOWER[family], family=family)
    assert usual.converged
    gain = model.llf - usual.llf
    assert gain > 0.8
    said = re.search(r"from 3 starts, is (\S+) above that from the usual start", model.outcome)
    assert said is not None
    assert float(said[1]) == pytest.approx(gain, rel=0.01)


def test_one_maximum_from_all_starts_is_not_spoken_of() -> None:
    model = hd.fit(
        "SiblingNegotiation ~ FoodTreatment + (1 | Nest)",
        hd.datasets.load("owls"),
        family="nbinom1",
        zero_inflation="~ 1",
    )
    assert model.estimates.certificate.starts == 3
    assert not model.estimates.certificate.notes


def test_a_maximum_from_another_start_stands_where_the_usual_one_finds_none() -> None:
    """The usual one goes towards a half normal distribution, which has no end there."""
    model = hd.fit("y ~ x + (1 | g)", skewed(22), family="skewnormal")
    assert model.converged
    assert "from the usual one none was found" in model.outcome


def test_profiles_stay_with_the_maximum_that_was_found() -> None:
    """From the usual start, fits with the slope held would be up to 1 lower."""
    table = outliers(13)
    model = hd.fit("y ~ x + (1 | g)", table, family="t")
    interval = model.profile_intervals("x").iloc[0]
    for end in (interval["lower"], interval["upper"]):
        held = hd.fit("y ~ 1 + (1 | g)", table, family="t", offset=end * table["x"])
        assert model.llf - held.llf == pytest.approx(1.9207, abs=1e-3)


@pytest.mark.parametrize("name", FAMILIES)
def test_other_starts_are_of_the_predictors_of_the_family(name: str) -> None:
    family = family_named(name)
    for start in family.other_starts(Response.of(np.array([0.0, 1.0, 3.0]))):
        assert set(start) <= set(family.predictors[1:])
        assert np.isfinite(list(start.values())).all()


@pytest.mark.parametrize("name", ["poisson", "nbinom2", "gamma", "beta", "binomial"])
def test_families_with_one_maximum_have_one_start(name: str) -> None:
    assert family_named(name).other_starts(Response.of(np.array([0.0, 1.0, 3.0]))) == ()


def test_the_degrees_of_freedom_given_there_is_one_start() -> None:
    assert hd.families.StudentT(df=4).other_starts(Response.of(np.arange(3.0))) == ()


def test_a_power_of_rounded_measurements_is_at_its_limit() -> None:
    """There the likelihood has a narrow maximum for each unit the numbers are counts of."""
    case = next(c for c in cases().values() if c.data == "penicillin")
    model = hd.fit("diameter ~ 1 + (1 | plate) + (1 | sample)", case.table(), family="tweedie")
    assert model.converged
    assert "the shape is estimated at its limit, power 1" in model.outcome
    assert model.llf > -168.5


def test_amounts_without_zeros_let_the_power_go_to_two() -> None:
    """Steps into numbers beyond range were a traceback."""
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(10), 4)
    table = pd.DataFrame({"y": rng.gamma(2.0, 1.0, 40) * np.exp(0.3 * (g % 3)), "g": g})
    model = hd.fit("y ~ 1 + (1 | g)", table, family="tweedie")
    assert model.converged


@pytest.mark.parametrize(
    ("seed", "highest"),  # by nlme and glmmTMB
    [(2, -201.3111), (6, -272.7445), (8, -213.0007), (9, -184.3755)],
)
def test_error_variances_of_environments_do_not_hide_that_of_genotypes_within_them(
    seed: int, highest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, formula = trial(seed), "y ~ gen + (1 | env/gen)"
    model = hd.fit(formula, data, dispersion="~ env", method="ML")
    assert model.converged
    assert model.llf == pytest.approx(highest, abs=2e-4)
    grouped = hd.fit(
        formula, data, dispersion="~ 0 + env", residual="homdiag(1 | env)", method="ML"
    )
    assert grouped.llf == pytest.approx(model.llf)
    monkeypatch.setattr(pipeline, "highest_of_starts", lambda first, *_: first)
    usual = hd.fit(formula, data, dispersion="~ env", method="ML")
    assert usual.converged
    assert usual.llf < model.llf - 5.0


def test_a_variance_of_zero_is_searched_again_from_beside_it() -> None:
    rng = np.random.default_rng(2)
    g = np.repeat(np.arange(12), 3)
    data = pd.DataFrame({"g": g, "x": rng.normal(size=36), "y": rng.normal(size=36)})
    model = hd.fit("y ~ x + (1 | g)", data)
    assert "the variance of g is estimated as 0" in model.outcome
    assert model.estimates.certificate.starts == 3


def test_residuals_beside_random_effects_are_searched_from_independent_ones_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    g, k = np.indices((12, 4)).reshape(2, -1)
    e = np.cumsum(rng.normal(size=(12, 4)), axis=1)
    data = pd.DataFrame({"g": g, "k": k, "y": rng.normal(size=12)[g] + e[g, k]})
    model = hd.fit("y ~ 1 + (1 | g)", data, residual="ar1(k | g)")
    starts = model.estimates.certificate.starts
    monkeypatch.setattr(pipeline, "highest_of_starts", lambda first, *_: first)
    assert hd.fit("y ~ 1 + (1 | g)", data, residual="ar1(k | g)").llf <= model.llf + 1e-6
    assert starts == 6


@pytest.mark.parametrize(
    "options",
    [{"family": "t"}, {"dispersion": "~ x"}, {"residual": "ar1(k | g)", "dispersion": "~ x"}],
    ids=", ".join,
)
def test_fits_without_some_rows_stay_near_the_maximum_of_all(options: dict[str, str]) -> None:
    table = outliers(13).assign(k=np.tile(np.arange(4), 10))
    model = hd.fit("y ~ x + (1 | g)", table, **options)  # pyright: ignore[reportArgumentType]
    assert model.estimates.certificate.starts > 1
    deleted = model.influence("g", refit=True).deleted_beta[0]
    left = hd.fit("y ~ x + (1 | g)", table[table["g"] != 0], **options)  # pyright: ignore[reportArgumentType]
    assert deleted == pytest.approx(list(left.params.values()), abs=1e-3)
