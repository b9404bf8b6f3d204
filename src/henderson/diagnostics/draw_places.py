"""Where draws from a model lie among some of these draws, row by row.

Rows that share random effects lie in the same places more often than independent ones. How much
more is seen in draws of the whole response: with the sixteenths between the first m of them as
places, those of the remaining N draws are distributed as those of y where the model holds: the
rank of a statistic of y among those of the draws is a p-value, whatever the dependence.

Source: Besag & Clifford (1989), Biometrika 76(4), 633–642.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Vector

Places = NDArray[np.uint8]

PLACES = 16
_FEWEST = 19  # draws, for a p-value of 5 %
_MOST = 100_000_000  # rows × draws that are kept, a byte each
_TIE = 1e-9  # of the size of y: breaks ties at random and leaves the order else


def room_for_places(rows: int, draws: int) -> Places | None:
    """Where `placed` writes: (rows, N); None for too few draws or too many rows."""
    kept = draws - _first(draws)
    if kept < _FEWEST or rows * kept > _MOST:
        return None
    return np.empty((rows, kept), dtype=np.uint8)


def placed(
    draws: Iterable[Vector], room: Places, n: int, rng: np.random.Generator
) -> Iterator[Vector]:
    """Hands on the n draws, each (rows,), and fills `room` with the place of each, 0 to 15."""
    m, rows = _first(n), len(room)
    first = np.empty((rows, m))
    bounds = np.empty((PLACES - 1, rows))

    def untied(values: Vector) -> Vector:
        size = _TIE * (1.0 + np.abs(values))
        return values + size * rng.random(rows)

    def place(values: Vector) -> Places:
        return (untied(values) > bounds).sum(axis=0).astype(np.uint8)

    for i, drawn in enumerate(draws):
        if i < m:
            first[:, i] = untied(drawn)
        else:
            room[:, i - m] = place(drawn)
        if i == m - 1:
            first.sort(axis=1)
            step = (m + 1) // PLACES
            bounds[:] = first[:, step - 1 :: step].T
            first = np.empty((0, 0))
        yield drawn


def _first(n: int) -> int:
    """m, about a fourth of n, such that its m + 1 places can be put together to 16."""
    return PLACES * max(1, n // (4 * PLACES)) - 1
