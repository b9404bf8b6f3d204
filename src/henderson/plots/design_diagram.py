"""The structure of an experiment as a table and as a diagram.

A box for each kind of unit, the larger above the smaller, joined where one is nested in the
other; beside it the treatments that are applied to it, and inside it, for a fitted model, the
variance between its levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from henderson.arrays import Vector
from henderson.drawing.style import ACCENT, GUIDE, INK, TIME, new_figure
from henderson.estimation.estimates import Estimates
from henderson.experiment import Experiment, Unit, experiment_of
from henderson.experiment.record import between, wrapped
from henderson.inference.anova_tables import Fitted, estimates_of
from henderson.inference.variance_explained import mean_variance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = "rows"
BOX = (2.1, 0.92)  # inches
STEP = (2.5, 1.32)  # inches, from box to box
SIDE = 1.6  # inches, for treatments beside the boxes
LINE = 0.165  # inches, of a warning
LETTER = 0.074  # inches, of a warning
LETTERS = 24  # of a name; longer ones are cut


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
        found[name] = found.get(name, 0.0) + mean_variance(term)
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
    boxes = _boxes(experiment, found)
    widest = max(len(_at(boxes, box.depth)) for box in boxes)
    right = any(box.place > 0.0 and box.treatments for box in boxes)
    width = (1 + right) * SIDE + widest * STEP[0]
    wide = int(width / LETTER)
    warned = [wrapped(f"Warning: {each}", wide) for each in experiment.warnings]
    lines = sum(text.count("\n") + 1 for text in warned)
    deepest = max(box.depth for box in boxes)
    height = deepest * STEP[1] + BOX[1] + 0.2 + LINE * lines
    figure, axes = new_figure([height + 0.35], width=width)
    draw_design(boxes, axes[0], warned=warned, title=_title(experiment))
    return figure


def _taken(
    design: Experiment | Fitted | Estimates,
) -> tuple[Experiment, Components | None]:
    if isinstance(design, Experiment):
        return design, None
    estimates = estimates_of(design)
    return experiment_of(estimates), components(estimates)


@dataclass(frozen=True, slots=True)
class Box:
    """A unit where it is drawn: `depth` from the top, `place` from the left."""

    name: str
    depth: int
    place: float
    levels: int
    inside: tuple[str, ...]
    each: tuple[tuple[int, int], ...]
    rows: tuple[int, int]
    treatments: tuple[tuple[str, str, str], ...]  # name, what is said of it, role
    variance: float
    share: float
    in_model: bool


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


def _at(boxes: Sequence[Box], depth: int) -> list[Box]:
    return [box for box in boxes if box.depth == depth]


def _title(experiment: Experiment) -> str:
    balance = "balanced" if experiment.balanced else "not balanced"
    return f"Design of {experiment.rows} rows, {balance}"


def draw_design(
    boxes: Sequence[Box], ax: Axes, *, warned: Sequence[str] = (), title: str = ""
) -> Axes:
    """Draw boxes in inches on an axes without frame, joined to the larger units above."""
    widest = max(len(_at(boxes, box.depth)) for box in boxes)
    right = any(box.place > 0.0 and box.treatments for box in boxes)
    width = (1 + right) * SIDE + widest * STEP[0]
    centre = SIDE + widest * STEP[0] / 2.0
    middle = {box.name: (centre + box.place * STEP[0], -box.depth * STEP[1]) for box in boxes}
    for box in boxes:
        _draw_box(box, middle[box.name], ax)
        for inside, each in zip(box.inside, box.each, strict=True):
            _draw_line(middle[inside], middle[box.name], f"{between(each)} in each", ax)
        _draw_treatments(box, middle[box.name], width, ax)
    bottom = -max(box.depth for box in boxes) * STEP[1] - BOX[1] / 2.0
    if warned:
        ax.text(
            0.03, bottom - 0.12, "\n".join(warned), va="top", fontsize=8.5, color=ACCENT
        ).set_in_layout(False)
    lines = sum(text.count("\n") + 1 for text in warned)
    ax.set(
        xlim=(0.0, width),
        ylim=(bottom - 0.1 - LINE * lines, BOX[1] / 2.0 + 0.1),
        aspect="equal",
    )
    ax.set_title(title, loc="left", fontsize="medium")
    ax.set_axis_off()
    return ax


def _draw_box(box: Box, at: tuple[float, float], ax: Axes) -> None:
    from matplotlib.patches import FancyBboxPatch, Rectangle  # noqa: PLC0415

    x, y = at[0] - BOX[0] / 2.0, at[1] - BOX[1] / 2.0
    ax.add_patch(
        FancyBboxPatch(
            (x, y),
            *BOX,
            boxstyle="round,pad=0,rounding_size=0.07",
            facecolor="white",
            edgecolor=INK if box.in_model else GUIDE,
            linestyle="-" if box.in_model else "--",
            lw=1.3,
            zorder=3,
        )
    )
    known = not np.isnan(box.variance)
    upper = at[1] + (0.2 if known else 0.0)
    name = box.name if len(box.name) <= LETTERS else f"{box.name[: LETTERS - 1]}…"
    ax.text(at[0], upper + 0.02, name, ha="center", va="bottom", weight="bold", zorder=4)
    ax.text(at[0], upper - 0.03, str(box.levels), ha="center", va="top", zorder=4)
    if not known:
        return
    share = "" if np.isnan(box.share) else f" ({box.share:.0%})"
    text = f"variance {box.variance:.3g}{share}"
    ax.text(at[0], y + 0.13, text, ha="center", va="bottom", fontsize="small", zorder=4)
    if not np.isnan(box.share):
        whole = BOX[0] - 0.3
        bar = {"height": 0.06, "lw": 0, "zorder": 4}
        ax.add_patch(Rectangle((x + 0.15, y + 0.06), whole, facecolor="0.9", **bar))
        ax.add_patch(Rectangle((x + 0.15, y + 0.06), whole * box.share, facecolor=INK, **bar))


def _draw_line(
    upper: tuple[float, float], lower: tuple[float, float], text: str, ax: Axes
) -> None:
    x, y = (upper[0], lower[0]), (upper[1] - BOX[1] / 2.0, lower[1] + BOX[1] / 2.0)
    ax.plot(x, y, color=GUIDE, lw=1.0, zorder=1)
    near = 0.5 if x[0] == x[1] else 0.35
    place = (x[0] + near * (x[1] - x[0]) + 0.07, y[0] + near * (y[1] - y[0]))
    ax.text(
        *place,
        text,
        va="center",
        fontsize="small",
        color="0.25",
        bbox={"facecolor": "white", "lw": 0, "pad": 1.0},
        zorder=2,
    )


def _draw_treatments(box: Box, at: tuple[float, float], width: float, ax: Axes) -> None:
    """Names at the left, or right of the middle at the right, with an arrow to their box."""
    if not box.treatments:
        return
    colours = {"treatment": ACCENT, "time": TIME, "covariate": "0.25"}
    side = 1.0 if box.place > 0.0 else -1.0
    edge, align = (width - 0.03, "right") if side > 0.0 else (0.03, "left")
    height = 0.36
    top = at[1] + height * (len(box.treatments) - 1) / 2.0
    for place, (name, said, role) in enumerate(box.treatments):
        shown = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
        y = top - place * height
        named = ax.text(edge, y, shown, ha=align, va="bottom", fontsize="small")
        named.set(weight="bold", color=colours[role])
        ax.text(edge, y - 0.01, said, ha=align, va="top", fontsize=7.5, color="0.25")
    start = edge - side * (SIDE - 0.28)
    ax.annotate(
        "",
        (at[0] + side * BOX[0] / 2.0, at[1]),
        (start, at[1]),
        arrowprops={"arrowstyle": "-|>", "color": GUIDE, "lw": 1.0},
        zorder=0,
    )
