"""Tasks timed here and, as R code, there: what `inference.py` and `model_class.py` share."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.peers import ONE_THREAD

RESULTS = Path(__file__).parent / "results"
PATIENCE = 300.0  # seconds that a fit in R is waited for


@dataclass(frozen=True, slots=True)
class Task:
    """What is timed here and, as R code that leaves seconds in `elapsed`, there.

    `prepare` makes what `run` is given, and is not timed.
    """

    name: str
    what: str
    table: Callable[[], pd.DataFrame]
    prepare: Callable[[pd.DataFrame], Any]
    run: Callable[[Any], object]
    r: str
    packages: tuple[str, ...]


def seconds_here(task: Task, table: pd.DataFrame) -> float:
    """The median of three."""
    model = task.prepare(table)
    found = []
    for _ in range(3):
        start = time.perf_counter()
        task.run(model)
        found.append(time.perf_counter() - start)
    return float(np.median(found))


def seconds_there(task: Task, table: pd.DataFrame) -> float | None:
    """Once, by Rscript; None where that or a package is missing, inf if it does not end."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        table.to_csv(path, index=False)
        loaded = "; ".join(f"library({name})" for name in task.packages)
        code = (
            f"suppressMessages({{{loaded}}});"
            f"d <- read.csv('{path}', stringsAsFactors = TRUE); {task.r}; cat(elapsed)"
        )
        try:
            run = subprocess.run(
                ["Rscript", "-e", code],
                capture_output=True,
                check=False,
                text=True,
                env=os.environ | ONE_THREAD,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return float("inf")
    if run.returncode != 0:
        print(run.stderr[-500:], file=sys.stderr)
        return None
    return float(run.stdout.split()[-1])


def written(
    tasks: Sequence[Task], found: dict[str, dict[str, float | None]], title: str, what: str
) -> str:
    """The table in Markdown."""
    lines = [
        f"# {title}",
        "",
        what,
        "",
        "| task | henderson | R | times |",
        "| --- | ---: | ---: | ---: |",
    ]
    for task in tasks:
        here, there = found[task.name]["henderson"], found[task.name]["R"]
        assert here is not None
        if there is None:
            shown = ("–", "–")
        elif np.isinf(there):
            shown = (f"> {PATIENCE:.0f}", f"> {PATIENCE / here:.0f}")
        else:
            shown = (f"{there:.3g}", f"{there / here:.3g}")
        lines.append(f"| {task.what} | {here:.3g} | {shown[0]} | {shown[1]} |")
    return "\n".join(lines) + "\n"


def run_beside_r(tasks: Sequence[Task], stem: str, title: str, what: str) -> None:
    """Run the tasks named on the command line, or all; print and store."""
    stored = RESULTS / f"{stem}.json"
    found: dict[str, dict[str, float | None]] = (
        json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    )
    for task in tasks:
        if sys.argv[1:] and task.name not in sys.argv[1:]:
            continue
        table = task.table()
        found[task.name] = {"henderson": seconds_here(task, table)}
        found[task.name]["R"] = seconds_there(task, table)
        print(task.name, found[task.name], file=sys.stderr)
    stored.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    page = written([t for t in tasks if t.name in found], found, title, what)
    (RESULTS / f"{stem}.md").write_text(page, encoding="utf-8")
    print(page)
