"""A model for an experiment: fixed effects from its treatments, random ones from its units.

Each unit larger than a row has a random effect, since its rows have something in common; the
smallest is the residual. What a treatment is compared with is then the variation between the
units that it was applied to.

Source: Piepho, Büchse & Emrich (2003), J. Agron. Crop Sci. 189(5), 310–322; Bailey (2008),
Design of Comparative Experiments.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import fill
from typing import NamedTuple, final

import numpy as np

from henderson.design.columns import Table, open_table
from henderson.design.factors import Factor
from henderson.design.model_frame import read_column
from henderson.errors import ModelError
from henderson.experiment.reading import Names, describe_design
from henderson.experiment.record import WIDTH, Experiment, Treatment, Unit, between, bullet
from henderson.formula.syntax_tree import quoted

_MOST_TIMES = 6  # to have a variance each and a covariance a pair
_EVEN = 1e-6  # of the mean gap between times


class Alternative(NamedTuple):
    """A formula to compare with, why, and the `residual=` of the fit where it has one."""

    formula: str
    reason: str
    residual: str | None = None

    def __str__(self) -> str:
        residual = f', residual="{self.residual}"' if self.residual else ""
        return f"{self.formula}{residual}"


@final
@dataclass(frozen=True, slots=True, repr=False)
class Suggestion:
    """A proposed formula with the name of the design and the reasons; prints as text.

    `alternatives` are models worth comparing it with, each with its reason.
    """

    formula: str
    design: str
    reasons: tuple[str, ...]
    alternatives: tuple[Alternative, ...]
    experiment: Experiment

    def __str__(self) -> str:
        lines = [self.formula, "", f"Design: {self.design}"]
        lines += [bullet(reason) for reason in self.reasons]
        if self.alternatives:
            lines += ["", "To compare with"]
            for each in self.alternatives:
                reason = fill(
                    each.reason, WIDTH, initial_indent="    ", subsequent_indent="    "
                )
                lines += [f"  {each}", reason]
        if self.experiment.warnings:
            lines += ["", "Warnings", *(bullet(str(e)) for e in self.experiment.warnings)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def suggest_model(
    data: object,
    response: str,
    *,
    treatments: Names,
    units: Names = (),
    time: str | None = None,
) -> Suggestion:
    """Propose a formula for a designed experiment, with the reasons.

    Parameters
    ----------
    data
        A pandas, polars or pyarrow table, or a dict of columns.
    response
        The column to explain.
    treatments
        Columns that are compared; crossed in the formula. A number with few values is compared
        value by value, as factor().
    units
        Columns that say which unit a row is of, from large to small; also "Room/Pen" and
        "Block:Variety", as in `describe_design`. None for a completely randomised experiment
        with one row a unit.
    time
        The column that repeated measures run over. None: a treatment whose name says so and
        that varies within a unit.

    Returns
    -------
    Suggestion
        `formula`, `design`, `reasons`, `alternatives`, `experiment`; prints as text.

    Raises
    ------
    DataError
        For a column that does not exist.
    ModelError
        For a response that is a treatment or a unit, too.

    Notes
    -----
    A table does not show whether a factor was applied to larger plots, unless a column has
    these plots: say so with a unit such as "Block:Variety". Units numbered anew in every larger
    one are nested in it, where the treatments show that.

    Examples
    --------
    >>> import henderson as hd
    >>> oats = hd.datasets.load("oats")
    >>> found = hd.suggest_model(
    ...     oats, "yield", treatments=["Variety", "nitro"], units="Block/Variety"
    ... )
    >>> found.formula
    'yield ~ Variety * factor(nitro) + (1 | Block/Variety)'
    >>> found.design
    'split plot in blocks'
    """
    listed = [treatments] if isinstance(treatments, str) else list(treatments)
    of = [units] if isinstance(units, str) else list(units)
    table = open_table(data)
    read_column(table, response, response)
    if response in (*listed, *of, time):
        raise ModelError(
            f"The response {response!r} is a treatment, a unit or the time, too. Name the "
            "column to explain, and leave it out of these."
        )
    found = describe_design(data, units=of, treatments=listed, time=time)
    nested = {
        each.about[1]: f"{each.about[0]}/{each.about[1]}"
        for each in found.warnings
        if each.kind == "ids reused"
    }
    renumbered = tuple(nested)
    if nested:
        of = [nested.get(name, name) for name in of]
        found = describe_design(data, units=of, treatments=listed, time=time)
    names = listed if time is None or time in listed else [*listed, time]
    spelled = {name: _spelled(table, name, found) for name in names}
    fixed = " * ".join(spelled.values()) or "1"
    kept = [unit for unit in found.units if _has_effect(unit, found)]
    left = f"{quoted(response)} ~ {fixed}"
    formula = " + ".join([left, *_random_terms(kept)])
    return Suggestion(
        formula=formula,
        design=_design(found, kept),
        reasons=tuple(_reasons(found, kept, renumbered, spelled)),
        alternatives=tuple(_alternatives(table, found, kept, formula)),
        experiment=found,
    )


def _spelled(table: Table, name: str, found: Experiment) -> str:
    """A fixed effect as the formula writes it."""
    numeric = not isinstance(read_column(table, name, name), Factor)
    role = next((each.role for each in found.treatments if each.name == name), "covariate")
    return f"factor({quoted(name)})" if numeric and role != "covariate" else quoted(name)


def _has_effect(unit: Unit, found: Experiment) -> bool:
    """Whether a unit has a random effect: larger than a row, and several of them."""
    alone = any(
        unit.name in each.applied_to and each.levels == unit.levels for each in found.treatments
    )
    return not unit.is_row and unit.levels > 1 and not alone


def _random_terms(units: Sequence[Unit]) -> list[str]:
    """Random intercepts; a chain of nested units as one term, a/b/c."""
    names = {unit.name for unit in units}
    chain = all(set(b.inside) & names == {a.name} for a, b in pairwise(units))
    if len(units) > 1 and chain:
        columns = dict.fromkeys(name for unit in units for name in unit.columns)
        return [f"(1 | {'/'.join(map(quoted, columns))})"]
    return [f"(1 | {':'.join(map(quoted, unit.columns))})" for unit in units]


def _applied(found: Experiment) -> dict[str, list[Treatment]]:
    """The treatments by the unit they are applied to."""
    homes: dict[str, list[Treatment]] = {}
    for each in found.treatments:
        if each.role == "treatment":
            row = (found.unit(each.applied_to[0]) or _ROW).is_row
            homes.setdefault("row" if row else each.applied_to[0], []).append(each)
    return homes


_ROW = Unit("row", ("row",), 0, (1, 1))


def _design(found: Experiment, kept: Sequence[Unit]) -> str:
    """What the design is called."""
    homes = _applied(found)
    repeated = "" if found.repeated is None else found.repeated.unit
    blocks = [u for u in kept if u.name not in homes and u.name != repeated]
    blocks = [u for u in blocks if any(u.name in v.inside for v in kept) or "row" in homes]
    places = [found.unit(name) for name in homes if name != "row"]
    crossed = [c for c in found.crossings if {*c.units} <= {u.name for u in kept}]
    among = {u.name for u in places if u is not None}
    if any({*c.units} <= among for c in crossed):
        name = "strip plot"
    elif len(homes) > 1:
        name = "split plot" if len(homes) == 2 else "split-split plot"
    elif crossed and not homes.keys() - {"row"}:
        return _with_more(found, "crossed units")
    elif blocks and homes:
        complete = all(_complete(found, block) for block in blocks)
        name = f"randomised {'complete' if complete else 'incomplete'} blocks"
        return _with_more(found, name)
    else:
        name = "completely randomised"
    return _with_more(found, f"{name} in blocks" if blocks else name)


def _complete(found: Experiment, block: Unit) -> bool:
    """Whether a block has room for every combination of treatments; by its counts."""
    within = [e for e in found.treatments if e.role == "treatment"]
    homes = [found.unit(each.applied_to[0]) for each in within]
    needed = 1
    for each in within:
        needed *= each.levels
    smallest = max((u.levels for u in homes if u is not None), default=0)
    size = block.rows[0] if not smallest else smallest // block.levels
    return size >= needed


def _with_more(found: Experiment, name: str) -> str:
    if found.time is not None and found.repeated is not None:
        return f"{name}, repeated measures over {found.time.name}"
    return f"{name}, with subsampling" if found.subsampled is not None else name


def _reasons(
    found: Experiment,
    kept: Sequence[Unit],
    renumbered: Sequence[str],
    spelled: dict[str, str],
) -> Iterator[str]:
    for each in found.treatments:
        yield from _treatment_reasons(each, found)
    for name, text in spelled.items():
        if text.startswith("factor("):
            yield f"{text} compares the values of {name} one by one; without factor(), a slope."
    for unit in found.units:
        yield _unit_reason(unit, unit in kept)
    for name in renumbered:
        yield f"{name} is numbered anew in every larger unit, and so is nested in it."
    in_rows = _applied(found).get("row", [])
    if len(in_rows) > 1 and kept and found.time is None:
        first, *others = (each.name for each in in_rows)
        yield (
            f"If {first} was applied to larger plots than {others[0]}, which this table cannot "
            f"show, add the unit {kept[-1].name}:{first}: a split plot."
        )


def _treatment_reasons(treatment: Treatment, found: Experiment) -> Iterator[str]:
    if treatment.role == "covariate":
        yield f"{treatment.name} is a number with {treatment.levels} values: a slope."
    if treatment.role != "treatment":
        return
    home = found.unit(treatment.applied_to[0])
    if home is None or home.is_row:
        what = "rows, so that the residual is its error"
    else:
        what = f"{home.name}, so that the variance between {home.name} is its error"
    yield (
        f"{treatment.name} ({treatment.levels} levels) is applied to {what}; "
        f"{between(treatment.replicates)} for each level."
    )


def _unit_reason(unit: Unit, has_effect: bool) -> str:
    if has_effect:
        inside = f", {between(unit.each[0])} in each {unit.inside[0]}" if unit.inside else ""
        return (
            f"{unit.name} ({unit.levels}{inside}) has a random effect: its "
            f"{between(unit.rows)} rows have something in common."
        )
    if unit.is_row:
        return f"{unit.name} has one row each: it is the residual, not a random term."
    why = "there is one of it" if unit.levels == 1 else "it cannot be told from a treatment"
    return f"{unit.name} has no random effect: {why}."


def _alternatives(
    table: Table, found: Experiment, kept: Sequence[Unit], formula: str
) -> Iterator[Alternative]:
    """Repeated measures that are not all equally alike: by random effects and by residuals."""
    time, repeated = found.time, found.repeated
    unit = next((u for u in kept if repeated is not None and u.name == repeated.unit), None)
    if time is None or unit is None or time.levels < 3:
        return
    numeric, even = _spacing(table, time.name)
    within = ":".join(map(quoted, unit.columns))
    left = " + ".join(
        [formula.partition(" + (1 |")[0], *_random_terms([u for u in kept if u is not unit])]
    )
    column = quoted(time.name)
    structure, effects = ("ar1", column) if even else ("ou", column)
    if even and numeric:
        effects = f"factor({column})"
    steps = "equal steps" if even else "times that are not equally spaced, by their distance"
    yield Alternative(
        f"{left} + {structure}(0 + {effects} | {within})",
        f"measures of a {unit.name} that are closer in time may be more alike; {structure} is "
        f"for {steps}",
    )
    few = time.levels <= _MOST_TIMES and unit.levels >= time.levels * (time.levels + 1)
    yield Alternative(
        left,
        f"rows of a {unit.name} vary together in place of its random effect, "
        + ("each pair of times in its own way" if few else "less the longer the time between")
        + ": the marginal model, for a Gaussian response",
        f"{'us' if few else structure}({column} | {within})",
    )


def _spacing(table: Table, name: str) -> tuple[bool, bool]:
    """Whether a time is a column of numbers, and whether its values are equally spaced.

    Levels that do not read as numbers count as steps.
    """
    times = read_column(table, name, name)
    try:
        values = np.unique(
            [float(level) for level in times.levels] if isinstance(times, Factor) else times
        )
    except ValueError:
        return False, True
    gaps = np.diff(values[np.isfinite(values)])
    return not isinstance(times, Factor), bool(np.ptp(gaps) <= _EVEN * gaps.mean())
