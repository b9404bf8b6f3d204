"""Whole processes: from the shell to printed estimates of one small model."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.peers import ONE_THREAD
from benchmarks.problems import PROBLEMS

R_CODE = (
    "suppressPackageStartupMessages(library(lme4));"
    "d <- read.csv('{table}'); d$Subject <- factor(d$Subject);"
    "print(summary(lmer(Reaction ~ Days + (Days | Subject), d)))"
)


Whole = dict[str, float]  # "seconds" on the wall, "cpu"


def startup_table(cache: Path, repeats: int = 5) -> dict[str, Whole | None]:
    """Median seconds of each whole process; None where it cannot be run."""
    table = next(p for p in PROBLEMS if p.name == "sleepstudy").cached_table(cache)
    formula = "Reaction ~ Days + (Days | Subject)"
    commands = {
        "python -c 'import numpy, scipy.linalg'": [
            sys.executable,
            "-c",
            "import numpy, scipy.linalg",
        ],
        "python -c 'import henderson'": [sys.executable, "-c", "import henderson"],
        "henderson fit": [sys.executable, "-m", "henderson", "fit", str(table), formula],
        "Rscript with lme4": ["Rscript", "-e", R_CODE.format(table=table)],
    }
    return {name: whole_process(command, repeats) for name, command in commands.items()}


def whole_process(command: list[str], repeats: int) -> Whole | None:
    """Seconds of a command, after one run that warms the disk's cache."""
    if shutil.which(command[0]) is None:
        return None
    seconds, cpu = [], []
    for _ in range(repeats + 1):
        start, busy = time.perf_counter(), children_cpu()
        run = subprocess.run(
            command, capture_output=True, check=False, env=os.environ | ONE_THREAD
        )
        seconds.append(time.perf_counter() - start)
        cpu.append(children_cpu() - busy)
        if run.returncode:
            return None
    return {"seconds": statistics.median(seconds[1:]), "cpu": statistics.median(cpu[1:])}


def children_cpu() -> float:
    """Processor seconds of all finished child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
