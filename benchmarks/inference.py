"""Tests and refits beside R: ``python -m benchmarks.inference`` from the folder above.

Each task is done after its fit, which is not timed. Bootstrap and power are as many fits as the
table says; R does a part of them and its time is multiplied, since they take minutes there. One
process and one BLAS thread on both sides.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import henderson as hd
from benchmarks.peers import ONE_THREAD

HERE = Path(__file__).parent
RESULTS = HERE / "results"


@dataclass(frozen=True, slots=True)
class Task:
    """What is timed here and, as R code that leaves seconds in `elapsed`, there."""

    name: str
    what: str
    table: Callable[[], pd.DataFrame]
    prepare: Callable[[pd.DataFrame], hd.FittedModel]
    run: Callable[[hd.FittedModel], object]
    r: str


def split_split_plot() -> pd.DataFrame:
    """Six blocks, three whole plots, four subplots, three parts of each."""
    rng = np.random.default_rng(5)
    rows = [
        (b, w, s, t) for b in range(6) for w in range(3) for s in range(4) for t in range(3)
    ]
    b, w, s, t = np.array(rows).T
    plot, sub = b * 3 + w, (b * 3 + w) * 4 + s
    y = (
        50.0 + 2.0 * w + s + 3.0 * t
        + 3.0 * rng.normal(size=6)[b]
        + 2.0 * rng.normal(size=18)[plot]
        + 1.5 * rng.normal(size=72)[sub]
        + rng.normal(size=len(b))
    )  # fmt: skip
    columns = {"y": y, "block": b, "whole": w, "sub": s, "part": t}
    return pd.DataFrame(
        {k: v if k == "y" else [f"{k}{i}" for i in v] for k, v in columns.items()}
    )


def many_rows() -> pd.DataFrame:
    """100,000 rows in 1,000 groups with a slope of their own."""
    rng = np.random.default_rng(6)
    g, x = rng.integers(0, 1000, 100_000), rng.normal(size=100_000)
    b = rng.normal(size=(1000, 2))
    y = 1.0 + x + b[g, 0] + 0.5 * b[g, 1] * x + rng.normal(size=100_000)
    f = np.array(list("abcd"))[rng.integers(0, 4, 100_000)]
    return pd.DataFrame({"y": y, "x": x, "f": f, "g": [f"g{i}" for i in g]})


def sleepstudy() -> pd.DataFrame:
    return hd.datasets.load("sleepstudy")


def slopes(table: pd.DataFrame) -> hd.FittedModel:
    return hd.fit("Reaction ~ Days + (Days | Subject)", table)


def herds(table: pd.DataFrame) -> hd.FittedModel:
    return hd.fit(
        "cbind(incidence, size - incidence) ~ period + (1 | herd)", table, family="binomial"
    )


BOOT = (
    "elapsed <- {times} * system.time(suppressMessages(suppressWarnings("
    "bootMer(m, function(m) c(fixef(m), getME(m, 'theta')), nsim = {n}))))[['elapsed']]"
)
SLEEP = "d$Subject <- factor(d$Subject); m <- lmer(Reaction ~ Days + (Days | Subject), d);"
TASKS = (
    Task(
        "kenward_roger_split_split",
        "all 630 pairs of a 3 × 4 × 3 split-split plot, Kenward-Roger",
        split_split_plot,
        lambda d: hd.fit("y ~ whole * sub * part + (1 | block/whole/sub)", d),
        lambda m: (
            m.emmeans("whole * sub * part", ddf="kenward-roger")
            .contrasts(adjust="none")
            .table()
        ),
        "m <- lmer(y ~ whole * sub * part + (1 | block/whole/sub), d);"
        "emm_options(pbkrtest.limit = 1e6);"
        "elapsed <- system.time(as.data.frame(pairs(emmeans(m, ~ whole * sub * part, "
        "lmer.df = 'kenward-roger'), adjust = 'none')))[['elapsed']]",
    ),
    Task(
        "satterthwaite_100k",
        "coefficients with Satterthwaite's df, 100,000 rows, 1,000 groups, slopes",
        many_rows,
        lambda d: hd.fit("y ~ x * f + (x | g)", d),
        lambda m: m.coefficients(ddf="satterthwaite"),
        "m <- lme4::lmer(y ~ x * f + (x | g), d);"
        "elapsed <- system.time(summary(lmerTest::as_lmerModLmerTest(m)))[['elapsed']]",
    ),
    Task(
        "bootstrap_sleepstudy",
        "1,000 parametric bootstrap refits of sleepstudy",
        sleepstudy,
        slopes,
        lambda m: m.bootstrap(n=1000, rng=1),
        SLEEP + BOOT.format(n=100, times=10),
    ),
    Task(
        "bootstrap_cbpp",
        "1,000 parametric bootstrap refits of cbpp, binomial",
        lambda: hd.datasets.load("cbpp"),
        herds,
        lambda m: m.bootstrap(n=1000, rng=1),
        "d$period <- factor(d$period); d$herd <- factor(d$herd);"
        "m <- glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), d, binomial);"
        + BOOT.format(n=50, times=20),
    ),
    Task(
        "power_sleepstudy",
        "power of Days from 1,000 fits, each with Kenward and Roger's F",
        sleepstudy,
        slopes,
        lambda m: m.power("Days", n=1000, rng=1),
        SLEEP + "small <- update(m, . ~ . - Days);"
        "elapsed <- 20 * system.time(for (i in 1:50) { y <- simulate(m)[[1]];"
        "a <- suppressMessages(suppressWarnings(refit(m, y)));"
        "b <- suppressMessages(suppressWarnings(refit(small, y)));"
        "KRmodcomp(a, b) })[['elapsed']]",
    ),
)


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
    """Once, by Rscript; None where that or a package is missing."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        table.to_csv(path, index=False)
        code = (
            "suppressMessages({library(lme4); library(emmeans); library(pbkrtest)});"
            f"d <- read.csv('{path}', stringsAsFactors = TRUE); {task.r}; cat(elapsed)"
        )
        run = subprocess.run(
            ["Rscript", "-e", code],
            capture_output=True,
            check=False,
            text=True,
            env=os.environ | ONE_THREAD,
        )
    return float(run.stdout.split()[-1]) if run.returncode == 0 else None


def written(found: dict[str, dict[str, float | None]]) -> str:
    """The table in Markdown."""
    lines = [
        "# Inference",
        "",
        "Seconds, without the first fit; one process, one BLAS thread.",
        "",
        "| task | henderson | R | times |",
        "| --- | ---: | ---: | ---: |",
    ]
    for task in TASKS:
        here, there = found[task.name]["henderson"], found[task.name]["R"]
        assert here is not None
        shown = ("–", "–") if there is None else (f"{there:.3g}", f"{there / here:.0f}")
        lines.append(f"| {task.what} | {here:.3g} | {shown[0]} | {shown[1]} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run every task, print and store."""
    found: dict[str, dict[str, float | None]] = {}
    for task in TASKS:
        table = task.table()
        found[task.name] = {"henderson": seconds_here(task, table)}
        found[task.name]["R"] = seconds_there(task, table)
        print(task.name, found[task.name], file=sys.stderr)
    (RESULTS / "inference.json").write_text(
        json.dumps(found, indent=1) + "\n", encoding="utf-8"
    )
    (RESULTS / "inference.md").write_text(written(found), encoding="utf-8")
    print(written(found))


if __name__ == "__main__":
    main()
