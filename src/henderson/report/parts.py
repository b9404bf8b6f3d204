"""The parts of a report, each from a fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np

from henderson.design.evaluation import columns_used
from henderson.design.factors import Factor
from henderson.diagnostics import check
from henderson.errors import HendersonError
from henderson.estimation.estimates import Estimates
from henderson.experiment import experiment_of
from henderson.experiment.record import applied
from henderson.formula.syntax_tree import parse_expression
from henderson.inference import anova
from henderson.marginal_means import MarginalMeans, emmeans
from henderson.plots.design_diagram import plot_design
from henderson.plots.steps import cascade_of, plot_cascade
from henderson.report.contents import (
    Block,
    Code,
    Contents,
    Items,
    Paragraph,
    Part,
    Picture,
    Table,
)
from henderson.report.layout import Grid
from henderson.report.model_in_words import (
    code,
    equation,
    listed,
    methods_paragraph,
    random_sentences,
    references,
    sentences,
)
from henderson.report.pictures import picture
from henderson.report.publication import grid_of
from henderson.report.summary import (
    convergence_section,
    criteria_grid,
    fixed_section,
    random_section,
    why_dropped,
)
from henderson.report.tables import coefficients
from henderson.simulated_residuals import simulate_residuals

MOST_MEANS = 8  # sets of marginal means that are chosen unasked
MOST_ROWS = 40  # of one of them
MOST_VALUES = 6  # levels of a factor that are listed one by one
ON_LINK_SCALE = "Variances are on the scale of the linear predictor."
LETTERS_SAY = "Means with a letter in common do not differ significantly (Tukey, 5 %)."


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for: `means` None chooses them, `png` is for documents without SVG."""

    title: str | None
    means: Sequence[str] | None
    source: str | None
    draws: int
    seed: int
    png: bool


def contents(estimates: Estimates, wish: Wish) -> Contents:
    """Everything a report says of a fit."""
    found = _means(estimates, wish.means)
    tests = anova(estimates) if len(estimates.location.fixed.terms) > 1 else None
    ddf, test = _tests_by(tests)
    specs = [spec for spec, _ in found]
    parts = [
        _model_part(estimates),
        _design_part(estimates, wish),
        _data_part(estimates),
        _estimate_part(estimates),
        *_variance_parts(estimates, wish),
        *([] if tests is None else [_test_part(tests, test)]),
        *([_mean_part(found, wish)] if found else []),
        _check_part(estimates, wish),
        Part(
            "methods",
            "Methods",
            (
                Paragraph(
                    methods_paragraph(
                        estimates, test=test, ddf=ddf, means=bool(found), draws=wish.draws
                    )
                ),
                Items(tuple(references(estimates, ddf=ddf, means=bool(found)))),
            ),
        ),
        Part(
            "code",
            "Code",
            (
                Paragraph("The same numbers in Python:"),
                Code("python", code(estimates, specs, source=wish.source)),
            ),
        ),
    ]
    response = estimates.frame.response
    label = "" if response is None else response.label
    return Contents(
        title=wish.title or f"Report on {label}",
        subtitle=estimates.specification.formula.text,
        parts=parts,
    )


def _model_part(estimates: Estimates) -> Part:
    certificate = estimates.certificate
    mark = "fine" if certificate.converged else "problem"
    return Part(
        "model",
        "Model",
        (
            *(Paragraph(sentence) for sentence in sentences(estimates)),
            Items(tuple(random_sentences(estimates))),
            equation(estimates),
            Paragraph(convergence_section(estimates).lines[0] + ".", mark),
            *(Paragraph(f"Boundary: {each}.", "note") for each in certificate.boundary),
        ),
    )


def _design_part(estimates: Estimates, wish: Wish) -> Part:
    experiment = experiment_of(estimates)
    units = [f"{unit.levels} {unit.name}" for unit in experiment.units]
    units.append(f"{experiment.rows} rows")
    drawn = picture(
        lambda: plot_design(estimates),
        "design",
        caption="Units from large to small, how many of each, what is applied to them, and the "
        "variance between them with its share of the total.",
        alt=f"Diagram of the design: {', '.join(units)}.",
        png=wish.png,
    )
    blocks: list[Block] = [drawn]
    blocks.append(
        Items(tuple(f"{each.name}: {applied(each)}." for each in experiment.treatments))
    )
    blocks += [Paragraph(f"Warning: {each}", "problem") for each in experiment.warnings]
    blocks += [Paragraph(str(each), "note") for each in experiment.notes]
    return Part("design", "Design", tuple(blocks))


def _data_part(estimates: Estimates) -> Part:
    frame = estimates.frame
    rows = [f"{frame.n} rows are used."]
    if frame.n_dropped:
        reasons = "; ".join(why_dropped(estimates))
        are = "is" if frame.n_dropped == 1 else "are"
        rows = [
            f"{frame.n} of {frame.n_given} rows are used; {frame.n_dropped} {are} left out "
            f"({reasons})."
        ]
    header = ("Variable", "Kind", "Values", "Missing")
    cells = tuple(
        (name, *_described(value), str(frame.missing.get(name, 0)))
        for name, value in frame.variables.items()
    )
    table = Table("data", "Variables in the rows used", Grid(header, cells, labels=3))
    return Part("data", "Data", (*map(Paragraph, rows), table))


def _described(value: object) -> tuple[str, str]:
    """The kind of a variable, and its values in short."""
    if isinstance(value, Factor):
        counts = np.bincount(value.codes, minlength=len(value.keys))
        shown = [
            f"{level} ({count})"
            for level, count in zip(value.levels[:MOST_VALUES], counts, strict=False)
        ]
        more = len(value.levels) - len(shown)
        rest = f" and {more} more" if more else ""
        return f"factor, {len(value.levels)} levels", f"{', '.join(shown)}{rest}"
    array = np.asarray(value, dtype=float)
    sd = array.std(ddof=1) if array.size > 1 else np.nan
    found = (array.mean(), sd, array.min(), array.max())
    mean, spread, low, high = (f"{value:.4g}" for value in found)
    return "number", f"mean {mean}, standard deviation {spread}, from {low} to {high}"


def _estimate_part(estimates: Estimates) -> Part:
    blocks: list[Block] = []
    found: Any = nw.from_native(coefficients(estimates), eager_only=True)
    for name, predictor in estimates.predictors.items():
        if name != "location" and predictor.beta.size < 2:
            continue
        rows = found.filter(nw.col("component") == name).drop("component")
        of = "" if name == "location" else f" of the {name.replace('_', ' ')}"
        notes = fixed_section(estimates, name, predictor).lines
        scale = estimates.family.link_of(name).name
        where = "" if scale == "identity" else f", {scale} scale"
        caption = f"Fixed effects{of} with 95 % intervals{where}"
        blocks.append(Table(f"fixed-{name}", caption, grid_of(rows.to_native()), notes))
    blocks.append(Table("criteria", "The fit as a whole", criteria_grid(estimates)))
    return Part("estimates", "Estimates", tuple(blocks))


def _variance_parts(estimates: Estimates, wish: Wish) -> Iterator[Part]:
    """Variance components, and how they make up one observation."""
    section = random_section(estimates)
    if section is None:
        return
    blocks: list[Block] = []
    if section.grid is not None:
        behind = () if estimates.family.is_quadratic else (ON_LINK_SCALE,)
        blocks.append(Table("variances", "Variances between levels", section.grid, behind))
    blocks += [Paragraph(f"{line}.") for line in section.lines]
    if estimates.location.terms:
        row = int(estimates.frame.rows[0])
        steps = cascade_of(estimates, row=row).steps
        blocks.append(
            picture(
                lambda: plot_cascade(estimates, row=row),
                "cascade",
                caption=f"How row {row} comes about, step by step. Curves are as wide as their "
                "standard deviations; the star is the observation.",
                alt=f"Steps to row {row}: "
                + "; ".join(f"{step.label} {step.effect:+.3g}" for step in steps)
                + f". Observed: {steps[-1].end:.4g}.",
                png=wish.png,
            )
        )
    yield Part("variances", "Variance components", tuple(blocks))


def _tests_by(tests: object) -> tuple[str, str]:
    """How degrees of freedom were found, and whether tests are F or chi-squared."""
    if tests is None:
        return "", ""
    grid = grid_of(tests)
    ddf = grid.rows[0][grid.header.index("ddf")]
    return ddf, "Chisq" if ddf == "infinite" else "F"


def _test_part(tests: object, test: str) -> Part:
    grid = grid_of(tests)
    at = grid.header.index("ddf")
    ddf = grid.rows[0][at]
    name = "F" if test == "F" else "χ²"
    header = tuple(name if title == "Statistic" else title for title in grid.header[:at])
    made = Grid(header, tuple(row[:at] for row in grid.rows))
    notes = (f"Denominator degrees of freedom: {ddf.title()}.",) if test == "F" else ()
    caption = "Type II tests of the terms of the fixed effects"
    return Part("tests", "Tests", (Table("tests", caption, made, notes),))


def _means(
    estimates: Estimates, asked: Sequence[str] | None
) -> list[tuple[str, MarginalMeans]]:
    """Marginal means that were asked for, or those of the factors and of pairs of them."""
    specs = list(_specs(estimates))[:MOST_MEANS] if asked is None else list(asked)
    scale = "link" if estimates.family.link.name == "identity" else "response"
    found = []
    for spec in specs:
        try:
            means = emmeans(estimates, spec, scale=scale)
        except HendersonError:
            if asked is not None:
                raise
            continue  # a grid too large to hold, which nobody asked for
        if asked is not None or means.rows.r <= MOST_ROWS:
            found.append((spec, means))
    return found


def _specs(estimates: Estimates) -> Iterator[str]:
    """Factors of the fixed effects, then their interactions of two, as "a | b"."""
    terms = [t.split(":") for t in estimates.location.fixed.terms if t != "(Intercept)"]
    variables = estimates.frame.variables
    chosen: dict[str, None] = {}
    for order in (1, 2):
        for parts in (term for term in terms if len(term) == order):
            names = [columns_used(parse_expression(part)) for part in parts]
            factors = all(
                len(columns) == 1
                and (isinstance(variables[columns[0]], Factor) or part.startswith("factor("))
                for part, columns in zip(parts, names, strict=True)
            )
            if factors:
                chosen[" | ".join(columns[0] for columns in names)] = None
    yield from chosen


def _mean_part(found: Sequence[tuple[str, MarginalMeans]], wish: Wish) -> Part:
    blocks: list[Block] = []
    for number, (spec, means) in enumerate(found, start=1):
        grid = grid_of(means.letters(order="grid"))
        of = listed(spec.replace("|", "within").split("*"))
        notes = (LETTERS_SAY, *means.notes)
        blocks.append(Table(f"means-{number}", f"Means of {of}", grid, notes))
        shown = [f"{row[0]} {row[means_column(grid)]}" for row in grid.rows[:12]]
        blocks.append(
            picture(
                lambda means=means: means.plot(letters=True),
                f"means-{number}",
                caption=f"Means of {of} with 95 % intervals and letters.",
                alt=f"Means of {of}: {', '.join(shown)}.",
                png=wish.png,
            )
        )
    return Part("means", "Marginal means", tuple(blocks))


def means_column(grid: Grid) -> int:
    """The column of the means in their table."""
    return grid.header.index("Estimate")


def _check_part(estimates: Estimates, wish: Wish) -> Part:
    residuals = simulate_residuals(estimates, wish.draws, rng=wish.seed)
    drawn: Picture = picture(
        residuals.plot,
        "residuals",
        caption="Simulated residuals. Left: their quantiles should follow the line. Right: "
        "their quartiles should follow the dashed lines.",
        alt=f"Quantile residuals. {residuals.uniformity()}",
        png=wish.png,
    )
    findings = check(estimates, n=wish.draws, rng=wish.seed).findings
    blocks: list[Block] = [drawn]
    for each in findings:
        advice = f" {each.advice}" if each.advice and each.verdict != "fine" else ""
        text = f"{each.topic[:1].upper()}{each.topic[1:]}: {each.sentence}{advice}"
        blocks.append(Paragraph(text, each.verdict))
    return Part("diagnostics", "Diagnostics", tuple(blocks))
