"""A model as sentences, as an equation, as a methods paragraph, and as code."""

import platform
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from henderson.estimation.estimates import Estimates, PredictorEstimates, TermEstimates
from henderson.formula import Formula
from henderson.report.contents import Equation, Piece
from henderson.report.sources import SOURCES
from henderson.report.summary import title
from henderson.report.tables import covariance_of_term, dispersion_parameters, residual_sd

MOST_NAMES = 3  # of the effects of a term


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: "a", "a and b", "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def fixed_terms(estimates: Estimates) -> tuple[str, ...]:
    """The fixed effects of the location, as written, without the intercept."""
    return tuple(t for t in estimates.location.fixed.terms if t != "(Intercept)")


def sentences(estimates: Estimates) -> Iterator[str]:
    """The model in words, without its random effects."""
    response, family = _response(estimates), estimates.family
    terms = fixed_terms(estimates)
    kind = title(estimates)
    if terms:
        many = "s" if len(terms) > 1 else ""
        yield f"{kind}. {response} is explained by the fixed effect{many} {listed(terms)}."
    else:
        yield f"{kind}. {response} has one mean."
    given = "Given the random effects below, it" if estimates.location.terms else "It"
    has = "" if family.is_quadratic or not family.has_dispersion else (
        f" of dispersion {family.dispersion_label}"
    )  # fmt: skip
    link = family.link.name
    name = family.name.replace("_", " ")
    yield f"{given} has a {name} distribution{has}; link of its mean: {link}."
    asked = estimates.specification
    if asked.weights is not None:
        yield f"Rows are weighted by {asked.weights}."
    if asked.offset is not None or asked.formula.offsets:
        known = [*asked.formula.offsets, *([asked.offset] if asked.offset else [])]
        yield f"{listed(known)} is added to the linear predictor as it is (an offset)."
    if asked.priors:
        yield f"Prior densities are on {listed([str(each) for each in asked.priors])}."
    for name, formula in _other_formulas(estimates):
        yield f"The {name.replace('_', ' ')} has a formula of its own: {formula.text}."


def _other_formulas(estimates: Estimates) -> Iterator[tuple[str, Formula]]:
    """Those asked for, with columns of their own."""
    for name, formula in estimates.specification.others.items():
        if estimates.predictors[name].fixed.names or estimates.predictors[name].terms:
            yield name, formula


def random_sentences(estimates: Estimates) -> Iterator[str]:
    """The random effects in words, one a sentence."""
    for term in estimates.location.terms:
        yield (
            f"{term.design.group} ({term.design.n_levels} levels) has {_effects(term)}: what "
            "its rows have in common, drawn from a normal distribution."
        )
    errors = estimates.errors
    if errors is not None:
        design = errors.design
        at = "their order" if design.term.positions == "1" else design.term.positions
        apart = f", in each group of {design.term.by} its own" if design.term.by else ""
        yield (
            f"The residuals of a {design.label} ({len(design.subjects)} levels) vary together: "
            f"their covariance over {len(design.positions)} positions ({at}) is "
            f"{errors.structures[0].description}{apart}."
        )


def _response(estimates: Estimates) -> str:
    response = estimates.frame.response
    return "" if response is None else response.label


def _effects(term: TermEstimates) -> str:
    names = term.design.effects
    if names == ("(Intercept)",):
        return "a random intercept"
    shown = [name.strip("()").replace("Intercept", "intercept") for name in names]
    if len(shown) > MOST_NAMES:
        shown = [*shown[:MOST_NAMES], f"{len(shown) - MOST_NAMES} more"]
    correlated = covariance_of_term(term).correlated
    together = f" ({term.structure.keyword} covariance)" if correlated else ""
    return f"random effects of {listed(shown)}{together}"


def equation(estimates: Estimates) -> Equation:
    """The model as an equation, with the estimated variances."""
    family = estimates.family
    response = _word(_response(estimates))
    lines: list[tuple[Piece, ...]] = []
    if family.is_quadratic:
        lines.append((response, _sign("="), _symbol("η"), _sign("+"), _symbol("e")))
    else:
        parameters = "(μ, φ)" if family.has_dispersion else "(μ)"
        drawn = _word(f"{family.name.replace('_', ' ')}{parameters}")
        lines.append((response, _sign("|"), _symbol("b"), _sign("~"), drawn))
        lines.append((_word(f"{family.link.name}(μ)"), _sign("="), _symbol("η")))
    lines.append((_symbol("η"), _sign("="), *_summands(estimates.location)))
    for name, _ in _other_formulas(estimates):
        predictor, link = estimates.predictors[name], family.link_of(name).name
        left = _word(f"{link}({name.replace('_', ' ')})")
        lines.append((left, _sign("="), *_summands(predictor)))
    lines += [_random_line(term) for term in estimates.location.terms]
    sigma = residual_sd(estimates)
    found = dispersion_parameters(estimates)
    if estimates.errors is not None:
        design, structure = estimates.errors.design, estimates.errors.structures[0]
        apart = f" by {design.term.by}" if design.term.by else ""
        size = f"{len(design.positions)} × {len(design.positions)}"
        spread = f"(0, R), {structure.description}, {size}{apart}"
        lines.append((_symbol("e", design.label), _sign("~"), _symbol("N"), _sign(spread)))
    elif family.is_quadratic:
        spread = "(0, σ²)" if sigma is None else f"(0, {sigma**2:.4g})"
        lines.append((_symbol("e"), _sign("~"), _symbol("N"), _sign(spread)))
    elif "dispersion" in found:
        lines.append((_symbol("φ"), _sign("="), _sign(f"{found['dispersion']:.4g}")))
    return Equation(tuple(lines))


def _symbol(text: str, of: str = "") -> Piece:
    return Piece("symbol", text, of)


def _word(text: str) -> Piece:
    return Piece("word", text)


def _sign(text: str) -> Piece:
    return Piece("operator", text)


def _summands(predictor: PredictorEstimates) -> Iterator[Piece]:
    """The right-hand side of a linear predictor."""
    terms = predictor.fixed.terms
    pieces = [_symbol("β₀") if term == "(Intercept)" else _word(term) for term in terms]
    for term in predictor.terms:
        alone = term.design.effects == ("(Intercept)",)
        pieces.append(_symbol("b" if alone else "z′b", term.design.group))
    if np.any(predictor.offset):
        pieces.append(_word("offset"))
    for i, piece in enumerate(pieces):
        yield from (_sign("+"), piece) if i else (piece,)


def _random_line(term: TermEstimates) -> tuple[Piece, ...]:
    alone = term.design.effects == ("(Intercept)",)
    spread = f"{term.covariance[0, 0]:.4g}" if alone else f"G, {len(term.covariance)} effects"
    return _symbol("b", term.design.group), _sign("~"), _symbol("N"), _sign(f"(0, {spread})")


def methods_paragraph(
    estimates: Estimates, *, test: str, ddf: str, means: bool, draws: int
) -> str:
    """What a paper says of an analysis; `ddf` is how degrees of freedom were found."""
    asked, family, frame = estimates.specification, estimates.family, estimates.frame
    terms = fixed_terms(estimates)
    random = [term.design.group for term in estimates.location.terms]
    kind = title(estimates).partition(" fitted by ")
    fixed = f"fixed effects of {listed(terms)}" if terms else "an overall mean"
    effects = f" and random effects of {listed(random)}" if random else ""
    structured = ""
    if estimates.errors is not None:
        design, structure = estimates.errors.design, estimates.errors.structures[0]
        structured = (
            f"{',' if random else ''} and residuals that vary together within {design.label} "
            f"({structure.description} covariance; Jennrich & Schluchter 1986)"
        )
    text = (
        f"{_response(estimates)} ({frame.n} observations) was analysed with a "
        f"{kind[0][0].lower()}{kind[0][1:]} ({family.name.replace('_', ' ')} distribution, "
        f"{family.link.name} link) with {fixed}{effects}{structured}, fitted by "
        f"{_how(estimates)}."
    )
    if frame.n_dropped:
        text += f" Of {frame.n_given} rows, {frame.n_dropped} left out as incomplete."
    if terms:
        denominators = {
            "kenward-roger": ", with denominator degrees of freedom and standard errors after "
            "Kenward & Roger (1997)",
            "satterthwaite": ", with denominator degrees of freedom after Satterthwaite (1946)",
        }
        name = "F tests" if test == "F" else "Wald chi-squared tests"
        text += f" Terms were tested by type II {name}{denominators.get(ddf, '')}."
    if means:
        text += (
            " Marginal means (Searle et al. 1980) were compared pairwise with Tukey's "
            "adjustment at 5 %, and are shown with letters (Piepho 2004)."
        )
    text += (
        f" The model was checked by quantile residuals from {draws} simulated responses "
        "(Dunn & Smyth 1996)."
    )
    if asked.contrasts:
        text += f" Contrasts: {asked.contrasts}."
    return f"{text} {software()}"


def _how(estimates: Estimates) -> str:
    asked = estimates.specification
    method = (
        "restricted maximum likelihood (Patterson & Thompson 1971)"
        if asked.method == "REML"
        else "maximum likelihood"
    )
    if asked.priors:
        method = f"{method} with priors ({listed([str(each) for each in asked.priors])})"
    if estimates.family.is_quadratic or not estimates.location.terms:
        return method
    if asked.quadrature == 1:
        return f"{method} with the Laplace approximation (Breslow & Clayton 1993)"
    return f"{method} with adaptive Gauss-Hermite quadrature of {asked.quadrature} nodes"


def own_version() -> str:
    """The version that is installed; of a source tree that is not, it says so."""
    try:
        return version("henderson")
    except PackageNotFoundError:
        return "(not installed)"


def software() -> str:
    """The versions of what computed the numbers."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy"))
    return (
        f"Computed with henderson {own_version()} (Python "
        f"{platform.python_version()}, {packages})."
    )


def references(estimates: Estimates, *, ddf: str, means: bool) -> list[str]:
    """The sources that the methods paragraph names, in alphabetical order."""
    asked = estimates.specification
    used = ["henderson", "residuals"]
    if asked.method == "REML":
        used.append("reml")
    if not estimates.family.is_quadratic and asked.quadrature == 1:
        used.append("laplace")
    used += ["residual structures"] if estimates.errors is not None else []
    used += [ddf] if ddf in SOURCES else []
    used += ["means", "letters"] if means else []
    return sorted(SOURCES[each] for each in used)


def code(estimates: Estimates, means: Sequence[str], *, source: str | None) -> str:
    """Lines of Python that make the same numbers; `source` is the file of the data."""
    asked, frame = estimates.specification, estimates.frame
    columns = ", ".join(frame.variables)
    where = (
        f"data = ...  # the table: {frame.n_given} rows, with the columns {columns}"
        if source is None
        else f"data = pd.{_reader(source)}"
    )
    given = [repr(asked.formula.text), "data", *_family_arguments(estimates)]
    options = {
        "weights": repr(asked.weights) if asked.weights else None,
        "offset": repr(asked.offset) if asked.offset else None,
        "contrasts": repr(asked.contrasts) if asked.contrasts else None,
        "quadrature": str(asked.quadrature) if asked.quadrature != 1 else None,
        "residual": repr(asked.residual.text) if asked.residual else None,
        "priors": repr({p.key: str(p.prior) for p in asked.priors}) if asked.priors else None,
        **{name: repr(formula.text) for name, formula in _other_formulas(estimates)},
    }
    if frame.weights is not None and asked.weights is None:
        options["weights"] = "...  # one a row, given as an array"
    if asked.matrices:
        options["matrices"] = f"...  # a dict of {', '.join(asked.matrices)}"
    if frame.offset_is_array:
        options["offset"] = "...  # one a row, given as an array"
    given += [f"{name}={value}" for name, value in options.items() if value is not None]
    lines = ["import henderson as hd", *(["import pandas as pd"] if source else []), "", where]
    called = (each.replace("...  #", "...,  #") for each in given)
    lines += ["model = hd.fit("]
    lines += [f"    {each}" if "  #" in each else f"    {each}," for each in called]
    lines += [")"]
    lines += ["print(model.summary())", "print(model.anova())"]
    scale = "" if asked.family.link.name == "identity" else ', scale="response"'
    lines += [f"print(model.emmeans({each!r}{scale}).letters(order='grid'))" for each in means]
    return "\n".join(lines)


def _family_arguments(estimates: Estimates) -> Iterator[str]:
    """The family, the link and the method as arguments of `fit`."""
    family = estimates.specification.family
    if family.constants.size:  # such as the degrees of freedom of t, where they are given
        yield f"family=hd.families.{re.sub(r'link=[^,()]*[(][)],? ?', '', repr(family))}"
    else:
        name = family.name.removeprefix("zero_inflated_")
        yield f"family={name.replace('hurdle_', 'truncated_')!r}"
    yield f"link={family.link.name!r}"
    yield f"method={estimates.specification.method!r}"


def _reader(source: str) -> str:
    if source.endswith((".parquet", ".pq")):
        return f"read_parquet({source!r})"
    separator = ', sep="\\t"' if ".tsv" in source else ""
    return f"read_csv({source!r}{separator})"
