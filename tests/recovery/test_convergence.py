"""Fits that are called converged are at the highest maximum: a part of the study."""

import signal

import pytest

from benchmarks.convergence import end, give_up, scenarios, simulated_models


@pytest.mark.slow
@pytest.mark.parametrize("part", range(12))
def test_no_fit_to_a_simulated_table_is_called_converged_below_another_maximum(
    part: int,
) -> None:
    signal.signal(signal.SIGALRM, give_up)
    endings = [end(model, starts=3) for model in list(simulated_models(1))[part::12]]
    assert len(endings) > len(scenarios()) / 12 - 1
    assert not [(each.name, each.below) for each in endings if each.assured_falsely]
    alarms = [(each.name, each.outcome) for each in endings if each.alarmed_falsely]
    assert len(alarms) <= 1
