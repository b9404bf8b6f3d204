"""Effects at places, times and relatives without rows, by those with rows.

    (b, b₊) ~ N(0, [ G   C  ])   ⇒   b₊ | b ~ N(w'b, g₊ − w'C),   w = G⁻¹C
                   [ C'  g₊ ]

Rows say nothing else of b₊. So a new row has w in place of z, and besides the error of w'b one
of its own, with variance g₊ − w'C: kriging, and the breeding values of animals without records.

Source: Henderson (1977), J. Dairy Sci. 60, 783–787; Cressie (1993), Statistics for Spatial
Data, section 3.4.
"""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from henderson.arrays import Matrix, Vector
from henderson.covariance import CovarianceStructure
from henderson.design import KnownMatrix
from henderson.design.positions import points_of
from henderson.design.structured_terms import effect_levels, times_of_effects
from henderson.errors import DataError
from henderson.estimation.estimates import TermEstimates

_FARTHEST = 5000  # steps between the first and the last of equally spaced levels
_WHOLE = 1e-9  # of a step


def between(
    term: TermEstimates, matrices: Mapping[str, KnownMatrix]
) -> Callable[[tuple[str, ...]], tuple[Matrix, Vector]] | None:
    """Levels to weights w (m, k) of the effects and variances (m,); None: cannot be said."""
    levels, k = effect_levels(term.design), term.design.n_effects
    if levels is None or term.structure.n_parameters(k) != term.structure.n_parameters(k + 1):
        return None
    extended = _extension(term, levels, matrices)
    if extended is None:
        return None

    def at(new: tuple[str, ...]) -> tuple[Matrix, Vector]:
        covariance = extended(new)
        largest = float(np.diag(covariance)[:k].mean())
        if not largest > 0.0:
            return np.zeros((len(new), k)), np.zeros(len(new))
        covariance = covariance * (float(np.diag(term.covariance).mean()) / largest)
        G, C = covariance[:k, :k], covariance[:k, k:]
        w = _solved(G, C)
        left = np.diag(covariance)[k:] - np.einsum("km,km->m", w, C)
        return w.T, np.maximum(left, 0.0)

    return at


def _extension(
    term: TermEstimates, levels: tuple[str, ...], matrices: Mapping[str, KnownMatrix]
) -> Callable[[tuple[str, ...]], Matrix] | None:
    """The covariance over the levels and others, up to its size."""
    structure, theta, asked = term.structure, term.theta, term.design.term
    if structure.needs_matrix:
        matrix = matrices[asked.arguments]

        def related(new: tuple[str, ...]) -> Matrix:
            whole = matrix.structure_over((*levels, *new), structure, asked.text)
            return _covariance(whole, theta, len(levels) + len(new))

        return related
    timed = structure.in_order and times_of_effects(term.design) is not None
    if structure.coordinates is not None or timed:

        def placed(new: tuple[str, ...]) -> Matrix:
            try:
                whole = structure.at(points_of((*levels, *new)))
            except ValueError as error:
                raise DataError(
                    f"{asked.text} has no effect at {', '.join(new)}: it {error}. "
                    "Predict at other times, or with random=False."
                ) from None
            return _covariance(whole, theta, len(levels) + len(new))

        return placed
    if not structure.equally_spaced:
        return None

    def stepped(new: tuple[str, ...]) -> Matrix:
        steps = _steps(levels, new, asked.text)
        T = structure.factor(theta, int(steps.max()) + 1)[steps]
        return T @ T.T

    return stepped


def _covariance(structure: CovarianceStructure, theta: Vector, k: int) -> Matrix:
    T = structure.factor(theta, k)
    return T @ T.T


def _steps(levels: tuple[str, ...], new: tuple[str, ...], text: str) -> np.ndarray:
    """Which step of equally spaced ones each level is, from 0."""
    try:
        known, others = (np.array([float(each) for each in some]) for some in (levels, new))
    except ValueError:
        raise _no_step(new[0], levels, text) from None
    spacing = np.diff(known)
    if not np.allclose(spacing, spacing[0], rtol=_WHOLE):
        raise _no_step(new[0], levels, text)
    steps = (np.append(known, others) - known[0]) / spacing[0]
    whole = np.round(steps)
    off = np.abs(steps - whole) > _WHOLE * np.maximum(np.abs(steps), 1.0)
    off |= whole - whole.min() > _FARTHEST
    if off.any():
        raise _no_step(new[max(int(np.argmax(off)) - len(levels), 0)], levels, text)
    return (whole - whole.min()).astype(np.int64)


def _no_step(level: str, levels: tuple[str, ...], text: str) -> DataError:
    return DataError(
        f"{text} has no effect {level!r}: its levels from {levels[0]!r} to {levels[-1]!r} are "
        "steps, and effects elsewhere are there where these are equally spaced numbers and the "
        "new one is as many steps away. Predict at those levels, or with random=False."
    )


def _solved(G: Matrix, C: Matrix) -> Matrix:
    """G⁻¹C; of the smallest size where G is singular."""
    try:
        return cho_solve(cho_factor(G, lower=True), C)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(G, C, rcond=1e-10)[0]
