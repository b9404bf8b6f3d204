"""Where each observation lies among responses drawn from the model, as a residual.

    r = lo + U (hi − lo),   lo = #{y* < y} / S,   hi = #{y* ≤ y} / S,   U uniform on (0, 1)

S responses y* are drawn from the model. If it is right, r is uniform on (0, 1) whatever the
family; U breaks the ties of a discrete response.

Sources: Dunn & Smyth (1996), J. Comput. Graph. Stat. 5(3), 236–244; Smith (1985), J.
Forecasting 4, 283–291.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from henderson.arrays import Codes, Matrix, Vector
from henderson.design import ModelFrame
from henderson.design.columns import Variable, read_array
from henderson.design.factors import Factor, factorize
from henderson.diagnostics.draw_places import Places, placed, room_for_places
from henderson.errors import DataError, ModelError, check_choice, did_you_mean
from henderson.estimation.blas_threads import single_blas_thread
from henderson.estimation.estimates import Estimates
from henderson.prediction import all_predictors, residuals
from henderson.refits.refitting import Refits
from henderson.simulation import ResponseDraws

Condition = Literal["none", "random"]

FEW_ROWS = 500  # up to here the draws themselves are kept


@dataclass(frozen=True, slots=True, eq=False)
class QuantileResiduals:
    """n observations against S draws of them; on the scale of y, or numbers of successes."""

    values: Vector  # (n,), in [0, 1]: 0 is below, 1 above all draws
    lower: Vector  # (n,), share of the draws below y
    upper: Vector  # (n,), share of the draws at or below y
    observed: Vector  # (n,)
    fitted: Vector  # (n,), means at b = 0, or at the conditional modes for "random"
    discrete: bool
    variance: float  # of y − fitted
    drawn_variance: Vector  # (S,), the same of each draw
    zeros: int  # in y
    drawn_zeros: Vector  # (S,), the same of each draw
    drawn_outside: Vector  # (S,), rows in which a draw is outside all other draws
    draws: Matrix | None  # (n, S), where n is at most 500
    pearson: tuple[float, int] | None = None  # sum of squares, residual degrees of freedom
    frame: ModelFrame | None = None
    group: Codes | None = None  # (rows,), where rows were added up
    places: Places | None = None  # (n, N), of draws, where rows are dependent
    refitted: bool = (
        False  # then `observed` are residuals, `variance` sums of Pearson's squared
    )

    @property
    def n_draws(self) -> int:
        """S."""
        return len(self.drawn_zeros)


def quantile_residuals(
    estimates: Estimates,
    n: int,
    condition: Condition,
    by: str | ArrayLike | None,
    rng: np.random.Generator,
    *,
    refitting: bool = False,
) -> QuantileResiduals:
    """The residuals of a fit; one response is held at a time, so that memory is O(rows)."""
    check_choice("condition", condition, ("none", "random"))
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 2:
        raise ModelError(f"n={n!r} is not a number of draws. Give a whole number, 2 or more.")
    family, response = estimates.family, estimates.response
    scale = response.size if family.counts_trials else np.ones(response.y.size)
    y = np.round(response.y, 6) if family.discrete else response.y  # a share × trials: ties
    eta = all_predictors(estimates)
    if condition == "none":
        eta = np.column_stack([each.fixed_eta for each in estimates.predictors.values()])
    group = None if by is None else _groups(estimates.frame, by)
    if refitting:
        fitted = _summed(scale * family.mean(eta), group)
        return _against_refits(estimates, n, condition, group, fitted, rng)
    observed = _summed(y, group)
    draws = (_summed(drawn, group) for drawn in _drawn(estimates, n, condition, rng))
    room = None
    if _rows_are_dependent(estimates, condition):
        room = room_for_places(observed.size, n)
    if room is not None:
        draws = placed(draws, room, n, rng.spawn(1)[0])
    found = against_draws(
        observed,
        draws,
        _summed(scale * family.mean(eta), group),
        discrete=family.discrete,
        rng=rng,
    )
    pearson = None
    if group is None:
        sum_of_squares = float(np.sum(residuals(estimates, kind="pearson") ** 2))
        pearson = (sum_of_squares, response.y.size - estimates.n_parameters)
    return replace(found, pearson=pearson, frame=estimates.frame, group=group, places=room)


def _rows_are_dependent(estimates: Estimates, condition: Condition) -> bool:
    """Whether random effects or residuals, drawn anew, are shared by rows."""
    random = any(
        np.any(term.covariance) for each in estimates.predictors.values() for term in each.terms
    )
    return estimates.errors is not None or (random and condition == "none")


def against_draws(
    observed: Vector,
    draws: Iterable[Vector],
    fitted: Vector,
    *,
    discrete: bool,
    rng: np.random.Generator,
) -> QuantileResiduals:
    """The residuals of `observed` (n,) against S `draws` of it, each (n,), taken in turn."""
    below, at_most = np.zeros((2, observed.size), dtype=np.int64)
    lowest, highest = np.full(observed.size, np.inf), np.full(observed.size, -np.inf)
    holders = np.full((2, observed.size), -1)  # the draws that alone are lowest, highest; or −1
    variances, zeros, kept = [], [], []
    for draw, y in enumerate(draws):
        holders[0] = np.where(y < lowest, draw, np.where(y == lowest, -1, holders[0]))
        holders[1] = np.where(y > highest, draw, np.where(y == highest, -1, holders[1]))
        lowest, highest = np.minimum(lowest, y), np.maximum(highest, y)
        below += y < observed
        at_most += y <= observed
        variances.append(np.var(y - fitted, ddof=1))
        zeros.append(np.count_nonzero(y == 0.0))
        if observed.size <= FEW_ROWS:
            kept.append(y)
    lower, upper = below / len(zeros), at_most / len(zeros)
    return QuantileResiduals(
        values=within(lower, upper, rng.random(observed.size)),
        lower=lower,
        upper=upper,
        observed=observed,
        fitted=fitted,
        discrete=discrete,
        variance=float(np.var(observed - fitted, ddof=1)),
        drawn_variance=np.array(variances),
        zeros=int(np.count_nonzero(observed == 0.0)),
        drawn_zeros=np.array(zeros, dtype=np.float64),
        drawn_outside=np.bincount(holders[holders >= 0], minlength=len(zeros)).astype(
            np.float64
        ),
        draws=np.column_stack(kept) if kept else None,
    )


def within(lower: Vector, upper: Vector, uniform: Vector) -> Vector:
    """lo + U (hi − lo), all (n,)."""
    return lower + uniform * (upper - lower)


def variable_of(
    frame: ModelFrame | None, given: str | ArrayLike, name: str, rows: int
) -> Variable:
    """A variable of the model by its name, or one value a row; (rows,), the rows used."""
    if isinstance(given, str):
        variables = {} if frame is None else frame.variables
        if given not in variables:
            raise DataError(
                f"{name}={given!r} is not a variable of the model. "
                f"{did_you_mean(given, list(variables))}Give one of "
                f"{', '.join(map(repr, variables))}, or the values themselves, one a row."
            )
        return variables[given]
    values = np.asarray(given)
    if frame is not None and values.shape == (frame.n_given,):
        values = values[frame.rows]
    if values.shape != (rows,):
        raise DataError(
            f"{name}= has shape {values.shape} and the model used {rows} rows. "
            "Give one value for each row of the table."
        )
    return read_array(values, name)


def numbers_of(
    frame: ModelFrame | None, given: str | ArrayLike, name: str, rows: int
) -> Vector:
    """As `variable_of`, as numbers; levels are the numbers that they stand for."""
    values = variable_of(frame, given, name, rows)
    if isinstance(values, Factor):
        values = values.keys[values.codes]
    try:
        values = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name}= has values that are not numbers. Give numbers.") from None
    if not np.all(np.isfinite(values)):
        raise DataError(f"{name}= has values that are missing or infinite. Give numbers.")
    return values


def _drawn(
    estimates: Estimates, n: int, condition: Condition, rng: np.random.Generator
) -> Iterator[Vector]:
    source = ResponseDraws.of(estimates)
    for _ in range(n):
        yield source.draw(rng, random="new" if condition == "none" else "modes")


def _against_refits(
    estimates: Estimates,
    n: int,
    condition: Condition,
    group: Codes | None,
    fitted: Vector,
    rng: np.random.Generator,
) -> QuantileResiduals:
    """y − μ̂ at the conditional modes, against the same of fits to draws."""
    zeros: list[int] = []
    squares: list[float] = []
    refits = Refits.of(estimates)

    def of_refits() -> Iterator[Vector]:
        for drawn in _drawn(estimates, n, condition, rng):
            fit = refits.fit(drawn)
            zeros.append(int(np.count_nonzero(_summed(drawn, group) == 0.0)))
            squares.append(float(np.sum(residuals(fit, kind="pearson") ** 2)))
            yield _summed(residuals(fit), group)

    e = _summed(residuals(estimates), group)
    with single_blas_thread():
        found = against_draws(
            e, of_refits(), np.zeros(e.size), discrete=estimates.family.discrete, rng=rng
        )
    return replace(
        found,
        fitted=fitted,
        variance=float(np.sum(residuals(estimates, kind="pearson") ** 2)),
        drawn_variance=np.array(squares),
        zeros=int(np.count_nonzero(_summed(estimates.response.y, group) == 0.0)),
        drawn_zeros=np.array(zeros, dtype=np.float64),
        frame=estimates.frame,
        group=group,
        refitted=True,
    )


def _groups(frame: ModelFrame, by: str | ArrayLike) -> Codes:
    """Which group each row is in, from 0; shape (rows,)."""
    values = variable_of(frame, by, "by", frame.n)
    factor = values if isinstance(values, Factor) else factorize(values)
    found, codes = np.unique(factor.codes, return_inverse=True)
    missing = int(factor.missing.sum())
    if missing or len(found) < 2:
        raise DataError(
            f"by= has {len(found)} groups and {missing} rows without one. "
            "Give a column with two groups or more and no missing values."
        )
    return codes.reshape(-1).astype(np.int32)


def _summed(y: Vector, group: Codes | None) -> Vector:
    return y if group is None else np.bincount(group, weights=y).astype(np.float64)
