"""Many responses fitted at once against one at a time."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.refits.joint_refits import JointRefits
from henderson.refits.refitting import Refits
from henderson.simulation import ResponseDraws


def unbalanced() -> dict[str, np.ndarray]:
    """Farms with two to four herds of two to six cows, weighed with different scales."""
    rng = np.random.default_rng(11)
    herd_of = np.repeat(np.arange(20), rng.integers(2, 7, 20))
    farm_of = np.sort(rng.integers(0, 7, 20))[herd_of]
    x = rng.normal(size=len(herd_of))
    noise = rng.normal(size=7)[farm_of] + rng.normal(size=20)[herd_of]
    return {
        "y": 3.0 + x + noise + rng.normal(size=len(x)),
        "x": x,
        "farm": farm_of,
        "herd": herd_of,
        "w": rng.uniform(0.5, 2.0, len(x)),
    }


MODELS = {
    "slopes": lambda: hd.fit(
        "Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy")
    ),
    "uncorrelated slopes, ML": lambda: hd.fit(
        "Reaction ~ Days + (Days || Subject)", hd.datasets.load("sleepstudy"), method="ML"
    ),
    "split plot": lambda: hd.fit(
        "yield ~ nitro * Variety + (1 | Block/Variety)", hd.datasets.load("oats")
    ),
    "few batches": lambda: hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff")),
    "unbalanced, weights": lambda: hd.fit("y ~ x + (1 | farm/herd)", unbalanced(), weights="w"),
    "unbalanced, slopes, offset": lambda: hd.fit(
        "y ~ offset(w) + (x | farm) + (1 | farm:herd)", unbalanced()
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_responses_fitted_at_once_have_the_estimates_of_single_fits(name: str) -> None:
    estimates = MODELS[name]().estimates
    joint, draws = JointRefits.of(estimates), ResponseDraws.of(estimates)
    assert joint is not None
    y = [draws.draw(rng) for rng in np.random.default_rng(4).spawn(25)]
    fits = joint.fit(y)
    assert fits.found.mean() > 0.9
    single = Refits.of(estimates, hd.FitControl(tolerance=1e-15))
    for i in np.flatnonzero(fits.found):
        one = single.fit(y[i])
        sigma = np.exp(one.predictors["dispersion"].beta[0])
        assert_allclose(fits.sigma[i], sigma, rtol=1e-8)
        std_error = np.sqrt(np.diag(one.vcov)[: fits.beta.shape[1]])
        assert_allclose(fits.std_error[i], std_error, rtol=1e-8)
        off = (fits.beta[i] - one.location.beta) / std_error
        assert_allclose(off, 0.0, atol=1e-8)
        for term, G in zip(one.location.terms, fits.covariances, strict=True):
            assert_allclose(G[i], term.covariance, rtol=1e-7, atol=1e-8 * sigma**2)


@pytest.mark.parametrize("name", MODELS)
def test_the_derivatives_of_many_deviances_are_those_of_differences(name: str) -> None:
    joint = JointRefits.of(MODELS[name]().estimates)
    assert joint is not None
    likelihood, m = joint.likelihood, 3
    rng = np.random.default_rng(2)
    Q = joint.basis.Q
    y = rng.normal(size=(len(Q), m))
    sums = likelihood.responses(joint.Z, Q, y - Q @ (Q.T @ y) / len(Q), joint.weights)
    theta = np.abs(joint.start[:, None]) + rng.uniform(0.2, 0.6, (len(joint.start), m))
    at = likelihood.evaluate(theta, sums)
    for i in range(len(theta)):
        h = np.zeros((len(theta), 1))
        h[i] = 1e-5
        up, down = (likelihood.evaluate(theta + s * h, sums) for s in (1, -1))
        assert_allclose((up.value - down.value) / 2e-5, at.gradient[i], rtol=1e-6, atol=1e-6)
        assert_allclose(
            (up.gradient - down.gradient) / 2e-5, at.hessian[i], rtol=1e-5, atol=1e-5
        )


def test_a_response_without_a_minimum_leaves_the_others_alone() -> None:
    estimates = MODELS["few batches"]().estimates
    joint, draws = JointRefits.of(estimates), ResponseDraws.of(estimates)
    assert joint is not None
    y = [draws.draw(rng) for rng in np.random.default_rng(4).spawn(4)]
    constant = np.full(len(y[0]), 5.0)
    fits, alone = joint.fit([y[0], constant, *y[1:]]), joint.fit(y)
    assert fits.found.tolist() == [True, False, True, True, True]
    assert_allclose(fits.beta[[0, 2, 3, 4]], alone.beta, rtol=1e-9)


def test_priors_of_standard_deviations_are_left_to_single_fits() -> None:
    model = hd.fit(
        "Yield ~ 1 + (1 | Batch)",
        hd.datasets.load("dyestuff"),
        priors={"sd": "gamma(2.5, 0.1)"},
    )
    assert JointRefits.of(model.estimates) is None


def test_designs_of_large_blocks_are_left_to_single_fits() -> None:
    crossed = hd.fit(
        "diameter ~ 1 + (1 | plate) + (1 | sample)", hd.datasets.load("penicillin")
    )
    assert JointRefits.of(crossed.estimates) is None
    found = crossed.bootstrap(n=3, rng=1)
    assert np.isfinite(found.draws).all()
