"""The parametric bootstrap against what theory says of balanced designs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2, norm

import henderson as hd
from henderson.errors import ModelError
from henderson.inference.intervals.parametric_bootstrap import bootstrap
from henderson.refits.refitting import Refits, refit
from henderson.simulation import draw_response


def dyestuff() -> hd.FittedModel:
    return hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))


def test_the_spread_is_that_of_theory() -> None:
    found = bootstrap(dyestuff(), n=400, rng=7)
    assert found.names == ("(Intercept)", "sd (Intercept) | Batch", "dispersion")
    assert_allclose(found.std_error[0], dyestuff().bse["(Intercept)"], rtol=0.12)
    # 24 σ̂²/σ² is chi-squared with 24 degrees of freedom unless the batch variance is 0
    median = np.median(found.draws[:, 2] ** 2) / found.observed[2] ** 2
    assert_allclose(median, chi2.median(24) / 24, rtol=0.05)
    assert found.converged == 400


def test_a_seed_gives_the_same_draws() -> None:
    one, two = (bootstrap(dyestuff(), n=5, rng=3).draws for _ in range(2))
    assert_allclose(one, two)
    assert not np.allclose(one, bootstrap(dyestuff(), n=5, rng=4).draws)


def test_any_function_of_the_model_can_be_taken() -> None:
    model = dyestuff()
    done = []
    found = bootstrap(
        model, lambda m: [m.sigma, m.params["(Intercept)"]], n=4, rng=3, progress=done.append
    )
    assert found.names == ("value0", "value1")
    assert_allclose(found.observed, [model.sigma, model.params["(Intercept)"]])
    assert_allclose(found.draws, bootstrap(model, n=4, rng=3).draws[:, [2, 0]])
    assert done == [1, 2, 3, 4]


def test_intervals_are_quantiles() -> None:
    found = bootstrap(dyestuff(), n=50, rng=3)
    ends = np.quantile(found.draws, [0.05, 0.95], axis=0)
    table = found.intervals(level=0.9)
    assert_allclose([table["lower"], table["upper"]], ends)
    basic = found.intervals(level=0.9, kind="basic")
    assert_allclose(basic["lower"], 2 * found.observed - ends[1])


def test_other_families_and_weights_are_refitted_as_they_were_fitted() -> None:
    cbpp = hd.fit(
        "cbind(incidence, size - incidence) ~ period + (1 | herd)",
        hd.datasets.load("cbpp"),
        family="binomial",
    )
    found = bootstrap(cbpp, n=40, rng=5)
    assert_allclose(found.std_error[1:4], [cbpp.bse[f"period{i}"] for i in (2, 3, 4)], rtol=0.4)
    rng = np.random.default_rng(1)
    data = {"y": rng.normal(size=40), "x": rng.normal(size=40), "w": rng.uniform(0.1, 9, 40)}
    weighted = hd.fit("y ~ x", data, weights="w")
    again = refit(weighted.estimates, y=weighted.estimates.response.y)
    assert_allclose(again.log_likelihood, weighted.llf, rtol=1e-12)


def test_the_draws_do_not_depend_on_the_number_of_workers() -> None:
    model = dyestuff()
    one = bootstrap(model, n=7, rng=3)
    done: list[int] = []
    two = bootstrap(model, n=7, rng=3, workers=2, progress=done.append)
    np.testing.assert_array_equal(one.draws, two.draws)
    assert done == list(range(1, 8))
    assert one.converged == two.converged


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bar_on_standard_error_follows_the_refits(
    workers: int, capsys: pytest.CaptureFixture
) -> None:
    dyestuff().bootstrap(n=7, rng=3, workers=workers, progress=True)
    shown = capsys.readouterr()
    assert "7/7" in shown.err
    assert not shown.out
    dyestuff().power("(Intercept) = 1500", n=4, rng=3, progress=True)
    assert "4/4" in capsys.readouterr().err
    dyestuff().bootstrap(n=2, rng=3)
    assert not capsys.readouterr().err
    with pytest.raises(ModelError, match="progress='yes' is no choice"):
        dyestuff().bootstrap(n=2, rng=3, progress="yes")  # pyright: ignore[reportArgumentType]


def test_an_error_of_the_function_comes_back_from_the_workers() -> None:
    model, calls = dyestuff(), []

    def fails_later(fitted: hd.FittedModel) -> float:
        calls.append(1)
        if len(calls) > 1:
            raise KeyError("later")
        return fitted.sigma

    with pytest.raises(KeyError, match="later"):
        bootstrap(model, fails_later, n=6, rng=1, workers=2)
    with pytest.raises(ModelError, match="workers=0 is not a count"):
        bootstrap(model, n=6, rng=1, workers=0)


def test_a_refit_is_the_fit_of_its_response() -> None:
    for model in (
        hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy")),
        hd.fit(
            "TICKS ~ YEAR + (1 | BROOD) + (1 | INDEX)",
            hd.datasets.load("grouseticks"),
            family="poisson",
        ),
    ):
        estimates = model.estimates
        y = draw_response(estimates, np.random.default_rng(2))
        fast, slow = Refits.of(estimates).fit(y), refit(estimates, y=y)
        assert_allclose(fast.log_likelihood, slow.log_likelihood, rtol=1e-9)
        p = slow.location.beta.size
        se = np.sqrt(np.diag(slow.vcov)[:p])
        assert_allclose(fast.location.beta / se, slow.location.beta / se, atol=1e-3)
        assert_allclose(np.sqrt(np.diag(fast.vcov)[:p]), se, rtol=1e-3)
        rough = Refits.of(estimates, hd.FitControl(hessian="model", tolerance=1e-6)).fit(y)
        assert_allclose(rough.location.beta / se, slow.location.beta / se, atol=5e-3)


def test_bias_corrected_ends_are_moved_percentiles() -> None:
    found = bootstrap(dyestuff(), lambda m: m.sigma, n=99, rng=3)
    share = np.mean(found.draws < found.observed)
    z0 = norm.ppf(share)
    ends = np.quantile(found.draws, norm.cdf(2 * z0 + np.array([-1, 1]) * norm.ppf(0.95)))
    table = found.intervals(level=0.9, kind="bias-corrected")
    assert_allclose([table["lower"][0], table["upper"][0]], ends)
    normal = found.intervals(level=0.9, kind="normal")
    middle = 2 * found.observed - found.draws.mean()
    assert_allclose(normal["upper"], middle + norm.ppf(0.95) * found.std_error)


def test_a_number_of_refits_must_be_one() -> None:
    with pytest.raises(ModelError, match="n=1 is not a count"):
        bootstrap(dyestuff(), n=1)


def test_studentized_ends_are_quantiles_of_t_times_the_standard_error() -> None:
    model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    found = bootstrap(model, n=60, rng=3)
    own = bootstrap(
        model,
        lambda m: m.params,
        n=60,
        rng=3,
        errors=lambda m: list(m.bse.values()),
    )
    assert_allclose(found.errors[:, :2], own.errors, rtol=1e-4)
    se = np.array(list(model.bse.values()))
    t = (own.draws - own.observed) / own.errors
    ends = own.observed - np.quantile(t, [0.95, 0.05], axis=0) * se
    table = own.intervals(level=0.9, kind="studentized")
    assert_allclose([table["lower"], table["upper"]], ends)
    default = found.intervals(level=0.9, kind="studentized")
    assert_allclose(default["lower"][:2], ends[0], rtol=1e-4)
    assert np.isnan(default["lower"][2:]).all()


def test_studentized_intervals_need_standard_errors() -> None:
    found = bootstrap(dyestuff(), lambda m: m.sigma, n=3, rng=1)
    with pytest.raises(ModelError, match="a function `errors` of the model"):
        found.intervals(kind="studentized")
    with pytest.raises(ModelError, match="errors gives 2 standard errors of 1 values"):
        bootstrap(dyestuff(), lambda m: m.sigma, n=3, rng=1, errors=lambda m: [1.0, 2.0])
