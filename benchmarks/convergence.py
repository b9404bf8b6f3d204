"""How fits of many models to real tables end: ``python -m benchmarks.convergence FILE``.

The tables, fixed effects and groups of the stored R fits, with every family that takes the
response, predictors of zeros and dispersion with random effects, and every covariance
structure whose effects the table has: most of these models nobody would choose, which is the
point. Writes a JSON line a model to FILE and prints the number of each outcome; with
``--beside OTHER`` what changed since another run.
"""

import argparse
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pandas as pd

import henderson as hd
from henderson.covariance import RESIDUAL_STRUCTURES, STRUCTURES
from henderson.families.registry import FAMILIES, POSITIVE
from tests.reference.corpus import Case, cases

MOST_ROWS = 400
LONGEST = 60  # seconds
MOST_LEVELS = 12  # of a factor whose levels are effects
LINKS = {"gamma": "log", "inverse_gaussian": "log"}


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a table, by the arguments of `henderson.fit`."""

    name: str
    case: str
    formula: str
    options: dict[str, Any]


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


def models() -> Iterator[Model]:
    """All models, the same ones each time."""
    seen = set()
    for case in cases().values():
        fixed, random = split(case.formula)
        if not random or case.expected.n > MOST_ROWS or case.repeat:
            continue
        for suffix, formula, options in variants(case, fixed, random):
            key = (case.data, formula, str(sorted(options.items())))
            if key not in seen:
                seen.add(key)
                yield Model(f"{case.data}:{suffix}", case.id, formula, options)


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


def end(model: Model) -> Ending:
    """Fit it and see."""
    table = cases()[model.case].table()
    started = time.perf_counter()
    sentence, llf, evaluations, gradient = "", float("nan"), 0, float("nan")
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
    )


def give_up(*_: object) -> None:
    """What an alarm does."""
    raise TimeoutError


def read(path: Path) -> dict[str, dict[str, Any]]:
    """A stored run by model."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {str((e["name"], e["formula"], e["options"])): e for e in lines}


def print_changes(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> None:
    """Outcomes that changed, and likelihoods."""
    for key in before.keys() & after.keys():
        old, new = before[key], after[key]
        gained = new["llf"] - old["llf"]
        if old["outcome"] != new["outcome"] or abs(gained) > 1e-5:
            print(f"{old['outcome']:>10} → {new['outcome']:<10} {gained:+.2e}  {key}")


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="where to write a JSON line a model")
    parser.add_argument("patterns", nargs="*", default=["*"], help="of models, 'epil:*'")
    parser.add_argument("--beside", type=Path, help="a file of another run to compare with")
    parser.add_argument("--part", default="0/1", help="i/m: every m-th model from i")
    arguments = parser.parse_args()
    signal.signal(signal.SIGALRM, give_up)
    part, parts = map(int, arguments.part.split("/"))
    chosen = [m for m in models() if any(fnmatch(m.name, p) for p in arguments.patterns)]
    with arguments.file.open("w", encoding="utf-8") as file:
        for model in chosen[part::parts]:
            print(json.dumps(asdict(end(model))), file=file, flush=True)
    endings = read(arguments.file)
    for outcome, count in Counter(e["outcome"] for e in endings.values()).most_common():
        print(f"{count:6} {outcome}")
    print(f"{sum(e['seconds'] for e in endings.values()):.0f} s")
    if arguments.beside:
        print_changes(read(arguments.beside), endings)


if __name__ == "__main__":
    main()
