"""henderson, from formula to standard errors, with the seconds of its two stages."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from timing import Job, run

import henderson as hd
from henderson.estimation import pipeline

STAGES = {"design_model": "design", "fit_design": "search"}
phases: dict[str, float] = {}


def timed(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with its seconds noted."""

    def wrapped(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        start = time.perf_counter()
        found = function(*arguments, **options)
        phases[stage] = time.perf_counter() - start
        return found

    return wrapped


for name, stage in STAGES.items():
    setattr(pipeline, name, timed(stage, getattr(pipeline, name)))


def fit(job: Job, table: pd.DataFrame) -> dict[str, Any]:
    """Fit by the public interface."""
    model = hd.fit(
        job["formula"], table, family=job["family"], link=job["link"], method=job["method"]
    )
    np.sqrt(np.diag(model.vcov()))  # computed on demand, and part of what is timed
    certificate = model.estimates.certificate
    return {
        "log_likelihood": model.llf,
        "evaluations": certificate.evaluations,
        "remark": "" if certificate.outcome.name == "CONVERGED" else certificate.sentence,
        "phases": dict(phases),
    }


run("", fit)
