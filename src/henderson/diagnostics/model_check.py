"""All that can be checked of a model without asking anything, in plain words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from scipy.special import chdtrc

from henderson.design import ModelFrame
from henderson.diagnostics.collinearity import inflation
from henderson.diagnostics.influence import influence
from henderson.diagnostics.quantile_residuals import quantile_residuals
from henderson.diagnostics.residual_tests import (
    DOUBTFUL,
    ROWS_FOR_QUARTILES,
    ResidualTest,
    dispersion,
    outliers,
    quantiles,
    uniformity,
    zero_inflation,
)
from henderson.estimation.centred_terms import effects_far_from_origin
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.experiment.reading import experiment_of
from henderson.inference.separation import separated
from henderson.prediction import residuals
from henderson.randomness import generator_of
from henderson.tables import NativeTable

Verdict = Literal["fine", "note", "problem"]

_FEW_LEVELS = 5
_INFLATED = np.sqrt(5.0)  # times the standard error
_VERY_INFLATED = np.sqrt(10.0)
_MOST_LEVELS = 300  # of a factor, to be left out one at a time

_TEST_ADVICE = {
    "uniformity": "Look at simulate_residuals().plot(): the family, the link or a term may be "
    "wrong.",
    "dispersion": "Choose a family with a dispersion parameter, such as nbinom2 or "
    "betabinomial, or model the dispersion.",
    "outliers": "Look at the rows outside all draws; a family with heavier tails may fit.",
    "zero inflation": 'Try zero_inflation="~ 1", or a family with more zeros, such as nbinom2.',
    "quantiles": "The mean or the spread changes along the predictions: look for a curve, an "
    "interaction, another link, or a formula of the dispersion.",
}
_TOO_LITTLE_ADVICE = {  # where there is less of it than in the draws
    "dispersion": "Choose a family whose variance is smaller where the mean is large, such as "
    "compois for counts or beta for shares, or model the dispersion.",
    "zero inflation": "There are too few zeros: a family with fewer, such as poisson, or a "
    "hurdle may fit.",
}


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    topic: str
    verdict: Verdict
    sentence: str
    advice: str = ""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ModelCheck:
    """What `check` found, in the order of `findings`."""

    findings: tuple[Finding, ...]
    frame: ModelFrame

    @property
    def good(self) -> bool:
        """Whether nothing is a problem."""
        return all(each.verdict != "problem" for each in self.findings)

    def table(self) -> NativeTable:
        """One row a finding: `topic`, `verdict`, `sentence`, `advice`."""
        header = ("topic", "verdict", "sentence", "advice")
        return self.frame.table(
            {name: [getattr(each, name) for each in self.findings] for name in header}
        )

    def __repr__(self) -> str:
        marks = {"fine": "fine   ", "note": "note   ", "problem": "PROBLEM"}
        lines = []
        for each in self.findings:
            lines.append(f"{marks[each.verdict]}  {each.topic}: {each.sentence}")
            if each.advice and each.verdict != "fine":
                lines.append(f"         {each.advice}")
        return "\n".join(lines)


def check(
    model: Fitted | Estimates,
    *,
    n: int = 250,
    rng: np.random.Generator | int | None = None,
) -> ModelCheck:
    """Everything to look at before a model is trusted, in plain words.

    Parameters
    ----------
    model
        A fitted model.
    n
        Draws for the simulated residuals; 0 leaves these out.
    rng
        A generator or a seed for them. None: other draws every time.

    Returns
    -------
    ModelCheck
        Printed, a line a finding with advice; `findings`, `table()`, `good`.

    Notes
    -----
    Looked at: the search and its boundaries; rows and columns left out; levels of grouping
    factors; covariates of random slopes whose origin matters and is far away; separation;
    collinearity of terms of which neither contains the other (√5 and √10 times the standard
    errors are the limits); Pearson's dispersion of families without a dispersion parameter;
    simulated residuals at 5 %; and Cook's distance by levels of the grouping factors with up to
    300 levels, worth a note from 0.5 and a problem from 1. Some tests out of many fail by
    chance: read the sentences.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> hd.check(model, rng=1).good
    True
    """
    estimates = estimates_of(model)
    findings = [*_search(estimates), *_data(estimates), *_origins(estimates)]
    findings += _design(estimates)
    findings += _coefficients(estimates)
    findings += _overdispersion(estimates)
    if n:
        findings += _simulated(estimates, n, generator_of(rng))
    findings += _influential(estimates)
    return ModelCheck(tuple(findings), estimates.frame)


def _search(estimates: Estimates) -> Iterator[Finding]:
    certificate = estimates.certificate
    good = certificate.converged
    notes = "".join(f" {note[:1].upper()}{note[1:]}." for note in certificate.notes)
    sentence = f"{certificate.outcome.value}.{notes}"
    advice = certificate.outcome.advice
    yield Finding("search", "fine" if good else "problem", sentence, advice)
    for boundary in certificate.boundary:
        advice = "The fit stands."
        if boundary.startswith("the variance of"):
            advice += (
                " The data show no such variation; keep the term if the design has it, or "
                'leave it out. A prior keeps it from 0: priors={"sd": "gamma(2, 0)"}.'
            )
        else:
            advice += " A simpler term or family says the same with fewer parameters."
        yield Finding("boundary", "note", f"{boundary}.", advice)


def _data(estimates: Estimates) -> Iterator[Finding]:
    frame = estimates.frame
    if frame.missing:
        missing = ", ".join(f"{name} ({count})" for name, count in frame.missing.items())
        yield Finding(
            "missing",
            "note",
            f"{frame.n_dropped} of {frame.n_given} rows have missing values and were left out: "
            f"{missing}.",
            "Ask why they are missing: results hold where that does not depend on the values.",
        )
    for predictor in estimates.predictors.values():
        if predictor.fixed.dropped:
            yield Finding(
                "columns",
                "note",
                f"{', '.join(predictor.fixed.dropped)} cannot be estimated: other columns "
                "determine them.",
                "Combinations of levels are empty, or a variable occurs twice.",
            )
        for term in predictor.terms:
            # A field, or many times, in one level: its effects are what varies.
            if max(term.design.n_levels, term.design.n_effects) < _FEW_LEVELS:
                yield Finding(
                    "levels",
                    "note",
                    f"{term.design.term.text} has few levels ({term.design.n_levels}): its "
                    "variance is hardly known.",
                    "If it is not the unit of a treatment, a fixed effect says as much.",
                )


def _origins(estimates: Estimates) -> Iterator[Finding]:
    """Slopes without their intercepts, of covariates far from 0."""
    for predictor in estimates.design.predictors:
        for term, structure in zip(predictor.random, predictor.structures, strict=True):
            for effect, (low, high) in effects_far_from_origin(term, structure).items():
                yield Finding(
                    "origin",
                    "note",
                    f"{term.term.text} depends on where {effect} is 0, far from its values "
                    f"({low:g} to {high:g}): there the levels of {term.group} are taken to be "
                    "independent of their slopes.",
                    f"Centre it, as in I({effect} - {0.5 * (low + high):g}), or let intercepts "
                    f"and slopes vary together: ({effect} | {term.group}).",
                )


def _design(estimates: Estimates) -> Iterator[Finding]:
    """What `describe_design` finds for the formula; few levels are said above."""
    found = experiment_of(estimates)
    advice = "describe_design() shows the units."
    for concern in found.warnings:
        if concern.kind != "few levels":
            yield Finding("design", "problem", concern.sentence, advice)
    for concern in found.notes:
        if concern.kind == "number as treatment":
            yield Finding("design", "note", concern.sentence)


def _coefficients(estimates: Estimates) -> Iterator[Finding]:
    infinite = separated(estimates)
    held = estimates.specification.has_coefficient_priors
    if infinite and held:
        yield Finding(
            "separation",
            "note",
            f"{', '.join(infinite)}: the likelihood alone only rises as these run off, because "
            "they separate the response. Their estimates are what the priors make of them.",
            "Try other priors to see what depends on them.",
        )
    elif infinite:
        yield Finding(
            "separation",
            "problem",
            f"{', '.join(infinite)}: the likelihood only rises as these run off, because they "
            "separate the response. Their estimates and standard errors mean nothing.",
            "Join levels, leave the term out, compare it by a likelihood ratio test, or hold "
            'it by a prior: priors={"fixed": "normal(0, 2.5)"}.',
        )
    if len(set(estimates.location.fixed.assign.tolist())) < 3:
        return
    terms, df, factors = inflation(estimates, marginal=True)
    wider = factors ** (0.5 / df)
    worst = int(np.argmax(wider))
    verdict: Verdict = "fine"
    if wider[worst] > _INFLATED:
        verdict = "problem" if wider[worst] > _VERY_INFLATED else "note"
    yield Finding(
        "collinearity",
        verdict,
        f"the intervals of {terms[worst]} are {wider[worst]:.3g} times as wide as without its "
        "correlation with other terms" + (", the most of all." if len(terms) > 1 else "."),
        "Of variables that say the same, keep one.",
    )


def _overdispersion(estimates: Estimates) -> Iterator[Finding]:
    family, response = estimates.family, estimates.response
    binary = family.counts_trials and np.all(response.size == 1.0)
    df = response.y.size - estimates.n_parameters
    if family.has_dispersion or not family.discrete or binary or df < 1:
        return
    total = float(np.sum(residuals(estimates, kind="pearson") ** 2))
    p = float(chdtrc(df, total))
    yield Finding(
        "overdispersion",
        "problem" if p < DOUBTFUL else "fine",
        f"squared Pearson residuals are {total / df:.3g} per degree of freedom "
        f"({'p < 0.0001' if p < 1e-4 else f'p = {p:.4f}'}).",
        _TEST_ADVICE["dispersion"],
    )


def _simulated(estimates: Estimates, n: int, rng: np.random.Generator) -> Iterator[Finding]:
    found = quantile_residuals(estimates, n, "none", None, rng)
    family = estimates.family
    tests: list[ResidualTest] = [uniformity(found), dispersion(found), outliers(found, rng=rng)]
    if family.discrete and not family.counts_trials:
        tests.append(zero_inflation(found))
    if found.values.size >= ROWS_FOR_QUARTILES:
        tests.append(quantiles(found))
    for test in tests:
        doubtful = test.p_value < DOUBTFUL
        yield Finding(
            f"simulated {test.name}",
            "problem" if doubtful else "fine",
            f"{test.finding[0].lower()}{test.finding[1:]} ({test.p_in_words}).",
            _advice(test),
        )


def _advice(test: ResidualTest) -> str:
    too_little = test.name in _TOO_LITTLE_ADVICE and test.statistic < 1.0
    return (_TOO_LITTLE_ADVICE if too_little else _TEST_ADVICE)[test.name]


def _influential(estimates: Estimates) -> Iterator[Finding]:
    groups = {term.design.group: term.design.n_levels for term in estimates.location.terms}
    if estimates.errors is not None:
        design = estimates.errors.design
        groups.setdefault(design.label, len(design.subjects))
    for group, levels in groups.items():
        if not 2 <= levels <= _MOST_LEVELS:
            continue
        found = influence(estimates, group)
        distance = found.cooks_distance
        if not np.any(np.isfinite(distance)):
            continue
        worst = found.largest
        verdict: Verdict = "fine"
        if distance[worst] > 0.5:
            verdict = "problem" if distance[worst] > 1.0 else "note"
        yield Finding(
            "influence",
            verdict,
            f"of {group}, {found.cases[worst]} moves the coefficients most, by a "
            f"Cook's distance of {distance[worst]:.2g}.",
            f"See how results change without it: influence({group!r}).table().",
        )
