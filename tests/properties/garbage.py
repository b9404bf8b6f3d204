"""Random models of random tables: ``python -m tests.properties.garbage FIRST LAST``.

A seed is a case: columns of every kind, a formula, a family, structures, other arguments, and
some calls of what a model can be asked. Much of it is nonsense. What must hold: only the
package's own errors, no warnings, no call longer than `LONGEST`, and numbers where it says
that it converged. The program runs the seeds from FIRST to before LAST and prints the faults
by kind.
"""

import argparse
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl

import henderson as hd
from henderson.covariance import RESIDUAL_STRUCTURES, STRUCTURES
from henderson.links import LINKS
from tests.recovery.scenarios import family_names

T = TypeVar("T")

LONGEST = 20.0  # seconds of processor time, of one call
CALLS = 6  # after each fit
QUICK = hd.FitControl(max_evaluations=60)
ODD = [np.nan, np.inf, -np.inf, 1e308, -1e200, 1e150, 1e-310, 1e-200, -0.0, 0.0, 1e16, -1.0]
OBJECTS = [
    None,
    "a",
    "",
    1,
    2.5,
    True,
    float("nan"),
    (1,),
    "1",
    -3,
    np.float32(2.0),
    10**30,
    {},
]

# ---- columns ---------------------------------------------------------------------------------


def column(kind: str, n: int, rng: np.random.Generator) -> object:  # noqa: PLR0915
    """One column of a kind, n rows."""
    normal = rng.normal(size=n)
    match kind:
        case "normal":
            return normal
        case "shifted":
            return 10.0 ** rng.integers(2, 14) + normal
        case "huge":
            return normal * 10.0 ** rng.integers(50, 300)
        case "tiny":
            return normal * 10.0 ** -rng.integers(50, 300)
        case "spread":
            return np.sign(normal) * 10.0 ** rng.uniform(-150, 150, n)
        case "odd":
            return np.where(rng.random(n) < 0.2, rng.choice(ODD, n), normal)
        case "gaps":
            return np.where(rng.random(n) < 0.2, np.nan, normal)
        case "positive":
            return rng.gamma(0.7, 3.0, n) + 1e-9
        case "proportion":
            return rng.uniform(0.001, 0.999, n)
        case "counts":
            return rng.poisson(rng.choice([0.1, 3.0, 500.0]), n)
        case "counts from one":
            return 1 + rng.poisson(2.0, n)
        case "large counts":
            return rng.integers(0, 2**62, n)
        case "binary":
            return rng.integers(0, 2, n)
        case "truth":
            return rng.random(n) < 0.5
        case "constant":
            return np.full(n, rng.choice([0.0, 1.0, 1e9]))
        case "nothing":
            return np.full(n, np.nan)
        case "line":
            return np.arange(n, dtype=float)
        case "step":
            return np.repeat([0.0, 1.0], [n // 2, n - n // 2])
        case "few levels":
            return [f"l{i}" for i in rng.integers(0, 4, n)]
        case "many levels":
            return [f"l{i}" for i in rng.integers(0, max(n // 2, 1), n)]
        case "ids":
            return np.arange(n)
        case "one level":
            return ["a"] * n
        case "odd texts":
            return [str(each) for each in rng.choice(["", " ", "é:ü", "(a|b)", "0", "NA"], n)]
        case "objects":
            return [OBJECTS[i] for i in rng.integers(0, len(OBJECTS), n)]
        case "dates":
            return pd.date_range("2024-02-28", periods=n).to_numpy()
        case "complex":
            return normal + 1j
        case "category":
            return pd.Categorical.from_codes(rng.integers(-1, 3, n), ["b", "a", "c", "unused"])
        case "ordered":
            return pd.Categorical.from_codes(rng.integers(0, 3, n), ["lo", "mid", "hi"], True)
        case "nullable integers":
            return (
                pd.Series(rng.integers(0, 9, n), dtype="Int64").mask(rng.random(n) < 0.1).array
            )
        case "nullable truth":
            truth = pd.Series(rng.random(n) < 0.5, dtype="boolean")
            return truth.mask(rng.random(n) < 0.1).array
        case "strings":
            return pd.array([f"Week {i}" for i in rng.integers(1, 15, n)], "string")
        case "small integers":
            return rng.integers(0, 5, n).astype(np.uint8)
        case "half precision":
            return normal.astype(np.float16)
        case "decimals":
            return [Decimal(int(i)) / 10 for i in rng.integers(-20, 20, n)]
        case "durations":
            return pd.to_timedelta(rng.integers(0, 9, n), unit="D").to_numpy()
        case "zoned dates":
            return pd.date_range("2024-03-30", periods=n, freq="h", tz="Europe/Berlin")
        case "bytes":
            return [b"a", b"b"] * (n // 2) + [b"a"] * (n % 2)
        case "years":
            return rng.integers(2000, 2012, n)
        case _:
            raise AssertionError(kind)


NUMBERS = ["normal", "gaps", "positive", "proportion", "counts", "binary", "line", "step"]
NUMBERS += ["nullable integers", "half precision", "years"]
GROUPS = ["few levels", "many levels", "truth", "counts", "binary", "category", "strings"]
GROUPS += ["ordered", "small integers"]
STRANGE = ["shifted", "huge", "tiny", "spread", "odd", "large counts", "constant", "nothing"]
STRANGE += ["ids", "one level", "odd texts", "objects", "dates", "complex", "nullable truth"]
STRANGE += ["decimals", "durations", "zoned dates", "bytes"]
ANY = NUMBERS + GROUPS + STRANGE

NAMES = ["y", "s", "x", "z", "f", "g", "h"]
NUMERIC, GROUPING = ["s", "x", "z"], ["f", "g", "h"]
COUNTS, POSITIVE = ["counts", "small integers"], ["positive", "proportion"]
SUPPORT = {  # columns that families can have as a response; others take counts
    "gaussian": NUMBERS,
    "t": NUMBERS,
    "skewnormal": NUMBERS,
    "binomial": ["binary", "truth"],
    "betabinomial": ["binary"],
    "gamma": POSITIVE,
    "lognormal": POSITIVE,
    "inverse_gaussian": POSITIVE,
    "exponential": POSITIVE,
    "weibull": POSITIVE,
    "tweedie": ["positive", *COUNTS],
    "beta": ["proportion"],
    "ordbeta": ["proportion", "binary"],
    "cumulative": ["ordered", "small integers"],
}

# ---- formulas --------------------------------------------------------------------------------

RESPONSES = ["log(y)", "I(y * 1e300)", "sqrt(s)", "y - s", "1", "f", "s", "cbind(y, s)", "y/s"]
RESPONSES += ["cbind(y, 5 - y)", "exp(y)", "y > 0", "y - y", "scale(y)", "g"]
FIXED = ["1", "x", "z", "f", "x * f", "0", "f/h", "scale(x)", "I(x^2)", "x:z", "f:g", "z"]
ODD_FIXED = ["poly(x, 2)", "log(x)", "y", "exp(x)", "factor(z)", "offset(z)", "-1", "missing"]
ODD_FIXED += ["I(1/x)", "z - x", "I(x * 1e-200)", "poly(z, 9)", "x:f:g:h", "I(x^9)"]
RANDOM = ["(1 | g)", "(1 | g)", "(x | g)", "(x || g)", "(1 | h)", "(0 + x | h)", "(1 | g/h)"]
RANDOM += ["(f | g)", "(0 + f | g)", "(1 | g:h)", "diag(x | h)", "(x + z | g)", "(1 | f)"]
ODD_RANDOM = ["(exp(x) | g)", "(x | y)", "(1 | g) + (1 | g)", "ar1(x | g)", "(poly(x, 2) | g)"]
ODD_RANDOM += ["(I(x * 1e100) | g)", "(1 | x)", "(0 + f:h | g)", "(1 + x | g) + (1 | g)"]
ODD_RANDOM += ["(x | f)", "(ar1(f):ar1(h) | g)"]
PARTS = ["~ 1", "~ x", "~ f", "~ (1 | g)", "~ x + (1 | h)", "~ 0", "~ z * f", "~ missing"]
PRIORS = [
    {"sd": "normal(0, 1)"},
    {"fixed": "normal(0, 2.5)"},
    {"sd(g)": "gamma(2, 0)"},
    {"x": "t(3, 0, 1)"},
    {"sd": "nonsense"},
]


def mostly(rng: np.random.Generator, usual: T, odd: Sequence[T], share: float = 0.03) -> T:
    """An odd part once in a while: most cases have one or none and get as far as a fit."""
    return one(rng, odd) if rng.random() < share else usual


def one(rng: np.random.Generator, of: Sequence[T]) -> T:
    """Any of them."""
    return of[int(rng.integers(len(of)))]


def structured(rng: np.random.Generator) -> str:
    """A random term with a structure of covariance."""
    keyword = one(rng, sorted(STRUCTURES))
    effects = one(rng, ["0 + f", "0 + factor(x)", "0 + x", "x", "0 + z", "f"])
    after = {"rr": ", 2", "mat": ", nu = 1.5", "propto": ", A"}.get(keyword, "")
    return f"{keyword}({effects} | {one(rng, GROUPING)}{after})"


@dataclass(frozen=True)
class Case:
    """A fit to attempt, and what the model is asked."""

    seed: int
    formula: str
    kinds: Mapping[str, str]
    n: int
    table: str
    options: Mapping[str, Any]
    questions: tuple[str, ...]

    @classmethod
    def drawn(cls, seed: int) -> "Case":
        """The case of a seed."""
        rng = np.random.default_rng(seed)
        family = one(rng, family_names()) if rng.random() < 0.6 else "gaussian"
        base = family.removeprefix("zero_inflated_")
        support = ["counts from one"] if family.startswith("truncated") else COUNTS
        support = SUPPORT.get(base, support)
        kinds = {"y": mostly(rng, one(rng, support), ANY)}
        kinds |= {name: mostly(rng, one(rng, NUMBERS), ANY) for name in NUMERIC}
        kinds |= {name: mostly(rng, one(rng, GROUPS), ANY) for name in GROUPING}
        response = mostly(rng, "y", RESPONSES)
        parts = [mostly(rng, one(rng, FIXED), ODD_FIXED) for _ in range(rng.integers(1, 4))]
        for _ in range(rng.integers(0, 3)):
            usual = structured(rng) if rng.random() < 0.3 else one(rng, RANDOM)
            parts.append(mostly(rng, usual, ODD_RANDOM))
        options: dict[str, Any] = {"family": family}
        rare = {
            "link": [*LINKS, "nonsense"],
            "method": ["ML", "REML"],
            "weights": NAMES,
            "frequency_weights": NAMES,
            "offset": NAMES,
            "quadrature": [3, 7],
            "contrasts": ["sum", "poly", {"f": "helmert"}, {"q": "sum"}],
            "dispersion": PARTS,
            "zero_inflation": PARTS,
            "priors": PRIORS,
        }
        for name, values in rare.items():
            chosen = mostly(rng, None, values, share=0.06)
            options |= {} if chosen is None else {name: chosen}
        if family == "gaussian" and rng.random() < 0.3:
            keyword = one(rng, sorted(RESIDUAL_STRUCTURES))
            options["residual"] = f"{keyword}({one(rng, ['f', 'x', 'h', '1'])} | g)"
        n = int(mostly(rng, rng.integers(12, 60), [0, 1, 2, 5, 8]))
        table = mostly(rng, one(rng, ["dict", "pandas", "polars"]), ["doubled"])
        questions = tuple(rng.choice(sorted(QUESTIONS), CALLS, replace=False).tolist())
        return cls(
            seed, f"{response} ~ {' + '.join(parts)}", kinds, n, table, options, questions
        )

    def data(self) -> object:
        """The table, of the kind that the case has."""
        rng = np.random.default_rng([self.seed, 1])
        columns = {name: column(kind, self.n, rng) for name, kind in self.kinds.items()}
        if self.table == "pandas":
            return pd.DataFrame(columns)
        if self.table == "doubled":
            frame = pd.DataFrame(columns)
            return pd.concat([frame, frame[["x"]]], axis=1)
        if self.table == "polars":
            try:
                return pl.DataFrame(columns, strict=False)
            except (TypeError, ValueError, pl.exceptions.PolarsError):
                return columns  # polars itself refuses the column
        return columns


# ---- questions -------------------------------------------------------------------------------

Question = Callable[[hd.FittedModel, np.random.Generator], object]


def _report(model: hd.FittedModel, rng: np.random.Generator) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model.report(Path(folder) / "report.html")


QUESTIONS: dict[str, Question] = {
    "summary": lambda m, r: str(m.summary()),
    "repr": lambda m, r: m._repr_html_(),
    "coefficients": lambda m, r: m.coefficients(
        ddf=one(r, [None, "infinite", "satterthwaite"])
    ),
    "conf_int": lambda m, r: m.conf_int(level=0.9),
    "vcov": lambda m, r: m.vcov(component=one(r, [None, "location", "dispersion"])),
    "robust": lambda m, r: m.robust_vcov(one(r, NAMES)),
    "anova": lambda m, r: m.anova(type=one(r, [1, 2, 3])),
    "anova by name": lambda m, r: m.anova(ddf=one(r, ["containment", "between-within"])),
    "wald": lambda m, r: m.wald_test(f"{one(r, list(m.params) or ['x'])} = 0"),
    "joint_tests": lambda m, r: m.joint_tests(by=one(r, [None, "f"])),
    "drop1": lambda m, r: m.drop1(),
    "profile": lambda m, r: m.profile_intervals(list(m.params)[:1] or None),
    "profile variances": lambda m, r: m.profile_variances(),
    "variance_intervals": lambda m, r: m.variance_intervals(),
    "emmeans": lambda m, r: str(m.emmeans(one(r, NAMES)).table()),
    "letters": lambda m, r: m.emmeans(one(r, GROUPING)).letters(),
    "contrasts": lambda m, r: str(m.emmeans(one(r, GROUPING), scale="response").contrasts()),
    "bootstrap": lambda m, r: m.bootstrap(n=3, rng=1),
    "variance_components": lambda m, r: m.variance_components(),
    "covariance_parameters": lambda m, r: m.covariance_parameters(),
    "random_effects": lambda m, r: m.random_effects(),
    "variance_explained": lambda m, r: m.variance_explained(),
    "experiment": lambda m, r: str(m.experiment()),
    "cascade": lambda m, r: m.cascade(),
    "tidy": lambda m, r: m.tidy(effects=one(r, ["fixed", "ran_pars", "ran_vals"])),
    "glance": lambda m, r: m.glance(),
    "augment": lambda m, r: m.augment(),
    "residuals": lambda m, r: m.residuals(kind=one(r, ["pearson", "deviance", "normalized"])),
    "predict": lambda m, r: m.predict(interval=one(r, [None, "confidence", "prediction"])),
    "simulate": lambda m, r: m.simulate(2, rng=1, random=one(r, ["new", "modes"])),
    "simulate_residuals": lambda m, r: m.simulate_residuals(40, rng=1),
    "check": lambda m, r: str(m.check(n=40, rng=1)),
    "influence": lambda m, r: m.influence(one(r, [None, "g"])),
    "vif": lambda m, r: m.vif(),
    "separated": lambda m, r: m.separated(),
    "autocorrelation": lambda m, r: m.autocorrelation(one(r, NUMERIC)),
    "variogram": lambda m, r: m.variogram(one(r, NUMERIC)),
    "matrices": lambda m, r: (m.X, m.Z, m.G, m.R, m.V),
    "plot_effects": lambda m, r: m.plot_effects(one(r, NAMES)),
    "plot_residuals": lambda m, r: m.plot_residuals(),
    "plot_random_effects": lambda m, r: m.plot_random_effects(),
    "plot_design": lambda m, r: m.plot_design(),
    "report": _report,
    "power": lambda m, r: m.power(n=2, rng=1),
}


# ---- what must hold --------------------------------------------------------------------------


class TooLongError(Exception):
    """A call took more than `LONGEST`."""


@contextmanager
def within_budget() -> Iterator[None]:
    """Stop what takes more processor time than it may."""

    def stop(*_: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def attempt(case: Case) -> hd.FittedModel | None:
    """The fit, or None where it is refused. Other exceptions and warnings are failures."""
    data = case.data()
    try:
        with within_budget():
            return hd.fit(case.formula, data, control=QUICK, **case.options)
    except hd.HendersonError:
        return None


def check(model: hd.FittedModel) -> None:
    """A model can always be shown, and where it says it converged its numbers are numbers."""
    assert model.summary()
    assert model.outcome
    if not model.converged:
        return
    estimates = model.estimates
    assert np.isfinite(model.llf)
    for predictor in estimates.predictors.values():
        assert np.isfinite(predictor.beta).all()
        assert np.isfinite(predictor.eta).all()
        for term in predictor.terms:
            assert np.isfinite(term.theta).all()
            assert np.isfinite(term.covariance).all()
            assert np.isfinite(term.modes).all()
            assert (np.diag(term.covariance) >= 0.0).all()
    assert np.isfinite(estimates.vcov).all()
    assert (np.diag(estimates.vcov) >= 0.0).all()


def ask(model: hd.FittedModel, case: Case, question: str) -> None:
    """One question; it may be refused, in the package's own words."""
    rng = np.random.default_rng([case.seed, 2])
    try:
        with within_budget():
            QUESTIONS[question](model, rng)
    except hd.HendersonError:
        pass
    finally:
        plt.close("all")


def run(case: Case) -> str:
    """The fit and the questions; "refused" or how the fit ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = attempt(case)
        if model is None:
            return "refused"
        check(model)
        for question in case.questions:
            ask(model, case, question)
        return model.estimates.certificate.outcome.name


# ---- the program -----------------------------------------------------------------------------


def fault_of(error: BaseException) -> str:
    """The kind of a fault: its class, its words and where in the package it arose."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "henderson/" in f.filename and "/tests/" not in f.filename]
    last = (ours or frames)[-1]
    place = last.filename.rpartition("henderson/")[2]
    return f"{type(error).__name__} at {place}:{last.lineno} {last.name}: {str(error)[:80]!r}"


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    arguments = parser.parse_args()
    mpl.use("Agg")
    endings, faults = Counter[str](), dict[str, list[int]]()
    started = time.perf_counter()
    for seed in range(arguments.first, arguments.last):
        try:
            endings[run(Case.drawn(seed))] += 1
        except Exception as error:  # the list must reach its end
            endings["fault"] += 1
            kind = fault_of(error)
            if kind not in faults:
                print(f"{seed}: {kind}", flush=True)
            faults.setdefault(kind, []).append(seed)
    print(f"\n{sum(endings.values())} cases in {time.perf_counter() - started:.0f} s")
    print(", ".join(f"{count} {name}" for name, count in endings.most_common()))
    for kind, seeds in sorted(faults.items(), key=lambda each: -len(each[1])):
        print(f"{len(seeds):5} {kind}\n      seeds {seeds[:8]}")


if __name__ == "__main__":
    main()
