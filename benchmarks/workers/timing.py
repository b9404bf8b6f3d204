"""What every Python worker shares: read the job, repeat the fit, print one line of JSON.

A worker runs in its peer's own interpreter with one BLAS thread and imports only that peer,
NumPy and pandas. `fit` returns the log-likelihood, evaluations (or None) and a remark, and
must have computed standard errors; `phases` are seconds by name where the peer tells them.
"""

import json
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import pandas as pd

Job = dict[str, Any]


def read_table(job: Job) -> pd.DataFrame:
    """The table, its factors as categoricals of strings."""
    table = pd.read_csv(job["table"], keep_default_na=False, na_values=[""])
    for name in job["factors"]:
        table[name] = table[name].astype(str).astype("category")
    return table


def run(version: str, fit: Callable[[Job, pd.DataFrame], dict[str, Any]]) -> None:
    """Time `fit`: the first run is reported apart, then as many as fit into the seconds."""
    warnings.simplefilter("ignore")
    job = json.load(sys.stdin)
    table = read_table(job)
    start, busy_before = time.perf_counter(), time.process_time()
    found = fit(job, table)
    first = time.perf_counter() - start
    warm: list[float] = []
    busy = time.process_time()
    while first < job["once_above"] and len(warm) < job["repeats"]:
        start = time.perf_counter()
        found = fit(job, table)
        warm.append(time.perf_counter() - start)
        if sum(warm) > job["seconds"] and len(warm) > 1:
            break
    cpu = (time.process_time() - busy) / len(warm) if warm else busy - busy_before
    found |= {
        "version": version,
        "first": first,
        "cpu": cpu,
        "seconds": statistics.median(warm) if warm else first,
        "fits": len(warm) + 1,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print("\n" + json.dumps(found))
