"""Tests and refits beside R: ``python -m benchmarks.inference`` from the folder above.

Each task is done after its fit, which is not timed. Bootstrap and power are as many fits as the
table says; R does a part of them and its time is multiplied, since they take minutes there. One
process and one BLAS thread on both sides.
"""

import numpy as np
import pandas as pd

import henderson as hd
from benchmarks.beside_r import Task, run_beside_r

INFERENCE = ("lme4", "emmeans", "pbkrtest")


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
        INFERENCE,
    ),
    Task(
        "satterthwaite_100k",
        "coefficients with Satterthwaite's df, 100,000 rows, 1,000 groups, slopes",
        many_rows,
        lambda d: hd.fit("y ~ x * f + (x | g)", d),
        lambda m: m.coefficients(ddf="satterthwaite"),
        "m <- lme4::lmer(y ~ x * f + (x | g), d);"
        "elapsed <- system.time(summary(lmerTest::as_lmerModLmerTest(m)))[['elapsed']]",
        INFERENCE,
    ),
    Task(
        "bootstrap_sleepstudy",
        "1,000 parametric bootstrap refits of sleepstudy",
        sleepstudy,
        slopes,
        lambda m: m.bootstrap(n=1000, rng=1),
        SLEEP + BOOT.format(n=100, times=10),
        INFERENCE,
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
        INFERENCE,
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
        INFERENCE,
    ),
)


if __name__ == "__main__":
    run_beside_r(
        TASKS,
        "inference",
        "Inference",
        "Seconds, without the first fit; one process, one BLAS thread.",
    )
