"""How one observation comes about, level by level: a table, and its picture.

    y = x'β̂ + offset + Σₜ zₜ'b̂ₜ + (y − μ̂)

from the fixed effects over the random terms, from the one with the fewest levels to the one
with the most, to the observation. Each step starts where the one before ended. It is a draw
from N(start, zₜ'Gₜzₜ), the last one from the family. Behind a link the steps add up to the
linear predictor η̂, and the last one leads from μ̂ = h(η̂) to the observation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from henderson.arrays import Vector
from henderson.drawing.style import ACCENT, GUIDE, INK, new_figure
from henderson.errors import DataError
from henderson.estimation.estimates import Estimates, TermEstimates
from henderson.families import Response
from henderson.inference.anova_tables import Fitted, estimates_of
from henderson.prediction import NativeTable, effects_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMES = 2  # of a term's effects, in a label
MOST_BARS = 60  # of a discrete distribution; more are drawn as a line
CURVE = np.linspace(-3.2, 3.2, 161)  # in standard deviations


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a cascade.

    `variance` is not a number for the fixed effects, `share` that of all steps on the same
    scale; `mean` is the mean of the response at `end`.
    """

    label: str
    group: str
    level: str
    scale: str  # "link", or "response" for the last step behind a link
    start: float
    effect: float
    end: float
    variance: float
    share: float
    mean: float


@dataclass(frozen=True, slots=True)
class Cascade:
    """The steps to one observation, and the distribution that it is a draw from.

    `values` and `heights` are points of the density of the observation given η̂, or its
    probabilities where it is `discrete`.
    """

    row: int
    response: str
    link: str
    steps: tuple[Step, ...]
    values: Vector
    heights: Vector
    discrete: bool

    @property
    def on_one_scale(self) -> bool:
        """Whether all steps are on the scale of the response."""
        return self.steps[-1].scale == self.steps[0].scale


def cascade(model: Fitted | Estimates, *, row: int = 0) -> NativeTable:
    """How one observation comes about: fixed effects, each random effect, the residual.

    Parameters
    ----------
    model
        A fitted model.
    row
        The row of the table that was fitted, from 0; one that the model used.

    Returns
    -------
    table
        One row a step: `step`, `group`, `level`, `scale`, `start`, `effect`, `end`, `variance`
        (of the step, given those before), `share` (of the variances on its scale), `mean` (of
        the response at `end`). With an identity link the effects add up to the observation;
        behind another they add up to the linear predictor, and the last step, on the scale of
        the response, leads from the mean to the observation.

    Raises
    ------
    DataError
        For a row that the table does not have or the model did not use.

    Examples
    --------
    >>> import henderson as hd
    >>> oats = hd.datasets.load("oats")
    >>> model = hd.fit("yield ~ Variety * factor(nitro) + (1 | Block/Variety)", oats)
    >>> cascade(model, row=2)[["step", "effect", "end", "share"]].round(2)
                          step  effect     end  share
    0            Fixed effects  110.83  110.83    NaN
    1                  Block I   25.42  136.25   0.43
    2  Block:Variety I:Victory   14.08  150.33   0.21
    3                 Residual    6.67  157.00   0.36
    """
    estimates = estimates_of(model)
    steps = cascade_of(estimates, row=row).steps
    names = ("group", "level", "scale", "start", "effect", "end", "variance", "share", "mean")
    columns: dict[str, list[Any]] = {"step": [each.label for each in steps]}
    columns |= {name: [getattr(each, name) for each in steps] for name in names}
    return estimates.frame.table(columns)


def plot_cascade(model: Fitted | Estimates, *, row: int = 0) -> "Figure":
    """Draw how one observation comes about, from the fixed effects to a star.

    A normal curve for each variance component, to scale on one axis (its width; its height is
    not), centred where the step above ended. Behind a link the steps are on the scale of the
    linear predictor with the mean of the response beside them, and the distribution of the
    observation is below, on its own scale.

    Parameters
    ----------
    model
        A fitted model.
    row
        The row of the table that was fitted, from 0; one that the model used.

    Returns
    -------
    Figure
        Of Matplotlib: the extra `plot`.

    Raises
    ------
    DataError
        For a row that the table does not have or the model did not use.
    """
    found = cascade_of(estimates_of(model), row=row)
    above = len(found.steps) - (not found.on_one_scale)
    heights = [0.6 * above + 0.5] + ([] if found.on_one_scale else [1.2])
    figure, axes = new_figure(heights, width=6.4)
    draw_cascade(found, axes[0])
    if not found.on_one_scale:
        draw_observation(found, axes[1])
    return figure


def cascade_of(estimates: Estimates, *, row: int) -> Cascade:
    """The steps to the observation in one row of the user's table."""
    i = _position(estimates, row)
    family, location = estimates.family, estimates.location
    etas = np.array([[each.eta[i] for each in estimates.predictors.values()]])
    size = estimates.response.size[[i]]
    observed = float(family.observed(estimates.response)[i])
    at, of_mean = float(location.fixed_eta[i]), _MeanAt(estimates, etas)
    identity = family.link.name == "identity" and family.mean_is_of_location
    terms = sorted(location.terms, key=lambda term: term.design.n_levels)
    effects = [float(effects_at(term.design, term.modes)[i]) for term in terms]
    variances = [_variance_at(term, i) for term in terms]
    last = float(family.variance(etas, size)[0])
    total = sum(variances) + (last if identity else 0.0)
    scale = "response" if identity else "link"
    fixed = Step("Fixed effects", "", "", scale, 0.0, at, at, np.nan, np.nan, of_mean(at))
    steps = [fixed]
    for term, effect, variance in zip(terms, effects, variances, strict=True):
        end = at + effect
        label, level = _label(term, i), str(term.design.levels[term.design.codes[i]])
        share = variance / total if total > 0.0 else np.nan
        group = term.design.group
        steps.append(
            Step(label, group, level, scale, at, effect, end, variance, share, of_mean(end))
        )
        at = end
    mean = of_mean(float(location.eta[i])) if not identity else at
    name = "Residual" if family.is_quadratic else f"Observation ({family.name})"
    share = last / total if identity else 1.0
    steps.append(
        Step(name, "", "", "response", mean, observed - mean, observed, last, share, observed)
    )
    values, heights = _density(estimates, etas, size, float(estimates.response.y[i]))
    response = "" if estimates.frame.response is None else estimates.frame.response.label
    link = family.link.name
    return Cascade(row, response, link, tuple(steps), values, heights, family.discrete)


@dataclass(frozen=True, slots=True)
class _MeanAt:
    """The mean of the response of one row at other values of its location."""

    estimates: Estimates
    etas: np.ndarray  # (1, K)

    def __call__(self, location: float) -> float:
        moved = self.etas.copy()
        moved[0, 0] = location
        return float(self.estimates.family.mean(moved)[0])


def _position(estimates: Estimates, row: int) -> int:
    """Where a row of the user's table is among those used."""
    frame = estimates.frame
    if not 0 <= row < frame.n_given:
        raise DataError(
            f"row={row} is not in the data, which have rows 0 to {frame.n_given - 1}."
        )
    found = np.flatnonzero(frame.rows == row)
    if not found.size:
        near = int(frame.rows[np.argmin(np.abs(frame.rows - row))])
        raise DataError(
            f"The model did not use row {row}: a value is missing, or its weight is zero. The "
            f"nearest that it used is row {near}."
        )
    return int(found[0])


def _variance_at(term: TermEstimates, i: int) -> float:
    """z'Gz of one row."""
    values, G = term.design.values[i], term.covariance
    if term.design.columns is not None:
        chosen = term.design.columns[i]
        G = G[np.ix_(chosen, chosen)]
    return float(values @ G @ values)


def _label(term: TermEstimates, i: int) -> str:
    """The level, and the effects unless it is one intercept: Subject 308 (intercept, Days)."""
    design = term.design
    name = f"{design.group} {design.levels[design.codes[i]]}"
    if design.effects == ("(Intercept)",):
        return name
    if design.columns is not None:
        return f"{name}, {design.effects[design.columns[i, 0]]}"
    effects = [
        effect.strip("()").replace("Intercept", "intercept") for effect in design.effects
    ]
    more = ", ..." if len(effects) > MOST_NAMES else ""
    return f"{name} ({', '.join(effects[:MOST_NAMES])}{more})"


def _density(
    estimates: Estimates, etas: np.ndarray, size: Vector, y: float
) -> tuple[Vector, Vector]:
    """Points of the density, or of the probabilities, of the observation given η̂."""
    family = estimates.family
    ends = [float(family.quantile(np.array([p]), size, etas)[0]) for p in (0.001, 0.999)]
    if family.discrete:
        low, high = np.floor(min(ends[0], y)), np.ceil(max(ends[1], y))
        step = max(1.0, np.ceil((high - low) / 400.0))
        points = np.arange(low, high + 1.0, step)
    else:
        low, high = min(ends[0], y), max(ends[1], y)
        points = np.linspace(low, high, 201)
    n = points.size
    at = Response.of(points, np.full(n, size[0]))
    with np.errstate(all="ignore"):
        heights = np.exp(family.log_density(at, np.repeat(etas, n, axis=0)).value)
    known = np.isfinite(heights)
    shown = Response(points[known], at.size[known], at.weight[known])
    return family.observed(shown), heights[known]


def draw_cascade(found: Cascade, ax: "Axes") -> "Axes":
    """Draw the steps that are on one scale, a row each, from top to bottom."""
    steps = [step for step in found.steps if step.scale == found.steps[0].scale]
    observed = found.on_one_scale
    for place, step in enumerate(steps):
        last = observed and step is steps[-1]
        _draw_step(step, -float(place), ax, colour=ACCENT if last else INK)
        if place:
            end_above = steps[place - 1].end
            ax.plot([end_above] * 2, [1.0 - place, -place], ":", color=GUIDE, lw=1, zorder=1)
    if observed:
        ax.plot(steps[-1].end, 1.0 - len(steps), "*", ms=15, color=ACCENT, zorder=5)
    if not any(step.variance > 0.0 for step in steps):
        ax.set_xlim(steps[-1].end - 1.0, steps[-1].end + 1.0)
    ax.set_title(_title(found), loc="left", fontsize="medium")
    ax.set(
        xlabel=found.response if observed else f"{found.response}, {found.link} scale",
        ylim=(0.6 - len(steps), 0.35),
        yticks=[-place for place in range(len(steps))],
        yticklabels=[step.label for step in steps],
    )
    ax.tick_params(axis="y", length=0)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    for place, text in enumerate(_notes(found, steps)):
        ax.text(
            1.02,
            (0.14 if place else 0.0) - place,
            text,
            transform=ax.get_yaxis_transform(),
            va="center",
            fontsize="small",
            linespacing=1.3,
        )
    return ax


def _draw_step(step: Step, height: float, ax: "Axes", *, colour: str) -> None:
    """A curve around the start, and an arrow from there to the end."""
    if np.isnan(step.variance):
        ax.plot(step.end, height, marker="D", ms=7, color=INK, zorder=4)
        return
    sd = np.sqrt(step.variance)
    if sd > 0.0:
        curve = height + 0.62 * np.exp(-0.5 * CURVE**2)
        x = step.start + sd * CURVE
        ax.fill_between(x, height, curve, color=colour, alpha=0.16, lw=0, zorder=1)
        ax.plot(x, curve, color=colour, lw=1.2, zorder=2)
    ax.plot([step.start] * 2, [height, height + 0.62], color=GUIDE, lw=0.8, zorder=2)
    ax.plot([step.start, step.end], [height] * 2, color=colour, lw=2.2, zorder=3)
    ax.plot(step.end, height, "o", color=colour, ms=5, zorder=4)


def _notes(found: Cascade, steps: Sequence[Step]) -> Iterator[str]:
    """What stands to the right of each step."""
    several = sum(step.variance > 0.0 for step in steps) > 1
    for step in steps:
        mean = "" if found.on_one_scale else f", mean response {step.mean:.3g}"
        if np.isnan(step.variance):
            yield _signed(f"{step.end:.4g}{mean}")
            continue
        share = f" ({step.share:.0%})" if several else ""
        moved = f"{step.effect:+.3g} to {step.end:.4g}{mean}"
        yield _signed(f"{moved}\nvariance {step.variance:.3g}{share}")


def _signed(text: str) -> str:
    """Minus signs as they are printed."""
    return text.replace("-", "\N{MINUS SIGN}")


def _title(found: Cascade) -> str:
    last = found.steps[-1]
    return f"How row {found.row} comes about: {found.response} is {last.end:.4g}"


def draw_observation(found: Cascade, ax: "Axes") -> "Axes":
    """Draw the distribution of the observation given all effects, and the observation."""
    step = found.steps[-1]
    whole = bool(np.all(found.values == np.round(found.values)))
    top = float(found.heights.max(initial=0.0)) or 1.0
    heights = found.heights / top
    if found.discrete and found.values.size <= MOST_BARS:
        width = 0.8 * float(np.diff(found.values).min(initial=1.0))
        ax.bar(found.values, heights, width=width, color=ACCENT, alpha=0.3, lw=0)
    else:
        ax.fill_between(found.values, heights, color=ACCENT, alpha=0.16, lw=0)
        ax.plot(found.values, heights, color=ACCENT, lw=1.2)
    ax.plot([step.start] * 2, [0.0, 1.0], color=GUIDE, lw=0.8)
    ax.plot(step.end, 0.0, marker="*", ms=15, color=ACCENT, clip_on=False, zorder=5)
    ax.text(
        1.02,
        0.4,
        _signed(
            f"{step.label}\nmean {step.start:.3g}, variance {step.variance:.3g}\n"
            f"{step.effect:+.3g} to {step.end:.4g}"
        ),
        transform=ax.transAxes,
        va="center",
        fontsize="small",
        linespacing=1.3,
    )
    ax.set(xlabel=f"{found.response}, given all effects", ylim=(0.0, 1.08), yticks=[])
    ax.locator_params(axis="x", integer=whole)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    return ax
