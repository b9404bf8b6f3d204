from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.errors import DataError, ModelError
from henderson.estimation.term_matrices import lower_factor
from henderson.prediction import fitted, predict, residuals
from tests.unit.by_hand import ByHand, fitted_by_hand

Z95 = 1.959963984540054
SLOPES = np.array([[4.0, 0.5], [0.5, 0.6]])


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 60
    table = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "g": rng.choice(list("abcdef"), size=n),
            "h": rng.integers(1, 6, size=n),
            "t": rng.choice(["lo", "hi"], size=n),
            "w": rng.uniform(0.5, 3.0, size=n),
            "e": rng.uniform(1.0, 4.0, size=n),
        }
    )
    eta = 0.5 + 0.4 * table["x"] + table["g"].map(lambda k: "abcdef".index(k) / 4)
    table["y"] = eta + rng.normal(size=n)
    table["count"] = rng.poisson(np.exp(eta))
    table["size"] = rng.integers(1, 9, size=n)
    table["won"] = rng.binomial(table["size"], 1.0 / (1.0 + np.exp(-eta + 1)))
    return table


@pytest.fixture(scope="module")
def crossed(data: pd.DataFrame) -> ByHand:
    """Crossed terms with slopes and weights."""
    return fitted_by_hand(
        "y ~ x + t + (x | g) + (1 | h)", data, [SLOPES, 0.8], others=[0.1], weights="w"
    )


@pytest.fixture(scope="module")
def poisson(data: pd.DataFrame) -> ByHand:
    return fitted_by_hand(
        "count ~ x + (1 | g) + (1 | h)", data, [0.5, 0.2], family="poisson", offset="log(e)"
    )


def rows_of(at: ByHand) -> np.ndarray:
    return np.hstack([at.X, at.Z])


def column(table: pd.DataFrame, name: str) -> np.ndarray:
    return table[name].to_numpy()


def test_predictions_at_the_rows_of_the_fit_are_the_fitted_values(crossed: ByHand) -> None:
    assert_allclose(
        predict(crossed.estimates), fitted(crossed.estimates), rtol=1e-12, atol=1e-13
    )
    assert_allclose(
        predict(crossed.estimates, kind="link"),
        fitted(crossed.estimates, kind="link"),
        1e-12,
        1e-13,
    )


def test_the_same_rows_as_new_data_give_the_same_predictions(
    crossed: ByHand, poisson: ByHand, data: pd.DataFrame
) -> None:
    for at in (crossed, poisson):
        assert_allclose(
            predict(at.estimates, data), fitted(at.estimates), rtol=1e-12, atol=1e-13
        )


def test_standard_errors_are_those_of_the_inverse_of_hendersons_equations(
    crossed: ByHand, poisson: ByHand, data: pd.DataFrame
) -> None:
    for at in (crossed, poisson):
        exact = np.sqrt(np.einsum("ij,jk,ik->i", rows_of(at), at.joint, rows_of(at)))
        for new in (None, data):
            table = predict(at.estimates, new, kind="link", interval="confidence")
            assert_allclose(column(table, "std_error"), exact, rtol=1e-9)
            assert_allclose(
                column(table, "upper"), column(table, "prediction") + Z95 * exact, rtol=1e-9
            )


def test_standard_errors_at_the_population_mean_are_those_of_the_fixed_effects(
    crossed: ByHand, data: pd.DataFrame
) -> None:
    exact = np.sqrt(
        np.einsum("ij,jk,ik->i", crossed.X, crossed.estimates.vcov[:3, :3], crossed.X)
    )
    new = data[["x", "t"]]
    table = predict(crossed.estimates, new, random=False, interval="confidence")
    assert_allclose(column(table, "std_error"), exact, rtol=1e-10)
    assert_allclose(
        column(table, "prediction"), crossed.X @ crossed.estimates.location.beta, rtol=1e-12
    )


def test_a_level_not_seen_is_predicted_at_the_mean_with_the_variance_of_its_term(
    crossed: ByHand,
) -> None:
    new = pd.DataFrame({"x": [0.3, 2.0], "t": ["lo", "hi"], "g": ["new", "new"], "h": [99, 98]})
    table = predict(crossed.estimates, new, interval="confidence")
    X = np.column_stack([np.ones(2), new["x"], [1.0, 0.0]])
    z = np.column_stack([np.ones(2), new["x"]])
    variance = np.einsum("ij,jk,ik->i", X, crossed.joint[:3, :3], X)
    variance += np.einsum("ij,jk,ik->i", z, SLOPES, z) + 0.8
    assert_allclose(column(table, "prediction"), X @ crossed.estimates.location.beta)
    assert_allclose(column(table, "std_error"), np.sqrt(variance), rtol=1e-8)


def test_a_pair_of_levels_that_never_met_has_the_exact_standard_error(
    crossed: ByHand, data: pd.DataFrame
) -> None:
    designs = [term.design for term in crossed.estimates.location.terms]
    met = set(zip(designs[0].codes, designs[1].codes, strict=True))
    never = [(i, j) for i in range(6) for j in range(5) if (i, j) not in met]
    assert never, "the data must leave a pair of levels out"
    i, j = never[0]
    new = {
        "x": [0.7],
        "t": ["lo"],
        "g": [designs[0].levels[i]],
        "h": [int(designs[1].levels[j])],
    }
    row = np.zeros(crossed.joint.shape[0])
    row[:3] = 1.0, 0.7, 1.0
    row[3 + 2 * i : 5 + 2 * i] = 1.0, 0.7
    row[3 + 12 + j] = 1.0
    table = predict(crossed.estimates, new, interval="confidence")
    assert_allclose(column(table, "std_error"), np.sqrt(row @ crossed.joint @ row), rtol=1e-9)


def test_errors_of_other_families_count_the_estimation_of_all_parameters(
    data: pd.DataFrame,
) -> None:
    """Against central differences of the modes in (β, θ), with any covariance of these."""
    at = fitted_by_hand("count ~ x + (x | g)", data, [SLOPES / 10], family="poisson")
    X, Z, term = at.X, at.Z, at.estimates.location.terms[0]
    y, q = data["count"].to_numpy(), at.Z.shape[1]

    def eta_at_modes(parameters: np.ndarray) -> np.ndarray:
        T = np.kron(np.eye(q // 2), term.structure.factor(parameters[2:], 2))
        u = np.zeros(q)
        for _ in range(50):
            mean = np.exp(X @ parameters[:2] + Z @ T @ u)
            C = T.T @ Z.T @ (mean[:, None] * (Z @ T)) + np.eye(q)
            u = u + np.linalg.solve(C, T.T @ Z.T @ (y - mean) - u)
        return X @ parameters[:2] + Z @ T @ u

    center = np.concatenate([at.estimates.location.beta, term.theta])
    step = 1e-5 * np.eye(5)
    a = [(eta_at_modes(center + h) - eta_at_modes(center - h)) / 2e-5 for h in step]
    root = np.random.default_rng(6).normal(size=(5, 5)) / 4
    covariance = root @ root.T
    found = replace(at.estimates.result, vcov_all=covariance)
    estimates = replace(at.estimates, result=found)
    given = np.linalg.inv(Z.T @ (at.W[:, None] * Z) + np.linalg.pinv(at.G))
    variance = np.einsum("ji,jk,ki->i", a, covariance, a) + np.diag(Z @ given @ Z.T)
    table = predict(estimates, kind="link", interval="confidence")
    assert_allclose(table["std_error"], np.sqrt(variance), rtol=1e-6)


def test_errors_of_a_count_model_are_those_of_glmmtmb() -> None:
    # glmmTMB 1.1.5: predict(new, se.fit = TRUE, allow.new.levels = TRUE), family nbinom2
    model = hd.fit(
        "count ~ spp + mined + (1 | site)", hd.datasets.load("salamanders"), family="nbinom2"
    )
    new = {"spp": ["GP", "DES-L"], "mined": ["yes", "no"], "site": ["R-1", "ZZ"]}
    table = model.predict(new, kind="link", interval="confidence")
    assert_allclose(table["prediction"], [-1.48037348539509, 1.37298057348007], rtol=1e-5)
    assert_allclose(table["std_error"], [0.375407583204917, 0.584522283268746], rtol=1e-4)
    mean = model.predict(
        {"spp": ["GP"], "mined": ["yes"], "site": ["R-1"]}, interval="confidence"
    )
    assert_allclose(mean["std_error"], [0.085425003492575], rtol=1e-4)


def test_a_grouping_column_left_out_is_named_with_the_way_out(crossed: ByHand) -> None:
    with pytest.raises(DataError, match=r"'g'.*random=False"):
        predict(crossed.estimates, {"x": [0.1], "t": ["lo"], "h": [1]})


def test_effects_that_are_left_out_need_no_columns(data: pd.DataFrame) -> None:
    at = fitted_by_hand("y ~ t + (1 | h) + (0 + x | g)", data, [1.0, 0.5])
    beta, modes = at.estimates.location.beta, at.estimates.location.terms[0].modes
    assert_allclose(predict(at.estimates, {"t": ["lo"]}, random=False), [beta.sum()])
    some = predict(at.estimates, {"t": ["lo"], "h": [1]}, random=None)
    assert_allclose(some, [beta.sum() + modes[0, 0]])


def test_random_none_uses_the_modes_of_the_groups_that_are_there(
    crossed: ByHand, data: pd.DataFrame
) -> None:
    some = predict(crossed.estimates, data[["x", "t", "g"]], random=None)
    slopes = crossed.estimates.location.terms[0]
    modes = slopes.modes[slopes.design.codes]
    expected = crossed.estimates.location.fixed_eta + (slopes.design.values * modes).sum(axis=1)
    assert_allclose(some, expected, rtol=1e-12, atol=1e-13)


def test_a_gaussian_prediction_interval_adds_the_residual_variance(
    crossed: ByHand, data: pd.DataFrame
) -> None:
    confidence = predict(crossed.estimates, data, interval="confidence")
    table = predict(crossed.estimates, data, interval="prediction", size=data["w"])
    sd = np.sqrt(column(confidence, "std_error") ** 2 + np.exp(0.2) / data["w"])
    assert_allclose(column(table, "upper") - column(table, "prediction"), Z95 * sd, rtol=1e-9)
    assert_allclose(column(table, "prediction") - column(table, "lower"), Z95 * sd, rtol=1e-9)


def test_without_levels_a_prediction_interval_counts_their_whole_variance(
    crossed: ByHand,
) -> None:
    without = {"x": [0.3], "t": ["lo"]}
    unseen = {**without, "g": ["new"], "h": [99]}
    for random in (False, None):
        table = predict(crossed.estimates, without, random=random, interval="prediction")
        expected = predict(crossed.estimates, unseen, interval="prediction")
        assert_allclose(table.to_numpy(), expected.to_numpy(), rtol=1e-12, atol=1e-13)


def test_other_prediction_intervals_have_the_quantiles_of_the_mixture(poisson: ByHand) -> None:
    rng = np.random.default_rng(3)
    table = predict(poisson.estimates, interval="prediction", level=0.9)
    link = predict(poisson.estimates, kind="link", interval="confidence")
    for row in range(5):
        eta = rng.normal(link["prediction"][row], link["std_error"][row], size=200_000)
        draws = rng.poisson(np.exp(eta))
        lower, upper = table["lower"][row], table["upper"][row]
        assert (draws < lower).mean() < 0.052
        assert (draws <= lower).mean() > 0.048
        assert (draws <= upper).mean() > 0.948
        assert (draws < upper).mean() < 0.952


@pytest.mark.parametrize(
    ("family", "response", "others"),
    [("gamma", "abs(y) + 0.1", [-0.5]), ("t", "y", [0.0, 1.0]), ("nbinom2", "count", [0.3])],
)
def test_every_family_has_prediction_intervals_around_its_predictions(
    data: pd.DataFrame, family: str, response: str, others: list[float]
) -> None:
    at = fitted_by_hand(f"{response} ~ x + (1 | g)", data, [0.1], family=family, others=others)
    table = predict(at.estimates, data, interval="prediction")
    assert np.all(table["lower"] <= table["upper"])
    observed = at.estimates.response.y
    assert np.mean((observed >= table["lower"]) & (observed <= table["upper"])) > 0.8


def test_binomial_predictions_are_proportions_out_of_the_size_given(data: pd.DataFrame) -> None:
    at = fitted_by_hand("cbind(won, size - won) ~ x + (1 | g)", data, [0.3], family="binomial")
    table = predict(at.estimates, data.head(4), interval="prediction", size=10)
    assert table["upper"].between(0.0, 1.0).all()
    assert_allclose(table["upper"] * 10, np.round(table["upper"] * 10), atol=1e-12)
    assert_allclose(
        residuals(at.estimates), data["won"] / data["size"] - fitted(at.estimates), atol=1e-14
    )


def test_intervals_for_the_mean_are_those_of_the_link_transformed(poisson: ByHand) -> None:
    link = predict(poisson.estimates, kind="link", interval="confidence")
    mean = predict(poisson.estimates, interval="confidence")
    for name in ("prediction", "lower", "upper"):
        assert_allclose(mean[name], np.exp(link[name]), rtol=1e-12, atol=1e-13)
    assert_allclose(
        mean["std_error"], mean["prediction"] * link["std_error"], rtol=1e-12, atol=1e-13
    )


def test_a_decreasing_link_keeps_the_lower_end_below_the_upper(data: pd.DataFrame) -> None:
    at = fitted_by_hand("w ~ x + (1 | g)", data, [1e-4], family="gamma(inverse)", others=[-1.0])
    table = predict(at.estimates, interval="confidence")
    assert np.all(table["lower"] < table["prediction"])
    assert np.all(table["prediction"] < table["upper"])


def test_an_interval_across_the_turn_of_the_square_root_link_starts_at_zero(
    data: pd.DataFrame,
) -> None:
    at = fitted_by_hand("count ~ x + (1 | g)", data, [0.3], family="poisson(sqrt)")
    new = {"x": [-3.0], "g": ["new"]}
    link = predict(at.estimates, new, kind="link", interval="confidence")
    table = predict(at.estimates, new, interval="confidence")
    assert link["lower"][0] < 0.0 < link["upper"][0]
    assert table["lower"][0] == 0.0


def test_an_interval_ignores_predictors_without_a_mean() -> None:
    data = {"y": [1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1], "g": list("aaaabbbbcccc")}
    at = fitted_by_hand("y ~ 1 + (1 | g)", data, [1e-3], family="binomial(identity)")
    table = predict(at.estimates, interval="prediction", size=20)
    mean = fitted(at.estimates)
    assert np.all(mean + 2 * table["std_error"] > 1.0)
    assert np.all((table["lower"] > 0.3) & (table["lower"] < mean))
    assert np.all(table["upper"] == 1.0)


def test_no_row_that_can_be_predicted_is_not_an_error(poisson: ByHand) -> None:
    new = {"x": [np.nan], "g": ["a"], "h": [1], "e": [1.0]}
    for interval in ("confidence", "prediction"):
        assert predict(poisson.estimates, new, interval=interval).isna().all(axis=None)


def test_rows_with_missing_values_are_predicted_as_not_a_number(crossed: ByHand) -> None:
    new = pd.DataFrame({"x": [0.1, np.nan], "t": ["lo", "lo"], "g": ["a", "b"], "h": [1, 2]})
    for interval in ("confidence", "prediction"):
        table = predict(crossed.estimates, new, interval=interval)
        assert np.isfinite(table.loc[0]).all()
        assert table.loc[1].isna().all()


def test_a_singular_covariance_gives_finite_standard_errors(data: pd.DataFrame) -> None:
    at = fitted_by_hand("y ~ x + (x | g)", data, [[[1.0, 0.5], [0.5, 0.25]]])
    factor = lower_factor(at.estimates.location.terms[0].covariance)
    assert_allclose(factor @ factor.T, [[1.0, 0.5], [0.5, 0.25]], atol=1e-14)
    assert factor[0, 1] == 0.0
    Q = np.diag(at.estimates.response.size)
    V = at.Z @ at.G @ at.Z.T + Q
    inverse = np.linalg.inv(V)
    beta = np.linalg.inv(at.X.T @ inverse @ at.X)
    a = at.X - at.Z @ at.G @ at.Z.T @ inverse @ at.X
    b = at.Z @ (at.G - at.G @ at.Z.T @ inverse @ at.Z @ at.G) @ at.Z.T
    at.estimates.vcov[:2, :2] = beta
    table = predict(at.estimates, interval="confidence")
    assert_allclose(table["std_error"], np.sqrt(np.diag(a @ beta @ a.T + b)), rtol=1e-7)


def test_a_model_without_random_terms_predicts(data: pd.DataFrame) -> None:
    at = fitted_by_hand("y ~ x", data, [])
    table = predict(at.estimates, data, interval="prediction")
    se = np.sqrt(np.einsum("ij,jk,ik->i", at.X, at.joint, at.X))
    assert_allclose(table["std_error"], se, rtol=1e-10)


def test_tables_come_back_as_the_users_own_kind(data: pd.DataFrame) -> None:
    at = fitted_by_hand("y ~ x + (1 | g)", pl.from_pandas(data), [1.0])
    new = pl.DataFrame({"x": [0.5]})
    assert isinstance(
        predict(at.estimates, new, random=False, interval="prediction"), pl.DataFrame
    )


def test_pearson_residuals_have_the_scale_of_the_conditional_sd(
    crossed: ByHand, poisson: ByHand, data: pd.DataFrame
) -> None:
    raw = residuals(crossed.estimates)
    assert_allclose(
        residuals(crossed.estimates, kind="pearson"), raw * np.sqrt(data["w"]) / np.exp(0.1)
    )
    mean = fitted(poisson.estimates)
    assert_allclose(
        residuals(poisson.estimates, kind="pearson"), (data["count"] - mean) / np.sqrt(mean)
    )


def test_pearson_residuals_of_weighted_counts_grow_with_the_root_of_the_weight(
    data: pd.DataFrame,
) -> None:
    model = hd.fit("count ~ x", data, family="poisson", weights="w")
    mean = fitted(model.estimates)
    expected = (data["count"] - mean) * np.sqrt(data["w"] / mean)
    assert_allclose(residuals(model.estimates, kind="pearson"), expected)


def test_squared_deviance_residuals_of_a_poisson_are_its_unit_deviances(
    poisson: ByHand, data: pd.DataFrame
) -> None:
    y, mean = data["count"].to_numpy(), fitted(poisson.estimates)
    log = np.log(np.where(y > 0, y, 1) / mean)
    expected = 2.0 * (np.where(y > 0, y * log, 0.0) - (y - mean))
    found = residuals(poisson.estimates, kind="deviance")
    assert_allclose(found**2, expected, rtol=1e-9, atol=1e-12)
    assert np.all(np.sign(found) == np.sign(y - mean))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "mean"}, "kind='mean'"),
        ({"interval": "credible"}, "interval='credible'"),
        ({"interval": "confidence", "level": 95}, "level=95"),
        ({"interval": "prediction", "size": [1.0, 2.0]}, "size"),
        ({"interval": "prediction", "size": 0.0}, "size"),
        ({"offset": "x"}, "offset"),
    ],
)
def test_a_wrong_option_is_refused_by_name(
    crossed: ByHand, options: dict[str, object], said: str
) -> None:
    with pytest.raises((ModelError, DataError), match=said):
        predict(crossed.estimates, **options)  # pyright: ignore[reportArgumentType]


def test_a_prediction_interval_is_not_for_the_link_scale(poisson: ByHand) -> None:
    with pytest.raises(ModelError, match="observation"):
        predict(poisson.estimates, kind="link", interval="prediction")


def test_the_users_new_data_are_not_written_to(crossed: ByHand) -> None:
    new = pd.DataFrame({"x": [0.3], "t": ["lo"]})
    before = new.copy()
    predict(crossed.estimates, new, random=None, interval="prediction")
    pd.testing.assert_frame_equal(new, before)
