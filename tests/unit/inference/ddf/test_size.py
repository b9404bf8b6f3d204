"""Simulated size of the 5 % F-test where there are few whole plots."""

from dataclasses import replace

import numpy as np
import pytest

import henderson as hd
from henderson.inference import joint_test
from henderson.refits.refitting import refit
from henderson.simulation import draw_response

REPEATS = 1500


def under_no_effects(model: hd.FittedModel) -> hd.FittedModel:
    """The model with all coefficients zero: what responses are drawn from."""
    at = model.estimates
    first, *others = at.result.predictors
    none = (replace(first, beta=0.0 * first.beta), *others)
    result = replace(at.result, predictors=none)
    return replace(model, estimates=replace(at, result=result))


def rejected(
    model: hd.FittedModel, L: np.ndarray, methods: tuple[str, ...], repeats: int
) -> np.ndarray:
    """The share of responses without effects at which each test rejects at 5 %."""
    none, rng = under_no_effects(model).estimates, np.random.default_rng(1)
    count = np.zeros(len(methods))
    for _ in range(repeats):
        at = refit(none, y=draw_response(none, rng))
        count += [joint_test(at, L, ddf=ddf).p_value < 0.05 for ddf in methods]
    return count / repeats


@pytest.mark.slow
def test_kenward_roger_holds_its_size_in_a_small_unbalanced_split_plot() -> None:
    rng = np.random.default_rng(12)
    block, whole, split = (each.ravel() for each in np.indices((3, 3, 3)))
    kept = rng.random(27) < 0.85
    effects = 3.0 * rng.normal(size=(3, 3))  # else many variances are 0, and the test timid
    data = {
        "y": (effects[block, whole] + rng.normal(size=27))[kept],
        "block": block[kept],
        "whole": [f"w{each}" for each in whole[kept]],
        "split": [f"s{each}" for each in split[kept]],
    }
    model = hd.fit("y ~ whole + split + (1 | block:whole)", data)
    L = np.eye(5)[1:3]
    margin = 3.0 * np.sqrt(0.05 * 0.95 / REPEATS)
    ours, normal = rejected(model, L, ("kenward-roger", "infinite"), REPEATS)
    assert abs(ours - 0.05) < margin
    assert normal > 0.05 + 2.0 * margin


@pytest.mark.slow
def test_kenward_roger_holds_its_size_in_a_small_trial_with_missed_visits() -> None:
    rng = np.random.default_rng(7)
    subject, visit = (each.ravel() for each in np.indices((16, 4)))
    kept = rng.random(64) < 0.85
    apart = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    together = np.linalg.cholesky(4.0 * 0.7**apart)
    data = {
        "y": (rng.normal(size=(16, 4)) @ together.T).ravel()[kept],
        "arm": np.where(subject % 2, "drug", "placebo")[kept],
        "visit": [f"v{each}" for each in visit[kept]],
        "subject": subject[kept],
    }
    model = hd.fit("y ~ arm * visit", data, residual="us(visit | subject)")
    repeats, L = 1000, np.eye(8)[5:]
    margin = 3.0 * np.sqrt(0.05 * 0.95 / repeats)
    ours, normal = rejected(model, L, ("kenward-roger", "infinite"), repeats)
    assert abs(ours - 0.05) < margin
    assert normal > 0.05 + 3.0 * margin
