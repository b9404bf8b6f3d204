"""statsmodels MixedLM: one outer group, the rest as variance components."""

from importlib.metadata import version
from typing import Any

import pandas as pd
import statsmodels.formula.api as smf
from timing import Job, run


def fit(job: Job, table: pd.DataFrame) -> dict[str, Any]:
    """One bar is a group; a / b a variance component in it; crossed bars share one group."""
    response, _, right = job["formula"].partition("~")
    fixed = f"y_ ~ {right.partition('(')[0].rstrip(' +')}"
    table = table.assign(y_=table[response.strip()])  # a name Python lets a formula use
    bars = [p.partition(")")[0] for p in job["formula"].split("(")[1:]]
    effects, _, group = (part.strip() for part in bars[0].partition("|"))
    options: dict[str, Any] = {}
    if len(bars) > 1:
        table = table.assign(everything=1)
        columns = [bar.partition("|")[2].strip() for bar in bars]
        options = {"vc_formula": {c: f"0 + C({c})" for c in columns}, "re_formula": "0"}
        group = "everything"
    elif "/" in group:
        group, inner = (g.strip() for g in group.split("/"))
        options = {"vc_formula": {inner: f"0 + C({inner})"}, "re_formula": "1"}
    else:
        options = {"re_formula": effects}
    model = smf.mixedlm(fixed, table, groups=table[group], **options)
    found = model.fit(reml=job["method"] == "REML")
    if not len(found.bse):
        raise ValueError("no standard errors")
    return {
        "log_likelihood": float(found.llf),
        "evaluations": None,
        "remark": "" if found.converged else "not converged",
    }


run(version("statsmodels"), fit)
