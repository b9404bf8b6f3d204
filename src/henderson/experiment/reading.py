"""The structure of an experiment, read from a table or from a fitted model."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from henderson.design.columns import Table, Variable, open_table
from henderson.design.evaluation import columns_used
from henderson.design.factors import Factor, factorize
from henderson.design.model_frame import ModelFrame, model_frame, read_column
from henderson.design.random_effects import group_factors
from henderson.errors import DataError, ModelError
from henderson.estimation.estimates import Estimates
from henderson.experiment.concerns import Roles, Term, concerns, questions
from henderson.experiment.partitions import (
    Partition,
    cells,
    coarsest_within,
    counts,
    covers,
    partition,
    refines,
    rows_alone,
    same,
    span,
)
from henderson.experiment.record import Crossing, Experiment, Role, Treatment, Unit, Within
from henderson.families import Family, family_named
from henderson.formula import ErrorTerm, Formula, parse_formula
from henderson.formula.expansion import expand_group
from henderson.formula.syntax_tree import Call, parse_expression, walk

Names = str | Sequence[str]
MOST_LEVELS = 12  # of a number that can be a treatment; more values make it a covariate
TIMES = re.compile(
    r"(time|day|week|month|year|hour|minute|date|visit|period|occasion|wave|age)s?([_.\d].*)?",
    re.IGNORECASE,
)


def describe_design(
    data: object,
    formula: str | None = None,
    *,
    units: Names | None = None,
    treatments: Names | None = None,
    time: str | None = None,
    family: str | Family = "gaussian",
) -> Experiment:
    """Read the structure of an experiment from its table.

    Which unit is nested in which and which are crossed, how many there are of each, where each
    treatment is applied (the largest unit within which it is constant), what is repeated in
    time; and what looks wrong.

    Parameters
    ----------
    data
        A pandas, polars or pyarrow table, or a dict of columns.
    formula
        A model formula. Its grouping factors are units, its fixed effects treatments; the
        concerns are then about this model.
    units
        Columns that say which unit a row is of, such as ["Room", "Pen", "Pig"]. "Room/Pen"
        stands for rooms and pens numbered within rooms, "Block:Variety" for combinations. With
        a formula: units besides those of its random terms, such as one that it leaves out.
    treatments
        Columns of treatments. With a formula: besides those of its fixed effects.
    time
        The column that repeated measures run over. None: a fixed effect whose name says so,
        such as Day, week or visit_2, if it varies within a unit.
    family
        That of the model; "gaussian" has a residual of its own, with which a random effect for
        each row is confounded.

    Returns
    -------
    Experiment
        `units`, `crossings`, `treatments`, `warnings`, `notes`, `balanced`; prints as text.
        `henderson.plot_design` draws it.

    Raises
    ------
    DataError
        For a column that does not exist, or no complete rows.
    ModelError
        Without a formula and without units.

    Notes
    -----
    Names of units with numbers that start again in every larger unit (pens 1 to 4 in each room)
    look crossed. Where treatments show that they are not, that is a warning; where nothing
    tells, it is a note.

    Source: Bailey (2008), Design of Comparative Experiments; Hurlbert (1984), Ecol. Monogr.
    54(2), 187–211, on pseudoreplication.

    Examples
    --------
    >>> import henderson as hd
    >>> pigs = hd.datasets.load("fecal_dm")
    >>> units = ["Room", "Pen", "Pig"]
    >>> print(hd.describe_design(pigs, units=units, treatments=["Trt", "Day"]))
    Experiment of 540 rows, balanced
    <BLANKLINE>
    Units, from large to small
      Room            2
        Pen          60  30 in each Room
          Pig       180  3 in each Pen
      rows          540  3 in each Pig
    <BLANKLINE>
    Fixed effects
      Trt  6 levels, applied to Pen: 10 for each level
      Day  3 times, varies from row to row: 180 for each time
      Pig is measured at 3 times
    <BLANKLINE>
    Notes
      - Room has 2 levels, from which a variance is hardly known. The treatments vary within it,
        so that their comparisons do not depend on it.
    """
    if formula is None and units is None:
        raise ModelError(
            'Say what the units are: units=["Room", "Pen"], or give a formula with random '
            'terms, such as "y ~ Trt + (1 | Room/Pen)". For one row a unit give units=[].'
        )
    chosen = family_named(family) if isinstance(family, str) else family
    read = _Reading(chosen.is_quadratic)
    if formula is None:
        table = open_table(data)
        read.rows = np.arange(table.n)
    else:
        parsed = parse_formula(formula)
        frame = model_frame(replace(parsed, response=None), data)
        table = open_table(data)
        read.model(frame, parsed)
        read.need(table, parsed)
    read.add_units(table, _listed(units))
    read.add_treatments(table, _listed(treatments))
    if time is not None:
        read.add_treatments(table, (time,))
    return read.experiment(table.n, time)


def experiment_of(estimates: Estimates) -> Experiment:
    """The structure of the experiment as the model has it.

    Returns
    -------
    Experiment
        Units from the random terms of the location and the subjects whose residuals vary
        together, treatments from its fixed effects; see `describe_design`, which also takes
        units that the model leaves out.
    """
    frame = estimates.frame
    read = _Reading(estimates.family.is_quadratic)
    read.model(frame, frame.formulas[0])
    asked = estimates.specification.residual
    if asked is not None:
        read.subjects(frame, asked)
    time = None if asked is None or asked.positions not in read.treatments else asked.positions
    return read.experiment(frame.n_given, time)


def _listed(names: Names | None) -> tuple[str, ...]:
    if names is None:
        return ()
    return (names,) if isinstance(names, str) else tuple(names)


@dataclass
class _Reading:
    """Collects factors over some rows of a table; then finds what they make together."""

    residual: bool
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    units: dict[tuple[str, ...], tuple[Factor, ...]] = field(default_factory=dict)
    terms: list[tuple[tuple[str, ...], str]] | None = None
    treatments: dict[str, Variable] = field(default_factory=dict)
    slopes: set[str] = field(default_factory=set)
    shaped: set[str] = field(default_factory=set)  # in a function of the formula
    needed: list[Factor] = field(default_factory=list)

    def model(self, frame: ModelFrame, formula: Formula) -> None:
        """The random terms and fixed effects of a model, over the rows it uses."""
        self.rows, self.terms = frame.rows, []
        evaluate = frame.evaluator(formula)
        for term in formula.random:
            self.units[term.group] = group_factors(term.group, evaluate)
            self.terms.append((term.group, f"{term.structure}({term.effects})"))
        fixed = parse_expression(formula.fixed)
        self.treatments = {
            name: frame.variables[name]
            for name in columns_used(fixed)
            if name in frame.variables
        }
        levels = {name for name, each in self.treatments.items() if isinstance(each, Factor)}
        for node in walk(fixed):
            if isinstance(node, Call) and isinstance(evaluate.value(node), Factor):
                levels.update(columns_used(node))  # factor(nitro) compares; nitro is a slope
        self.slopes = {*self.treatments} - levels
        for node in walk(fixed):  # I(x^2), poly(x, 2): meant as numbers
            if isinstance(node, Call):
                self.shaped.update(columns_used(node))

    def subjects(self, frame: ModelFrame, asked: ErrorTerm) -> None:
        """Those whose residuals vary together: units as if they had random effects."""
        self.units[asked.subject] = group_factors(asked.subject, frame.evaluator(asked.formula))
        assert self.terms is not None
        self.terms.append((asked.subject, f"residual {asked.structure}({asked.positions})"))

    def need(self, table: Table, formula: Formula) -> None:
        """Leave out rows without a response."""
        assert formula.response is not None
        for expression in formula.response.expressions:
            for name in columns_used(parse_expression(expression)):
                self.needed.append(self.factor(table, name, formula.text))

    def add_units(self, table: Table, names: Sequence[str]) -> None:
        """Units written as columns, a/b or a:b."""
        for name in names:
            if name in table.keys:
                groups = ((name,),)
            else:
                groups = expand_group(parse_expression(name), name)
            for group in groups:
                if group not in self.units:
                    self.units[group] = tuple(self.factor(table, each, name) for each in group)

    def factor(self, table: Table, name: str, text: str) -> Factor:
        """One column at the rows, as levels."""
        value = self.column(table, name, text)
        return value if isinstance(value, Factor) else factorize(value)

    def column(self, table: Table, name: str, text: str) -> Variable:
        """One column at the rows."""
        value = read_column(table, name.strip("`"), text)
        return value.take(self.rows) if isinstance(value, Factor) else value[self.rows]

    def is_slope(self, name: str, found: Partition) -> bool:
        """Whether a variable is a number whose values are not compared one by one."""
        if isinstance(self.treatments[name], Factor):
            return False
        return found.n > MOST_LEVELS if self.terms is None else name in self.slopes

    def is_code(self, name: str, found: Partition) -> bool:
        """Whether the values of a slope are few whole numbers, one after the other."""
        value = self.treatments[name]
        if isinstance(value, Factor) or self.terms is None or name in self.shaped:
            return False
        values = np.unique(value[np.isfinite(value)])
        counted = np.arange(len(values)) + values[0]
        return (
            3 <= found.n <= MOST_LEVELS
            and values[0] in {0, 1}
            and np.array_equal(values, counted)
        )

    def add_treatments(self, table: Table, names: Sequence[str]) -> None:
        """Columns that are compared."""
        for name in names:
            if name not in self.treatments:
                self.treatments[name] = self.column(table, name, name)

    def experiment(self, n_given: int, time: str | None) -> Experiment:
        """All that the complete rows tell."""
        coded = {
            name: value if isinstance(value, Factor) else factorize(value)
            for name, value in self.treatments.items()
        }
        known = np.ones(len(self.rows), dtype=bool)
        of_units = (factor for parts in self.units.values() for factor in parts)
        for factor in (*coded.values(), *of_units, *self.needed):
            known &= factor.codes >= 0
        kept = np.flatnonzero(known)
        if not len(kept):
            raise DataError(
                "No row has a value in every column of the design. Leave out the column that "
                "is missing, or fill it in."
            )
        made = {
            group: partition(group, [factor.take(kept) for factor in parts])
            for group, parts in self.units.items()
        }
        varying = {name: partition((name,), [each.take(kept)]) for name, each in coded.items()}
        varying = {name: each for name, each in varying.items() if each.n > 1}
        kinds: dict[str, Role] = {
            name: _role(name, self.is_slope(name, each), each, made.values(), time)
            for name, each in varying.items()
        }
        labels = {group[0]: parts[0].take(kept) for group, parts in self.units.items()
                  if len(group) == 1}  # fmt: skip
        terms = None
        if self.terms is not None:
            terms = tuple(Term(made[group], effects) for group, effects in self.terms)
        roles = Roles(
            n=len(kept),
            units=tuple(sorted(_distinct(made), key=lambda u: u.n)),
            labels=labels,
            treatments={n: each for n, each in varying.items() if kinds[n] == "treatment"},
            slopes={n: each for n, each in varying.items() if kinds[n] == "covariate"},
            codes=tuple(
                name
                for name, each in varying.items()
                if kinds[name] == "covariate" and self.is_code(name, each)
            ),
            time=next((varying[n] for n in varying if kinds[n] == "time"), None),
            terms=terms,
            residual=self.residual,
        )
        return _record(roles, varying, kinds, made, n_given)


def _role(
    name: str, slope: bool, found: Partition, units: Collection[Partition], time: str | None
) -> Role:
    """What a fixed effect is: a treatment, a covariate, or time."""
    if name == time:
        return "time"
    within = [unit for unit in units if unit.sizes[1] > 1 and not refines(unit, found)]
    if time is None and TIMES.fullmatch(name) and within:
        finest = max(within, key=lambda unit: unit.n)
        if found.n <= MOST_LEVELS or len(cells(finest, found)[0]) == len(found.codes):
            return "time"  # a number with many values is one if it is never the same twice
    return "covariate" if slope else "treatment"


def _distinct(made: Mapping[tuple[str, ...], Partition]) -> list[Partition]:
    """The partitions, each once under its first name."""
    kept: list[Partition] = []
    for each in made.values():
        if not any(same(each, other) for other in kept):
            kept.append(each)
    return kept


def _record(
    roles: Roles,
    varying: Mapping[str, Partition],
    kinds: Mapping[str, Role],
    made: Mapping[tuple[str, ...], Partition],
    n_given: int,
) -> Experiment:
    units = []
    for unit in roles.units:
        inside = covers(roles.units, unit)
        others = [e.name for e in made.values() if e is not unit and same(e, unit)]
        in_model = None
        if roles.terms is not None:
            in_model = any(same(unit, term.groups) for term in roles.terms)
        units.append(
            Unit(
                name=unit.name,
                columns=unit.columns,
                levels=unit.n,
                rows=unit.sizes,
                inside=tuple(each.name for each in inside),
                each=tuple(counts(unit, each) for each in inside),
                others=tuple(others),
                in_model=in_model,
            )
        )
    alone = any(unit.n == roles.n for unit in roles.units)
    smallest = roles.units if alone else (*roles.units, rows_alone(roles.n))
    treatments = []
    for name, each in varying.items():
        homes = coarsest_within(smallest, each)
        treatments.append(
            Treatment(
                name=name,
                levels=each.n,
                applied_to=tuple(home.name for home in homes),
                replicates=counts(homes[0], each),
                role=kinds[name],
            )
        )
    return Experiment(
        rows=roles.n,
        dropped=n_given - roles.n,
        units=tuple(units),
        crossings=tuple(_crossings(roles.units)),
        treatments=tuple(treatments),
        repeated=_repeated(roles),
        subsampled=_subsampled(roles, varying.values()),
        warnings=tuple(concerns(roles)),
        notes=tuple(questions(roles)),
    )


def _repeated(roles: Roles) -> Within | None:
    unit, time = roles.repeated, roles.time
    return None if unit is None or time is None else Within(unit.name, counts(time, unit))


def _subsampled(roles: Roles, varying: Collection[Partition]) -> Within | None:
    """The smallest unit, where treatments are of units and rows in it are alike in all."""
    ends = [
        u for u in roles.units if not any(u is not v and refines(v, u) for v in roles.units)
    ]
    by_row = any(not any(refines(u, t) for u in ends) for t in roles.treatments.values())
    if len(ends) != 1 or by_row or not roles.treatments:
        return None
    alike = ends[0].codes.astype(np.int64)
    for each in varying:
        alike = np.unique(alike * each.n + each.codes, return_inverse=True)[1]
    low, high = span(np.bincount(alike))
    return Within(ends[0].name, (low, high)) if high > 1 else None


def _crossings(units: Sequence[Partition]) -> list[Crossing]:
    """Pairs of units of which neither is nested in the other, but for those of smaller ones."""
    found = []
    for i, a in enumerate(units):
        for b in units[i + 1 :]:
            above = [*covers(units, b)]
            if refines(b, a) or any(not refines(u, a) and not refines(a, u) for u in above):
                continue
            found.append(Crossing((a.name, b.name), len(cells(a, b)[0]), a.n * b.n))
    return found
