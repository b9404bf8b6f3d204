"""How one observation comes about: a curve for each step, from top to bottom."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from henderson.arrays import Vector
from henderson.drawing.style import ACCENT, GUIDE, INK
from henderson.drawing.table_columns import plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    ax.set_title(plain(_title(found)), loc="left", fontsize="medium")
    ax.set(
        xlabel=plain(found.response if observed else f"{found.response}, {found.link} scale"),
        ylim=(0.6 - len(steps), 0.35),
        yticks=[-place for place in range(len(steps))],
        yticklabels=[plain(step.label) for step in steps],
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
        mean = "" if found.on_one_scale else f", mean response {short(step.mean)}"
        if np.isnan(step.variance):
            yield _signed(f"{step.end:.4g}{mean}")
            continue
        share = f" ({step.share:.0%})" if several else ""
        moved = f"{step.effect:+.3g} to {step.end:.4g}{mean}"
        yield _signed(f"{moved}\nvariance {short(step.variance)}{share}")


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
            f"{step.label}\nmean {short(step.start)}, variance {short(step.variance)}\n"
            f"{step.effect:+.3g} to {step.end:.4g}"
        ),
        transform=ax.transAxes,
        va="center",
        fontsize="small",
        linespacing=1.3,
    )
    ax.set(xlabel=plain(f"{found.response}, given all effects"), ylim=(0.0, 1.08), yticks=[])
    ax.locator_params(axis="x", integer=whole)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    return ax
