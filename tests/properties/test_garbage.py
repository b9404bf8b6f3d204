"""Garbage in: our own errors, or a fit that says what it is; no other exception, no NaN."""

import pytest

from tests.properties.garbage import Case, run

FEW, MANY = range(3, 14), range(14, 40)
MENDED = [26, 39, 99, 125, 126, 148, 188, 211, 1005, 1021]  # were tracebacks
TOO_LONG = {2, 17}  # profiles over many effects, and fits that go on, take more than they may


@pytest.mark.parametrize("seed", [*(set(FEW) - TOO_LONG), *MENDED])
def test_garbage_is_refused_by_our_errors_or_answered(seed: int) -> None:
    run(Case.drawn(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*(set(MANY) - TOO_LONG)])
def test_much_garbage_is_refused_by_our_errors_or_answered(seed: int) -> None:
    run(Case.drawn(seed))
