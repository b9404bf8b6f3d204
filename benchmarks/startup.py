"""Whole processes: from the shell to printed estimates of one small model."""

import os
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


def startup_table(cache: Path, repeats: int = 5) -> dict[str, float | None]:
    """Median seconds of each whole process; None where it cannot be run."""
    table = next(p for p in PROBLEMS if p.name == "sleepstudy").cached_table(cache)
    beside = Path(sys.executable).parent / "henderson"
    program = str(beside) if beside.exists() else "henderson"
    formula = "Reaction ~ Days + (Days | Subject)"
    commands = {
        "python -c 'import numpy, scipy.linalg'": [
            sys.executable,
            "-c",
            "import numpy, scipy.linalg",
        ],
        "python -c 'import henderson'": [sys.executable, "-c", "import henderson"],
        "henderson fit": [program, "fit", str(table), formula],
        "Rscript with lme4": ["Rscript", "-e", R_CODE.format(table=table)],
    }
    return {name: median_seconds(command, repeats) for name, command in commands.items()}


def median_seconds(command: list[str], repeats: int) -> float | None:
    """Wall-clock seconds of a command, after one run that warms the disk's cache."""
    if shutil.which(command[0]) is None:
        return None
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        run = subprocess.run(
            command, capture_output=True, check=False, env=os.environ | ONE_THREAD
        )
        seconds.append(time.perf_counter() - start)
        if run.returncode:
            return None
    return statistics.median(seconds[1:])
