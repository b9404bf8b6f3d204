"""Coefficients without a finite maximum likelihood estimate, because the data are separated.

The likelihood of successes never falls along a direction d of β if

    xᵢᵀd ≥ 0 where all trials succeed,   xᵢᵀd ≤ 0 where none does,   xᵢᵀd = 0 elsewhere

and rises if one of these is not 0. For counts with the logarithm as link, xᵢᵀd ≤ 0 where y = 0
and xᵢᵀd = 0 elsewhere. The random effects change nothing: whatever their values, the
likelihood given them rises. A linear program over −1 ≤ d ≤ 1 finds the direction.

As β runs off along d, the rows with xᵢᵀd ≠ 0 are predicted with certainty, and the likelihood
goes to that of the other rows: it determines the functions l'β in the span of the other rows
of X, and no others.

Source: Albert & Anderson (1984), Biometrika 71(1), 1–10; Konis (2007), Linear programming
algorithms for detecting separated data in binary logistic regression models, thesis, Oxford;
Geyer (2009), Likelihood inference in exponential families and directions of recession,
Electron. J. Stat. 3, 259–289.
"""

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of

_MOVED = 1e-7


def separated(model: Fitted | Estimates) -> tuple[str, ...]:
    """Names of the fixed effects that separation makes infinite; none where there is none.

    Parameters
    ----------
    model
        A fitted model. Only binomial responses, and counts with the link log, can be
        separated.

    Returns
    -------
    tuple of str
        Coefficients of the location with a part in some direction along which the likelihood
        only rises.
    """
    estimates = estimates_of(model)
    location = estimates.location
    signs = _signs(estimates)
    if signs is None:
        return ()
    direction = separating_direction(location.fixed.matrix, signs)
    moved = np.abs(direction) > _MOVED
    return tuple(name for name, m in zip(location.fixed.names, moved, strict=True) if m)


def separating_direction(X: Matrix, signs: NDArray[np.int64]) -> Vector:
    """d (p,) with signsᵢ xᵢᵀd ≥ 0, and xᵢᵀd = 0 where the sign is 0; 0 if there is only that.

    X is (n, p); the size of d has no meaning.
    """
    from scipy.optimize import linprog  # noqa: PLC0415 - slow to load, seldom needed

    scale = np.max(np.abs(X), axis=0)
    scale[scale == 0.0] = 1.0
    rows = np.unique(np.column_stack([signs, X / scale]), axis=0)  # replicates say the same
    sign, x = rows[:, 0], rows[:, 1:]
    free, tied = sign != 0, sign == 0
    upward = sign[free, None] * x[free]
    if not upward.size:
        return np.zeros(X.shape[1])
    found = linprog(
        -upward.sum(axis=0),
        A_ub=-upward,
        b_ub=np.zeros(len(upward)),
        A_eq=x[tied] if tied.any() else None,
        b_eq=np.zeros(int(tied.sum())) if tied.any() else None,
        bounds=(-1.0, 1.0),
        method="highs",
    )
    rises = found.status == 0 and -found.fun > 1e-6
    return found.x / scale if rises else np.zeros(X.shape[1])


def _signs(estimates: Estimates) -> NDArray[np.int64] | None:
    """1 where the response pulls η up without end, −1 down, 0 where it holds it."""
    family, response = estimates.family, estimates.response
    if family.counts_trials:
        none, every = response.y <= 0.0, response.y >= response.size
        return every.astype(np.int64) - none.astype(np.int64)
    if family.discrete and family.link.name == "log" and not _is_truncated(estimates):
        return -(response.y <= 0.0).astype(np.int64)
    return None


def _is_truncated(estimates: Estimates) -> bool:
    """Whether zeros say nothing of the location: there are none, or they have a predictor."""
    return "zero_inflation" in estimates.predictors or not np.any(estimates.response.y == 0.0)
