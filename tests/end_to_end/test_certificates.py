"""What the outcome of a fit says is true, and what it gives can be printed."""

import numpy as np
import pandas as pd
import pytest

import henderson as hd


def sparse_species(seed: int) -> pd.DataFrame:
    """Counts of 12 species at 28 sites along two latent gradients, without empty species."""
    rng = np.random.default_rng(seed)
    load = np.tril(rng.normal(size=(12, 2))) * 1.6
    eta = rng.normal(-1, 2.2, 12) + rng.normal(size=(28, 2)) @ load.T
    rows = [
        (site, f"s{j:02d}", rng.poisson(np.exp(min(eta[site, j], 4.8))))
        for site in range(28)
        for j in range(12)
    ]
    table = pd.DataFrame(rows, columns=["id", "species", "n"])
    return table.loc[table.groupby("species").n.transform("sum") > 0]


def test_reduced_rank_counts_at_the_maximum_are_not_called_a_saddle() -> None:
    """glmmTMB 1.1: log-likelihood −515.5907, standard errors 1.8191, 2.1452, 1.8281, ...

    glmmTMB(n ~ species + rr(0 + species | id, 2), family = poisson)
    """
    table = sparse_species(6)
    model = hd.fit("n ~ species + rr(0 + species | id, 2)", table, family="poisson")
    assert model.converged
    assert model.llf == pytest.approx(-515.5907, abs=2e-4)
    found = list(model.bse.values())[:4]
    assert found == pytest.approx([1.8191, 2.1452, 1.8281, 1.9909], rel=2e-3)


def noise_in_groups() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "g": rng.integers(0, 6, 60),
            "x": rng.normal(size=60),
            "f": rng.choice(list("abc"), 60),
            "t": rng.uniform(0, 10, 60).round(2),
            "u": rng.uniform(0, 10, 60).round(2),
        }
    )
    table["y"] = np.random.default_rng(2).normal(size=60)
    return table


@pytest.mark.parametrize(
    "term",
    [
        *(f"{s}(0 + f | g)" for s in ("ar1", "hetar1", "cs", "homcs", "toep", "homtoep")),
        *(f"{s}(0 + f | g)" for s in ("ad", "diag", "homdiag")),
        "rr(0 + f | g, 1)",
        *(f"{s}(0 + t:u | g)" for s in ("exp", "gau", "mat")),
        "ou(0 + t | g)",
        "(0 + f | g)",
        "(1 | g) + ar1(0 + f | g)",
    ],
)
def test_a_model_whose_variance_is_zero_has_a_summary(term: str) -> None:
    model = hd.fit(f"y ~ x + {term}", noise_in_groups())
    assert model.converged
    assert "Fixed effects" in str(model.summary())
    assert np.isfinite(list(model.bse.values())).all()
    assert len(model.coefficients())
