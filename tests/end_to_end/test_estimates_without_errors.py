"""After a fit that is no maximum: numbers where there are some, NaN elsewhere, no traceback."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.inference.ddf.coefficient_df import CoefficientDf
from henderson.inference.ddf.methods import has_covariance

CALLS: dict[str, Any] = {
    "summary": lambda m: str(m.summary()),
    "anova": lambda m: m.anova(),
    "joint tests": lambda m: m.joint_tests(),
    "Wald test": lambda m: m.wald_test("kb = 0"),
    "means": lambda m: str(m.emmeans("k")),
    "contrasts": lambda m: str(m.emmeans("k").contrasts("pairwise")),
    "letters": lambda m: m.emmeans("k").letters(),
    "intervals": lambda m: m.conf_int(),
    "predictions": lambda m: m.predict(interval="confidence"),
    "tidy": hd.tidy,
    "check": lambda m: str(m.check(n=0)),
}


def experiment() -> pd.DataFrame:
    """One treatment has successes only."""
    rng = np.random.default_rng(5)
    n = 300
    k = rng.choice(list("abc"), n)
    success = np.where(k == "a", 1, rng.integers(0, 2, n))
    return pd.DataFrame({"g": rng.integers(0, 20, n), "k": k, "b": success})


@pytest.fixture(scope="module")
def separated() -> hd.FittedModel:
    return hd.fit("b ~ k + (1 | g)", experiment(), family="binomial")


@pytest.mark.parametrize("call", CALLS)
def test_nothing_asked_of_a_separated_fit_is_a_traceback(
    separated: hd.FittedModel, call: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert CALLS[call](separated) is not None


def test_a_treatment_without_failures_leaves_the_others_their_numbers(
    separated: hd.FittedModel,
) -> None:
    """Those of b and c are those of the model without the rows of a, at σ near 0."""
    assert "no finite estimate" in separated.outcome
    assert "kb" in separated.outcome
    assert "drop1()" in separated.outcome
    table = separated.anova()
    assert table["df1"].tolist() == [2]
    assert np.isnan(table["p_value"]).all()
    means = separated.emmeans("k").table()
    assert np.isnan(means["std_error"].tolist()).tolist() == [True, False, False]
    data = experiment()
    without = hd.fit("b ~ k + (1 | g)", data[data["k"] != "a"], family="binomial")
    known = without.emmeans("k").table()
    np.testing.assert_allclose(means["estimate"][1:], known["estimate"], atol=1e-3)
    np.testing.assert_allclose(means["std_error"][1:], known["std_error"], rtol=1e-2)
    pairs = separated.emmeans("k").contrasts("pairwise").table()
    assert np.isnan(pairs["std_error"].tolist()).tolist() == [True, True, False]
    assert 0.0 < pairs["p_value"].iloc[2] < 1.0
    assert np.isnan(list(separated.bse.values())).all()


def test_one_row_that_separates_leaves_other_tests() -> None:
    rng = np.random.default_rng(101)
    n = 1000
    data = pd.DataFrame({"y": rng.integers(0, 2, n), "x": rng.random(n)})
    data["f"] = np.repeat(np.arange(20), 50)
    data["x2"] = np.r_[np.zeros(n - 1), 1]
    model = hd.fit("y ~ x + x2 + (1 | f)", data, family="binomial")
    assert not model.converged
    assert "no finite estimate: x2" in model.outcome
    usual = hd.fit("y ~ x + (1 | f)", data.iloc[:-1], family="binomial")
    assert model.params["x"] == pytest.approx(usual.params["x"], abs=1e-4)
    assert model.bse["x"] == pytest.approx(usual.bse["x"], rel=1e-3)
    assert np.isnan(model.bse["x2"])
    assert not np.isnan(model.anova()["p_value"].iloc[0])


def test_a_level_without_counts_is_named() -> None:
    rng = np.random.default_rng(7)
    data = pd.DataFrame({"f": np.tile(list("abcd"), 40), "g": np.repeat(np.arange(16), 10)})
    data["n"] = np.where(data.f == "c", 0, rng.poisson(3.0, 160))
    model = hd.fit("n ~ f + (1 | g)", data, family="poisson")
    assert "no finite estimate: fc" in model.outcome
    assert np.isnan(model.bse["fc"])
    assert np.isfinite([v for k, v in model.bse.items() if k != "fc"]).all()


def test_rows_without_missing_coefficients_have_a_covariance() -> None:
    vcov = np.full((3, 3), np.nan)
    vcov[1:, 1:] = [[2.0, 0.5], [0.5, 1.0]]
    L = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -1.0]])
    method = CoefficientDf("infinite", vcov, np.full(3, np.inf))
    assert has_covariance(method, L).tolist() == [False, True]


@pytest.mark.parametrize("structure", ["ar1", "cs", "hetar1", "toep", "diag", "homdiag"])
def test_a_model_of_noise_with_correlated_effects_is_printed(structure: str) -> None:
    """The variance is estimated as 0, and counts as one that was estimated."""
    rng = np.random.default_rng(3)
    n = 60
    data = pd.DataFrame(
        {"g": rng.integers(0, 6, n), "x": rng.normal(size=n), "f": rng.choice(list("abc"), n)}
    )
    data["y"] = np.random.default_rng(2).normal(size=n)
    effects = "0 + f" if structure in {"cs", "diag", "homdiag"} else "0 + ordered"
    data["ordered"] = pd.Categorical(data["f"], list("abc"), ordered=True)
    model = hd.fit(f"y ~ x + {structure}({effects} | g)", data)
    assert model.converged
    assert "boundary" in model.outcome
    assert "Kenward-Roger" in str(model.summary())
    assert np.isfinite(model.anova()["p_value"]).all()


def test_ar1_of_variance_0_has_the_degrees_of_freedom_of_independent_effects() -> None:
    rng = np.random.default_rng(3)
    n = 60
    data = pd.DataFrame({"g": rng.integers(0, 6, n), "x": rng.normal(size=n)})
    data["f"] = pd.Categorical(rng.choice(list("abc"), n), list("abc"), ordered=True)
    data["y"] = np.random.default_rng(2).normal(size=n)
    one = hd.fit("y ~ x + ar1(0 + f | g)", data)
    other = hd.fit("y ~ x + homdiag(0 + f | g)", data)
    assert "estimated as 0" in one.outcome
    found, known = (m.anova() for m in (one, other))
    assert found["df2"][0] == pytest.approx(known["df2"][0], rel=1e-6)


@pytest.mark.parametrize("seed", [6, 22, 29, 35])
def test_latent_gradients_of_sparse_counts_end_at_their_maximum(seed: int) -> None:
    """The model Hessian has no curvature for some loadings; differences must not step far."""
    rng = np.random.default_rng(seed)
    sites, k = 28, 12
    loadings = np.tril(rng.normal(size=(k, 2))) * 1.6
    eta = rng.normal(-1, 2.2, k) + rng.normal(size=(sites, 2)) @ loadings.T
    data = pd.DataFrame(
        [
            (i, f"s{j:02d}", rng.poisson(np.exp(min(eta[i, j], 4.8))))
            for i in range(sites)
            for j in range(k)
        ],
        columns=["id", "species", "n"],
    )
    data = data[data.groupby("species").n.transform("sum") > 0]
    model = hd.fit("n ~ species + rr(0 + species | id, 2)", data, family="poisson")
    assert model.converged, model.outcome
    assert np.isfinite(list(model.bse.values())).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [500.0, -500.0])
def test_absurd_offsets_have_an_outcome(seed: int, size: float) -> None:
    """Means of e^±500 leave no finite Hessian at some points: the search says how it ended."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"g": rng.integers(0, 6, 60), "x": rng.normal(size=60)})
    data["y"] = rng.poisson(2.0, 60)
    data["o"] = rng.uniform(-500.0, 500.0, 60) if seed % 2 else size
    model = hd.fit("y ~ x + (1 | g) + offset(o)", data, family="poisson")
    assert model.outcome
    assert "Fixed effects" in str(model.summary())
