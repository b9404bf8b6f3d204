"""New responses drawn from a fitted model."""

from typing import Literal

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates, PredictorEstimates
from henderson.estimation.prediction_error import lower_factor
from henderson.families import Response
from henderson.prediction import all_predictors, check_choice, effects_at


def simulate(
    estimates: Estimates,
    n: int = 1,
    *,
    rng: np.random.Generator | int | None = None,
    random: Literal["new", "modes"] = "new",
) -> Matrix:
    """Draw responses at the rows of the fit, parameters at their estimates.

        b ~ N(0, Ĝ),   y | b ~ family(η = Xβ̂ + Zb + offset)

    Parameters
    ----------
    n
        Number of draws of the whole response.
    rng
        A generator or a seed. None: another draw every time.
    random
        "new": every draw has its own random effects, from N(0, Ĝ). "modes": all draws keep the
        conditional modes, as if the same levels were observed again.

    Returns
    -------
    array
        (rows, n), a draw a column, for the rows used; a binomial response as the proportion of
        successes out of the trials observed.

    Raises
    ------
    ModelError
        For n below 1 or an unknown choice.
    """
    check_choice("random", random, ("new", "modes"))
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ModelError(f"n={n!r} is not a number of draws. Give a whole number, 1 or more.")
    generator = np.random.default_rng(rng)
    family, size = estimates.family, estimates.response.size
    draws = np.empty((estimates.response.y.size, n))
    eta = all_predictors(estimates)
    for draw in range(n):
        if random == "new":
            eta = np.column_stack(
                [draw_predictor(each, generator) for each in estimates.predictors.values()]
            )
        y = family.simulate(size, eta, generator)
        draws[:, draw] = family.observed(Response.of(y, size))
    return draws


def draw_predictor(predictor: PredictorEstimates, rng: np.random.Generator) -> Vector:
    """η = Xβ̂ + Zb + offset with new b ~ N(0, Ĝ); shape (n,)."""
    eta = predictor.fixed_eta
    for term in predictor.terms:
        g, k = term.modes.shape
        effects = rng.standard_normal((g, k)) @ lower_factor(term.covariance).T
        eta = eta + effects_at(term.design, effects)
    return eta
