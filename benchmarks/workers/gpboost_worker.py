"""GPBoost, maximum likelihood only, with its default optimizer."""

import os
from importlib.metadata import version
from typing import Any

import gpboost
import numpy as np
import pandas as pd
from formulaic import model_matrix
from timing import Job, run

LIKELIHOODS = {
    "gaussian": "gaussian",
    "binomial": "bernoulli_logit",
    "poisson": "poisson",
    "nbinom2": "negative_binomial",
}


def random_terms(formula: str) -> list[tuple[str, list[str]]]:
    """(effects, grouping columns) of every bar; a / b is a and a:b."""
    terms: list[tuple[str, list[str]]] = []
    for piece in formula.split("(")[1:]:
        if "|" not in piece:
            continue
        effects, _, group = piece.partition(")")[0].partition("|")
        nested = [g.strip() for g in group.split("/")]
        terms += [(effects.strip(), nested[: i + 1]) for i in range(len(nested))]
    return terms


def fit(job: Job, table: pd.DataFrame) -> dict[str, Any]:
    """Fit with the fixed effects as a matrix and the groups as columns."""
    response, _, right = job["formula"].partition("~")
    fixed = "+".join(p for p in right.split("(")[0].split("+") if p.strip())
    x = model_matrix(fixed, table)
    groups, slopes, of_group = [], [], []
    for effects, columns in random_terms(job["formula"]):
        groups.append(table[columns].astype(str).agg(":".join, axis=1).to_numpy())
        for effect in effects.split("+"):
            if effect.strip() != "1":
                values = model_matrix(f"0 + {effect.strip()}", table)
                slopes.append(np.asarray(values)[:, -1])
                of_group.append(len(groups))
    model = gpboost.GPModel(
        likelihood=LIKELIHOODS[job["family"]],
        group_data=np.column_stack(groups),
        group_rand_coef_data=np.column_stack(slopes) if slopes else None,
        ind_effect_group_rand_coef=of_group or None,
        num_parallel_threads=int(os.environ["OMP_NUM_THREADS"]),
    )
    model.fit(y=table[response.strip()].to_numpy(dtype=float), X=np.asarray(x))
    model.get_coef(std_err=True)
    return {
        "log_likelihood": -float(model.get_current_neg_log_likelihood()),
        "evaluations": None,
        "remark": "maximum likelihood" + ("; slopes not correlated" if slopes else ""),
    }


run(version("gpboost"), fit)
