"""What people get wrong about the structure of an experiment, found in the partitions.

A treatment is replicated by the units it is applied to, the largest within which it is
constant; rows within one of these are not replicates of it. A concern is raised only where the
table shows it. What the table cannot tell is a question.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from henderson.design.factors import Factor
from henderson.experiment.partitions import (
    Partition,
    cells,
    coarsest_within,
    counts,
    refines,
    same,
)
from henderson.experiment.record import Concern, between

FEW = 5  # levels: with fewer, a variance is hardly known
MOST_SERIAL = 12  # labels 1..k beyond which they are taken for names, not for numbers in a unit


@dataclass(frozen=True, slots=True)
class Term:
    """A random term: its groups, and its effects as written."""

    groups: Partition
    effects: str


@dataclass(frozen=True, slots=True)
class Roles:
    """What each partition of the `n` rows is; units are distinct, from large to small.

    `terms` are the random terms of a formula, None without one. `residual` says whether the
    family has a residual variance of its own.
    """

    n: int
    units: tuple[Partition, ...]
    labels: Mapping[str, Factor]
    treatments: Mapping[str, Partition]
    slopes: Mapping[str, Partition]
    codes: tuple[str, ...]  # of the slopes, those of whole numbers 1, 2, ..., k or 0, 1, ..., k
    time: Partition | None
    terms: tuple[Term, ...] | None
    residual: bool

    @property
    def repeated(self) -> Partition | None:
        """The smallest unit within which time varies."""
        time = self.time
        if time is None:
            return None
        varies = (u for u in self.units if u.n < self.n and not refines(u, time))
        return max(varies, key=lambda unit: unit.n, default=None)

    def is_random(self, unit: Partition) -> bool:
        """Whether the model has a random effect of a unit; without a formula, all have."""
        return self.terms is None or any(same(unit, term.groups) for term in self.terms)


def concerns(roles: Roles) -> Iterator[Concern]:
    """What is wrong or likely to be."""
    yield from _unreplicated(roles)
    yield from _left_out(roles)
    yield from _reused(roles)
    yield from _confounded(roles)
    yield from (concern for matters, concern in _few_levels(roles) if matters)


def questions(roles: Roles) -> Iterator[Concern]:
    """What the table alone cannot tell, or what is harmless here."""
    yield from (concern for matters, concern in _few_levels(roles) if not matters)
    yield from _coded(roles)
    asked: set[frozenset[str]] = set()
    for outer, inner, evidence in _serial_pairs(roles):
        pair = frozenset({outer.name, inner.name})
        if not evidence and pair not in asked:
            asked.add(pair)
            k = len(roles.labels[inner.name].keys)
            yield Concern(
                "ids reused",
                (outer.name, inner.name),
                f"{inner.name} has the same {k} labels in every {outer.name}. If the same "
                f"{inner.name} is meant, they are crossed, as shown; if every {outer.name} has "
                f"its own, write {outer.name}/{inner.name}.",
            )


def _unreplicated(roles: Roles) -> Iterator[Concern]:
    for name, treatment in roles.treatments.items():
        for home in coarsest_within(roles.units, treatment):
            if home.n == treatment.n and home.sizes[1] > 1 and name not in home.columns:
                yield Concern(
                    "unreplicated treatment",
                    (name, home.name),
                    f"Every level of {name} is in one {home.name} only: {name} and {home.name} "
                    f"cannot be told apart. The {between(home.sizes)} rows of a {home.name} "
                    f"are not replicates of {name} (pseudoreplication); no model of these data "
                    "can test it.",
                )
                break


def _left_out(roles: Roles) -> Iterator[Concern]:
    """Units of which the model has no random effect, though rows of one are alike."""
    if roles.terms is None:
        return
    missing: list[Partition] = []
    for name, treatment in (*roles.treatments.items(), *roles.slopes.items()):
        homes = [u for u in coarsest_within(roles.units, treatment) if u.sizes[1] > 1]
        homes = [u for u in homes if not same(u, treatment)]
        if not homes or any(roles.is_random(u) for u in homes):
            continue
        home = homes[0]
        missing.append(home)
        each = f", {between(counts(home, treatment))} for each level"
        yield Concern(
            "unit left out",
            (name, home.name),
            f"{name} is applied to {home.name} ({home.n}"
            f"{each if name in roles.treatments else ''}), but the formula has no random "
            f"effect of {home.name}: its {between(home.sizes)} rows count as replicates of "
            f"{name} (pseudoreplication). Add (1 | {home.name}).",
        )
    finest = roles.repeated
    if finest is None or roles.time is None or roles.is_random(finest):
        return
    if any(finest is unit for unit in missing):
        return
    yield Concern(
        "repeated measures left out",
        (roles.time.name, finest.name),
        f"{finest.name} is measured at {between(counts(roles.time, finest))} times of "
        f"{roles.time.name}, but the formula has no random effect of {finest.name}: its rows "
        f"count as independent. Add (1 | {finest.name}).",
    )


def _reused(roles: Roles) -> Iterator[Concern]:
    for outer, inner, evidence in _serial_pairs(roles):
        if evidence:
            yield Concern(
                "ids reused",
                (outer.name, inner.name),
                f"{inner.name} is numbered anew in every {outer.name} ({evidence}), so that "
                f"{inner.name} 1 of one {outer.name} is not that of another. Write "
                f"{outer.name}/{inner.name}, or give every {inner.name} its own label.",
            )


def _coded(roles: Roles) -> Iterator[Concern]:
    """A few whole numbers, each in several units: more often codes of treatments than doses."""
    for name in roles.codes:
        found = roles.slopes[name]
        homes = [u for u in coarsest_within(roles.units, found) if u.n < roles.n]
        shared = [u for u in roles.units if not refines(u, found)]  # in which it varies
        if homes or shared:
            yield Concern(
                "number as treatment",
                (name,),
                f"{name} is a number with {found.n} whole values, so that the model fits one "
                f"slope over them. If they are labels of treatments, write factor({name}).",
            )


def _confounded(roles: Roles) -> Iterator[Concern]:
    terms = roles.terms or ()
    for i, term in enumerate(terms):
        unit = term.groups
        if unit.n == roles.n and roles.residual:
            yield Concern(
                "confounded with the residual",
                unit.columns,
                f"{unit.name} has one row in each level: its random effect cannot be told from "
                "the residual. Leave it out of the formula.",
            )
        for name, treatment in roles.treatments.items():
            if unit.n > 1 and refines(treatment, unit):
                yield Concern(
                    "confounded with a fixed effect",
                    (unit.name, name),
                    f"Every level of {name} lies in one {unit.name}: the random effect of "
                    f"{unit.name} cannot be told from the fixed one of {name}. Leave one out.",
                )
        for other in terms[:i]:
            if other.effects == term.effects and same(unit, other.groups):
                yield Concern(
                    "same groups twice",
                    (other.groups.name, unit.name),
                    f"{other.groups.name} and {unit.name} are the same groups, and the formula "
                    "has a random effect of each. Leave one out.",
                )


def _few_levels(roles: Roles) -> Iterator[tuple[bool, Concern]]:
    """Units with few levels, and whether that matters to a comparison."""
    for unit in roles.units:
        if not 1 < unit.n < min(FEW, roles.n) or not roles.is_random(unit):
            continue
        levels = f"{unit.n} levels"
        carried = [name for name, each in roles.treatments.items() if refines(unit, each)]
        compared = [*roles.treatments.values(), *filter(None, [roles.time])]
        if compared and not carried:
            yield (
                False,
                Concern(
                    "few levels",
                    unit.columns,
                    f"{unit.name} has {levels}, from which a variance is hardly known. The "
                    "treatments vary within it, so that their comparisons do not depend on it.",
                ),
            )
            continue
        what = f", and {carried[0]} is compared between them" if carried else ""
        yield (
            True,
            Concern(
                "few levels",
                unit.columns,
                f"{unit.name} has {levels}{what}: its variance is hardly known. More of them "
                "would help; more rows in each would not.",
            ),
        )


def _serial_pairs(roles: Roles) -> Iterator[tuple[Partition, Partition, str]]:
    """Crossed units (A, B) where B is labelled 1..k in every A, with the evidence for nesting.

    Evidence: the numbers of B differ and always begin at 1; or a treatment is constant in each
    A and B together but in neither, balanced in A and not in B, and arranged differently in
    most A, as in blocks that are randomized one by one. (In a Latin square it is balanced in
    both; in counterbalanced lists the same arrangements come back.)
    """
    single = [u for u in roles.units if len(u.columns) == 1]
    for inner in single:
        k = inner.n
        order = _serial(roles.labels[inner.name]) if 2 <= k <= MOST_SERIAL else None
        if order is None:
            continue
        for outer in single:
            crossed = not refines(inner, outer) and not refines(outer, inner)
            both = {*inner.columns, *outer.columns}
            if not crossed or any(both == set(u.columns) for u in roles.units):
                continue
            a, b = cells(outer, inner)
            how_many = np.bincount(a, minlength=outer.n)
            last = np.zeros(outer.n, dtype=np.int64)
            np.maximum.at(last, a, order[b] + 1)
            if not np.array_equal(last, how_many):
                continue  # a label is skipped in some A
            if how_many.min() < how_many.max():
                yield outer, inner, f"{between((how_many.min(), how_many.max()))} in each"
            else:
                yield outer, inner, _arrangements(roles, outer, inner, a, b)


def _arrangements(
    roles: Roles, outer: Partition, inner: Partition, a: np.ndarray, b: np.ndarray
) -> str:
    """The evidence that treatments give, or nothing."""
    both = Partition(("cell",), outer.codes.astype(np.int64) * inner.n + inner.codes, 0)
    for name, treatment in roles.treatments.items():
        value = np.full(outer.n * inner.n, -1, dtype=np.int64)
        value[both.codes] = treatment.codes
        constant = np.array_equal(value[both.codes], treatment.codes)
        if not constant or refines(outer, treatment) or refines(inner, treatment):
            continue
        arranged = {tuple(row) for row in value.reshape(outer.n, inner.n)}
        if (
            _balanced_in(outer, treatment)
            and not _balanced_in(inner, treatment)
            and 2 * len(arranged) > outer.n
        ):
            return f"{name} is arranged anew in each"
    return ""


def _balanced_in(unit: Partition, treatment: Partition) -> bool:
    """Whether every level of the unit has all levels of the treatment, in equal numbers."""
    table = np.zeros((unit.n, treatment.n), dtype=np.int64)
    np.add.at(table, (unit.codes, treatment.codes), 1)
    return bool(np.all(table == table[:, :1]))


def _serial(factor: Factor) -> np.ndarray | None:
    """For each level its place in 1, 2, ..., k or a, b, ...; None for other labels."""
    labels = factor.without_unused_levels().levels
    if all(re.fullmatch(r"\d{1,3}", label) for label in labels):
        places = np.array([int(label) for label in labels]) - 1
    elif all(re.fullmatch(r"[A-Za-z]", label) for label in labels):
        places = np.array([ord(label.lower()) - ord("a") for label in labels])
    else:
        return None
    return places if set(places.tolist()) == set(range(len(labels))) else None
