"""The structure of an experiment as a table and as a diagram.

A box for each kind of unit, the larger above the smaller, joined where one is nested in the
other; beside it the treatments that are applied to it, and inside it, for a fitted model, the
variance between its levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from henderson.arrays import Vector
from henderson.drawing.boxes import Box, design_figure
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.experiment import Experiment, Unit, experiment_of
from henderson.experiment.record import between

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW = "rows"


@dataclass(frozen=True, slots=True)
class Components:
    """Variances by unit, and what is left to the rows; `rows` is None where it is no variance.

    `total` is their sum, of which shares are.
    """

    by_unit: Mapping[str, float]
    rows: float | None

    @property
    def total(self) -> float:
        """The sum of all."""
        return sum(self.by_unit.values()) + (self.rows or 0.0)


def components(estimates: Estimates) -> Components:
    """The mean over the rows of z'Gz of each grouping, and the mean residual variance."""
    found: dict[str, float] = {}
    for term in estimates.location.terms:
        name = term.design.group
        found[name] = found.get(name, 0.0) + float(np.mean(term.row_variances))
    if not estimates.family.is_quadratic:
        return Components(found, None)
    etas = np.column_stack([each.eta for each in estimates.predictors.values()])
    return Components(
        found, float(estimates.family.variance(etas, estimates.response.size).mean())
    )


def design_table(design: Experiment | Fitted | Estimates) -> dict[str, Vector]:
    """What the diagram shows, one row a unit and a last one for the rows of the table.

    Returns
    -------
    dict
        `unit`, `inside` (larger units next to it), `levels`, `each_min` and `each_max` (in one
        of the first of these), `rows_min` and `rows_max`, `treatments` (applied to it),
        `variance` and `share`, not a number without a fitted model.
    """
    experiment, found = _taken(design)
    boxes = _boxes(experiment, found)
    table: dict[str, list[Any]] = {
        "unit": [box.name for box in boxes],
        "inside": [", ".join(box.inside) for box in boxes],
        "levels": [box.levels for box in boxes],
        "each_min": [box.each[0][0] if box.each else box.levels for box in boxes],
        "each_max": [box.each[0][1] if box.each else box.levels for box in boxes],
        "rows_min": [box.rows[0] for box in boxes],
        "rows_max": [box.rows[1] for box in boxes],
        "treatments": [", ".join(name for name, _, _ in box.treatments) for box in boxes],
        "variance": [box.variance for box in boxes],
        "share": [box.share for box in boxes],
    }
    return {name: np.array(values) for name, values in table.items()}


def plot_design(design: Experiment | Fitted | Estimates) -> Figure:
    """Draw the structure of an experiment: units, counts, treatments, variances, warnings.

    Parameters
    ----------
    design
        A fitted model, or what `henderson.describe_design` returns.

    Returns
    -------
    Figure
        Of Matplotlib: the extra `plot`.
    """
    experiment, found = _taken(design)
    bar = "\N{NO-BREAK SPACE}|\N{NO-BREAK SPACE}"  # so that terms stay in one line
    warned = [f"Warning: {each}".replace(" | ", bar) for each in experiment.warnings]
    return design_figure(_boxes(experiment, found), warned, title=_title(experiment))


def _taken(
    design: Experiment | Fitted | Estimates,
) -> tuple[Experiment, Components | None]:
    if isinstance(design, Experiment):
        return design, None
    estimates = estimates_of(design)
    return experiment_of(estimates), components(estimates)


def _boxes(experiment: Experiment, found: Components | None) -> list[Box]:
    """Units from top to bottom, then the rows unless the smallest unit is a row."""
    units = list(experiment.units)
    if not any(unit.is_row for unit in units):
        ends = [u for u in units if not any(u.name in v.inside for v in units)]
        units.append(
            Unit(
                name=ROW,
                columns=(ROW,),
                levels=experiment.rows,
                rows=(1, 1),
                inside=tuple(unit.name for unit in ends),
                each=tuple(unit.rows for unit in ends),
            )
        )
    depth: dict[str, int] = {}
    for unit in units:
        depth[unit.name] = 1 + max((depth[name] for name in unit.inside), default=-1)
    depth[units[-1].name] = max(depth.values())
    boxes = []
    for unit in units:
        level = [other.name for other in units if depth[other.name] == depth[unit.name]]
        variance, share = _variance(unit, found)
        boxes.append(
            Box(
                name=unit.name,
                depth=depth[unit.name],
                place=level.index(unit.name) - (len(level) - 1) / 2.0,
                levels=unit.levels,
                inside=unit.inside,
                each=unit.each,
                joined=tuple(f"{between(pair)} in each" for pair in unit.each),
                rows=unit.rows,
                treatments=tuple(_treatments(unit, experiment)),
                variance=variance,
                share=share,
                in_model=unit.in_model is not False,
            )
        )
    return boxes


def _variance(unit: Unit, found: Components | None) -> tuple[float, float]:
    """The variance between the levels of a unit, and its share of all."""
    if found is None:
        return np.nan, np.nan
    names = (unit.name, *unit.others)
    parts = [found.by_unit[name] for name in names if name in found.by_unit]
    if unit.is_row and found.rows is not None:
        parts.append(found.rows)
    if not parts:
        return np.nan, np.nan
    return sum(parts), sum(parts) / found.total if found.total > 0.0 else np.nan


def _treatments(unit: Unit, experiment: Experiment) -> list[tuple[str, str, str]]:
    """The treatments that are applied to a unit first of all."""
    found = []
    for each in experiment.treatments:
        home = each.applied_to[0]
        if home != unit.name and not (home == "row" and unit.is_row):
            continue
        count = {"treatment": "levels", "time": "times", "covariate": "values"}[each.role]
        said = f"{each.levels} {count}"
        if each.role == "treatment":
            said += f", {between(each.replicates)} of each"
        found.append((each.name, said, each.role))
    return found


def _title(experiment: Experiment) -> str:
    balance = "balanced" if experiment.balanced else "not balanced"
    return f"Design of {experiment.rows} rows, {balance}"
