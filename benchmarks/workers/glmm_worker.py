"""The PyPI package glmm. Satterthwaite's degrees of freedom are switched off."""

from importlib.metadata import version
from typing import Any

import glmm
import pandas as pd
from timing import Job, run

FAMILIES = {"nbinom2": "negativebinomial"}


def fit(job: Job, table: pd.DataFrame) -> dict[str, Any]:
    """Fit by its formula interface."""
    options: dict[str, Any] = {}
    if job["family"] == "gaussian":
        options = {"reml": job["method"] == "REML", "satterthwaite": False}
    family = FAMILIES.get(job["family"], job["family"])
    found = glmm.fit(table, job["formula"], family, **options)
    if len(found.se) != len(found.beta):
        raise ValueError("no standard errors")
    return {
        "log_likelihood": float(found.loglik),
        "evaluations": int(found.n_eval),
        "remark": "" if found.converged else "not converged",
    }


run(version("glmm"), fit)
