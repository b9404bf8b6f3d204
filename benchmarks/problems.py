"""The models that are timed: formula, family and table of each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from benchmarks import simulated

ROOT = Path(__file__).parent.parent
REAL_DATA = (ROOT / "tests/reference/data", ROOT / "src/henderson/datasets/data")


@dataclass(frozen=True, slots=True)
class Problem:
    """One model on one table. `formula` is R's; peers that spell it otherwise say so."""

    name: str
    about: str
    table: Callable[[], pd.DataFrame]
    formula: str
    factors: tuple[str, ...]
    family: str = "gaussian"
    link: str = "identity"
    method: str = "ML"
    skip: dict[str, str] = field(default_factory=dict)  # peer -> why it is not run

    def cached_table(self, folder: Path) -> Path:
        """The table as a CSV file, made on first use."""
        path = folder / f"{self.name}.csv"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self.table().to_csv(path, index=False)
        return path


def stored(name: str) -> pd.DataFrame:
    """A table of the reference tests, or one that comes with the package."""
    wanted = [folder / f"{name}.csv{end}" for folder in REAL_DATA for end in ("", ".gz")]
    path = next(p for p in wanted if p.exists())
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def instructor_evaluations() -> pd.DataFrame:
    """InstEval with a binary response beside the rating."""
    table = stored("insteval")
    return table.assign(good=(table["y"] > 3).astype(int))


def contraception() -> pd.DataFrame:
    """Contraception with the square of age as a column, which every peer can read."""
    table = stored("contraception")
    return table.assign(age2=table["age"] ** 2)


def verbal_aggression() -> pd.DataFrame:
    """VerbAgg with the answer as 0 or 1."""
    table = stored("verbagg")
    return table.assign(yes=(table["r2"] == "Y").astype(int))


SLOPES = " + ".join(f"x{j}" for j in range(1, 8))
TOO_LONG = "not run: expected to take longer than the time limit"

PROBLEMS: tuple[Problem, ...] = (
    Problem(
        "sleepstudy",
        "180 rows, 18 subjects, intercept and slope",
        lambda: stored("sleepstudy"),
        "Reaction ~ Days + (Days | Subject)",
        ("Subject",),
        method="REML",
    ),
    Problem(
        "dyestuff",
        "30 rows, 6 batches",
        lambda: stored("dyestuff"),
        "Yield ~ 1 + (1 | Batch)",
        ("Batch",),
        method="REML",
    ),
    Problem(
        "penicillin",
        "144 rows, 24 plates × 6 samples, crossed",
        lambda: stored("penicillin"),
        "diameter ~ 1 + (1 | plate) + (1 | sample)",
        ("plate", "sample"),
        method="REML",
    ),
    Problem(
        "pastes",
        "60 rows, casks in batches",
        lambda: stored("pastes"),
        "strength ~ 1 + (1 | batch) + (1 | sample)",
        ("batch", "sample"),
        method="REML",
    ),
    Problem(
        "oats",
        "72 rows, split plot",
        lambda: stored("oats"),
        "yield ~ Variety * nf + (1 | Block / Variety)",
        ("Variety", "nf", "Block"),
        method="REML",
    ),
    Problem(
        "cbpp",
        "56 rows, 15 herds, binomial",
        lambda: stored("cbpp"),
        "cbind(incidence, healthy) ~ period + (1 | herd)",
        ("period", "herd"),
        family="binomial",
        link="logit",
    ),
    Problem(
        "contraception",
        "1,934 rows, 60 districts, Bernoulli, intercepts",
        contraception,
        "use01 ~ age + age2 + urban + livch + (1 | district)",
        ("urban", "livch", "district"),
        family="binomial",
        link="logit",
    ),
    Problem(
        "contraception_slope",
        "1,934 rows, 60 districts, Bernoulli, intercept and slope",
        contraception,
        "use01 ~ age + age2 + urban + livch + (urban | district)",
        ("urban", "livch", "district"),
        family="binomial",
        link="logit",
    ),
    Problem(
        "insteval",
        "73,421 rows, 2,972 × 1,128 × 14, crossed",
        instructor_evaluations,
        "y ~ service + (1 | s) + (1 | d) + (1 | dept)",
        ("service", "s", "d", "dept"),
        method="REML",
    ),
    Problem(
        "insteval_binary",
        "73,421 rows, 2,972 × 1,128 × 14, crossed, Bernoulli",
        instructor_evaluations,
        "good ~ service + (1 | s) + (1 | d) + (1 | dept)",
        ("service", "s", "d", "dept"),
        family="binomial",
        link="logit",
        skip={"mixedlm": TOO_LONG},
    ),
    Problem(
        "verbagg",
        "7,584 rows, 316 × 24, crossed, Bernoulli",
        verbal_aggression,
        "yes ~ Anger + Gender + btype + situ + (1 | id) + (1 | item)",
        ("Gender", "btype", "situ", "id", "item"),
        family="binomial",
        link="logit",
    ),
    Problem(
        "grouseticks",
        "403 rows, three terms, Poisson",
        lambda: stored("grouseticks"),
        "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION) + (1 | INDEX)",
        ("YEAR", "BROOD", "LOCATION", "INDEX"),
        family="poisson",
        link="log",
    ),
    Problem(
        "salamanders",
        "644 rows, 23 sites, negative binomial",
        lambda: stored("salamanders"),
        "count ~ spp + mined + (1 | site)",
        ("spp", "mined", "site"),
        family="nbinom2",
        link="log",
    ),
    Problem(
        "owls",
        "599 rows, 27 nests, negative binomial, offset",
        lambda: stored("owls"),
        "SiblingNegotiation ~ FoodTreatment * SexParent + offset(logBroodSize) + (1 | Nest)",
        ("FoodTreatment", "SexParent", "Nest"),
        family="nbinom2",
        link="log",
    ),
    Problem(
        "maximal",
        "1,790 rows, two crossed 8 × 8 covariance matrices of rank 2",
        simulated.maximal,
        f"y ~ {SLOPES} + ({SLOPES} | subject) + ({SLOPES} | item)",
        ("subject", "item"),
        skip={"mixedlm": TOO_LONG, "glmmTMB": TOO_LONG},
    ),
    Problem(
        "slopes_200k",
        "200,000 rows, 20,000 groups, intercept and slope",
        simulated.slopes,
        "y ~ x + (x | group)",
        ("group",),
        method="REML",
        skip={"statsmodels": TOO_LONG},
    ),
    Problem(
        "poisson_1m",
        "1,000,000 rows, 20,000 groups, Poisson, intercept and slope",
        simulated.counts,
        "y ~ x + (x | group)",
        ("group",),
        family="poisson",
        link="log",
        skip={"mixedlm": TOO_LONG},
    ),
    Problem(
        "three_levels_10k",
        "10,000 rows, 500 classes in 100 schools",
        lambda: simulated.three_levels(10_000),
        "y ~ x + (1 | school / klass)",
        ("school", "klass"),
        method="REML",
        skip={"statsmodels": TOO_LONG},
    ),
    Problem(
        "three_levels_100k",
        "100,000 rows, 5,000 classes in 1,000 schools",
        lambda: simulated.three_levels(100_000),
        "y ~ x + (1 | school / klass)",
        ("school", "klass"),
        method="REML",
        skip={"statsmodels": TOO_LONG},
    ),
    Problem(
        "three_levels_1m",
        "1,000,000 rows, 50,000 classes in 10,000 schools",
        lambda: simulated.three_levels(1_000_000),
        "y ~ x + (1 | school / klass)",
        ("school", "klass"),
        method="REML",
        skip={"statsmodels": TOO_LONG},
    ),
    Problem(
        "crossed_1m",
        "1,000,000 rows, 6,040 × 3,706, crossed",
        simulated.crossed,
        "y ~ 1 + (1 | user) + (1 | item)",
        ("user", "item"),
        method="REML",
        skip={"glmmTMB": TOO_LONG, "mixedlm": TOO_LONG},
    ),
)
