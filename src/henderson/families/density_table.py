"""What the distributions of a family look like, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Vector
from henderson.drawing.lines import draw_lines
from henderson.drawing.style import new_axes
from henderson.errors import ModelError, did_you_mean
from henderson.families.response import Response

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawn: TypeAlias = Any  # a Family, whose module has a plot() of this one

_SYMBOLS = {"location": "μ", "dispersion": "φ", "shape": "shape", "zero_inflation": "π"}
_USUAL = {"dispersion": 1.0, "shape": 5.0, "zero_inflation": 0.2}
_POINTS = 240
_TAIL = 5e-4
_TAIL_OF_CURVES = 5e-3
_MOST_COUNTS = 400


def density_table(
    family: Drawn,
    *,
    mu: float | Sequence[float] | None,
    size: int,
    parameters: dict[str, float | Sequence[float]],
) -> dict[str, NDArray[Any]]:
    """Densities, or probabilities of counts, over the range of each distribution.

    A distribution for each combination of the values given. Columns: `y`, `density` and
    `distribution`, the parameters in words.
    """
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
    parameters: dict[str, float | Sequence[float]],
) -> Figure:
    """The densities of `density_table`; stems for counts. See `Family.plot`."""
    table = density_table(family, mu=mu, size=size, parameters=parameters)
    figure, (ax,) = new_axes(size=(4.4, 3.2))
    draw_lines(
        table,
        "y",
        "density",
        "distribution",
        stems=family.discrete,
        xlabel=f"y of {size} trials" if family.counts_trials else "y",
        ylabel="Probability" if family.discrete else "Density",
        title=family.name,
        ax=ax,
    )
    return figure


def _listed(family: Drawn, name: str, given: float | Sequence[float] | None) -> list[float]:
    if given is None:
        middle = float(family.link_of(name).mean(np.zeros(1))[0])
        return [_USUAL.get(name, middle)]
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
    y = _range(family, eta, sizes)
    response = Response.of(y, np.full(y.size, sizes[0]))
    log_density = family.log_density(response, np.repeat(eta, y.size, axis=0)).value
    return {
        "y": y,
        "density": np.exp(log_density),
        "distribution": np.full(y.size, _in_words(family, values), dtype=object),
    }


def _in_words(family: Drawn, values: tuple[float, ...]) -> str:
    return ", ".join(
        f"{_SYMBOLS.get(name, name)} = {value:g}"
        for name, value in zip(family.predictors, values, strict=True)
    )


def _range(family: Drawn, eta: NDArray[np.float64], size: Vector) -> Vector:
    """Where the distribution is, but for a thousandth of counts, a hundredth of others."""
    if family.counts_trials:
        return np.arange(size[0] + 1.0)
    low, high = (
        float(family.quantile(np.array([p]), size, eta)[0]) for p in (_TAIL, 1 - _TAIL)
    )
    if family.discrete:
        step = max(1.0, np.ceil((high - low) / _MOST_COUNTS))
        return np.arange(low, high + 1.0, step)
    return np.linspace(low, high, _POINTS + 1)[1:]  # not at 0, where a density can be infinite
