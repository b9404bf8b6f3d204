"""Priors in fits: what they are for, what they do, and what is refused with them."""

import pickle
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.errors import HendersonError, ModelError
from henderson.estimation.stated_priors import penalty_of, read_priors

CBPP = "cbind(incidence, size - incidence) ~ factor(period) + (1 | herd)"
SLEEP = "Reaction ~ Days + (Days | Subject)"


def cbpp(**priors: str) -> hd.FittedModel:
    stated = {key.replace("_of_", "(") + ")" * ("_of_" in key): p for key, p in priors.items()}
    return hd.fit(CBPP, hd.datasets.load("cbpp"), family="binomial", priors=stated)


def sleep(priors: object, method: Literal["ML", "REML"] | None = None) -> hd.FittedModel:
    data = hd.datasets.load("sleepstudy")
    return hd.fit(SLEEP, data, method=method, priors=priors)  # type: ignore[arg-type]


def dyestuff2() -> pd.DataFrame:
    """Box & Tiao (1973): simulated yields of six batches whose means hardly differ."""
    y = """
    7.298 3.846 2.434 9.566 7.990 5.220 6.556 0.608 11.788 -0.892 0.110 10.386 13.434 5.510
    8.166 2.212 4.852 7.092 9.288 4.980 0.282 9.014 4.458 9.446 7.198 1.722 4.782 8.106 0.758
    3.758
    """
    batch = np.repeat(list("ABCDEF"), 5)
    return pd.DataFrame({"y": np.array(y.split(), float), "batch": batch})


def separated() -> pd.DataFrame:
    """No animal is ill in the fourth period."""
    herds = hd.datasets.load("cbpp")
    herds.loc[herds["period"].astype(str) == "4", "incidence"] = 0
    return herds


# ---- the same numbers as glmmTMB's log-likelihood with the densities added -------------------


def test_normal_priors_of_a_binomial_model_give_the_mode_of_glmmtmbs_likelihood() -> None:
    model = cbpp(fixed="normal(0, 0.5)", sd_of_herd="gamma(2, 0)")
    estimates = [-1.649132290, -0.580501460, -0.668958029, -0.867900220]
    errors = [0.249117456, 0.254397527, 0.262941969, 0.296873517]
    assert_allclose(list(model.params.values()), estimates, atol=2e-6)
    assert_allclose(list(model.bse.values()), errors, rtol=1e-5)
    assert model.llf == pytest.approx(-94.4115188566, abs=2e-6)
    assert model.log_posterior - model.llf == pytest.approx(-4.04230896898, abs=2e-6)


def test_t_priors_of_a_binomial_model_give_the_mode_of_glmmtmbs_likelihood() -> None:
    model = cbpp(fixed="t(0.2, 0.5, 3)", sd="t(0, 0.3, 4)")
    estimates = [-1.553333840, -0.676105529, -0.788268718, -1.122400968]
    errors = [0.226966487, 0.301636142, 0.321263564, 0.411218664]
    assert_allclose(list(model.params.values()), estimates, atol=2e-6)
    assert_allclose(list(model.bse.values()), errors, rtol=1e-5)
    assert list(model.variance_components()["sd"]) == pytest.approx([np.exp(-0.558388316)])


def test_priors_of_a_linear_model_give_the_mode_of_glmmtmbs_likelihood() -> None:
    model = sleep(priors={"Days": "normal(0, 1)", "sd": "gamma(2.5, 0.1)"})
    assert model.estimates.specification.method == "ML"
    assert_allclose(list(model.params.values()), [256.0687495, 1.29523915], rtol=1e-6)
    assert_allclose(list(model.bse.values()), [10.5331962, 1.02174923], rtol=1e-4)
    assert model.llf == pytest.approx(-886.091171095, abs=1e-5)
    assert model.log_posterior == pytest.approx(-886.091171095 - 8.9493436639, abs=1e-6)


def test_priors_of_its_standard_deviations_keep_a_linear_model_linear() -> None:
    model = sleep(method="ML", priors={"sd": "gamma(2.5, 0.1)"})
    assert_allclose(list(model.bse.values()), [6.43870997, 1.54984436], rtol=1e-5)
    assert model.llf == pytest.approx(-876.003619673, abs=5e-6)
    assert model.log_posterior == pytest.approx(-876.003619673 - 7.59343859248, abs=1e-6)
    # standard error of the logarithm of σ², by the inverse Hessian over all parameters
    assert np.sqrt(model.estimates.vcov[2, 2]) == pytest.approx(0.11791296 / 2, rel=1e-4)


def test_a_prior_keeps_a_variance_from_zero_after_reml_as_lme4s_criterion_says() -> None:
    plain = hd.fit("y ~ 1 + (1 | batch)", dyestuff2())
    assert "variance of batch is estimated as 0" in plain.outcome
    model = hd.fit("y ~ 1 + (1 | batch)", dyestuff2(), priors={"sd(batch)": "gamma(2, 0)"})
    assert model.outcome.startswith("converged: the gradient is zero")
    sd = list(model.variance_components()["sd"])
    assert_allclose(sd, [1.177750349, 3.715040724], rtol=2e-5)
    assert model.log_posterior == pytest.approx(-81.263354257, abs=1e-6)


def test_priors_of_zero_inflation_give_the_mode_of_glmmtmbs_likelihood() -> None:
    model = hd.fit(
        "count ~ mined + (1 | site)",
        hd.datasets.load("salamanders"),
        family="nbinom2",
        zero_inflation="~ mined",
        priors={
            "mined": "normal(0, 2)",
            "zero_inflation:fixed": "normal(0, 1)",
            "zero_inflation:(Intercept)": "normal(0, 1)",
        },
    )
    zeros = model.estimates.predictors["zero_inflation"].beta
    assert_allclose(list(model.params.values()), [-0.645617724, 1.598872573], atol=5e-6)
    assert_allclose(zeros, [0.0667084892, -1.678876194], atol=5e-6)
    assert model.llf == pytest.approx(-865.121339711, abs=5e-6)
    assert model.log_posterior == pytest.approx(-865.121339711 - 5.18104961599, abs=1e-6)


# ---- what a prior is for ---------------------------------------------------------------------


def test_the_narrowest_statement_about_a_parameter_counts() -> None:
    data = hd.datasets.load("cbpp")
    priors = {
        "factor(period)3": "normal(0, 3)",
        "factor(period)": "normal(0, 2)",
        "fixed": "normal(0, 1)",
        "sd": "gamma(2, 0)",
        "sd(herd)": "gamma(3, 0)",
    }
    model = hd.fit(CBPP.replace("+ (1", "+ size + (1"), data, family="binomial", priors=priors)
    penalty = model.estimates.design.penalty
    assert penalty is not None
    assert [str(prior) for prior in penalty.coefficients.values()] == [
        "normal(0, 2)",
        "normal(0, 3)",
        "normal(0, 2)",
        "normal(0, 1)",
    ]
    assert [str(each.prior) for each in penalty.deviations] == ["gamma(3, 0)"]


def test_one_standard_deviation_of_several_can_have_a_prior() -> None:
    model = sleep(priors={"sd(Days | Subject)": "normal(0, 0.1)"})
    first, second = list(model.variance_components()["sd"])[:2]
    assert second < 1.5
    assert first > 20.0


def test_one_standard_deviation_in_common_has_its_prior_once() -> None:
    statement = read_priors({"sd": "gamma"}, ["location"])
    common = hd.fit(
        "yield ~ factor(nitro) + homdiag(0 + Variety | Block)",
        hd.datasets.load("oats"),
        priors={"sd": "gamma(2, 0)"},
    )
    design = common.estimates.design
    penalty = penalty_of(statement, design.predictors)
    assert penalty is not None
    assert len(penalty.deviations) == 1
    sd = float(np.sqrt(common.estimates.location.terms[0].covariance[0, 0]))
    assert common.estimates.log_prior == pytest.approx(np.log(sd))


def test_a_prior_of_a_known_covariance_is_of_the_deviation_that_is_reported() -> None:
    data = hd.datasets.load("sleepstudy")
    subjects = sorted(set(data["Subject"].astype(str)))
    A = 4.0 * np.eye(len(subjects)) + 0.5
    model = hd.fit(
        "Reaction ~ Days + propto(1 | Subject, A)",
        data,
        matrices={"A": (A, subjects)},
        priors={"sd": "gamma(2, 0)"},
    )
    reported = model.covariance_parameters()
    sd = float(np.asarray(reported["estimate"])[0])
    assert model.estimates.log_prior == pytest.approx(np.log(sd), abs=1e-6)


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"Dyas": "normal(0, 1)"}, "no 'Dyas' among its coefficients.*Did you mean 'Days'"),
        ({"sd(Subjct)": "gamma"}, r"no 'sd\(Subjct\)'.*Did you mean 'sd\(Subject\)'"),
        ({"sd(Dyas | Subject)": "gamma"}, r"Did you mean 'sd\(Days \| Subject\)'"),
        ({"fixed": "nromal(0, 1)"}, "no prior 'nromal'.*Did you mean 'normal'"),
        ({"fixed": "normal(0)"}, r"other parameters than normal\(mean, sd\)"),
        ({"fixed": "normal(0, -1)"}, "normal: sd=-1 must be above 0"),
        ({"fixed": "normal(0, x)"}, "cannot be read"),
        ({"fixed": "normal(0, 1"}, "cannot be read"),
        ({"fixed": "normal('a', 1)"}, "mean='a' is not a finite number"),
        ({"fixed": "t(0, 1, 0)"}, "t: df=0 must be above 0"),
        ({"sd": "gamma(1, 0)"}, "shape=1 must be above 1"),
        ({"sd": "gamma(2, -1)"}, "rate=-1 must be 0 or more"),
        ({"sd": "normal(1, 1)"}, "not centred at 0"),
        ({"fixed": "gamma(2, 0)"}, "a coefficient can be negative"),
        ({"fixed": 3.0}, "3.0 for 'fixed' is no prior"),
        ({1: "normal(0, 1)"}, "1 is no name of coefficients"),
        ("normal(0, 1)", "must be a mapping"),
        ({"zero_inflation:fixed": "normal(0, 1)"}, "no 'zero_inflation:fixed'"),
    ],
)
def test_bad_priors_are_refused_with_what_is_wrong(priors: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        sleep(priors=priors)


def test_fixed_effects_that_are_integrated_out_or_profiled_have_no_priors() -> None:
    with pytest.raises(ModelError, match='Use method="ML"'):
        sleep(method="REML", priors={"fixed": "normal(0, 1)"})
    with pytest.raises(ModelError, match="Leave residual= out"):
        hd.fit(
            "Reaction ~ Days",
            hd.datasets.load("sleepstudy"),
            residual="ar1(Days | Subject)",
            priors={"fixed": "normal(0, 1)"},
        )


# ---- what priors do --------------------------------------------------------------------------


def test_a_prior_tames_separation_and_the_check_names_priors_as_a_remedy() -> None:
    data, last = separated(), "factor(period)4"
    plain = hd.fit(CBPP, data, family="binomial")
    assert "priors={" in repr(plain.check(n=20, rng=1))
    held = {"fixed": hd.priors.Cauchy(0, 2.5), "sd": "gamma"}
    model = hd.fit(CBPP, data, family="binomial", priors=held)
    assert model.converged
    assert abs(model.params[last]) < 8.0 < abs(plain.params[last])
    assert model.bse[last] < 3.0
    assert "what the priors make of them" in repr(model.check(n=20, rng=1))


def test_a_flat_prior_changes_nothing() -> None:
    for nodes in (1, 7):
        data = hd.datasets.load("cbpp")
        plain = hd.fit(CBPP, data, family="binomial", quadrature=nodes)
        flat = hd.fit(
            CBPP,
            data,
            family="binomial",
            priors={"fixed": "normal(0, 1e6)", "sd": "normal(0, 1e6)"},
            quadrature=nodes,
        )
        assert_allclose(list(flat.params.values()), list(plain.params.values()), atol=2e-6)
        assert_allclose(flat.estimates.vcov, plain.estimates.vcov, rtol=1e-4)
        assert flat.llf == pytest.approx(plain.llf, abs=1e-8)


def test_priors_beside_residuals_that_vary_together_move_the_random_effects() -> None:
    data, formula = hd.datasets.load("sleepstudy"), "Reaction ~ Days + (1 | Subject)"
    plain = hd.fit(formula, data, residual="ar1(Days | Subject)")
    tight = hd.fit(formula, data, residual="ar1(Days | Subject)", priors={"sd": "normal(0, 3)"})
    assert tight.converged
    assert tight.variance_components()["sd"][0] < 0.5 * plain.variance_components()["sd"][0]
    assert tight.llf < plain.llf
    assert tight.log_posterior == pytest.approx(tight.llf + tight.estimates.log_prior)


def test_refits_have_the_same_priors() -> None:
    model = cbpp(fixed="normal(0, 0.1)")
    draws = model.bootstrap(n=8, rng=1)
    assert np.abs(draws.draws[:, 1:4]).max() < 0.5
    for fit in (pickle.loads(pickle.dumps(model)), model):
        assert fit.simulate(2, rng=1).shape == (56, 2)
        assert fit.estimates.log_prior == model.estimates.log_prior
    again = model.influence("herd", refit=True)
    assert np.isfinite(again.cooks_distance).all()


def test_linear_refits_have_the_same_priors() -> None:
    model = sleep(priors={"sd": "normal(0, 1)"})
    draws = model.bootstrap(n=5, rng=1)
    sds = [i for i, name in enumerate(draws.names) if name.startswith("sd")]
    assert draws.draws[:, sds].max() < 8.0


def test_degrees_of_freedom_are_satterthwaites_with_priors_of_standard_deviations() -> None:
    model = sleep(priors={"sd": "gamma"})
    assert "Degrees of freedom: Satterthwaite" in str(model.summary())
    with pytest.raises(ModelError, match='Use ddf="satterthwaite"'):
        model.coefficients(ddf="kenward-roger")
    held = sleep(priors={"Days": "normal(0, 1)"})
    assert "p (normal)" in str(held.summary())
    with pytest.raises(ModelError, match="without priors on fixed effects"):
        held.coefficients(ddf="satterthwaite")


def test_what_needs_the_maximum_of_the_likelihood_is_refused() -> None:
    model = cbpp(fixed="normal(0, 0.5)")
    calls = (
        lambda: hd.compare(model, model),
        model.drop1,
        model.profile_intervals,
        model.profile_variances,
        lambda: hd.plots.profile_traces(model),
    )
    for call in calls:
        with pytest.raises(HendersonError, match=r"fixed ~ normal\(0, 0.5\)"):
            call()


def test_the_summary_and_the_report_state_the_priors() -> None:
    model = cbpp(fixed="normal(0, 0.5)")
    text = str(model.summary())
    assert "fitted by maximum a posteriori (Laplace approximation)" in text
    assert "Priors:  fixed ~ normal(0, 0.5)" in text
    assert "logLik + log prior" in text
