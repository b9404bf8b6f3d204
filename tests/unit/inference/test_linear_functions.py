"""Degrees of freedom and joint tests, against their definitions with full matrices."""

from functools import cache
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2, f

import henderson as hd
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.inference import joint_test, linear_estimates
from henderson.inference.ddf import expected_information

MODELS = {
    "slopes": "y ~ x + f + (1 + x | a)",
    "crossed": "y ~ x + f + (1 + x || a) + (1 | b)",
    "nested": "y ~ x * f + (1 | a/b)",
    "no random effects": "y ~ x + f",
}


@cache
def fitted(name: str, method: Literal["ML", "REML"] = "REML") -> Estimates:
    rng = np.random.default_rng(11)
    n = 90
    a, b, x = rng.integers(0, 9, n), rng.integers(0, 5, n), rng.normal(size=n)
    y = x * (1 + rng.normal(size=9)[a]) + 2 * rng.normal(size=9)[a] + rng.normal(size=n)
    y += 2 * rng.normal(size=(9, 5))[a, b] + rng.normal(size=5)[b]
    data = {"y": y, "x": x, "f": rng.choice(["p", "q", "r"], n), "a": a, "b": b}
    data["w"] = rng.uniform(0.5, 2.0, n)
    return hd.fit(MODELS[name], data, weights="w", method=method).estimates


def dense_covariance(at: Estimates, psi: np.ndarray) -> np.ndarray:
    """Φ at ψ = (log σ, θ)."""
    X = at.location.fixed.matrix
    return np.linalg.inv(X.T @ np.linalg.solve(dense_variance(at, psi), X))


def dense_variance(at: Estimates, psi: np.ndarray) -> np.ndarray:
    """V at ψ = (log σ, θ), in full."""
    model = hd.FittedModel(at)
    V = np.diag(np.exp(2 * psi[0]) / at.response.size)
    start, Z = 0, model.Z.toarray()
    column = 0
    for term in at.location.terms:
        g, k = term.modes.shape
        count = len(term.theta)
        T = term.structure.factor(psi[1 + start : 1 + start + count], k)
        Zt = Z[:, column : column + g * k]
        V = V + Zt @ np.kron(np.eye(g), T @ T.T) @ Zt.T
        start, column = start + count, column + g * k
    return V


def parameters(at: Estimates) -> np.ndarray:
    log_sigma = at.predictors["dispersion"].beta
    return np.concatenate([log_sigma, *(term.theta for term in at.location.terms)])


@pytest.mark.parametrize("method", ["ML", "REML"])
@pytest.mark.parametrize("name", MODELS)
def test_satterthwaite_is_two_v_squared_over_the_variance_of_v(
    name: str, method: Literal["ML", "REML"]
) -> None:
    at = fitted(name, method)
    p, psi = at.location.beta.size, parameters(at)
    L = np.vstack([np.eye(p), np.random.default_rng(2).normal(size=(3, p))])
    v = np.diag(L @ dense_covariance(at, psi) @ L.T)
    steps = 1e-5 * np.eye(len(psi))
    g = (
        np.array(
            [
                np.diag(
                    L @ (dense_covariance(at, psi + s) - dense_covariance(at, psi - s)) @ L.T
                )
                for s in steps
            ]
        ).T
        / 2e-5
    )
    A = np.nan_to_num(at.vcov_all[p:, p:])
    found = linear_estimates(at, L, ddf="satterthwaite")
    assert_allclose(found.std_error**2, v, rtol=1e-8)
    assert_allclose(found.df, 2 * v**2 / np.einsum("rm,ml,rl->r", g, A, g), rtol=1e-6)


@pytest.mark.parametrize("ddf", ["satterthwaite", "residual", "infinite"])
def test_one_row_tested_jointly_is_its_t_test(ddf: str) -> None:
    at = fitted("crossed")
    L = np.array([[0.0, 1.0, -0.5, 0.0]])
    alone, test = linear_estimates(at, L, ddf=ddf), joint_test(at, L, ddf=ddf)
    assert_allclose(test.statistic, (alone.estimate[0] / alone.std_error[0]) ** 2, rtol=1e-10)
    assert_allclose(test.df2, alone.df[0], rtol=1e-10)
    assert test.df1 == 1


def test_rows_that_others_determine_change_nothing() -> None:
    at = fitted("slopes")
    L = np.eye(4)[1:]
    once = joint_test(at, L, ddf="residual")
    again = joint_test(at, np.vstack([L, L[:1] + L[1:2], np.zeros((1, 4))]), ddf="residual")
    assert again.df1 == once.df1 == 3
    assert_allclose(again.statistic, once.statistic, rtol=1e-10)


def test_p_values_are_those_of_f_and_chi_squared() -> None:
    at = fitted("slopes")
    L = np.eye(4)[2:]
    residual, infinite = joint_test(at, L, ddf="residual"), joint_test(at, L, ddf="infinite")
    assert_allclose(residual.p_value, f.sf(residual.statistic, 2, 86), rtol=1e-10)
    assert_allclose(infinite.p_value, chi2.sf(infinite.chi2, 2), rtol=1e-10)
    assert np.isinf(infinite.df2)


def test_nothing_to_test_is_not_a_number() -> None:
    test = joint_test(fitted("slopes"), np.zeros((2, 4)), ddf="residual")
    assert test.df1 == 0
    assert np.isnan(test.p_value)


def test_errors_say_what_to_do() -> None:
    at = fitted("slopes")
    with pytest.raises(ModelError, match=r"Did you mean 'satterthwaite'\?"):
        linear_estimates(at, np.eye(4), ddf="saterthwaite")
    with pytest.raises(ModelError, match=r"4 columns.*\(Intercept\), x, fq, fr.*\(2, 3\)"):
        joint_test(at, np.zeros((2, 3)))


def test_satterthwaite_is_refused_where_it_is_not_derived() -> None:
    data = {"y": [0, 1, 3, 2, 5, 1, 0, 4], "g": list("aabbccdd"), "x": list(range(8))}
    at = hd.fit("y ~ x + (1 | g)", data, family="poisson").estimates
    with pytest.raises(ModelError, match=r'poisson.*log link. Use ddf="infinite"'):
        linear_estimates(at, np.eye(2), ddf="satterthwaite")
    assert np.isinf(linear_estimates(at, np.eye(2)).df).all()


def dense_kenward_roger(at: Estimates, L: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Φ_A, λF and ν by the definitions, V = Σ γᵢVᵢ over the elements of G and σ²."""
    model = hd.FittedModel(at)
    X, V, beta = model.X, model.V, at.location.beta
    parts, Z, column = [np.diag(1.0 / at.response.size)], model.Z.toarray(), 0
    for term in at.location.terms:
        g, k = term.modes.shape
        Zt = Z[:, column : column + g * k]
        column += g * k
        for i in range(k):
            for j in range(i + 1 if term.design.term.structure == "us" else 1):
                j = j if term.design.term.structure == "us" else i
                E = np.zeros((k, k))
                E[i, j] = E[j, i] = 1.0
                parts.append(Zt @ np.kron(np.eye(g), E) @ Zt.T)
    inverse = np.linalg.inv(V)
    Phi = np.linalg.inv(X.T @ inverse @ X)
    P = [-X.T @ inverse @ Vi @ inverse @ X for Vi in parts]
    Q = [[X.T @ inverse @ Vi @ inverse @ Vj @ inverse @ X for Vj in parts] for Vi in parts]
    project = inverse - inverse @ X @ Phi @ X.T @ inverse
    information = [[np.trace(project @ Vi @ project @ Vj) / 2 for Vj in parts] for Vi in parts]
    W = np.linalg.inv(information)
    pairs = [(i, j) for i in range(len(parts)) for j in range(len(parts))]
    adjustment = sum(W[i, j] * (Q[i][j] - P[i] @ Phi @ P[j]) for i, j in pairs)
    adjusted = Phi + 2 * Phi @ adjustment @ Phi
    q = len(L)
    Theta = L.T @ np.linalg.inv(L @ Phi @ L.T) @ L
    M = [Theta @ Phi @ Pi @ Phi for Pi in P]
    A1 = sum(W[i, j] * np.trace(M[i]) * np.trace(M[j]) for i, j in pairs)
    A2 = sum(W[i, j] * np.trace(M[i] @ M[j]) for i, j in pairs)
    B = (A1 + 6 * A2) / (2 * q)
    g = ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2)
    d = 3 * q + 2 * (1 - g)
    c1, c2, c3 = g / d, (q - g) / d, (q + 2 - g) / d
    mean = 1 / (1 - A2 / q)
    variance = 2 / q * (1 + c1 * B) / ((1 - c2 * B) ** 2 * (1 - c3 * B))
    nu = 4 + (q + 2) / (q * variance / (2 * mean**2) - 1)
    value = L @ beta
    F = value @ np.linalg.solve(L @ adjusted @ L.T, value) / q
    return adjusted, float(nu / (mean * (nu - 2)) * F), float(nu)


@pytest.mark.parametrize("name", ["slopes", "crossed", "nested"])
def test_kenward_roger_is_its_definition(name: str) -> None:
    at = fitted(name)
    p = at.location.beta.size
    for L in (np.eye(p)[1:], np.eye(p)[2:4], np.eye(p)[:1]):
        adjusted, statistic, df = dense_kenward_roger(at, L)
        found, test = linear_estimates(at, np.eye(p)), joint_test(at, L)
        assert found.ddf == test.ddf == "kenward-roger"
        assert_allclose(found.vcov, adjusted, rtol=1e-8, atol=1e-12)
        assert_allclose([test.statistic, test.df2], [statistic, df], rtol=1e-8)


@pytest.mark.parametrize("seed", [1, 2])
def test_kenward_roger_is_its_definition_where_the_residual_variance_is_0(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = {
        "y": rng.normal(size=40) + np.repeat(rng.normal(size=8), 5),
        "t": np.tile(np.arange(1, 6), 8),
        "id": np.repeat(np.arange(8), 5),
    }
    structure = {1: "ar1", 2: "toep"}[seed]
    model = hd.fit(f"y ~ factor(t) + {structure}(0 + factor(t) | id)", data)
    assert "the residual variance is estimated as 0" in model.outcome
    X, V, term = model.X, model.V, model.estimates.location.terms[0]
    half = term.structure.factor_derivatives(term.theta, 5)
    half = half @ term.structure.factor(term.theta, 5).T
    Z = model.Z.toarray()
    parts = [Z @ np.kron(np.eye(8), h + h.T) @ Z.T for h in half]
    parts.append(np.eye(40))
    inverse = np.linalg.inv(V)
    Phi = np.linalg.inv(X.T @ inverse @ X)
    project = inverse - inverse @ X @ Phi @ X.T @ inverse
    moved = [project @ part for part in parts]
    W = np.linalg.inv([[np.sum(a * b.T) / 2 for b in moved] for a in moved])
    A = [part @ inverse @ X @ Phi for part in parts]
    excess = [[a.T @ project @ b for b in A] for a in A]
    adjusted = Phi + 2.0 * np.einsum("ij,ijab->ab", W, excess)
    found = linear_estimates(model.estimates, np.eye(5))
    assert found.ddf == "kenward-roger"
    assert_allclose(found.vcov, adjusted, rtol=1e-5, atol=1e-8)
    test = joint_test(model.estimates, np.eye(5)[1:])
    assert 5.0 < test.df2 < 40.0
    assert "nan" not in str(model.summary()).lower()
    satterthwaite = linear_estimates(model.estimates, np.eye(5), ddf="satterthwaite")
    assert np.all((satterthwaite.df > 3.0) & (satterthwaite.df < 60.0))


def test_a_singular_covariance_of_residuals_has_degrees_of_freedom_between_subjects() -> None:
    rng = np.random.default_rng(0)
    data = {
        "y": rng.normal(size=16),
        "visit": np.tile(np.arange(4), 4),
        "subject": np.repeat(np.arange(4), 4),
    }
    model = hd.fit("y ~ visit", data, residual="us(visit | subject)")
    assert "estimated as singular" in model.outcome
    found = linear_estimates(model.estimates, np.eye(2))
    assert found.ddf == "between-within"
    assert_allclose(found.df, 2.0)  # 4 subjects, 2 coefficients
    with pytest.raises(ModelError, match=r"estimated as singular.*between-within"):
        linear_estimates(model.estimates, np.eye(2), ddf="kenward-roger")
    ar1 = hd.fit("y ~ visit", data, residual="ar1(visit | subject)")
    assert_allclose(
        linear_estimates(ar1.estimates, np.eye(2), ddf="between-within").df, [3.0, 11.0]
    )


def test_one_coefficient_has_the_same_degrees_of_freedom_alone_and_jointly() -> None:
    at = fitted("slopes")
    found = linear_estimates(at, np.eye(4))
    for row, df in zip(np.eye(4), found.df, strict=True):
        assert_allclose(joint_test(at, row[None]).df2, df, rtol=1e-8)


@pytest.mark.parametrize("ddf", ["kenward-roger", "satterthwaite", "containment"])
def test_without_random_effects_all_methods_are_the_residual_one(ddf: str) -> None:
    at = fitted("no random effects")
    assert_allclose(linear_estimates(at, np.eye(4), ddf=ddf).df, 86.0, rtol=1e-8)
    test, residual = (
        joint_test(at, np.eye(4), ddf=ddf),
        joint_test(at, np.eye(4), ddf="residual"),
    )
    assert_allclose(test.statistic, residual.statistic, rtol=1e-10)
    assert_allclose(test.df2, 86.0, rtol=1e-8)


def test_kenward_roger_is_refused_for_maximum_likelihood_and_other_families() -> None:
    with pytest.raises(ModelError, match=r'method="REML".*ddf="satterthwaite"'):
        linear_estimates(fitted("slopes", "ML"), np.eye(4), ddf="kenward-roger")
    assert linear_estimates(fitted("slopes", "ML"), np.eye(4)).ddf == "satterthwaite"
    data = {"y": [0, 1, 3, 2, 5, 1, 0, 4], "g": list("aabbccdd"), "x": list(range(8))}
    at = hd.fit("y ~ x + (1 | g)", data, family="poisson").estimates
    with pytest.raises(ModelError, match=r'Kenward.*poisson.*ddf="infinite"'):
        linear_estimates(at, np.eye(2), ddf="kenward-roger")


@pytest.mark.parametrize("ddf", ["containment", "between-within", "kenward-roger"])
def test_a_balanced_split_plot_has_the_degrees_of_freedom_of_its_strata(ddf: str) -> None:
    oats = hd.fit(
        "yield ~ Variety * factor(nitro) + (1 | Block/Variety)", hd.datasets.load("oats")
    )
    at = oats.estimates
    rows = {name: i for i, name in enumerate(oats.params)}
    L = np.eye(len(rows))
    varieties = [i for name, i in rows.items() if "Variety" in name and ":" not in name]
    interactions = [i for name, i in rows.items() if ":" in name]
    nitrogen = [i for name, i in rows.items() if "nitro" in name and ":" not in name]
    assert_allclose(joint_test(at, L[interactions], ddf=ddf).df2, 45, rtol=1e-6)
    if ddf != "kenward-roger":  # there, coefficients of varieties compare split plots
        assert_allclose(joint_test(at, L[varieties], ddf=ddf).df2, 10, rtol=1e-6)
        assert_allclose(linear_estimates(at, L[:1], ddf=ddf).df, 5, rtol=1e-6)
    assert_allclose(joint_test(at, L[nitrogen], ddf=ddf).df2, 45, rtol=1e-6)


def test_containment_counts_random_slopes_and_the_residual_rank() -> None:
    sleep = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    found = linear_estimates(sleep.estimates, np.eye(2), ddf="containment")
    assert found.df.tolist() == [17.0, 17.0]
    only_intercepts = hd.fit("Reaction ~ Days + (1 | Subject)", hd.datasets.load("sleepstudy"))
    found = linear_estimates(only_intercepts.estimates, np.eye(2), ddf="containment")
    assert found.df.tolist() == [17.0, 161.0]
    both = linear_estimates(
        only_intercepts.estimates, np.array([[1.0, 2.0]]), ddf="containment"
    )
    assert both.df.tolist() == [17.0]


def test_between_within_is_refused_for_crossed_groups() -> None:
    with pytest.raises(ModelError, match="'b' and 'a' are crossed"):
        linear_estimates(fitted("crossed"), np.eye(4), ddf="between-within")


STRUCTURES = ["cs(0 + t | g)", "ar1(0 + t | g)", "homdiag(0 + t | g)", "us(0 + t | g)"]


@cache
def longitudinal(random: str) -> Estimates:
    rng = np.random.default_rng(8)
    g, t = np.repeat(np.arange(14), 4), np.tile(np.arange(4), 14)
    effects = 2 * np.cumsum(rng.normal(size=(14, 4)), axis=1) + 2 * rng.normal(size=(14, 1))
    x = rng.normal(size=56)
    data = {"y": x + effects[g, t] + rng.normal(size=56), "x": x, "g": g}
    data = {**data, "t": [f"t{each}" for each in t]}
    keep = rng.random(56) < 0.9
    kept = {name: np.asarray(values)[keep] for name, values in data.items()}
    twice = {name: np.concatenate([values, values]) for name, values in kept.items()}
    twice["y"] = twice["y"] + rng.normal(size=len(twice["y"]))
    return hd.fit(f"y ~ x + t + {random}", twice).estimates


@pytest.mark.parametrize("random", STRUCTURES)
def test_structures_enter_by_their_derivatives(random: str) -> None:
    at = longitudinal(random)
    psi, p = parameters(at), at.location.beta.size
    X = at.location.fixed.matrix
    V = dense_variance(at, psi)
    parts = [
        (dense_variance(at, psi + s) - dense_variance(at, psi - s)) / 2e-5
        for s in 1e-5 * np.eye(len(psi))
    ]
    inverse = np.linalg.inv(V)
    Phi = np.linalg.inv(X.T @ inverse @ X)
    project = inverse - inverse @ X @ Phi @ X.T @ inverse
    P = [-X.T @ inverse @ Vi @ inverse @ X for Vi in parts]
    W = np.linalg.inv([[np.trace(project @ A @ project @ B) / 2 for B in parts] for A in parts])
    adjustment = sum(
        W[i, j] * (X.T @ inverse @ A @ inverse @ B @ inverse @ X - P[i] @ Phi @ P[j])
        for i, A in enumerate(parts)
        for j, B in enumerate(parts)
    )
    found = linear_estimates(at, np.eye(p), ddf="kenward-roger")
    assert_allclose(found.vcov, Phi + 2 * Phi @ adjustment @ Phi, rtol=1e-5, atol=1e-8)
    g = np.array([np.diag(Phi @ Pi @ Phi) for Pi in P])
    assert_allclose(
        found.df, 2 * np.diag(Phi) ** 2 / np.einsum("ir,ij,jr->r", g, W, g), rtol=1e-5
    )


@pytest.mark.parametrize("random", ["(x | g) + (1 | h)", "(x | g) + (1 | g:h)"])
def test_kenward_roger_by_columns_of_a_few_levels_is_that_of_the_whole(
    random: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    g, h, x = rng.integers(0, 12, 150), rng.integers(0, 5, 150), rng.normal(size=150)
    y = x + rng.normal(size=12)[g] * (1 + x) + rng.normal(size=5)[h] + rng.normal(size=150)
    model = hd.fit(f"y ~ x + {random}", {"y": y, "x": x, "g": g, "h": h})
    whole = linear_estimates(model.estimates, np.eye(2), ddf="kenward-roger")
    monkeypatch.setattr(expected_information, "LARGEST_DENSE", 10)
    monkeypatch.setattr(expected_information, "_NUMBERS", 300)
    parts = linear_estimates(model.estimates, np.eye(2), ddf="kenward-roger")
    assert_allclose(parts.vcov, whole.vcov, rtol=1e-10)
    assert_allclose(parts.df, whole.df, rtol=1e-10)
    monkeypatch.setattr(expected_information, "LARGEST_WORK", 10.0)
    with pytest.raises(ModelError, match=r"a solution for each of the .*satterthwaite"):
        linear_estimates(model.estimates, np.eye(2), ddf="kenward-roger")


@pytest.mark.parametrize(
    ("data", "formula", "whole", "within", "df"),
    [
        ("oats", "yield ~ Variety * nitro + (1 | Block/Variety)", "Variety", "nitro", (10, 45)),
        ("cake", "angle ~ recipe * temperature + (1 | recipe:replicate)", "recipe",
         "temperature", (42, 210)),
    ],
)  # fmt: skip
def test_whole_plots_have_whole_plot_degrees_of_freedom_everywhere(
    data: str, formula: str, whole: str, within: str, df: tuple[int, int]
) -> None:
    table = hd.datasets.load(data)
    model = hd.fit(formula.replace(within, f"factor({within})"), table)
    tests = model.anova().set_index("term")
    assert_allclose(tests.loc[whole, "df2"], df[0], rtol=1e-6)
    assert_allclose(tests.loc[f"factor({within})", "df2"], df[1], rtol=1e-6)
    means = model.emmeans(whole)
    assert_allclose(means.contrasts().table()["df"], df[0], rtol=1e-6)
    assert_allclose(model.emmeans(within).contrasts().table()["df"], df[1], rtol=1e-6)
    # A mean has no more degrees of freedom than its plots; its letters are from the contrasts.
    assert np.all(means.table()["df"] <= df[0] + 1e-6)
    letters, pairs = means.letters(), means.contrasts().table()
    assert set(letters["letters"]) == {"a"}
    assert np.all(pairs["p_value"] > 0.05)
    # At one level of the subplots a comparison of whole plots combines both strata.
    rows = pd.DataFrame(model.coefficients()).set_index("term")
    of_whole = [t for t in rows.index if t.startswith(whole) and ":" not in t]
    assert np.all((rows.loc[of_whole, "df"] > df[0]) & (rows.loc[of_whole, "df"] < sum(df)))
    text = str(model.summary())
    assert all(f"{rows.loc[t, 'df']:.3g}" in text for t in of_whole)
