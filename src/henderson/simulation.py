"""New responses drawn from a fitted model."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError, check_choice
from henderson.estimation.estimates import Estimates, PredictorEstimates
from henderson.estimation.matrices import error_whitening, row_precisions
from henderson.estimation.term_matrices import lower_factor
from henderson.families import Response
from henderson.likelihood.error_blocks import Whitening
from henderson.prediction import all_predictors, effects_at
from henderson.randomness import generator_of


def simulate(
    estimates: Estimates,
    n: int = 1,
    *,
    rng: np.random.Generator | int | None = None,
    random: Literal["new", "modes"] = "new",
) -> Matrix:
    """Draw responses at the rows of the fit, parameters at their estimates.

        b ~ N(0, Ĝ),   y | b ~ family(η = Xβ̂ + Zb + offset)

    Gaussian residuals that vary together are drawn together, e ~ N(0, R̂).

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
    generator = generator_of(rng)
    family, size = estimates.family, estimates.response.size
    draws = np.empty((estimates.response.y.size, n))
    source = ResponseDraws.of(estimates)
    for draw in range(n):
        y = source.draw(generator, random=random)
        draws[:, draw] = family.observed(Response.of(y, size))
    return draws


@dataclass(frozen=True, slots=True)
class ResponseDraws:
    """Responses of a fitted model one after another, on the scale of `response.y`."""

    estimates: Estimates
    modes: Matrix  # η of all predictors at the conditional modes, (n, K)
    whitening: Whitening | None  # of residuals that vary together

    @classmethod
    def of(cls, estimates: Estimates) -> Self:
        """Of a model; what draws share is computed once."""
        return cls(
            estimates,
            all_predictors(estimates),
            None if estimates.errors is None else error_whitening(estimates),
        )

    def draw(
        self, rng: np.random.Generator, *, random: Literal["new", "modes"] = "new"
    ) -> Vector:
        """One y, (n,), with new random effects or those of the conditional modes."""
        estimates, eta = self.estimates, self.modes
        size = estimates.response.size
        if random == "new":
            eta = np.column_stack(
                [draw_predictor(each, rng) for each in estimates.predictors.values()]
            )
        if self.whitening is None:
            y = estimates.family.simulate(size, eta, rng)
            return np.asarray(y, dtype=np.float64)
        white = rng.standard_normal((len(size), 1))
        return eta[:, 0] + self.whitening.colour(white)[:, 0] / np.sqrt(
            row_precisions(estimates)
        )


def draw_response(estimates: Estimates, rng: np.random.Generator) -> Vector:
    """One y with its own random effects, on the scale of `response.y`; shape (n,)."""
    return ResponseDraws.of(estimates).draw(rng)


def draw_predictor(predictor: PredictorEstimates, rng: np.random.Generator) -> Vector:
    """η = Xβ̂ + Zb + offset with new b ~ N(0, Ĝ); shape (n,)."""
    eta = predictor.fixed_eta
    for term in predictor.terms:
        g, k = term.modes.shape
        effects = rng.standard_normal((g, k)) @ lower_factor(term.covariance).T
        eta = eta + effects_at(term.design, effects)
    return eta
