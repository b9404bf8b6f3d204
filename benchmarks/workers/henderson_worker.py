"""henderson, from formula to standard errors."""

from typing import Any

import pandas as pd
from timing import Job, run

import henderson as hd


def fit(job: Job, table: pd.DataFrame) -> dict[str, Any]:
    """Fit by the public interface."""
    model = hd.fit(
        job["formula"], table, family=job["family"], link=job["link"], method=job["method"]
    )
    model.bse  # noqa: B018  computed on demand, and part of what is timed
    certificate = model.estimates.certificate
    return {
        "log_likelihood": float(model.llf),
        "evaluations": int(certificate.evaluations),
        "remark": certificate.outcome.name.lower(),
        "phases": dict(getattr(model.estimates, "seconds", None) or {}),
    }


run(getattr(hd, "__version__", ""), fit)
