"""Sparse factorizations beside CHOLMOD: ``python -m benchmarks.sparse`` from the folder above.

One evaluation of a fit, with the order of elimination known: new values into the factor, the
factorization, and C⁻¹ on its pattern. The order itself is timed apart. In R it is CHOLMOD's
supernodal factorization, by the Matrix package, which has no inverse on the pattern.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array, diags_array, eye_array
from threadpoolctl import threadpool_limits

from benchmarks.beside_r import RESULTS
from benchmarks.peers import ONE_THREAD
from henderson.covariance.precision import autoregression, random_walk, separable
from henderson.design.pedigrees import Pedigree
from henderson.equations.sparse import SparseCholesky
from henderson.equations.sparse_parts import Entries

R_CODE = """
suppressMessages(library(Matrix))
d <- read.csv('{path}')
A <- sparseMatrix(d$i, d$j, x = d$x, dims = c({n}, {n}), symmetric = TRUE)
first <- system.time(f <- Cholesky(A, perm = TRUE, LDL = FALSE, super = TRUE))[['elapsed']]
again <- median(sapply(1:{repeats}, function(i) system.time(update(f, A))[['elapsed']]))
cat(first, again)
"""


def field(side: int) -> csr_array:
    """Plots with ar1 by ar1 and independent errors."""
    line = np.ones(side - 1)
    Q = separable(autoregression(0.7, line), autoregression(0.6, line))
    return csr_array(Q.matrix() + 0.5 * eye_array(Q.n))


def series(times: int) -> csr_array:
    """An autoregression with a record a time."""
    Q = autoregression(0.9, np.ones(times - 1)).matrix()
    return csr_array(Q + eye_array(times))


def spline(times: int) -> csr_array:
    """A random walk of order 2 with a record a time."""
    return csr_array(random_walk(np.arange(float(times)), 2).matrix() + 0.1 * eye_array(times))


def animals(m: int) -> csr_array:
    """Ten generations: 40 offspring a sire, two a dam; records of the last six."""
    rng = np.random.default_rng(1)
    size = m // 10
    parents = np.full((m, 2), -1, dtype=np.int32)
    for first in range(size, m, size):
        males = first - size + rng.choice(size // 2, size // 40, replace=False)
        dams = first - size // 2 + rng.permutation(size // 2)
        mates = rng.choice(males, len(dams))
        which = rng.integers(len(dams), size=size)
        parents[first : first + size] = np.column_stack([mates[which], dams[which]])
    inverse = Pedigree.of_places((), parents).inverse()
    return csr_array(inverse + diags_array((np.arange(m) >= 0.4 * m) * 0.6))


def scattered(columns: int) -> csr_array:
    """A tail of which 2 in 100 of the factor's entries are filled."""
    rng = np.random.default_rng(2)
    i, j = rng.integers(columns, size=(2, 15 * columns // 10))
    half = coo_array((np.full(len(i), -0.5), (i, j)), (columns, columns))
    W = csr_array(half + half.T)
    return csr_array(W + diags_array(np.asarray(abs(W).sum(axis=0)).ravel() + 1.0))


PROBLEMS: dict[str, tuple[str, Callable[[], csr_array]]] = {
    "field_50": ("field of 50 x 50 plots", lambda: field(50)),
    "field_100": ("field of 100 x 100 plots", lambda: field(100)),
    "field_400": ("field of 400 x 400 plots", lambda: field(400)),
    "series": ("series of 500,000 times", lambda: series(500_000)),
    "spline": ("random walk of order 2 over 100,000 times", lambda: spline(100_000)),
    "animals": ("pedigree of 100,000 animals", lambda: animals(100_000)),
    "scattered": ("scattered tail of 20,000 columns", lambda: scattered(20_000)),
}


def seconds_here(C: csr_array) -> dict[str, float]:
    """Of the order with all places, of new values and the factor, and of the inverse."""
    part = Entries.of(C)
    values = part.values_of(C)
    start = time.perf_counter()
    factor = SparseCholesky(len(C.indptr) - 1, [part])
    analysis = time.perf_counter() - start
    spent = []
    for _ in range(5):
        start = time.perf_counter()
        factor.factor([values])
        factored = time.perf_counter()
        factor.invert()
        spent.append((factored - start, time.perf_counter() - factored))
    again, inverse = np.median(spent, axis=0)
    plan = factor.plan
    print(plan, file=sys.stderr)
    return {"order": analysis, "factor": again, "inverse": inverse, "entries": plan.entries}


def seconds_there(C: csr_array) -> dict[str, float]:
    """Of the order with the first factor, and of the next ones, by CHOLMOD; empty without R."""
    if shutil.which("Rscript") is None:
        return {}
    part = Entries.of(C)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matrix.csv"
        columns = {"i": part.rows + 1, "j": part.columns + 1, "x": part.values_of(C)}
        pd.DataFrame(columns).to_csv(path, index=False)
        code = R_CODE.format(path=path, n=len(C.indptr) - 1, repeats=5)
        environment = os.environ | ONE_THREAD
        run = subprocess.run(
            ["Rscript", "-e", code],
            capture_output=True,
            check=False,
            text=True,
            env=environment,
        )
    if run.returncode != 0:
        print(run.stderr[-500:], file=sys.stderr)
        return {}
    first, again = map(float, run.stdout.split()[-2:])
    return {"first": first, "factor": again}


def written(found: dict[str, dict[str, Any]]) -> str:
    """The table in Markdown."""
    lines = [
        "# Sparse factorizations",
        "",
        "Milliseconds; one process, one BLAS thread, medians of five. CHOLMOD is the supernodal"
        " one of R's Matrix; its first factorization includes the order.",
        "",
        "| matrix | nonzeros of L | order | factor | selected inverse | CHOLMOD first | "
        "CHOLMOD factor |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, (what, _) in PROBLEMS.items():
        if name not in found:
            continue
        here, there = found[name]["henderson"], found[name]["CHOLMOD"]
        spent = [here["order"], here["factor"], here["inverse"]]
        spent += [there.get("first"), there.get("factor")]
        cells = ["–" if s is None else f"{1000.0 * s:.3g}" for s in spent]
        lines.append(f"| {what} | {here['entries']:,.0f} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the problems named on the command line, or all; print and store."""
    stored = RESULTS / "sparse.json"
    found = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    for name, (_, build) in PROBLEMS.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        C = build()
        with threadpool_limits(1):
            here = seconds_here(C)
        found[name] = {"henderson": here, "CHOLMOD": seconds_there(C)}
        print(name, found[name], file=sys.stderr)
    stored.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "sparse.md").write_text(written(found), encoding="utf-8")
    print(written(found))


if __name__ == "__main__":
    main()
