"""What the user holds only delegates: every method is its function, with the same signature."""

import inspect

import pytest

import henderson as hd
from henderson.diagnostics import (
    autocorrelation,
    check,
    influence,
    separated,
    variogram,
    vif,
)
from henderson.experiment import experiment_of
from henderson.inference import (
    anova,
    bootstrap,
    drop1,
    power,
    profile_intervals,
    profile_variances,
    robust_vcov,
    variance_explained,
    variance_intervals,
    wald_test,
)
from henderson.marginal_means import emmeans, joint_tests
from henderson.plots import (
    plot_autocorrelation,
    plot_correlations,
    plot_effects,
    plot_profiles,
    plot_random_effects,
    plot_random_quantiles,
    plot_residuals,
    plot_shrinkage,
    plot_variogram,
)
from henderson.plots.steps import cascade, plot_cascade
from henderson.prediction import predict, residuals
from henderson.report import tables
from henderson.report.summary import summarize
from henderson.report.writing import write_report
from henderson.simulated_residuals import simulate_residuals
from henderson.simulation import simulate

DELEGATES = {
    hd.FittedModel.coefficients: tables.coefficients,
    hd.FittedModel.conf_int: tables.confidence_intervals,
    hd.FittedModel.robust_vcov: robust_vcov,
    hd.FittedModel.anova: anova,
    hd.FittedModel.wald_test: wald_test,
    hd.FittedModel.drop1: drop1,
    hd.FittedModel.bootstrap: bootstrap,
    hd.FittedModel.power: power,
    hd.FittedModel.profile_intervals: profile_intervals,
    hd.FittedModel.profile_variances: profile_variances,
    hd.FittedModel.variance_intervals: variance_intervals,
    hd.FittedModel.emmeans: emmeans,
    hd.FittedModel.joint_tests: joint_tests,
    hd.FittedModel.variance_explained: variance_explained,
    hd.FittedModel.tidy: hd.tidy,
    hd.FittedModel.glance: hd.glance,
    hd.FittedModel.augment: hd.augment,
    hd.FittedModel.vcov: tables.covariance_matrix,
    hd.FittedModel.experiment: experiment_of,
    hd.FittedModel.plot_design: hd.plot_design,
    hd.FittedModel.cascade: cascade,
    hd.FittedModel.plot_cascade: plot_cascade,
    hd.FittedModel.variance_components: tables.variance_components,
    hd.FittedModel.covariance_parameters: tables.covariance_parameters,
    hd.FittedModel.random_effects: tables.random_effects,
    hd.FittedModel.predict: predict,
    hd.FittedModel.residuals: residuals,
    hd.FittedModel.simulate: simulate,
    hd.FittedModel.simulate_residuals: simulate_residuals,
    hd.FittedModel.autocorrelation: autocorrelation,
    hd.FittedModel.variogram: variogram,
    hd.FittedModel.plot_autocorrelation: plot_autocorrelation,
    hd.FittedModel.plot_variogram: plot_variogram,
    hd.FittedModel.plot_profiles: plot_profiles,
    hd.FittedModel.check: check,
    hd.FittedModel.influence: influence,
    hd.FittedModel.vif: vif,
    hd.FittedModel.separated: separated,
    hd.FittedModel.plot_effects: plot_effects,
    hd.FittedModel.plot_residuals: plot_residuals,
    hd.FittedModel.plot_random_effects: plot_random_effects,
    hd.FittedModel.plot_random_quantiles: plot_random_quantiles,
    hd.FittedModel.plot_shrinkage: plot_shrinkage,
    hd.FittedModel.plot_correlations: plot_correlations,
    hd.FittedModel.summary: summarize,
    hd.FittedModel.report: write_report,
}


@pytest.mark.parametrize("method", DELEGATES, ids=lambda method: method.__name__)
def test_a_method_takes_what_its_function_takes(method) -> None:  # noqa: ANN001
    of_method = [*inspect.signature(method).parameters.values()][1:]  # without self
    of_function = [*inspect.signature(DELEGATES[method]).parameters.values()][1:]
    assert of_method == of_function


def test_every_method_delegates() -> None:
    methods = {
        method
        for name, method in inspect.getmembers(hd.FittedModel, inspect.isfunction)
        if not name.startswith("_")
    }
    assert methods == set(DELEGATES)


def test_a_method_is_one_line_and_names_its_function() -> None:
    for method, function in DELEGATES.items():
        body = inspect.getsource(method).split('"""')[-1]
        assert body.strip().startswith("return ")
        assert function.__name__ in method.__code__.co_names
        assert f".{function.__name__}`" in (method.__doc__ or "")
