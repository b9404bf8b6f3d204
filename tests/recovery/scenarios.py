"""Designs, true parameters, and how their data are drawn.

Families and structures come from the registries, so that a new one is studied by itself. Random
effects are drawn by NumPy. Responses too, where `DRAWS` knows the distribution: so they do not
depend on the package. The others are drawn by the family's own `simulate`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

import henderson as hd
from henderson.covariance import RESIDUAL_STRUCTURES, STRUCTURES, CovarianceStructure
from henderson.families.registry import FAMILIES, WRAPPERS, family_named

Draw = Callable[..., np.ndarray]

GROUPS, EACH = 60, 10
INTERCEPT, SLOPE, SD = 0.8, 0.4, 0.5
TRIALS = 8
THRESHOLDS = (-1.0, 0.5, 1.5)

# Location's intercept, log dispersion, and further predictors, where the defaults do not suit.
TRUTHS: Mapping[str, dict[str, float]] = {
    "t": {"shape": np.log(5.0)},
    "gamma": {"dispersion": np.log(0.5)},
    "inverse_gaussian": {"dispersion": np.log(0.3)},
    "lognormal": {"dispersion": np.log(0.6)},
    "weibull": {"dispersion": np.log(2.0)},
    "skewnormal": {"shape": 4.0},
    "tweedie": {"shape": 0.0},
    "beta": {"location": 0.2, "dispersion": np.log(6.0)},
    "ordbeta": {"location": 0.2, "dispersion": np.log(6.0), "lower_cutpoint": -2.0}
    | {"cutpoint_gap": np.log(4.0)},
    "binomial": {"location": -0.3},
    "betabinomial": {"location": -0.3, "dispersion": np.log(5.0)},
    "nbinom1": {"dispersion": np.log(1.5), "location": 1.2},
    "nbinom2": {"dispersion": np.log(2.0), "location": 1.2},
    "nbinom12": {"dispersion": np.log(1.5), "shape": np.log(3.0), "location": 1.8},
    "genpois": {"dispersion": np.log(2.0), "location": 1.2},
    "compois": {"dispersion": np.log(0.6), "location": 1.2},
    "poisson": {"location": 1.0},
    "bell": {"location": 1.0},
    "cumulative": {"location": 0.0}
    | {f"{c + 1}|{c + 2}": value for c, value in enumerate(THRESHOLDS)},
}
DEFAULTS = {"location": INTERCEPT, "dispersion": 0.0, "zero_inflation": -1.0}


def _skewed(
    rng: np.random.Generator, mu: np.ndarray, sigma: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    standard = stats.skewnorm(alpha)
    z = standard.rvs(size=mu.size, random_state=rng)
    return mu + sigma * (z - standard.mean()) / standard.std()


def _compound(
    rng: np.random.Generator, mu: np.ndarray, phi: np.ndarray, p: np.ndarray
) -> np.ndarray:
    """A Poisson number of gamma variables."""
    count = rng.poisson(mu ** (2 - p) / (phi * (2 - p)))
    shape, scale = (2 - p) / (p - 1), phi * (p - 1) * mu ** (p - 1)
    return np.where(count > 0, rng.gamma(np.maximum(count, 1) * shape, scale), 0.0)


# Of mean μ, dispersion φ and a further parameter: independent of the package.
DRAWS: Mapping[str, Draw] = {
    "gaussian": lambda rng, mu, phi: rng.normal(mu, phi),
    "t": lambda rng, mu, phi, df: mu + phi * rng.standard_t(df, mu.size),
    "poisson": lambda rng, mu: rng.poisson(mu),
    "nbinom1": lambda rng, mu, phi: rng.poisson(rng.gamma(mu / phi, phi)),
    "nbinom2": lambda rng, mu, phi: rng.poisson(rng.gamma(phi, mu / phi)),
    "gamma": lambda rng, mu, phi: rng.gamma(1 / phi**2, mu * phi**2),
    "beta": lambda rng, mu, phi: rng.beta(mu * phi, (1 - mu) * phi),
    "binomial": lambda rng, mu: rng.binomial(TRIALS, mu),
    "betabinomial": lambda rng, mu, phi: rng.binomial(
        TRIALS, rng.beta(mu * phi, (1 - mu) * phi)
    ),
    "lognormal": lambda rng, mu, phi: mu * np.exp(rng.normal(-0.5 * phi**2, phi, mu.size)),
    "inverse_gaussian": lambda rng, mu, phi: rng.wald(mu, 1 / phi),
    "exponential": lambda rng, mu: rng.exponential(mu),
    "weibull": lambda rng, mu, k: mu / special.gamma(1 + 1 / k) * rng.weibull(k, mu.size),
    "skewnormal": _skewed,
    "tweedie": _compound,
}


@dataclass(frozen=True)
class Scenario:
    """A model with known parameters: `truth` by the names that `estimated` gives them."""

    name: str
    formula: str
    table: pd.DataFrame  # without the response
    draw: Callable[[np.random.Generator], dict[str, np.ndarray]]  # the response's columns
    truth: dict[str, float]
    options: dict[str, Any] = field(default_factory=dict)

    def fit(self, rng: np.random.Generator) -> hd.FittedModel:
        """A fit to one draw."""
        table = self.table.assign(**self.draw(rng))
        return hd.fit(self.formula, table, **self.options)


# ---- families --------------------------------------------------------------------------------


def family_names() -> list[str]:
    """Every family, and every wrapped one that there is."""
    wrapped = []
    for prefix in WRAPPERS:
        for name in FAMILIES:
            try:
                made = family_named(prefix + name)
            except hd.ModelError:
                continue
            if made.name not in wrapped:  # hurdle_gamma is zero_inflated_gamma
                wrapped.append(made.name)
    return [*FAMILIES, *wrapped]


def of_family(name: str) -> Scenario:
    """A slope, an intercept by group, and constants for everything else."""
    base = next((name.removeprefix(p) for p in WRAPPERS if name.startswith(p)), name)
    ordered = FAMILIES[base].observes_categories
    family = family_named(name)
    if ordered:
        family = family.of_categories(tuple(str(c + 1) for c in range(len(THRESHOLDS) + 1)))
    truths = {p: DEFAULTS.get(p, 0.0) for p in family.predictors} | TRUTHS.get(base, {})
    if name in {"exponential", "weibull"} or FAMILIES[base].links[0] == "logit":
        truths["location"] = TRUTHS.get(base, {}).get("location", 0.2)
    groups = np.repeat(np.arange(GROUPS), EACH)
    x = np.random.default_rng(1).normal(size=groups.size)
    size = np.full(x.size, float(TRIALS)) if family.counts_trials else np.ones(x.size)

    def draw(rng: np.random.Generator) -> dict[str, np.ndarray]:
        eta = np.tile([truths[p] for p in family.predictors], (x.size, 1))
        eta[:, 0] += SLOPE * x + SD * rng.normal(size=GROUPS)[groups]
        if name in DRAWS:
            rest = [family.link_of(p).mean(eta[:, i]) for i, p in enumerate(family.predictors)]
            y = DRAWS[name](rng, *rest)
        else:
            y = family.simulate(size, eta, rng)
        return {"y": y, "rest": size - y} if family.counts_trials else {"y": y}

    truth = {f"{p}: (Intercept)": value for p, value in truths.items()}
    if ordered:
        del truth["location: (Intercept)"]
    return Scenario(
        name=name,
        formula=f"{'cbind(y, rest)' if family.counts_trials else 'y'} ~ x + (1 | g)",
        table=pd.DataFrame({"x": x, "g": groups}),
        draw=draw,
        truth=truth | {"location: x": SLOPE, "location: sd 1": SD},
        options={"family": name},
    )


# ---- structures ------------------------------------------------------------------------------

TIMES = np.array([0.0, 1.0, 2.0, 4.0])
UNITS = 100
LAG = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
DISTANCE = np.abs(np.subtract.outer(TIMES, TIMES))
SDS = np.array([0.8, 1.0, 1.2, 1.0])
KINSHIP = 0.4 + 0.6 * np.eye(4)
KINSHIP[0, 1] = KINSHIP[1, 0] = 0.7


def _scaled(correlation: np.ndarray, sd: np.ndarray | float = 1.0) -> np.ndarray:
    sd = np.broadcast_to(sd, 4)
    return correlation * np.outer(sd, sd)


def _exchangeable(rho: float) -> np.ndarray:
    return rho + (1.0 - rho) * np.eye(4)


def _toeplitz(*r: float) -> np.ndarray:
    return np.array([1.0, *r])[LAG]


def _antedependent(*rho: float) -> np.ndarray:
    out = np.eye(4)
    for i in range(4):
        for j in range(i):
            out[i, j] = out[j, i] = np.prod(rho[j:i])
    return out


LOADINGS = np.array([[0.9, 0.0], [0.7, 0.6], [0.5, -0.6], [0.8, 0.4]])
ANY = [[1.0, 0.5, 0.2, 0.0], [0.5, 1.0, 0.4, 0.3], [0.2, 0.4, 1.0, 0.6], [0.0, 0.3, 0.6, 1.0]]
SOME = _scaled(np.array(ANY), SDS)

# Covariances of four effects at TIMES, by their textbook formulas.
COVARIANCES: dict[str, np.ndarray] = {
    "us": SOME,
    "diag": np.diag(SDS**2),
    "homdiag": np.eye(4),
    "cs": _scaled(_exchangeable(0.5), SDS),
    "homcs": _exchangeable(0.5),
    "ar1": 0.6**LAG,
    "hetar1": _scaled(0.6**LAG, SDS),
    "toep": _scaled(_toeplitz(0.5, 0.2, 0.1), SDS),
    "homtoep": _toeplitz(0.5, 0.2, 0.1),
    "ad": _scaled(_antedependent(0.7, 0.4, 0.5), SDS),
    "ou": np.exp(-0.5 * DISTANCE),
    "exp": np.exp(-DISTANCE / 2.0),
    "gau": np.exp(-((DISTANCE / 1.5) ** 2)),
    "mat": (1.0 + DISTANCE / 1.2) * np.exp(-DISTANCE / 1.2),  # of smoothness 3/2
    "rr": LOADINGS @ LOADINGS.T,
    "propto": KINSHIP,
}
COVARIANCES = {**COVARIANCES, "hetcs": COVARIANCES["cs"], "hettoep": COVARIANCES["toep"]}
OF_RESIDUALS = {"cs": COVARIANCES["homcs"], "toep": COVARIANCES["homtoep"]}
AFTER_THE_GROUP = {"rr": ", 2", "mat": ", nu = 1.5", "propto": ", A"}


def covariance_of(keyword: str, structures: Mapping[str, CovarianceStructure]) -> np.ndarray:
    """The one written out, or of a structure that is not, its own near one without pattern."""
    if keyword in COVARIANCES:
        return COVARIANCES[keyword]
    structure = structures[keyword]
    if structure.needs_matrix:
        structure = structure.relating(KINSHIP)
    if structure.coordinates is not None:
        structure = structure.at(TIMES[:, None])
    T = structure.factor(structure.parameters_near(SOME), 4)
    return T @ T.T


def _units(repeats: int) -> pd.DataFrame:
    unit, time, _ = np.indices((UNITS, 4, repeats)).reshape(3, -1)
    x = np.random.default_rng(2).normal(size=unit.size)
    return pd.DataFrame({"g": unit, "k": time, "t": TIMES[time], "x": x, "f": time.astype(str)})


def _effects(rng: np.random.Generator, G: np.ndarray, count: int) -> np.ndarray:
    values, vectors = np.linalg.eigh(G)
    half = vectors * np.sqrt(np.maximum(values, 0.0))
    return rng.normal(size=(count, len(G))) @ half.T


def of_structure(keyword: str) -> Scenario:
    """Four effects of each of many levels, two rows for each, and a residual."""
    G, table = covariance_of(keyword, STRUCTURES), _units(repeats=2)
    structure = STRUCTURES[keyword]
    written = "t" if structure.coordinates is not None else "f"
    term = f"{keyword}(0 + {written} | g{AFTER_THE_GROUP.get(keyword, '')})"

    def draw(rng: np.random.Generator) -> dict[str, np.ndarray]:
        b = _effects(rng, G, UNITS)[table["g"], table["k"]]
        return {"y": INTERCEPT + SLOPE * table["x"].to_numpy() + b + rng.normal(size=b.size)}

    options: dict[str, Any] = {}
    if keyword == "propto":
        options["matrices"] = {"A": (KINSHIP, list("0123"))}
    return Scenario(
        name=f"{keyword}()",
        formula=f"y ~ x + {term}",
        table=table,
        draw=draw,
        truth=_linear_truth(G) | {"dispersion: (Intercept)": 0.0},
        options=options,
    )


def separable() -> Scenario:
    """Grids of rows and columns, autoregressive along both."""
    field_, row, col, _ = np.indices((40, 4, 3, 2)).reshape(4, -1)
    x = np.random.default_rng(3).normal(size=row.size)
    table = pd.DataFrame({"g": field_, "row": row, "col": col, "x": x})
    rows, cols = (np.abs(np.subtract.outer(np.arange(k), np.arange(k))) for k in (4, 3))
    G = np.kron(0.7**rows, 0.4**cols)

    def draw(rng: np.random.Generator) -> dict[str, np.ndarray]:
        b = _effects(rng, G, 40)[field_, 3 * row + col]
        return {"y": INTERCEPT + SLOPE * x + b + rng.normal(size=x.size)}

    return Scenario(
        name="(ar1():ar1())",
        formula="y ~ x + (ar1(row):ar1(col) | g)",
        table=table,
        draw=draw,
        truth=_linear_truth(G) | {"dispersion: (Intercept)": 0.0},
    )


def of_residuals(keyword: str) -> Scenario:
    """Four visits of many subjects, a tenth of them missed."""
    R = OF_RESIDUALS.get(keyword)
    R = covariance_of(keyword, RESIDUAL_STRUCTURES) if R is None else R
    table = _units(repeats=1)
    seen = np.random.default_rng(4).random(len(table)) < 0.9
    table = table.iloc[np.flatnonzero(seen)].reset_index(drop=True)
    position = "t" if RESIDUAL_STRUCTURES[keyword].coordinates is not None else "k"

    def draw(rng: np.random.Generator) -> dict[str, np.ndarray]:
        e = _effects(rng, R, UNITS)[table["g"], table["k"]]
        return {"y": INTERCEPT + SLOPE * table["x"].to_numpy() + e}

    return Scenario(
        name=f"residual {keyword}()",
        formula="y ~ x",
        table=table,
        draw=draw,
        truth=_linear_truth(R),
        options={"residual": f"{keyword}({position} | g)"},
    )


def _linear_truth(G: np.ndarray) -> dict[str, float]:
    coefficients = {"location: (Intercept)": INTERCEPT, "location: x": SLOPE}
    return coefficients | covariance_entries("location", G)


def covariance_entries(predictor: str, G: np.ndarray) -> dict[str, float]:
    """Standard deviations and correlations by name."""
    sd = np.sqrt(np.diag(G))
    out = {f"{predictor}: sd {i + 1}": float(s) for i, s in enumerate(sd)}
    for i in range(len(sd)):
        for j in range(i):
            name = f"{predictor}: correlation {j + 1},{i + 1}"
            out[name] = float(G[i, j] / (sd[i] * sd[j])) if sd[i] * sd[j] > 0 else np.nan
    return out


def scenarios() -> dict[str, Callable[[], Scenario]]:
    """Every scenario, made on demand."""
    made: dict[str, Callable[[], Scenario]] = {}
    for name in family_names():
        made[name] = partial(of_family, name)
    for keyword in STRUCTURES:
        made[f"{keyword}()"] = partial(of_structure, keyword)
    made["(ar1():ar1())"] = separable
    for keyword in RESIDUAL_STRUCTURES:
        made[f"residual {keyword}()"] = partial(of_residuals, keyword)
    return made
