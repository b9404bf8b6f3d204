"""What an experiment looks like: units with their counts, treatments, times, concerns."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import fill
from typing import Literal, final

Kind = Literal[
    "unreplicated treatment",
    "unit left out",
    "repeated measures left out",
    "ids reused",
    "number as treatment",
    "confounded with the residual",
    "confounded with a fixed effect",
    "same groups twice",
    "few levels",
]
Role = Literal["treatment", "time", "covariate"]
WIDTH = 92


@final
@dataclass(frozen=True, slots=True)
class Concern:
    """Something to see to: what kind, about which columns, and a sentence with the remedy."""

    kind: Kind
    about: tuple[str, ...]
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@final
@dataclass(frozen=True, slots=True)
class Unit:
    """One kind of unit, such as pens; pairs are the fewest and the most.

    `inside` are the next larger units that it lies in, `each` how many of it there are in one
    of these, in their order. `others` are other names of the same groups. `in_model` says
    whether the formula has a random term of it; None without a formula.
    """

    name: str
    columns: tuple[str, ...]
    levels: int
    rows: tuple[int, int]
    inside: tuple[str, ...] = ()
    each: tuple[tuple[int, int], ...] = ()
    others: tuple[str, ...] = ()
    in_model: bool | None = None

    @property
    def is_row(self) -> bool:
        """Whether every level is one row."""
        return self.rows == (1, 1)


@final
@dataclass(frozen=True, slots=True)
class Treatment:
    """A factor or covariate of the fixed effects, and the unit that has one value of it.

    `applied_to` are the largest units within which it is constant, "row" if none is.
    `replicates` is how many of these a level has, the fewest and the most; for the first.
    `role`: "treatment", "time", or "covariate" for a number with many values.
    """

    name: str
    levels: int
    applied_to: tuple[str, ...]
    replicates: tuple[int, int]
    role: Role = "treatment"


@final
@dataclass(frozen=True, slots=True)
class Crossing:
    """Two units of which neither is nested in the other: how many of all pairs occur."""

    units: tuple[str, str]
    cells: int
    of: int

    @property
    def complete(self) -> bool:
        """Whether every level of one meets every level of the other."""
        return self.cells == self.of


@final
@dataclass(frozen=True, slots=True)
class Within:
    """What there are several of in one kind of unit: times or rows, fewest and most."""

    unit: str
    each: tuple[int, int]


@final
@dataclass(frozen=True, slots=True, repr=False)
class Experiment:
    """The structure of an experiment; prints as text.

    `units` go from the largest to the smallest, without the rows themselves. `repeated` is the
    smallest unit that is measured at several times; `subsampled` the one that has several rows
    which neither treatment nor time tells apart. `warnings` are what is wrong or likely to be;
    `notes` what the table alone cannot tell.
    """

    rows: int
    dropped: int
    units: tuple[Unit, ...]
    crossings: tuple[Crossing, ...]
    treatments: tuple[Treatment, ...]
    repeated: Within | None = None
    subsampled: Within | None = None
    warnings: tuple[Concern, ...] = ()
    notes: tuple[Concern, ...] = ()

    @property
    def time(self) -> Treatment | None:
        """The factor that repeated measures run over, if there is one."""
        return next((each for each in self.treatments if each.role == "time"), None)

    @property
    def balanced(self) -> bool:
        """Whether all counts of a kind are equal: units in units, rows, replicates."""
        pairs = [unit.rows for unit in self.units]
        pairs += [pair for unit in self.units for pair in unit.each]
        pairs += [each.replicates for each in self.treatments if each.role != "covariate"]
        return all(low == high for low, high in pairs)

    def unit(self, name: str) -> Unit | None:
        """The unit of a name; None if there is none."""
        return next((each for each in self.units if each.name == name), None)

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def __repr__(self) -> str:
        return str(self)


def between(pair: tuple[int, int]) -> str:
    """One number, or both ends: 3, 2 to 4."""
    low, high = pair
    return str(low) if low == high else f"{low} to {high}"


def short(name: str) -> str:
    """The last column of a unit's name: what it is called inside the others."""
    return name.rpartition(":")[2]


def _lines(found: Experiment) -> Iterator[str]:
    left_out = f" ({found.dropped} with missing values left out)" if found.dropped else ""
    balance = "balanced" if found.balanced else "not balanced"
    yield f"Experiment of {found.rows} rows{left_out}, {balance}"
    yield ""
    yield "Units, from large to small"
    depth: dict[str, int] = {}
    width = max([len(u.name) + 2 * len(found.units) for u in found.units], default=0) + 4
    for unit in found.units:
        depth[unit.name] = 1 + max((depth[name] for name in unit.inside), default=0)
        label = "  " * depth[unit.name] + unit.name
        yield f"{label:<{width}}{unit.levels:>6}  {_where(unit)}".rstrip()
    finest = [u for u in found.units if not any(u.name in v.inside for v in found.units)]
    rows = "; ".join(f"{between(u.rows)} in each {u.name}" for u in finest)
    yield f"{'  rows':<{width}}{found.rows:>6}  {rows}".rstrip()
    for crossing in found.crossings:
        first, second = crossing.units
        how = "all" if crossing.complete else f"{crossing.cells} of {crossing.of}"
        yield f"  {first} and {second} are crossed: {how} combinations occur"
    if found.treatments:
        yield ""
        yield "Fixed effects"
        width = max(len(each.name) for each in found.treatments) + 2
        for each in found.treatments:
            yield f"  {each.name:<{width}}{applied(each)}"
    if found.repeated is not None:
        yield f"  {found.repeated.unit} is measured at {between(found.repeated.each)} times"
    if found.subsampled is not None:
        each = between(found.subsampled.each)
        yield f"  {found.subsampled.unit} has {each} subsamples, which nothing tells apart"
    for title, concerns in (("Warnings", found.warnings), ("Notes", found.notes)):
        if concerns:
            yield ""
            yield title
            yield from (bullet(each.sentence) for each in concerns)


def _where(unit: Unit) -> str:
    parts = [
        f"{between(each)} in each {inside}"
        for inside, each in zip(unit.inside, unit.each, strict=True)
    ]
    if unit.others:
        parts.append(f"the same as {', '.join(unit.others)}")
    if unit.is_row:
        parts.append("one row each")
    return ", ".join(parts)


def applied(treatment: Treatment) -> str:
    """Where a treatment is applied, in words."""
    kind = {"treatment": "level", "time": "time", "covariate": "value"}[treatment.role]
    if treatment.applied_to == ("row",):
        where = "varies from row to row"
    else:
        verb = "applied to" if treatment.role == "treatment" else "constant within"
        where = f"{verb} {' and '.join(treatment.applied_to)}"
    text = f"{treatment.levels} {kind}s, {where}"
    if treatment.role == "covariate":
        return text
    return f"{text}: {between(treatment.replicates)} for each {kind}"


def bullet(sentence: str) -> str:
    """A sentence as an item of a list, over as many lines as it needs."""
    return wrapped(sentence, WIDTH, first="  - ", other="    ")


def wrapped(sentence: str, width: int, *, first: str = "", other: str = "") -> str:
    """A sentence over several lines, each random term in one piece."""
    whole = re.sub(r"\(1 \| [^)]*\)", lambda found: found[0].replace(" ", "\xa0"), sentence)
    lines = fill(whole, width, initial_indent=first, subsequent_indent=other)
    return lines.replace("\xa0", " ")
