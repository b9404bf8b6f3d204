"""Which coefficients and standard deviations a prior is meant for.

A prior is stated for `[component:]target`; the component is the location unless said. Targets:

    fixed                       every fixed effect but the intercept
    x, treatmentB, (Intercept)  one coefficient by its name, or all those of a term
    sd                          every standard deviation of random effects
    sd(herd)                    those of the random terms of a group
    sd(time | herd)             that of one effect

Where several name the same parameter, the narrowest counts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from henderson.covariance import CovarianceStructure
from henderson.design import FixedDesign, RandomDesign
from henderson.errors import ModelError, did_you_mean
from henderson.likelihood.penalty import DeviationPrior, Penalty
from henderson.priors import Prior, prior_named

_DEVIATION = re.compile(r"sd(?:\((?:(?P<effect>.+)\|)?(?P<group>[^|]+)\))?")


@dataclass(frozen=True, slots=True)
class PriorStatement:
    """A prior and what it is for; None where it is for all."""

    key: str  # as it was written
    component: str
    deviation: bool  # of random effects, or a coefficient
    group: str | None  # of a standard deviation
    name: str | None  # of a coefficient, term or effect
    prior: Prior

    def __str__(self) -> str:
        return f"{self.key} ~ {self.prior}"


class _Predictor(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def fixed(self) -> FixedDesign: ...
    @property
    def random(self) -> tuple[RandomDesign, ...]: ...
    @property
    def structures(self) -> tuple[CovarianceStructure, ...]: ...


def read_priors(
    given: Mapping[str, Prior | str] | None, components: Sequence[str]
) -> tuple[PriorStatement, ...]:
    """The priors of `fit`, checked as far as they can be without data.

    Raises
    ------
    ModelError
        For what is no mapping, a prior that cannot be read, or one that does not suit what it
        is for.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise ModelError(
            f"priors must be a mapping from what they are for to priors, not {given!r}. "
            'For example priors={"fixed": "normal(0, 2.5)", "sd(herd)": "gamma(2, 0)"}.'
        )
    return tuple(_statement(key, value, components) for key, value in given.items())


def _statement(key: object, value: object, components: Sequence[str]) -> PriorStatement:
    if not isinstance(key, str):
        raise ModelError(
            f"priors: {key!r} is no name of coefficients or standard deviations. Write text, "
            'such as "fixed", "treatment" or "sd(herd)".'
        )
    prior = prior_named(value) if isinstance(value, str) else value
    if not isinstance(prior, Prior):
        raise ModelError(
            f"priors: {value!r} for {key!r} is no prior. Write text, such as "
            '"normal(0, 2.5)", or a prior such as hd.priors.Normal(0, 2.5).'
        )
    head, colon, rest = key.partition(":")
    component, target = "location", key.strip()
    if colon and head.strip() in components:
        component, target = head.strip(), rest.strip()
    found = _DEVIATION.fullmatch(target)
    if found is None:
        if prior.positive:
            raise ModelError(
                f"priors: {prior} for {key!r} is for what is above 0, such as the standard "
                'deviation "sd(herd)", and a coefficient can be negative. Choose normal, t or '
                "cauchy."
            )
        name = None if target == "fixed" else target
        return PriorStatement(key, component, False, None, name, prior)
    if not prior.positive and prior.centre != 0.0:
        raise ModelError(
            f"priors: {prior} for {key!r} is not centred at 0. On a standard deviation normal, "
            "t and cauchy are folded at 0, with their highest density there. For a density "
            "around another value choose gamma(shape, rate), with mean shape/rate."
        )
    group, effect = (found["group"], found["effect"])
    return PriorStatement(
        key,
        component,
        True,
        None if group is None else group.strip(),
        None if effect is None else effect.strip(),
        prior,
    )


def penalty_of(
    statements: Sequence[PriorStatement],
    predictors: Sequence[_Predictor],
    *,
    complete: bool = True,
) -> Penalty | None:
    """The priors of the coefficients and standard deviations of a design; None without priors.

    With `complete`, each statement must be for something the model has.

    Raises
    ------
    ModelError
        For a name that the model does not have.
    """
    if not statements:
        return None
    coefficients: dict[int, tuple[int, Prior]] = {}
    deviations: dict[tuple[int, int], tuple[int, DeviationPrior]] = {}
    for statement in statements:
        width = _width(statement)
        if statement.deviation:
            found = list(_deviations(statement, predictors))
            for each in found:
                place = each.term, each.effect
                if place not in deviations or deviations[place][0] < width:
                    deviations[place] = width, each
        else:
            found = list(_coefficients(statement, predictors))
            for place, narrow in found:
                own = width + narrow
                if place not in coefficients or coefficients[place][0] < own:
                    coefficients[place] = own, statement.prior
        if complete and not found:
            raise _unknown(statement, predictors)
    return Penalty(
        {place: prior for place, (_, prior) in sorted(coefficients.items())},
        tuple(each for _, (_, each) in sorted(deviations.items(), key=lambda item: item[0])),
    )


def _width(statement: PriorStatement) -> int:
    """How narrow a statement is; a coefficient's name is narrower than its term's."""
    return (statement.group is not None) + (statement.name is not None)


def _coefficients(
    statement: PriorStatement, predictors: Sequence[_Predictor]
) -> Iterator[tuple[int, bool]]:
    """Places of coefficients among those of all predictors, and whether by their own name."""
    start = 0
    for predictor in predictors:
        fixed = predictor.fixed
        if predictor.name == statement.component:
            for j, (name, term) in enumerate(zip(fixed.names, fixed.assign, strict=True)):
                if statement.name is None:
                    if name != "(Intercept)":
                        yield start + j, False
                elif statement.name in {name, _label(fixed, term)}:
                    yield start + j, statement.name == name
        start += len(fixed.names)


def _label(fixed: FixedDesign, term: int) -> str | None:
    return fixed.terms[term] if term < len(fixed.terms) else None


def _deviations(
    statement: PriorStatement, predictors: Sequence[_Predictor]
) -> Iterator[DeviationPrior]:
    term = 0
    for predictor in predictors:
        for design, structure in zip(predictor.random, predictor.structures, strict=True):
            group = statement.group
            if predictor.name == statement.component and (
                group is None or _same_group(group, design)
            ):
                for effect in _distinct(structure, design.n_effects):
                    name = design.effects[effect]
                    if statement.name is None or statement.name in {name, name.strip("()")}:
                        unit = _unit(structure, design.n_effects)
                        yield DeviationPrior(term, effect, unit, statement.prior)
            term += 1


def _same_group(group: str, design: RandomDesign) -> bool:
    """Whether a group is that of a term, its factors in any order."""
    return group == design.group or (
        sorted(part.strip() for part in group.split(":")) == sorted(design.factors)
    )


def _distinct(structure: CovarianceStructure, k: int) -> Sequence[int]:
    """Effects with standard deviations of their own; the first where all have one."""
    return (0,) if structure.scales(k) == ((0, 0),) else range(k)


def _unit(structure: CovarianceStructure, k: int) -> float:
    """The length of the first row of T where the standard deviation is 1."""
    if structure.scales(k) != ((0, 0),):
        return 1.0
    theta = structure.parameters_near(np.eye(k))
    sd = structure.natural(theta, k).get("sd")
    return 1.0 if sd is None else float(np.linalg.norm(structure.factor(theta, k)[0])) / sd


def _unknown(statement: PriorStatement, predictors: Sequence[_Predictor]) -> ModelError:
    own = next((p for p in predictors if p.name == statement.component), None)
    names, groups = [], []
    if own is not None:
        names = [*dict.fromkeys([*own.fixed.names, *own.fixed.terms])]
        groups = [f"sd({g})" for g in dict.fromkeys(term.group for term in own.random)]
        effects = [f"sd({e} | {t.group})" for t in own.random for e in t.effects]
        groups += effects if statement.name is not None else []
    known = groups if statement.deviation else ["fixed", *names]
    of = "" if statement.component == "location" else f" of the {statement.component}"
    what = "standard deviations" if statement.deviation else "coefficients"
    return ModelError(
        f"priors: the model has no {statement.key!r} among its {what}{of}. "
        f"{did_you_mean(statement.key, known)}Known: {', '.join(known) or 'none'}."
    )
