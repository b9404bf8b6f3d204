"""A fitted model on one screen: what was fitted, how well, the estimates, how it ended."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.design.positions import order_in_words
from henderson.design.structured_terms import effect_levels, strip_number, times_of_effects
from henderson.estimation.estimates import Estimates, PredictorEstimates
from henderson.report.criteria import aic, bic, deviance, log_posterior
from henderson.report.layout import Grid, Section, decimals_for, numbers, p_value
from henderson.report.tables import (
    MOST_EFFECTS,
    Covariance,
    coefficient_estimates,
    covariances,
    dispersion_parameters,
    residual_sd,
)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """What a summary says, section by section; prints as text, shows as HTML in notebooks."""

    sections: tuple[Section, ...]

    def __str__(self) -> str:
        return "\n\n".join(section.text() for section in self.sections)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return "".join(section.html() for section in self.sections)


def summarize(estimates: Estimates) -> Summary:
    """The fit on one screen.

    Returns
    -------
    Summary
        Method, family, formula and rows; AIC, BIC, log-likelihood; variances of the random
        effects; dispersion; fixed effects with standard errors and tests, and the method of
        their degrees of freedom; convergence; what was dropped.
        Printed, it is text; in a notebook, HTML.
    """
    sections = [
        heading(estimates),
        Section(grid=criteria_grid(estimates)),
        random_section(estimates),
        *(
            fixed_section(estimates, name, predictor)
            for name, predictor in estimates.predictors.items()
            if name == "location" or predictor.fixed.names not in ((), ("(Intercept)",))
        ),
        convergence_section(estimates),
    ]
    return Summary(tuple(section for section in sections if section is not None))


def heading(estimates: Estimates) -> Section:
    """Method, formula, family, rows."""
    family, frame = estimates.family, estimates.frame
    rows = f"{frame.n_distinct} rows"
    if frame.n_dropped:
        rows = f"{frame.n_distinct} of {frame.n_given} rows"
        rows += f"; dropped: {'; '.join(why_dropped(estimates))}"
    if frame.n != frame.n_distinct:
        rows += f"; with frequency weights {frame.n}"
    lines = [
        f"Formula: {estimates.specification.formula.text}",
        f"Family:  {family.name}, {family.link.name} link",
        *residual_lines(estimates),
        f"Data:    {rows}",
    ]
    asked = estimates.specification
    given = {
        "Weights": asked.weights,
        "Offset": "one value a row" if frame.offset_is_array else asked.offset,
    }
    lines += [f"{word + ':':<8} {value}" for word, value in given.items() if value is not None]
    if asked.priors:
        lines.append(f"Priors:  {'; '.join(map(str, asked.priors))}")
    if frame.response is not None and frame.response.events is not None:
        failure, success = frame.response.events
        lines.append(f"Success: {success} (failure: {failure})")
    return Section(title(estimates), lines=tuple(lines))


def residual_lines(estimates: Estimates) -> list[str]:
    """How the residuals vary together, where they do."""
    asked = estimates.specification.residual
    if asked is None or estimates.errors is None:
        return []
    spread = estimates.predictors["dispersion"]
    times = ", times exp(dispersion)" if spread.fixed.names or spread.offset.any() else ""
    return [f"Residual: {asked.text}, {estimates.errors.structures[0].description}{times}"]


def title(estimates: Estimates) -> str:
    """What kind of model, fitted how."""
    mixed = "mixed " if any(p.terms for p in estimates.predictors.values()) else ""
    asked = estimates.specification
    method = "REML" if asked.method == "REML" else "maximum likelihood"
    if asked.priors:
        method = "REML with priors" if asked.method == "REML" else "maximum a posteriori"
    if estimates.family.is_quadratic:
        return f"Linear {mixed}model fitted by {method}"
    how = ""
    if mixed:
        how = (
            " (Laplace approximation)"
            if asked.quadrature == 1
            else f" (adaptive Gauss-Hermite quadrature, {asked.quadrature} nodes)"
        )
    return f"Generalized linear {mixed}model fitted by {method}{how}"


def why_dropped(estimates: Estimates) -> list[str]:
    """Reasons for which rows were left out, with the number of values each."""
    frame = estimates.frame
    missing = [f"{count} missing {name}" for name, count in frame.missing.items()]
    zero = [f"{frame.n_zero_weight} of weight zero"] if frame.n_zero_weight else []
    return missing + zero


def criteria_grid(estimates: Estimates) -> Grid:
    """Criteria of the whole fit, side by side."""
    restricted = estimates.specification.method == "REML"
    values = {
        "AIC": f"{aic(estimates):.1f}",
        "BIC": f"{bic(estimates):.1f}",
        "logLik (REML)" if restricted else "logLik": f"{estimates.log_likelihood:.2f}",
        "REML criterion" if restricted else "deviance": f"{deviance(estimates):.1f}",
        "parameters": str(estimates.n_parameters),
    }
    if estimates.specification.priors:
        values["logLik + log prior"] = f"{log_posterior(estimates):.2f}"
    return Grid(tuple(values), (tuple(values.values()),), labels=0)


def random_section(estimates: Estimates) -> Section | None:
    """Variances and correlations of the random effects, and the numbers of levels."""
    terms = covariances(estimates)
    sigma = residual_sd(estimates)
    lines = tuple(dispersion_lines(estimates))
    if not terms:
        return Section(lines=lines) if lines else None
    labels = [row for each in terms for row in variance_labels(each)]
    variances = np.concatenate([variances_shown(each) for each in terms])
    written = [row for each in terms for row in correlation_texts(each)]
    if sigma is not None:
        labels.append(("Residual", ""))
        variances = np.append(variances, sigma**2)
        written.append("")
    columns = [numbers(variances), numbers(np.sqrt(variances))]
    header = ["Group", "Term", "Variance", "Std.Dev."]
    if any(written):
        columns.append(written)
        header.append("Corr")
    rows = tuple(
        (*label, *cells)
        for label, cells in zip(labels, zip(*columns, strict=True), strict=True)
    )
    levels = {
        term.design.group: len(term.modes)
        for each in estimates.predictors.values()
        for term in each.terms
    }
    errors = estimates.errors
    if errors is not None:
        levels[errors.design.label] = len(errors.design.subjects)
    counted = ", ".join(f"{group} {count}" for group, count in levels.items())
    return Section(
        "Random effects" if errors is None else "Random effects and residuals",
        Grid(tuple(header), rows, labels=2),
        (
            f"Observations: {estimates.frame.n}; levels: {counted}",
            *structure_lines(terms),
            *order_lines(estimates),
            *lines,
        ),
    )


def variances_shown(each: Covariance) -> np.ndarray:
    """One of many effects with one variance, else the first few."""
    common = each.variance_in_common
    return np.diag(each.matrix)[:MOST_EFFECTS] if common is None else np.array([common])


def structure_lines(terms: Iterable[Covariance]) -> Iterator[str]:
    """What many effects with one variance have besides it: "field: exponential, range 3.1"."""
    for each in terms:
        if each.variance_in_common is not None:
            found = each.parameters.items()
            named = [f"{name} {value:.4g}" for name, value in found if name != "sd"]
            yield f"{each.group}: {', '.join([each.structure.description, *named])}"


def order_lines(estimates: Estimates) -> Iterator[str]:
    """The order or the times of the levels, for structures to which they matter."""
    found = [
        (
            term.structure,
            term.design.term.structure,
            strip_number(next(iter(term.design.recipe.codings), "")),
            effect_levels(term.design),
            times_of_effects(term.design),
        )
        for predictor in estimates.predictors.values()
        for term in predictor.terms
    ]
    if estimates.errors is not None:
        design = estimates.errors.design
        name = "the rows" if design.term.positions == "1" else design.term.positions
        structure = estimates.errors.structures[0]
        found.append((structure, design.term.structure, name, design.positions, design.points))
    for structure, word, name, levels, points in found:
        if structure.in_order and levels is not None and len(levels) > 1:
            labels = (
                tuple(level.strip("()") for level in levels) if points is not None else levels
            )
            times = None if points is None else points[:, 0]
            words = order_in_words(name, labels, times)
            yield f"{words[:1].upper()}{words[1:]} ({word})"


def variance_labels(each: Covariance) -> Iterator[tuple[str, str]]:
    """Group and effect of each variance shown; the group once."""
    of = "" if each.component == "location" else f" ({each.component})"
    if each.variance_in_common is not None:
        yield each.group + of, f"{each.structure.keyword} ({len(each.effects)} effects)"
        return
    for i, effect in enumerate(each.effects[:MOST_EFFECTS]):
        more = len(each.effects) - MOST_EFFECTS
        shown = f"{effect} (and {more} more)" if i == MOST_EFFECTS - 1 and more > 0 else effect
        yield (each.group + of if i == 0 else ""), shown


def correlation_texts(each: Covariance) -> Iterator[str]:
    """For each effect shown, its correlations with those before."""
    if each.variance_in_common is not None:
        yield ""
        return
    together = each.correlations if each.correlated else None
    for i in range(min(len(each.effects), MOST_EFFECTS)):
        before = [] if together is None else together[i, :i]
        yield " ".join("  n/a" if np.isnan(r) else f"{r:5.2f}" for r in before)


def dispersion_lines(estimates: Estimates) -> Iterator[str]:
    """Parameters of the family that are one number and not in the table of variances."""
    shown = any(p.terms for p in estimates.predictors.values()) and residual_sd(estimates)
    found = dispersion_parameters(estimates)
    if "dispersion" in found and not shown:
        yield f"Dispersion: {found['dispersion']:.4g} ({estimates.family.dispersion_label})"
    for name, label in estimates.family.further_labels:
        if name in found:
            yield f"{label[0].upper()}{label[1:]}: {found[name]:.4g}"
    if "zero_inflation" in found:
        yield f"Zero inflation: {found['zero_inflation']:.4g} ({estimates.family.zero_label})"


def fixed_section(estimates: Estimates, name: str, predictor: PredictorEstimates) -> Section:
    """Coefficients of one linear predictor, with their tests."""
    found = coefficient_estimates(estimates)[name]
    decimals = decimals_for(found.std_error)
    columns = [
        predictor.fixed.names,
        numbers(found.estimate, decimals),
        numbers(found.std_error, decimals),
        ["" if np.isnan(value) else f"{value:.2f}" for value in found.statistic],
        [p_value(value) for value in found.p_value],
    ]
    header = ["Term", "Estimate", "Std.Error", "z value", "p (normal)"]
    if found.ddf != "infinite":
        header[3:] = "df", "t value", "p (t)"
        columns.insert(3, ["" if np.isnan(value) else f"{value:.1f}" for value in found.df])
    title = "Fixed effects" if name == "location" else f"Fixed effects of the {name}"
    dropped = predictor.fixed.dropped
    lines = [] if found.ddf == "infinite" else [f"Degrees of freedom: {found.ddf.title()}"]
    if dropped:
        lines.append(f"Dropped, determined by the others: {', '.join(dropped)}")
    return Section(title, Grid(tuple(header), tuple(zip(*columns, strict=True))), tuple(lines))


def convergence_section(estimates: Estimates) -> Section:
    """How the search ended, the evidence, and the boundary in plain words."""
    found = estimates.certificate
    curvature = (
        f"smallest eigenvalue {found.smallest_eigenvalue:.2g} ({found.hessian} Hessian), "
        if math.isfinite(found.smallest_eigenvalue)
        else ""
    )
    evidence = (
        f"largest scaled gradient {found.gradient:.1e}, {curvature}"
        f"{found.evaluations} evaluation{'s' if found.evaluations != 1 else ''}"
    )
    return Section(
        lines=(
            f"{found.outcome.value[:1].upper()}{found.outcome.value[1:]}",
            f"  {evidence}",
            *(f"Boundary: {sentence}" for sentence in found.boundary),
            *(f"Note: {note}" for note in found.notes),
            *([f"Advice: {found.outcome.advice}"] if found.outcome.advice else []),
        )
    )
