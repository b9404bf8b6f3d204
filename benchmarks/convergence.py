"""Whether fits end at the maximum: ``python -m benchmarks.convergence FILE``.

Models come from two sources. **Stored**: the tables, fixed effects and groups of the stored R
fits, with every family that takes the response, predictors of zeros and dispersion with
random effects, and every covariance structure whose effects the table has. Nobody would choose
most of these models, which is the point. **Simulated**: ``--simulated N`` draws N tables a
scenario, for every family with formulas of its dispersion and zeros, every structure of
residuals, and a trial in several environments with error variances of their own.

``--starts S`` searches each model again from S random starts. The highest maximum found is the
truth. A *false assurance* is a fit that is called converged, at a boundary or not, but is more
than 0.01 of log-likelihood below it. A *false alarm* is a fit that is not called converged
where the highest maximum is no more than 0.01 below it.

Writes a JSON line a model to FILE and prints a table and the number of each outcome; with
``--beside OTHER`` what changed since another run; with ``--write`` the table of
docs/explanation/convergence.md.
"""

import argparse
import json
import signal
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import henderson as hd
from henderson.covariance import RESIDUAL_STRUCTURES, STRUCTURES
from henderson.estimation.maximize import maximize
from henderson.estimation.routes import route
from henderson.families.registry import FAMILIES, POSITIVE, WRAPPERS, family_named
from henderson.optimize import Search, SearchLimits
from henderson.optimize.covariance_search import (
    Likelihood,
    SearchRoutine,
    search_covariances,
)
from tests.recovery.scenarios import DEFAULTS, TIMES, TRUTHS, covariance_of, family_names
from tests.reference.corpus import Case, cases

MOST_ROWS = 400
LONGEST = 60  # seconds
MOST_LEVELS = 12  # of a factor whose levels are effects
LINKS = {"gamma": "log", "inverse_gaussian": "log"}
LOWER = 0.01  # of log-likelihood, that a false assurance is below a maximum
FAR, FARTHEST = 10.0, 30.0  # of a logarithm or a logit, that may be, and is, infinite
TRIALS = 8
ABSORBING = {"us", "cs", "toep"}  # structures that an intercept by subject is a part of
SLOW = "compois"  # an eighth of the tables
PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "convergence.md"


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a table, by the arguments of `henderson.fit`."""

    name: str
    table: Callable[[], pd.DataFrame]
    formula: str
    options: dict[str, Any]
    otherwise: dict[str, Any] | None = None  # other arguments for the same model


@dataclass(frozen=True, slots=True)
class Ending:
    """How the fit of a model ended."""

    name: str
    formula: str
    options: dict[str, Any]
    outcome: str  # of `Outcome`, by name; or the class of the error
    sentence: str
    llf: float
    evaluations: int
    gradient: float
    seconds: float
    highest: float  # log-likelihood of the maxima found from other starts
    farthest: float  # the largest logarithm or logit there, of other predictors

    @property
    def converged(self) -> bool:
        """Whether it was called so."""
        return self.outcome in {"CONVERGED", "BOUNDARY"}

    @property
    def below(self) -> float:
        """How far it is below the highest maximum; negative where it is the highest."""
        return self.highest - self.llf

    @property
    def assured_falsely(self) -> bool:
        """Called converged, and lower than another maximum."""
        return self.converged and self.below > LOWER

    @property
    def alarmed_falsely(self) -> bool:
        """Not called converged, and there is a maximum that is not at infinity."""
        return not self.converged and self.below > -LOWER and self.farthest < FAR


# ---- models of stored tables -----------------------------------------------------------------


def stored_models() -> Iterator[Model]:
    """All models of stored tables, the same ones each time."""
    seen = set()
    for case in cases().values():
        fixed, random = split(case.formula)
        if not random or case.expected.n > MOST_ROWS or case.repeat:
            continue
        for suffix, formula, options in variants(case, fixed, random):
            key = (case.data, formula, str(sorted(options.items())))
            if key not in seen:
                seen.add(key)
                yield Model(f"{case.data}:{suffix}", case.table, formula, options)


def split(formula: str) -> tuple[str, list[str]]:
    """The fixed part, and the random terms as written."""
    parts, depth, start = [], 0, 0
    for i, letter in enumerate(formula):
        depth += (letter == "(") - (letter == ")")
        if letter == "+" and depth == 0:
            parts.append(formula[start:i].strip())
            start = i + 1
    parts.append(formula[start:].strip())
    return " + ".join(p for p in parts if "|" not in p), [p for p in parts if "|" in p]


def variants(
    case: Case, fixed: str, random: list[str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Names, formulas and other arguments of `fit`."""
    yield from families(case, fixed, random)
    formula, table = " + ".join([fixed, *random]), case.table()
    groups = [name for name in table.columns if f"| {name}" in formula]
    for effect in effects(case, table, groups):
        for group in groups:
            yield from structures(case, fixed, effect, group)


def families(
    case: Case, fixed: str, random: list[str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every family, with random effects of its zeros and dispersion."""
    formula = " + ".join([fixed, *random])
    group = random[0].rpartition("|")[2].strip(" )").partition("/")[0].strip()
    intercept = f"{fixed} + (1 | {group})"
    observed = case.table().get(fixed.partition("~")[0].strip(), pd.Series(dtype=float))
    zeros = observed.dtype.kind in "if" and bool((observed == 0).any())
    for name, kind in FAMILIES.items():
        if name == "cumulative" and observed.nunique() > MOST_LEVELS:
            continue
        family = {"family": name, **({"link": LINKS[name]} if name in LINKS else {})}
        yield name, formula, family
        if name != "gaussian" and "dispersion" in hd.families.family_named(name).predictors:
            yield f"{name}, dispersion", intercept, family | {"dispersion": f"~ (1 | {group})"}
        if zeros and (kind.discrete or issubclass(kind, POSITIVE)):
            yield f"{name}, zeros", intercept, family | {"zero_inflation": "~ 1"}
            own = {"zero_inflation": f"~ (1 | {group})"}
            yield f"{name}, random zeros", intercept, family | own


def structures(
    case: Case, fixed: str, effect: str, group: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every structure over the values of a column, of random effects and of residuals."""
    counts = case.family in {"poisson", "nbinom1", "nbinom2", "compois", "genpois"}
    names = ["poisson", "nbinom2"] if counts else ["gaussian", "t"]
    if case.family == "binomial":
        names = ["binomial"]
    for keyword in sorted(STRUCTURES.keys() - {"propto"}):
        places = keyword == "ou" or STRUCTURES[keyword].coordinates is not None
        written = effect if places else f"factor({effect})"
        rank = ", 2" if keyword == "rr" else ""
        for name in names:
            term = f"{keyword}(0 + {written} | {group}{rank})"
            yield f"{keyword} {name}", f"{fixed} + {term}", {"family": name}
    if names[0] == "gaussian":
        for keyword in RESIDUAL_STRUCTURES:
            residual = {"residual": f"{keyword}({effect} | {group})"}
            yield f"R {keyword}", fixed, residual
            yield f"R {keyword}, group", f"{fixed} + (1 | {group})", residual


def effects(case: Case, table: pd.DataFrame, groups: list[str]) -> list[str]:
    """Columns in the formula whose values could be effects of a group."""
    fixed, _ = split(case.formula)
    named = [name for name in table.columns if name in fixed.partition("~")[2]]
    return [
        name
        for name in named
        if name not in groups and 3 <= table[name].nunique() <= MOST_LEVELS
    ][:2]


# ---- models of simulated tables --------------------------------------------------------------


def simulated_models(tables: int) -> Iterator[Model]:
    """A number of tables of every scenario, the same ones each time."""
    for name, make in scenarios().items():
        for seed in range(tables if SLOW not in name else -(-tables // 8)):
            yield make(
                f"{name}:{seed}", np.random.default_rng([zlib.crc32(name.encode()), seed])
            )


Scenario = Callable[[str, np.random.Generator], Model]


def scenarios() -> dict[str, Scenario]:
    """How a model and its table are drawn, by name."""
    made: dict[str, Scenario] = {}
    for name in family_names():
        predictors = family_named(name).predictors
        if len(predictors) > 2 or predictors[-1] == "zero_inflation":
            made[name] = partial(of_family, name, {})
        for argument in ("dispersion", "zero_inflation"):
            for written in ("x", "f"):
                if argument in predictors:
                    formulas = {argument: f"~ {written}"}
                    made[f"{name}, {argument} ~ {written}"] = partial(of_family, name, formulas)
    for keyword in RESIDUAL_STRUCTURES:
        made[f"residual {keyword}"] = partial(of_residuals, keyword, "", {})
        if keyword not in ABSORBING:
            made[f"residual {keyword}, (1 | g)"] = partial(of_residuals, keyword, "(1 | g)", {})
        spread = {"dispersion": "~ x"}
        made[f"residual {keyword}, dispersion ~ x"] = partial(of_residuals, keyword, "", spread)
    for method in ("ML", "REML"):
        made[f"trial, dispersion ~ env, {method}"] = partial(of_trial, method)
    return made


def of_family(
    name: str, formulas: dict[str, str], label: str, rng: np.random.Generator
) -> Model:
    """A slope, an intercept by group, and formulas with small or large slopes of their own."""
    base = next((name.removeprefix(p) for p in WRAPPERS if name.startswith(p)), name)
    family = family_named(name)
    g = np.repeat(np.arange(rng.integers(6, 15)), rng.integers(5, 11))
    n = len(g)
    x, f = rng.normal(size=n), rng.integers(0, 4, n)
    truths = {p: DEFAULTS.get(p, 0.0) for p in family.predictors} | TRUTHS.get(base, {})
    if name in {"exponential", "weibull"} or FAMILIES[base].links[0] == "logit":
        truths["location"] = TRUTHS.get(base, {}).get("location", 0.2)
    eta = np.tile([truths[p] for p in family.predictors], (n, 1))
    eta[:, 0] += rng.choice([0.0, 0.4]) * x
    eta[:, 0] += rng.choice([0.0, 0.3, 0.8]) * rng.normal(size=g.max() + 1)[g]
    for argument, written in formulas.items():
        size = rng.choice([0.0, 0.5, 1.0])
        at = family.predictors.index(argument)
        eta[:, at] += size * (x if "x" in written else rng.normal(size=4)[f])
    trials = np.full(n, float(TRIALS)) if family.counts_trials else np.ones(n)
    y = family.simulate(trials, eta, rng)
    table = pd.DataFrame({"x": x, "f": np.char.add("f", f.astype(str)), "g": g, "y": y})
    response = "y"
    if family.counts_trials:
        table["rest"] = trials - y
        response = "cbind(y, rest)"
    options = {"family": name, **formulas}
    return Model(label, lambda: table, f"{response} ~ x + (1 | g)", options)


def of_residuals(
    keyword: str,
    random: str,
    formulas: dict[str, str],
    label: str,
    rng: np.random.Generator,
) -> Model:
    """Four visits of some subjects, a tenth of them missed."""
    R = covariance_of(keyword, RESIDUAL_STRUCTURES)
    subject, visit = np.indices((int(rng.integers(8, 25)), 4)).reshape(2, -1)
    x = rng.normal(size=subject.size)
    half = np.linalg.cholesky(R + 1e-9 * np.eye(4))
    e = (rng.normal(size=(subject.max() + 1, 4)) @ half.T)[subject, visit]
    e *= np.exp(x * (rng.choice([0.0, 0.5]) if formulas else 0.0))
    y = 0.4 * x + e + rng.choice([0.0, 0.8]) * rng.normal(size=subject.max() + 1)[subject]
    position = "t" if RESIDUAL_STRUCTURES[keyword].coordinates is not None else "k"
    table = pd.DataFrame({"g": subject, "k": visit, "t": TIMES[visit], "x": x, "y": y})
    table = table.iloc[np.flatnonzero(rng.random(len(table)) < 0.9)].reset_index(drop=True)
    options = {"residual": f"{keyword}({position} | g)", **formulas}
    return Model(
        label, lambda: table, " + ".join(["y ~ x", *([random] if random else [])]), options
    )


def of_trial(method: str, label: str, rng: np.random.Generator) -> Model:
    """Genotypes in environments that differ in their error variances."""
    envs, genotypes, repeats = (int(rng.integers(*ends)) for ends in ((4, 9), (3, 12), (2, 5)))
    env, gen, _ = np.indices((envs, genotypes, repeats)).reshape(3, -1)
    sd = np.exp(rng.normal(0.0, rng.choice([0.2, 0.6, 1.0]), envs))
    y = rng.normal(0.0, rng.choice([0.0, 1.0, 3.0]), envs)[env]
    y = y + rng.normal(0.0, 0.5, genotypes)[gen]
    y = y + rng.normal(0.0, rng.choice([0.3, 0.8, 1.5]), (envs, genotypes))[env, gen]
    y = y + rng.normal(size=env.size) * sd[env]
    names = {"env": np.char.add("e", env.astype(str)), "gen": np.char.add("g", gen.astype(str))}
    table = pd.DataFrame({**names, "y": y})
    grouped = {"dispersion": "~ 0 + env", "residual": "homdiag(1 | env)", "method": method}
    options = {"dispersion": "~ env", "method": method}
    return Model(label, lambda: table, "y ~ gen + (1 | env/gen)", options, grouped)


# ---- fits ------------------------------------------------------------------------------------


def end(model: Model, starts: int = 0) -> Ending:
    """Fit it and see."""
    table = model.table()
    sentence, llf, evaluations, gradient = "", float("nan"), 0, float("nan")
    fitted, highest, farthest = None, float("nan"), float("nan")
    started = time.perf_counter()
    signal.alarm(LONGEST)
    try:
        fitted = hd.fit(model.formula, table, **model.options)
        certificate = fitted.estimates.certificate
        outcome, sentence, llf = certificate.outcome.name, fitted.outcome, fitted.llf
        evaluations, gradient = certificate.evaluations, certificate.gradient
    except hd.HendersonError as error:
        outcome, sentence = type(error).__name__, str(error)
    except Exception as error:  # the list must reach its end
        outcome, sentence = f"CRASH {type(error).__name__}", str(error)
    finally:
        signal.alarm(0)
    seconds = time.perf_counter() - started
    if fitted is not None and starts:
        highest, farthest = highest_elsewhere(model, fitted, starts)
    return Ending(
        model.name,
        model.formula,
        model.options,
        outcome,
        sentence,
        llf,
        evaluations,
        gradient,
        round(seconds, 3),
        highest,
        farthest,
    )


def highest_elsewhere(model: Model, fitted: hd.FittedModel, starts: int) -> tuple[float, float]:
    """The log-likelihood of the highest maximum from random starts and the other wording.

    Beside it, the largest logarithm or logit of other predictors than the location there.
    """
    maxima = [(-np.inf, 0.0)]
    control = hd.FitControl()
    signal.alarm(LONGEST)
    try:
        if model.otherwise is not None:
            other = hd.fit(model.formula, model.table(), **model.otherwise)
            maxima += [(other.llf, 0.0)] if other.converged else []
        objective = route(fitted.estimates.specification, fitted.estimates.design, control)
        for seed in range(starts):
            try:
                with np.errstate(all="ignore"):
                    result = maximize(objective, control, from_elsewhere(seed))
            except hd.HendersonError:  # no conditional modes where it ends
                continue
            far = float(max((np.abs(p.eta).max() for p in result.predictors[1:]), default=0.0))
            if result.certificate.converged and far < FARTHEST:
                maxima.append((float(result.log_likelihood), far))
    except TimeoutError:
        pass
    finally:
        signal.alarm(0)
    return max(maxima)


def from_elsewhere(seed: int) -> SearchRoutine:
    """The usual search from a start at random: other sizes, correlations and coefficients."""

    def search(likelihood: Likelihood, start: np.ndarray, limits: SearchLimits) -> Search:
        rng = np.random.default_rng(seed)
        parameters = likelihood.parameters
        diagonal = np.abs(np.diag(likelihood.evaluate(start).hessian))
        psi = start.copy()
        for t, at in enumerate(parameters.slices):
            psi[at] += rng.choice([0.0, 0.5, 1.0]) * rng.normal(size=at.stop - at.start)
            psi = parameters.scaled(psi, float(np.exp(rng.uniform(-3.0, 2.0))), [t])
        rest = np.arange(len(parameters), len(psi))
        errors = 1.0 / np.sqrt(np.maximum(diagonal[rest], 1e-6 * diagonal.max(initial=1e-300)))
        psi[rest] += rng.choice([0.0, 1.0, 5.0]) * rng.normal(size=len(rest)) * errors
        exists = np.isfinite(likelihood.deviance_at(psi))
        return search_covariances(likelihood, psi if exists else start, limits)

    return search


def give_up(*_: object) -> None:
    """What an alarm does."""
    raise TimeoutError


# ---- what is made of them --------------------------------------------------------------------


def read(path: Path) -> dict[str, Ending]:
    """A stored run by model."""
    lines = [
        Ending(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return {str((e.name, e.formula, e.options)): e for e in lines}


def print_changes(before: dict[str, Ending], after: dict[str, Ending]) -> None:
    """Outcomes that changed, and likelihoods."""
    for key in before.keys() & after.keys():
        old, new = before[key], after[key]
        gained = new.llf - old.llf
        if old.outcome != new.outcome or abs(gained) > 1e-5:
            print(f"{old.outcome:>10} → {new.outcome:<10} {gained:+.2e}  {key}")


def by_scenario(endings: dict[str, Ending]) -> dict[str, list[Ending]]:
    """The endings of each scenario's tables; stored tables are one each."""
    found: dict[str, list[Ending]] = {}
    for ending in endings.values():
        found.setdefault(ending.name.rpartition(":")[0], []).append(ending)
    return found


HEADER = (
    "| model | tables | not fitted | false assurances | largest | false alarms |\n"
    "|---|---|---|---|---|---|\n"
)


def line(name: str, endings: list[Ending]) -> str:
    """A row of the table."""
    false = [e for e in endings if e.assured_falsely]
    alarms = sum(e.alarmed_falsely for e in endings)
    refused = sum(np.isnan(e.llf) for e in endings)
    largest = f"{max(e.below for e in false):.2g}" if false else "–"
    return f"| {name} | {len(endings)} | {refused} | {len(false)} | {largest} | {alarms} |"


def table_of(endings: dict[str, Ending]) -> str:
    """A row a scenario, and one for all."""
    rows = [line(name, own) for name, own in by_scenario(endings).items()]
    return HEADER + "\n".join([*rows, line("**all**", list(endings.values()))])


def write(endings: dict[str, Ending]) -> None:
    """The table put between its marks in the page."""
    start, end_mark = "<!-- simulated -->\n", "<!-- end of simulated -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(start)
    after = rest.partition(end_mark)[2]
    PAGE.write_text(
        f"{before}{start}\n{table_of(endings)}\n\n{end_mark}{after}", encoding="utf-8"
    )


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="where to write a JSON line a model")
    parser.add_argument("patterns", nargs="*", default=["*"], help="of models, 'epil:*'")
    parser.add_argument("--simulated", type=int, metavar="N", help="N drawn tables a scenario")
    parser.add_argument("--starts", type=int, default=0, help="random starts for comparison")
    parser.add_argument("--beside", type=Path, help="a file of another run to compare with")
    parser.add_argument("--part", default="0/1", help="i/m: every m-th model from i")
    parser.add_argument("--write", action="store_true", help="replace the table of the page")
    parser.add_argument("--show", action="store_true", help="show FILE, without new fits")
    arguments = parser.parse_args()
    signal.signal(signal.SIGALRM, give_up)
    if not arguments.show:
        part, parts = map(int, arguments.part.split("/"))
        made = simulated_models(arguments.simulated) if arguments.simulated else stored_models()
        chosen = [m for m in made if any(fnmatch(m.name, p) for p in arguments.patterns)]
        with arguments.file.open("w", encoding="utf-8") as file:
            for model in chosen[part::parts]:
                print(json.dumps(asdict(end(model, arguments.starts))), file=file, flush=True)
    endings = read(arguments.file)
    print(table_of(endings))
    for outcome, count in Counter(e.outcome for e in endings.values()).most_common():
        print(f"{count:6} {outcome}")
    print(f"{sum(e.seconds for e in endings.values()):.0f} s")
    if arguments.beside:
        print_changes(read(arguments.beside), endings)
    if arguments.write:
        write(endings)


if __name__ == "__main__":
    main()
