"""Fits beside R's: ``python -m tests.reference.compare [PATTERN ...] [--failing]``.

Prints one line a case: the log-likelihood minus R's, the largest differences of the fixed
effects (in their standard errors), of variance parameters, standard errors and conditional
standard deviations (relative), of modes (in their standard deviation) and fitted linear
predictors (in their spread), then seconds, evaluations and how the search ended. A star marks
what exceeds its tolerance. Patterns are shell patterns of case names, "cbpp*".
"""

import argparse
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatch
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

import henderson as hd
from henderson.estimation.estimates import Estimates, TermEstimates
from henderson.fitted_model import FittedModel
from henderson.report.tables import dispersion_parameters
from tests.reference.corpus import Case, Mode, Variance, cases

Terms = tuple[TermEstimates, ...]

UNPOLISHED = "own_laplace"  # an optimum found by finite differences: 1e-7 in log L below

NEAR_ZERO = 1e-2  # below it a relative difference of 1e-4 is an absolute one of 1e-6
SMALL = 0.05  # of the residual: log L moves with the fourth power of such a standard deviation

TOLERANCES: Mapping[str, float] = MappingProxyType(
    {
        "log_likelihood": 1e-5,  # R's optima are polished to gradients near 1e-9
        "parameters": 0.0,
        "rows": 0.0,
        "fixed": 1e-4,
        "others": 1e-4,
        "se": 1e-3,  # lme4's and glmmTMB's come from numerical second derivatives
        "variance": 1e-4,
        "scale": 1e-4,
        "modes": 1e-4,
        "mode_sd": 1e-3,
        "fitted": 1e-4,
        "response": 1e-4,
    }
)


@dataclass(frozen=True, slots=True)
class Differences:
    """How far a fit is from R's; 0 where R has nothing to compare. Keys of `TOLERANCES`."""

    log_likelihood: float  # ours minus R's, over max(1, |log L| / 1000)
    parameters: float  # number of parameters, ours minus R's
    rows: float  # number of rows used, likewise
    fixed: float  # in standard errors
    others: float  # coefficients of the other predictors, in standard errors
    se: float  # relative
    variance: float  # standard deviations and correlations, relative
    scale: float  # residual sd or dispersion, and t degrees of freedom, relative
    modes: float  # in standard deviations of the random effect
    mode_sd: float  # relative
    fitted: float  # linear predictor, in standard deviations of all of it
    response: float  # mean, likewise

    def exceeding(self) -> list[str]:
        """The names of the differences beyond their tolerance, or that are not numbers."""
        return [f.name for f in fields(self) if not self.within(f.name)]

    def within(self, name: str) -> bool:
        """Whether a difference is a number within its tolerance."""
        return abs(getattr(self, name)) <= TOLERANCES[name]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A case, the differences of our fit, and what the search reported."""

    case: Case
    differences: Differences
    seconds: float
    evaluations: int
    outcome: str


def compare(case: Case) -> Comparison:
    """Fit a case and measure it against R."""
    table = case.table()
    start = time.perf_counter()
    model = fit(case, table)
    seconds = time.perf_counter() - start
    certificate = model.estimates.certificate
    return Comparison(
        case=case,
        differences=differences(case, model),
        seconds=seconds,
        evaluations=certificate.evaluations,
        outcome=certificate.outcome.name,
    )


def fit(case: Case, table: pd.DataFrame) -> FittedModel:
    """The case's model by the public interface."""
    options: dict[str, Any] = {}
    for name in ("weights", "offset", "dispersion", "zero_inflation"):
        if getattr(case, name) is not None:
            options[name] = getattr(case, name)
    if case.quadrature > 1:
        options["quadrature"] = case.quadrature
    if case.contrasts != "treatment":
        factors = [name for name, levels in case.columns.items() if isinstance(levels, list)]
        options["contrasts"] = {
            name: case.contrasts for name in factors if f" {name}" in fixed_part(case.formula)
        }
    return hd.fit(
        case.formula,
        table,
        family=case.family,
        link=case.link,
        method=case.method,
        **options,
    )


def fixed_part(formula: str) -> str:
    """The formula before its first random term."""
    return formula.partition("(1 |")[0]


def differences(case: Case, model: FittedModel) -> Differences:
    """How far the model is from the case's numbers."""
    expected, estimates = case.expected, model.estimates
    location, fixed = estimates.location, model.params
    se = dict(zip(fixed, np.sqrt(np.diag(model.vcov())), strict=True))
    if fixed.keys() != expected.fixed.keys():
        missing = sorted(expected.fixed.keys() ^ fixed.keys())
        raise AssertionError(f"fixed effects differ in name: {missing}")
    log_likelihood = model.llf - expected.log_likelihood
    return Differences(
        log_likelihood=log_likelihood / max(1.0, abs(expected.log_likelihood) / 1000),
        parameters=float(model.df - expected.n_parameters),
        rows=0.0 if case.repeat else float(model.nobs - expected.n),
        fixed=largest(abs(fixed[k] - v) / expected.se[k] for k, v in expected.fixed.items())
        / (10.0 if case.engine == UNPOLISHED else 1.0),
        others=largest(other_differences(case, estimates)),
        se=largest(relative(se[k], v) for k, v in expected.se.items()),
        variance=largest(variance_differences(case, estimates)),
        scale=largest(scale_differences(case, estimates)),
        modes=largest(mode_differences(case, estimates)),
        mode_sd=largest(mode_sd_differences(case, estimates)),
        fitted=fitted_difference(case, estimates, location.eta, "link"),
        response=fitted_difference(case, estimates, mean_response(model), "response"),
    )


def mean_response(model: FittedModel) -> np.ndarray:
    """Fitted means, shape (n,)."""
    return np.asarray(model.fitted, dtype=np.float64)


def largest(values: Iterator[float]) -> float:
    """The largest value, not-a-number if there is one, 0 of none."""
    return float(np.max(np.fromiter(values, dtype=np.float64), initial=0.0))


def relative(ours: float, theirs: float) -> float:
    """The relative difference."""
    return abs(ours - theirs) / abs(theirs)


def variance_differences(case: Case, estimates: Estimates) -> Iterator[float]:
    """Of every standard deviation and correlation; of a zero, whether ours is about 0."""
    least_sd = max(NEAR_ZERO, SMALL * (case.expected.scale or 0.0))
    for parameter in case.expected.random:
        ours = variance_parameter(parameter, estimates)
        if case.expected.singular and parameter.other is None and parameter.value < 1e-5:
            yield 0.0 if abs(ours) < 1e-3 * (case.expected.scale or 1.0) else math.inf
        else:
            least = NEAR_ZERO if parameter.other else least_sd
            yield abs(ours - parameter.value) / max(abs(parameter.value), least)


def variance_parameter(parameter: Variance, estimates: Estimates) -> float:
    """Our estimate of a standard deviation or correlation."""
    wanted = {parameter.effect} | ({parameter.other} if parameter.other else set())
    terms = estimates.predictors[parameter.predictor].terms
    term = term_with(parameter.group, wanted, terms)
    effects = list(term.design.effects)
    i = effects.index(parameter.effect)
    sd = np.sqrt(np.diag(term.covariance))
    if parameter.other is None:
        return float(sd[i])
    j = effects.index(parameter.other)
    return float(term.covariance[i, j] / (sd[i] * sd[j]))


def term_with(group: str, effects: set[str], terms: Terms) -> TermEstimates:
    """The random term of a group that has these effects."""
    for term in terms:
        if term.design.group == group and effects <= set(term.design.effects):
            return term
    present = [(t.design.group, tuple(t.design.effects)) for t in terms]
    raise AssertionError(f"no random term {sorted(effects)} of {group!r} in {present}")


def scale_differences(case: Case, estimates: Estimates) -> Iterator[float]:
    """Of the family's own parameters."""
    pairs = {"dispersion": case.expected.scale, **case.expected.family_parameters}
    ours = dispersion_parameters(estimates)
    for name, theirs in pairs.items():
        if theirs is not None:
            yield relative(ours[name], theirs)


def other_differences(case: Case, estimates: Estimates) -> Iterator[float]:
    """Of the coefficients of predictors with a formula, in standard errors."""
    start = 0
    for name, predictor in estimates.predictors.items():
        names, theirs = predictor.fixed.names, case.expected.others.get(name, {})
        variances = np.diag(estimates.vcov)[start : start + len(names)]
        start += len(names)
        ours = dict(zip(names, predictor.beta, strict=True))
        se = dict(zip(names, np.sqrt(variances), strict=True))
        for coefficient, value in theirs.items():
            yield abs(ours[coefficient] - value) / se[coefficient]


def mode_differences(case: Case, estimates: Estimates) -> Iterator[float]:
    """Of every stored mode, in standard deviations of the random effect."""
    for mode in case.expected.modes:
        for effect, theirs in mode.mode.items():
            sd = standard_deviation(case, mode, effect)
            term = term_with(mode.group, {effect}, estimates.predictors[mode.predictor].terms)
            ours = term.modes[level_index(term, mode), list(term.design.effects).index(effect)]
            yield abs(ours - theirs) / max(sd, 1e-3 * (case.expected.scale or 1.0))


def mode_sd_differences(case: Case, estimates: Estimates) -> Iterator[float]:
    """Of every stored conditional standard deviation, where the variance is not zero."""
    for mode in case.expected.modes:
        for effect, theirs in (mode.sd or {}).items():
            if standard_deviation(case, mode, effect) < 1e-5:
                continue
            term = term_with(mode.group, {effect}, estimates.predictors[mode.predictor].terms)
            i = list(term.design.effects).index(effect)
            variance = term.mode_covariance[level_index(term, mode), i, i]
            yield relative(math.sqrt(variance), theirs)


def standard_deviation(case: Case, mode: Mode, effect: str) -> float:
    """R's standard deviation of a random effect."""
    for row in case.expected.random:
        if (row.predictor, row.group) == (mode.predictor, mode.group) and (
            row.effect == effect and row.other is None
        ):
            return row.value
    raise AssertionError(f"{case.id}: no standard deviation of {effect!r} in {mode.group!r}")


def level_index(term: TermEstimates, mode: Mode) -> int:
    """The row of a level in the term's modes."""
    return [str(level) for level in term.design.levels].index(mode.level)


def fitted_difference(case: Case, estimates: Estimates, ours: np.ndarray, kind: str) -> float:
    """Largest difference of the stored rows, in standard deviations of all rows."""
    fitted = case.expected.fitted
    if fitted is None or case.repeat is not None:
        return 0.0
    position = {int(row): i for i, row in enumerate(estimates.frame.rows)}
    at = [position[int(row) - 1] for row in fitted["rows"]]
    theirs = np.asarray(fitted[kind], dtype=np.float64)
    spread = max(float(np.std(ours)), 1e-3 * float(np.abs(theirs).max()))
    return float(np.max(np.abs(ours[at] - theirs)) / spread)


HEADINGS = (
    "log L",
    "k",
    "n",
    "fixed",
    "others",
    "se",
    "var",
    "scale",
    "modes",
    "m.sd",
    "link",
    "mean",
)


def line(comparison: Comparison) -> str:
    """One line of the table."""
    d = comparison.differences
    cells = [f"{comparison.case.id:<24}"]
    for f in fields(d):
        star = " " if d.within(f.name) else "*"
        cells.append(f"{getattr(d, f.name):>8.1e}{star}")
    cells.append(f"{comparison.seconds:>8.3f} {comparison.evaluations:>5d}")
    return " ".join([*cells, comparison.outcome])


def main() -> None:
    """Print the table and, last, how many cases are within tolerance."""
    parser = argparse.ArgumentParser(description="Fits beside R's.")
    parser.add_argument("patterns", nargs="*", default=["*"], help='case names, "cbpp*"')
    parser.add_argument("--failing", action="store_true", help="print only what exceeds")
    arguments = parser.parse_args()
    head = " ".join(f"{h:>9}" for h in HEADINGS)
    print(f"{'case':<24} {head} {'seconds':>8} {'evals':>5} outcome")
    chosen = [c for c in cases().values() if any(fnmatch(c.id, p) for p in arguments.patterns)]
    good = 0
    for case in chosen:
        try:
            comparison = compare(case)
        except Exception as error:  # the table must reach its end
            print(f"{case.id:<24} {type(error).__name__}: {first_line(error)}", flush=True)
            continue
        within = not comparison.differences.exceeding()
        good += within
        if not (within and arguments.failing):
            print(line(comparison), flush=True)
    print(f"{good} of {len(chosen)} within tolerance")


def first_line(error: Exception) -> str:
    """The first line of a message."""
    return (str(error).splitlines() or [""])[0]


if __name__ == "__main__":
    main()
