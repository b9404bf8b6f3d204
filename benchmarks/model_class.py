"""The wider model class beside R: ``python -m benchmarks.model_class`` from the folder above.

Whole fits with standard errors, from the table. In R the package that fits the model: glmmTMB,
nlme or ordinal, once, after a first fit of a small part that loads what it needs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import henderson as hd
from benchmarks.beside_r import Task, run_beside_r


def salamanders() -> pd.DataFrame:
    return hd.datasets.load("salamanders")


def owls() -> pd.DataFrame:
    return hd.datasets.load("owls")


def autoregressive() -> pd.DataFrame:
    """100 times of 200 subjects, some missing."""
    rng = np.random.default_rng(31)
    subjects, times = 200, 100
    e = np.empty((subjects, times))
    e[:, 0] = rng.standard_normal(subjects)
    for t in range(1, times):
        e[:, t] = 0.7 * e[:, t - 1] + np.sqrt(1 - 0.49) * rng.standard_normal(subjects)
    s, t = np.meshgrid(np.arange(subjects), np.arange(times), indexing="ij")
    table = pd.DataFrame(
        {"s": [f"s{i}" for i in s.ravel()], "t": t.ravel() + 1, "x": rng.random(s.size)}
    )
    table["y"] = 1.0 + table["x"] + e.ravel() + 0.5 * rng.standard_normal(s.size)
    return table[rng.random(len(table)) > 0.05].reset_index(drop=True)


def field() -> pd.DataFrame:
    """400 points with a covariance that decays with their distance."""
    rng = np.random.default_rng(32)
    x, y = rng.random(400) * 10, rng.random(400) * 10
    d = np.hypot(x[:, None] - x, y[:, None] - y)
    z = np.linalg.cholesky(np.exp(-d / 2.0) + 1e-10 * np.eye(400)) @ rng.standard_normal(400)
    made = {"px": x.round(4), "py": y.round(4), "all": "a"}
    return pd.DataFrame(made | {"y": 2.0 + z + 0.4 * rng.standard_normal(400)})


def trial() -> pd.DataFrame:
    """10 visits of 400 patients in two arms, a tenth missing."""
    rng = np.random.default_rng(33)
    k, n = 10, 400
    time = np.arange(k)
    S = np.exp(-0.15 * np.abs(time[:, None] - time)) * np.outer(1 + 0.1 * time, 1 + 0.1 * time)
    y = rng.standard_normal((n, k)) @ np.linalg.cholesky(S).T + 0.1 * time
    p, v = np.meshgrid(np.arange(n), time, indexing="ij")
    table = pd.DataFrame({"p": [f"p{i}" for i in p.ravel()], "v": v.ravel() + 1})
    table["arm"] = np.where(p.ravel() % 2, "drug", "placebo")
    table["y"] = y.ravel()
    return table[rng.random(len(table)) > 0.1].reset_index(drop=True)


def shares() -> pd.DataFrame:
    """Beta responses, 2,000 rows in 100 groups."""
    rng = np.random.default_rng(34)
    g = np.repeat(np.arange(100), 20)
    x = rng.standard_normal(2000)
    mu = 1 / (1 + np.exp(-(-0.5 + 0.4 * x + 0.6 * rng.standard_normal(100)[g])))
    y = np.clip(rng.beta(8 * mu, 8 * (1 - mu)), 1e-6, 1 - 1e-6)
    return pd.DataFrame({"y": y, "x": x, "g": [f"g{i}" for i in g]})


def rain() -> pd.DataFrame:
    """Amounts that may be zero, 2,000 rows in 100 groups."""
    rng = np.random.default_rng(35)
    g = np.repeat(np.arange(100), 20)
    x = rng.standard_normal(2000)
    mu = np.exp(0.3 + 0.4 * x + 0.5 * rng.standard_normal(100)[g])
    counts = rng.poisson(mu**0.5 / 0.5)
    y = rng.gamma(np.maximum(counts, 1e-9) * 1.0, 0.5 * mu**0.5)
    return pd.DataFrame({"y": np.where(counts > 0, y, 0.0), "x": x, "g": [f"g{i}" for i in g]})


def grades() -> pd.DataFrame:
    """Ordered categories, 2,000 rows in 100 groups."""
    rng = np.random.default_rng(36)
    g = np.repeat(np.arange(100), 20)
    x = rng.standard_normal(2000)
    latent = x + rng.standard_normal(100)[g] + rng.logistic(size=2000)
    y = np.digitize(latent, [-1.5, 0.0, 1.5]) + 1
    return pd.DataFrame({"y": y, "x": x, "g": [f"g{i}" for i in g]})


def fitted(formula: str, **options: Any) -> Callable[[pd.DataFrame], object]:  # noqa: ANN401
    """A fit of a table, with its standard errors."""

    def run(table: pd.DataFrame) -> object:
        model = hd.fit(formula, table, **options)
        return np.sqrt(np.diag(model.vcov()))

    return run


def task(name: str, what: str, table: Callable[[], pd.DataFrame], here: Any, r: str) -> Task:  # noqa: ANN401
    """A fit beside one of a package of R, in which `r` is the call."""
    package = r.split("::", maxsplit=1)[0].rsplit("(", maxsplit=1)[-1].rsplit(maxsplit=1)[-1]
    quiet = f"suppressMessages(suppressWarnings({{m <- {r}; vcov(m)}}))"
    code = f"elapsed <- system.time({quiet})[['elapsed']]"
    if package == "ordinal":
        code = f"d$y <- factor(d$y); {code}"
    return Task(name, what, table, lambda made: made, here, code, (package,))


TASKS = (
    task(
        "salamanders_zinb",
        "Salamanders, zero-inflated nbinom2 with a dispersion formula",
        salamanders,
        fitted(
            "count ~ spp * mined + (1 | site)",
            family="nbinom2",
            zero_inflation="~ mined",
            dispersion="~ DOY",
        ),
        "glmmTMB::glmmTMB(count ~ spp * mined + (1 | site), d, family = glmmTMB::nbinom2, "
        "ziformula = ~ mined, dispformula = ~ DOY)",
    ),
    task(
        "owls_zinb",
        "Owls, zero-inflated nbinom1 with an offset",
        owls,
        fitted(
            "SiblingNegotiation ~ FoodTreatment * SexParent + offset(logBroodSize)"
            " + (1 | Nest)",
            family="nbinom1",
            zero_inflation="~ 1",
        ),
        "glmmTMB::glmmTMB(SiblingNegotiation ~ FoodTreatment * SexParent + "
        "offset(logBroodSize) + (1 | Nest), d, family = glmmTMB::nbinom1, ziformula = ~ 1)",
    ),
    task(
        "ar1_100_by_200",
        "ar1 over 100 times in 200 subjects, 19,000 rows",
        autoregressive,
        fitted("y ~ x + ar1(0 + factor(t) | s)", method="ML"),
        "glmmTMB::glmmTMB(y ~ x + glmmTMB::ar1(0 + factor(t) | s), d)",
    ),
    task(
        "exp_400",
        "exponential decay over 400 points of one field",
        field,
        fitted("y ~ 1 + exp(0 + px:py | all)", method="ML"),
        "glmmTMB::glmmTMB(y ~ 1 + exp(0 + glmmTMB::numFactor(px, py) | all), d)",
    ),
    task(
        "mmrm_10_by_400",
        "unstructured residuals over 10 visits of 400 patients",
        trial,
        fitted("y ~ arm * factor(v)", residual="us(v | p)"),
        "nlme::gls(y ~ arm * factor(v), d, correlation = nlme::corSymm(form = ~ v | p), "
        "weights = nlme::varIdent(form = ~ 1 | v), control = nlme::glsControl(msMaxIter = 500, "
        "maxIter = 500))",
    ),
    task(
        "beta",
        "beta, 2,000 rows in 100 groups",
        shares,
        fitted("y ~ x + (1 | g)", family="beta"),
        "glmmTMB::glmmTMB(y ~ x + (1 | g), d, family = glmmTMB::beta_family())",
    ),
    task(
        "tweedie",
        "tweedie, 2,000 rows in 100 groups",
        rain,
        fitted("y ~ x + (1 | g)", family="tweedie"),
        "glmmTMB::glmmTMB(y ~ x + (1 | g), d, family = glmmTMB::tweedie())",
    ),
    task(
        "ordinal",
        "cumulative logit of four categories, 2,000 rows in 100 groups",
        grades,
        fitted("y ~ x + (1 | g)", family="cumulative"),
        "ordinal::clmm(y ~ x + (1 | g), data = d)",
    ),
)


if __name__ == "__main__":
    run_beside_r(
        TASKS,
        "model_class",
        "The wider model class",
        "Seconds of a whole fit with standard errors; one process, one BLAS thread. In R "
        "glmmTMB, nlme::gls (unstructured residuals) or ordinal::clmm.",
    )
