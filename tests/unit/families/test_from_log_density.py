"""Families written in NumPy fit as those of the core do."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special

import henderson as hd
from henderson.families import Family, Response, family_named, from_log_density


def log_gamma_density(y: Any, mu: Any, cv: Any) -> Any:  # noqa: ANN401
    shape = 1.0 / cv**2
    scaled = shape * y / mu
    return shape * np.log(scaled) - np.log(y) - scaled - special.gammaln(shape)


def log_poisson_density(y: Any, mu: Any) -> Any:  # noqa: ANN401
    return special.xlogy(y, mu) - mu - special.gammaln(y + 1.0)


def gamma_family() -> Family:
    return from_log_density(
        log_gamma_density,
        name="my_gamma",
        parameters={"location": "log", "dispersion": "log"},
        support=(1e-300, np.inf),
        variance=lambda mu, cv: (mu * cv) ** 2,
        cdf=lambda y, mu, cv: special.gammainc(cv**-2, y / (mu * cv**2)),
    )


def test_derivatives_are_those_of_the_compiled_family() -> None:
    eta = np.array([[0.1, -0.3], [1.0, 0.6], [3.0, -1.0]])
    response = Response.of([0.3, 2.0, 50.0], None, [1.0, 2.0, 0.0])
    ours = gamma_family().log_density(response, eta, 3)
    compiled = family_named("gamma").log_density(response, eta, 3)
    for name in ("value", "d1", "d2", "d3"):
        assert_allclose(getattr(ours, name), getattr(compiled, name), 1e-11)
    assert gamma_family().log_density(response, eta, 1).d2 is None


def test_a_fit_with_a_model_of_the_dispersion_is_that_of_the_compiled_family() -> None:
    data = hd.datasets.load("severity")
    formula, dispersion = "severity ~ fungicide + (1 | block)", "~ fungicide"
    ours = hd.fit(formula, data, family=gamma_family(), dispersion=dispersion)
    compiled = hd.fit(formula, data, family="gamma", dispersion=dispersion)
    assert_allclose(ours.llf, compiled.llf, 1e-10)
    assert_allclose(list(ours.params.values()), list(compiled.params.values()), 1e-5)
    assert_allclose(list(ours.bse.values()), list(compiled.bse.values()), 1e-5)
    assert_allclose(ours.residuals(kind="pearson"), compiled.residuals(kind="pearson"), 1e-4)


def test_prediction_intervals_come_from_the_distribution_function() -> None:
    data = hd.datasets.load("severity")
    ours = hd.fit("severity ~ fungicide", data, family=gamma_family())
    compiled = hd.fit("severity ~ fungicide", data, family="gamma")
    new = data.head(2)
    both = [m.predict(new, interval="prediction") for m in (ours, compiled)]
    assert_allclose(both[0]["upper"], both[1]["upper"], 1e-4)


def test_counts_can_be_simulated_by_their_distribution_function() -> None:
    family = from_log_density(
        log_poisson_density,
        parameters={"location": "log"},
        support=(0.0, np.inf),
        discrete=True,
        cdf=lambda y, mu: special.gammaincc(np.floor(y) + 1.0, mu),
    )
    draws = family.simulate(np.ones(2000), np.full((2000, 1), 1.0), np.random.default_rng(1))
    assert abs(draws.mean() - np.e) < 5.0 * np.sqrt(np.e / 2000)
    assert np.array_equal(draws, np.floor(draws))


def test_what_a_log_density_does_not_say_is_asked_for_by_name() -> None:
    data = hd.datasets.load("severity")
    model = hd.fit(
        "severity ~ fungicide",
        data,
        family=from_log_density(
            log_gamma_density, parameters={"location": "log", "dispersion": "log"}
        ),
    )
    with pytest.raises(hd.ModelError, match=r"Give simulate= to hd\.families"):
        model.simulate(1)
    with pytest.raises(hd.ModelError, match="Give variance="):
        model.residuals(kind="pearson")
    with pytest.raises(hd.ModelError, match='kind="pearson"'):
        model.residuals(kind="deviance")


def test_impossible_parameters_and_responses_are_refused() -> None:
    with pytest.raises(hd.ModelError, match="first must be 'location'"):
        from_log_density(log_gamma_density, parameters={"dispersion": "log"})
    with pytest.raises(hd.ModelError, match="not a parameter after the location"):
        from_log_density(log_gamma_density, start={"shape": 1.0})
    data = hd.datasets.load("severity")
    with pytest.raises(hd.DataError, match="for numbers from 1e-300 to inf"):
        hd.fit("low ~ 1", data.assign(low=data["severity"] - 0.5), family=gamma_family())
