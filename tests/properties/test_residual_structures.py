"""Residuals that vary together: every structure against V written out in full."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.arrays import Matrix, Vector
from henderson.covariance import RESIDUAL_STRUCTURES
from henderson.equations import RandomTermMatrix
from henderson.inference.ddf.independent_blocks import kenward_roger, satterthwaite
from henderson.likelihood.correlated_errors import CorrelatedErrorsLikelihood
from henderson.likelihood.error_blocks import ErrorBlocks
from henderson.likelihood.parameters import CovarianceParameters

STRUCTURES = sorted(RESIDUAL_STRUCTURES)
K = 4
TIMES = np.array([0.0, 1.0, 2.5, 4.0])


@dataclass
class Small:
    """A small unbalanced model with its likelihood, blocked and dense."""

    likelihood: CorrelatedErrorsLikelihood
    theta: Vector
    subject: np.ndarray
    position: np.ndarray
    group: np.ndarray
    codes: list[np.ndarray]
    values: list[Matrix]
    X: Matrix
    y: Vector
    weight: Vector
    D: Matrix
    restricted: bool

    @classmethod
    def of(
        cls,
        structure: str,
        *,
        groups: int,
        terms: int,
        weighted: bool,
        restricted: bool,
        crossed: int = 0,
        scales: int = 0,
    ) -> "Small":
        rng = np.random.default_rng([*structure.encode(), groups, terms])
        subject, position = np.repeat(np.arange(12), K), np.tile(np.arange(K), 12)
        kept = rng.permutation(np.flatnonzero(rng.random(len(subject)) > 0.2))
        _, subject = np.unique(subject[kept], return_inverse=True)
        position, n = position[kept], len(kept)
        group = subject % groups
        X = np.column_stack([np.ones(n), rng.standard_normal(n), position]).astype(np.float64)
        y = rng.standard_normal(n) + rng.standard_normal(12)[subject]
        codes = [subject.astype(np.int32), (subject // 3).astype(np.int32)][:terms]
        values = [np.column_stack([np.ones(n), position]).astype(float), np.ones((n, 1))][
            :terms
        ]
        crossing = (
            rng.integers(0, 5, n).astype(np.int32),
            rng.integers(0, 3, n).astype(np.int32),
        )
        codes = [*codes, *crossing[:crossed]]
        values = [*values, rng.standard_normal((n, 2)), np.ones((n, 1))][: terms + crossed]
        if crossed:
            order = sorted(range(terms + crossed), key=lambda t: (t + 1) % 3)
            codes, values = [codes[t] for t in order], [values[t] for t in order]
        random = [
            RandomTermMatrix(0, v.shape[1], int(c.max()) + 1, c, v)
            for c, v in zip(codes, values, strict=True)
        ]
        own = RESIDUAL_STRUCTURES[structure]
        own = own if own.coordinates is None else own.at(TIMES[:, None])
        unstructured = RESIDUAL_STRUCTURES["us"]
        parameters = CovarianceParameters(
            (unstructured,) * len(values) + (own,) * groups,
            tuple(v.shape[1] for v in values) + (K,) * groups,
        )
        weight = rng.uniform(0.5, 2.0, n) if weighted else np.ones(n)
        D = rng.standard_normal((n, scales))
        likelihood = CorrelatedErrorsLikelihood(
            random,
            parameters,
            ErrorBlocks.of(subject, position, group, K),
            X,
            y,
            weight if weighted else None,
            scales=D,
            log_scale=0.1 * X[:, 1],
            restricted=restricted,
        )
        near = [0.5 * np.eye(k) for k in parameters.k[: len(values)]]
        near += [0.8 * np.eye(K) + 0.2] * groups
        theta = parameters.parameters_near(near)
        theta = theta + 0.05 * rng.standard_normal(len(theta))
        theta = np.concatenate([theta, 0.2 * rng.standard_normal(scales)])
        likelihood.start_from(theta)
        return cls(
            likelihood,
            theta,
            subject,
            position,
            group,
            codes,
            values,
            X,
            y,
            weight,
            D,
            restricted,
        )

    def dense(self, theta: Vector) -> float:
        """−2 log L from V, entry by entry."""
        factors, m = (
            self.likelihood.parameters.factors(theta[: len(self.likelihood.parameters)]),
            len(self.codes),
        )
        n, count = len(self.y), len(self.likelihood.parameters)
        size = np.exp(self.D @ theta[count:] + 0.1 * self.X[:, 1]) / np.sqrt(self.weight)
        V = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                if self.subject[i] == self.subject[j]:
                    T = factors[m + self.group[i]]
                    both = size[i] * size[j]
                    V[i, j] += (T @ T.T)[self.position[i], self.position[j]] * both
                for T, c, z in zip(factors, self.codes, self.values, strict=False):
                    if c[i] == c[j]:
                        V[i, j] += z[i] @ T @ T.T @ z[j]
        inverse = np.linalg.inv(V)
        information = self.X.T @ inverse @ self.X
        beta = np.linalg.solve(information, self.X.T @ inverse @ self.y)
        r = self.y - self.X @ beta
        nu = n - self.X.shape[1] if self.restricted else n
        value = np.linalg.slogdet(V)[1] + r @ inverse @ r + nu * np.log(2.0 * np.pi)
        return value + (np.linalg.slogdet(information)[1] if self.restricted else 0.0)


CASES = [
    # groups, nested terms, crossed terms, scales, weighted, restricted
    (1, 0, 0, 0, False, True),
    (2, 0, 0, 2, True, False),
    (1, 1, 0, 1, True, True),
    (2, 2, 0, 0, False, False),
    (1, 0, 1, 0, False, False),
    (2, 0, 2, 1, True, True),
    (1, 2, 1, 0, True, False),
    (1, 1, 2, 1, False, True),
]


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(
    ("groups", "terms", "crossed", "scales", "weighted", "restricted"), CASES
)
def test_deviance_and_gradient_are_those_of_the_dense_covariance(
    structure: str,
    groups: int,
    terms: int,
    crossed: int,
    scales: int,
    weighted: bool,
    restricted: bool,
) -> None:
    small = Small.of(
        structure,
        groups=groups,
        terms=terms,
        weighted=weighted,
        restricted=restricted,
        crossed=crossed,
        scales=scales,
    )
    at = small.likelihood.evaluate(small.theta)
    assert at.value == pytest.approx(small.dense(small.theta), rel=1e-11)
    h = 1e-5
    slope = [
        (small.dense(small.theta + h * e) - small.dense(small.theta - h * e)) / (2.0 * h)
        for e in np.eye(len(small.theta))
    ]
    np.testing.assert_allclose(at.gradient, slope, rtol=1e-6, atol=2e-7)


def repeated(seed: int = 3, *, subjects: int = 24) -> pd.DataFrame:
    """Visits of subjects in two arms and several sites, some missing, in any order."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "subject": np.repeat(np.arange(subjects), K),
            "visit": np.tile(np.arange(1, K + 1), subjects),
        }
    )
    table["time"] = TIMES[table["visit"] - 1]
    table["arm"] = np.where(table["subject"] % 2, "drug", "placebo")
    table["site"] = table["subject"] // 4
    table["batch"] = (3 * table["subject"] + table["visit"] ** 2) % 7
    own = rng.standard_normal(subjects)[table["subject"]]
    noise = rng.standard_normal(len(table)) * (1.0 + 0.2 * table["visit"])
    table["y"] = 2.0 + 0.5 * table["visit"] + own + noise
    table["mixed"] = table["y"] + 2.0 * np.sin(5.0 * table["batch"])
    kept = table.loc[rng.random(len(table)) > 0.15]
    return kept.sample(frac=1.0, random_state=seed).reset_index(drop=True)


def term_of(structure: str) -> str:
    positions = "time" if RESIDUAL_STRUCTURES[structure].coordinates else "visit"
    return f"{structure}({positions} | subject)"


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("method", ["ML", "REML"])
@pytest.mark.parametrize(
    ("random", "dispersion"), [("", None), ("", "~ arm"), (" + (1 | batch)", "~ arm")]
)
def test_a_fit_has_the_likelihood_of_its_own_covariance(
    structure: str, method: Literal["ML", "REML"], random: str, dispersion: str | None
) -> None:
    model = hd.fit(
        "mixed ~ visit + arm" + random if "batch" in random else "y ~ visit + arm",
        repeated(subjects=40),
        residual=term_of(structure),
        dispersion=dispersion,
        method=method,
    )
    assert model.converged, model.outcome
    V, X = model.V, model.X
    y = model.estimates.response.y
    inverse = np.linalg.inv(V)
    information = X.T @ inverse @ X
    beta = np.linalg.solve(information, X.T @ inverse @ y)
    np.testing.assert_allclose(list(model.params.values()), beta, rtol=1e-7)
    np.testing.assert_allclose(model.vcov().values, np.linalg.inv(information), rtol=1e-6)
    r, n, p = y - X @ beta, *X.shape
    value = np.linalg.slogdet(V)[1] + r @ inverse @ r + n * np.log(2.0 * np.pi)
    if method == "REML":
        value += np.linalg.slogdet(information)[1] - p * np.log(2.0 * np.pi)
    assert model.deviance == pytest.approx(value, abs=1e-8)


def test_groups_with_their_own_covariance_are_fitted_apart_where_nothing_is_shared() -> None:
    table = repeated(subjects=60)
    both = hd.fit("y ~ 0 + arm", table, residual="us(visit | subject, by = arm)")
    apart = [
        hd.fit("y ~ 1", part, residual="us(visit | subject)")
        for _, part in table.groupby("arm")
    ]
    assert both.llf == pytest.approx(sum(one.llf for one in apart), abs=1e-7)


def test_residuals_of_a_singular_covariance_are_an_outcome_in_words() -> None:
    few = repeated()
    few = few[few["arm"] == "drug"]
    model = hd.fit("y ~ 1", few, residual="us(visit | subject)")
    assert "the covariance of the residuals is estimated as singular" in model.outcome


def test_compound_symmetry_of_residuals_is_a_random_intercept() -> None:
    table = repeated()
    marginal = hd.fit("y ~ visit + arm", table, residual="cs(1 | subject)")
    mixed = hd.fit("y ~ visit + arm + (1 | subject)", table)
    assert marginal.llf == pytest.approx(mixed.llf, abs=1e-7)
    ours, theirs = marginal.coefficients(), mixed.coefficients().iloc[:3]
    np.testing.assert_allclose(ours["df"], theirs["df"], rtol=1e-4)
    np.testing.assert_allclose(ours["std_error"], theirs["std_error"], rtol=1e-5)


def test_unstructured_residuals_are_unstructured_effects_without_residuals() -> None:
    table = repeated()
    marginal = hd.fit("y ~ visit", table, residual="us(visit | subject)", method="ML")
    other = hd.fit("y ~ visit", table, residual="hettoep(visit | subject)", method="ML")
    assert marginal.llf > other.llf
    assert marginal.df == 2 + 10
    assert other.df == 2 + 4 + 3


@pytest.mark.parametrize("structure", ["us", "cs", "ar1", "hetcs", "homdiag"])
@pytest.mark.parametrize(
    ("random", "dispersion"),
    [("", None), (" + (1 | site)", None), ("", "~ arm"), (" + (1 | batch)", "~ visit + arm")],
)
def test_satterthwaites_derivatives_are_those_of_the_covariance(
    structure: str, random: str, dispersion: str | None
) -> None:
    model = hd.fit(
        ("mixed" if "batch" in random else "y") + " ~ visit + arm" + random,
        repeated(),
        residual=term_of(structure),
        dispersion=dispersion,
    )
    estimates = model.estimates
    found = satterthwaite(estimates)
    changes, parameters = _moved(estimates), len(found.changes)
    assert len(changes) == parameters
    Phi = found.vcov
    T = found.root
    for lost, moved in zip(found.changes, changes, strict=True):
        np.testing.assert_allclose(T @ lost @ T.T, moved, atol=2e-6 * np.abs(Phi).max())


def _moved(estimates: object) -> list[Matrix]:
    """∂Φ/∂θ by differences of V written out."""
    design = estimates.design  # type: ignore[attr-defined]
    parameters = design.covariance_parameters()
    residual = estimates.errors  # type: ignore[attr-defined]
    terms = estimates.location.terms  # type: ignore[attr-defined]
    spread = estimates.predictors["dispersion"]  # type: ignore[attr-defined]
    theta = np.concatenate([spread.beta, *(t.theta for t in terms), *residual.thetas])
    X = estimates.location.fixed.matrix  # type: ignore[attr-defined]

    def phi(at: Vector) -> Matrix:
        logs, theta = np.split(at, [len(spread.beta)])
        G = parameters.covariances(theta)
        d = residual.design
        size = np.exp(spread.fixed.matrix @ logs)
        same = d.subject[:, None] == d.subject[None, :]
        V = np.where(same, G[-1][d.position[:, None], d.position[None, :]], 0.0)
        V *= np.outer(size, size)
        for term, g in zip(terms, G, strict=False):
            codes = term.design.codes
            V += np.where(codes[:, None] == codes[None, :], g[0, 0], 0.0)
        return np.linalg.inv(X.T @ np.linalg.inv(V) @ X)

    h = 1e-5
    return [(phi(theta + h * e) - phi(theta - h * e)) / (2 * h) for e in np.eye(len(theta))]


def test_kenward_and_rogers_sums_are_those_of_dense_matrices() -> None:
    model = hd.fit("y ~ visit + arm", repeated(), residual="us(visit | subject)")
    found, estimates = kenward_roger(model.estimates), model.estimates
    assert estimates.errors is not None
    d, V, X = estimates.errors.design, model.V, model.X
    same = d.subject[:, None] == d.subject[None, :]
    inverse = np.linalg.inv(V)
    Phi = np.linalg.inv(X.T @ inverse @ X)
    basis = []
    for a in range(K):
        for b in range(a + 1):
            unit = np.zeros((K, K))
            unit[a, b] = unit[b, a] = 1.0
            basis.append(np.where(same, unit[d.position[:, None], d.position[None, :]], 0.0))
    VV = [inverse @ B for B in basis]
    P = [-X.T @ A @ inverse @ X for A in VV]
    Q = [[X.T @ A @ B @ inverse @ X for B in VV] for A in VV]
    W = np.linalg.inv(
        [
            [
                0.5 * np.trace(VV[i] @ VV[j])
                - np.trace(Phi @ Q[i][j])
                + 0.5 * np.trace(Phi @ P[i] @ Phi @ P[j])
                for j in range(len(basis))
            ]
            for i in range(len(basis))
        ]
    )
    middle = sum(
        W[i, j] * (Q[i][j] - P[i] @ Phi @ P[j])
        for i in range(len(basis))
        for j in range(len(basis))
    )
    np.testing.assert_allclose(found.vcov, Phi + 2.0 * Phi @ middle @ Phi, rtol=1e-6)
    L = np.array([[0.0, 1.0, 0.0]])
    theta = Phi @ L.T @ L @ Phi / (L @ Phi @ L.T)
    along = np.array([np.trace(theta @ p) for p in P])
    assert found.df(L)[0] == pytest.approx(2.0 / (along @ W @ along), rel=1e-6)


@pytest.mark.parametrize("dispersion", [None, "~ arm"])
def test_draws_have_the_covariance_of_the_residuals(dispersion: str | None) -> None:
    model = hd.fit(
        "y ~ visit", repeated(), residual="us(visit | subject)", dispersion=dispersion
    )
    draws = model.simulate(4000, rng=1) - model.fitted[:, None]
    sizes = np.sqrt(np.outer(*[np.diag(model.V)] * 2))
    assert np.abs((np.cov(draws) - model.V) / sizes).max() < 0.08


@pytest.mark.parametrize("dispersion", [None, "~ arm"])
def test_normalized_residuals_are_white(dispersion: str | None) -> None:
    model = hd.fit(
        "y ~ visit",
        repeated(),
        residual="us(visit | subject)",
        dispersion=dispersion,
        method="ML",
    )
    e = model.residuals(kind="normalized")
    r = model.residuals()
    assert e @ e == pytest.approx(r @ np.linalg.solve(model.V, r), rel=1e-9)


def test_effects_that_cross_subjects_have_the_modes_of_the_dense_covariance() -> None:
    model = hd.fit(
        "mixed ~ visit + (1 | site) + (visit | batch)", repeated(), residual=term_of("ar1")
    )
    Z, G, V = model.Z.toarray(), model.G.toarray(), model.V
    r = model.estimates.response.y - model.X @ model.estimates.location.beta
    found = model.random_effects()
    np.testing.assert_allclose(found["mode"], G @ Z.T @ np.linalg.solve(V, r), atol=1e-9)
    left = G - G @ Z.T @ np.linalg.solve(V, Z @ G)  # Var(b | y), all parameters known
    np.testing.assert_allclose(found["sd"], np.sqrt(np.diag(left)), rtol=1e-8)
    eta = model.X @ model.estimates.location.beta + Z @ np.asarray(found["mode"])
    np.testing.assert_allclose(model.fitted, eta, atol=1e-9)


def test_a_process_in_common_that_crosses_subjects_is_that_of_the_dense_covariance() -> None:
    table = repeated().assign(one="all", hour=lambda t: (7 * t["subject"] + t["visit"]) % 23)
    model = hd.fit(
        "mixed ~ visit + (1 | subject) + exp(0 + hour | one)", table, residual=term_of("ar1")
    )
    V, X, y = model.V, model.X, model.estimates.response.y
    r = y - X @ model.estimates.location.beta
    inverse = np.linalg.inv(V)
    value = np.linalg.slogdet(V)[1] + r @ inverse @ r + np.linalg.slogdet(X.T @ inverse @ X)[1]
    assert model.deviance == pytest.approx(value + (len(y) - 2) * np.log(2 * np.pi), abs=1e-8)
    modes = model.G.toarray() @ model.Z.toarray().T @ inverse @ r
    np.testing.assert_allclose(model.random_effects()["mode"], modes, atol=1e-8)
