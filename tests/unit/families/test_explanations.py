"""Families explained: densities that add up to one, tables, and suggestions."""

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.families import FAMILIES, family_named
from henderson.families.density_table import density_table

NAMES = [name for name, kind in FAMILIES.items() if not kind.observes_categories]
NAMES += ["zero_inflated_nbinom2", "truncated_poisson", "hurdle_poisson"]


@pytest.mark.parametrize("name", NAMES)
def test_densities_add_up_to_one(name: str) -> None:
    family = family_named(name)
    given = (
        {"dispersion": 4.0} if "beta" in name and name != "betabinomial" else {}
    )  # with finite ends
    table = density_table(family, mu=None, size=10, parameters=given)
    curve = ~table["is_mass"]
    total = table["density"][table["is_mass"]].sum()
    total += np.trapezoid(table["density"][curve], table["y"][curve])
    assert 0.94 < total < 1.01  # a hundredth, and a cell, are left out


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_has_a_curve_for_each_combination(name: str) -> None:
    family = family_named(name)
    one = float(family.link.mean(np.zeros(1))[0])
    (ax,) = (
        family.plot([one, 0.7 * one + 0.05], dispersion=[0.5, 2.0]).axes
        if (family.has_dispersion)
        else family.plot([one, 0.7 * one + 0.05]).axes
    )
    legend = ax.get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert len(labels) == (4 if family.has_dispersion else 2)
    assert labels[0].startswith("μ = ")
    assert ax.get_title() == family.name


def test_parameters_that_a_family_does_not_have_are_refused() -> None:
    with pytest.raises(hd.ModelError, match="no parameter 'dispersion'"):
        hd.families.Poisson().plot(dispersion=2.0)
    with pytest.raises(hd.ModelError, match="within its range"):
        hd.families.Beta().plot(1.5)
    with pytest.raises(hd.ModelError, match="thresholds come from a fit"):
        hd.families.Cumulative().plot()


def test_the_table_has_every_family_with_its_moments_and_links() -> None:
    table = pd.DataFrame(hd.families.family_table()).set_index("family")
    assert table.index.tolist() == list(FAMILIES)
    assert table["moments"].str.contains("E(y", regex=False).all()
    assert table["what"].str.len().min() > 10
    assert table.loc["gamma", "links"] == ", ".join(FAMILIES["gamma"].links)


RNG = np.random.default_rng(1)
RESPONSES = {
    "two values": (RNG.integers(0, 2, 60), "binomial"),
    "poisson": (RNG.poisson(3.0, 400), "poisson"),
    "overdispersed": (RNG.negative_binomial(1, 0.2, 400), "nbinom2"),
    "no zeros": (1 + RNG.poisson(0.8, 400), "truncated_poisson"),
    "shares": (RNG.beta(2.0, 3.0, 100), "beta"),
    "positive": (RNG.gamma(2.0, 3.0, 100), "gamma"),
    "narrow": (RNG.normal(50.0, 2.0, 100), "gaussian"),
    "less than poisson": (RNG.binomial(12, 0.8, 200), "compois"),
    "amounts with zeros": (np.append(RNG.gamma(2.0, 3.0, 90), np.zeros(10)), "tweedie"),
    "shares with ends": (np.append(RNG.beta(2.0, 3.0, 95), np.ones(5)), "ordbeta"),
    "real": (RNG.normal(size=100), "gaussian"),
    "whole and far from 0": (np.round(RNG.normal(1500.0, 60.0, 100)), "gaussian"),
}


@pytest.mark.parametrize("kind", RESPONSES)
def test_the_first_candidate_goes_with_the_values(kind: str) -> None:
    y, family = RESPONSES[kind]
    found = hd.suggest_family({"y": y.astype(float)}, "y")
    assert found.family == family
    assert repr(found).startswith("y: ")


@pytest.mark.parametrize("kind", RESPONSES)
def test_every_candidate_can_be_fitted(kind: str) -> None:
    y, _ = RESPONSES[kind]
    data = {"y": y.astype(float), "g": np.arange(y.size) % 10}
    for each in hd.suggest_family(data, "y").candidates:
        if "response" in each.arguments:  # another one than this
            continue
        inflated = {"zero_inflation": "~ 1"} if "zero_inflation" in each.arguments else {}
        model = hd.fit("y ~ 1 + (1 | g)", data, family=each.family, **inflated)  # pyright: ignore
        assert np.isfinite(model.llf)


def test_zeros_that_are_not_of_the_counts_are_noticed() -> None:
    rng = np.random.default_rng(3)
    y = rng.poisson(6.0, 500) * (rng.random(500) < 0.6)
    found = hd.suggest_family({"y": y.astype(float)}, "y")
    assert any('zero_inflation="~ 1"' in each.arguments for each in found.candidates)


def test_successes_out_of_trials_are_binomial_or_vary_more() -> None:
    herds = hd.datasets.load("cbpp")
    found = hd.suggest_family(herds, "cbind(incidence, size - incidence)")
    assert [each.family for each in found.candidates] == ["binomial", "betabinomial"]
    assert found.table()["family"].tolist() == ["binomial", "betabinomial"]


def test_heavy_tails_and_exact_ends_are_named() -> None:
    rng = np.random.default_rng(3)
    found = hd.suggest_family({"y": rng.standard_t(2.0, 300)}, "y")
    assert "heavy" in found.candidates[1].reason
    y = np.append(rng.beta(2.0, 2.0, 50), [0.0, 1.0])
    assert hd.suggest_family({"y": y}, "y").family == "ordbeta"
    assert "moves them in" in repr(hd.suggest_family({"y": y}, "y"))
    y = np.append(rng.gamma(2.0, 3.0, 50), [0.0, 0.0])
    assert hd.suggest_family({"y": y}, "y").family == "tweedie"


def test_counts_that_vary_less_than_a_poisson_have_a_family() -> None:
    y = np.random.default_rng(1).binomial(12, 0.8, 300)
    found = hd.suggest_family({"y": y.astype(float)}, "y")
    assert found.family == "compois"


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(hd.DataError, match="TICK"):
        hd.suggest_family(hd.datasets.load("grouseticks"), "TICK")
