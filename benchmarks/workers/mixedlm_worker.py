"""The PyPI package mixedlm."""

from importlib.metadata import version
from typing import Any

import mixedlm
import pandas as pd
from mixedlm import families
from timing import Job, run

FAMILIES = {"binomial": families.Binomial, "poisson": families.Poisson}


def fit(job: Job, table: pd.DataFrame) -> dict[str, Any]:
    """Fit by its lme4-like interface."""
    if job["family"] == "gaussian":
        found = mixedlm.lmer(job["formula"], table, REML=job["method"] == "REML")
    elif job["family"] == "nbinom2":
        found = mixedlm.glmer_nb(job["formula"], table)
    else:
        found = mixedlm.glmer(job["formula"], table, family=FAMILIES[job["family"]]())
    found.vcov()
    log_likelihood = found.logLik()
    return {
        "log_likelihood": float(getattr(log_likelihood, "value", log_likelihood)),
        "evaluations": None,
        "remark": "",
    }


run(version("mixedlm"), fit)
