"""What the distributions of a family look like, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Vector
from henderson.drawing.lines import draw_densities
from henderson.drawing.style import new_axes
from henderson.errors import ModelError, did_you_mean
from henderson.families.response import Response

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawn: TypeAlias = Any  # a Family, whose module has a plot() of this one

_SYMBOLS = {"location": "μ", "dispersion": "φ", "shape": "shape", "zero_inflation": "π"}
_USUAL = {"dispersion": 1.0, "zero_inflation": 0.2}
_USUAL_LOG_SHAPE = 5.0
_LABELS = {
    (True, True): "Probability",
    (False, True): "Density, and probability of single values",
    (False, False): "Density",
}
_POINTS = 240
_TAIL = 5e-4
_TAIL_OF_CURVES = 5e-3
_MOST_COUNTS = 400
_NEAR, _SOME = 1e-12, 1e-4  # a jump of the distribution function over so little


def density_table(
    family: Drawn,
    *,
    mu: float | Sequence[float] | None,
    size: int,
    parameters: Mapping[str, float | Sequence[float]],
) -> dict[str, NDArray[Any]]:
    """Densities, or probabilities of counts, over the range of each distribution.

    A distribution for each combination of the values given. Columns: `y`, `density`,
    `is_mass` (where that is a probability) and `distribution`, the parameters in words.
    """
    if family.observes_categories:
        raise ModelError(
            f"The {family.name} family is of categories, whose thresholds come from a fit: "
            'see predict(kind="probabilities").'
        )
    values = {"location": mu, **parameters}
    for name in values:
        if name not in family.predictors:
            known = ["mu" if p == "location" else p for p in family.predictors]
            raise ModelError(
                f"The {family.name} family has no parameter {name!r}. "
                f"{did_you_mean(name, known)}It has: {', '.join(known)}."
            )
    lists = [_listed(family, name, values.get(name)) for name in family.predictors]
    parts = [_one(family, each, size) for each in product(*lists)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def plot_family(
    family: Drawn,
    *,
    mu: float | Sequence[float] | None,
    size: int,
    parameters: Mapping[str, float | Sequence[float]],
) -> Figure:
    """The densities of `density_table`; stems for counts. See `Family.plot`."""
    table = density_table(family, mu=mu, size=size, parameters=parameters)
    figure, (ax,) = new_axes(size=(4.4, 3.2))
    draw_densities(
        table,
        xlabel=f"y of {size} trials" if family.counts_trials else "y",
        ylabel=_LABELS[bool(table["is_mass"].all()), bool(table["is_mass"].any())],
        title=family.name,
        ax=ax,
    )
    return figure


def _listed(family: Drawn, name: str, given: float | Sequence[float] | None) -> list[float]:
    if given is None:
        link = family.link_of(name)
        if name == "shape" and link.name == "log":
            return [_USUAL_LOG_SHAPE]
        return [_USUAL.get(name, float(link.mean(np.zeros(1))[0]))]
    return np.atleast_1d(np.asarray(given, dtype=np.float64)).tolist()


def _one(family: Drawn, values: tuple[float, ...], size: int) -> dict[str, NDArray[Any]]:
    links = [family.link_of(name) for name in family.predictors]
    at = [link.link(np.array([value]))[0] for link, value in zip(links, values, strict=True)]
    eta = np.array([at])
    sizes = np.full(1, float(size) if family.counts_trials else 1.0)
    if not np.all(np.isfinite(eta)) or not np.isfinite(family.mean(eta)[0]):
        raise ModelError(
            f"The {family.name} family has no distribution with {_in_words(family, values)}. "
            "Give values within its range."
        )
    y, is_mass = _range(family, eta, sizes)
    response = Response.of(y, np.full(y.size, sizes[0]))
    log_density = family.log_density(response, np.repeat(eta, y.size, axis=0)).value
    return {
        "y": y,
        "density": np.exp(log_density),
        "is_mass": is_mass,
        "distribution": np.full(y.size, _in_words(family, values), dtype=object),
    }


def _in_words(family: Drawn, values: tuple[float, ...]) -> str:
    return ", ".join(
        f"{_SYMBOLS.get(name, name)} = {value:g}"
        for name, value in zip(family.predictors, values, strict=True)
    )


def _range(
    family: Drawn, eta: NDArray[np.float64], size: Vector
) -> tuple[Vector, NDArray[np.bool_]]:
    """Where the distribution is, but for a thousandth of counts, a hundredth of others.

    And which of these are points with a probability: all of counts, the ends of some others.
    """
    if family.counts_trials:
        y = np.arange(size[0] + 1.0)
        return y, np.ones(y.size, dtype=bool)
    tail = _TAIL if family.discrete else _TAIL_OF_CURVES
    ends = (np.array([p]) for p in (tail, 1.0 - tail))
    low, high = (float(family.quantile(p, size, eta)[0]) for p in ends)
    if family.discrete:
        y = np.arange(low, high + 1.0, max(1.0, np.ceil((high - low) / _MOST_COUNTS)))
        return y, np.ones(y.size, dtype=bool)

    def below(y: float) -> float:
        return float(family.cdf(np.array([y]), size, eta)[0])

    masses = [end for end in (0.0, 1.0) if below(end) - below(end - _NEAR) > _SOME]
    grid = np.linspace(low, high, _POINTS + 1)[1:]  # not at 0, where a density can be infinite
    grid = grid[~np.isin(grid, masses)]
    y = np.concatenate([grid, masses])
    return y, np.arange(y.size) >= grid.size
