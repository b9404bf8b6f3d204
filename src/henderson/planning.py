"""Models stated before there are data: what they would generate, and the power of tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import ArrayLike

from henderson.arrays import Matrix
from henderson.design.model_frame import PerRow
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.families import Family
from henderson.fitting import specified
from henderson.inference import Power, power
from henderson.inference.power.simulated_power import Extend, Test
from henderson.inference.power.stated_estimates import stated_estimates
from henderson.links import Link
from henderson.refits.progress import Progress
from henderson.simulation import simulate


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StatedModel:
    """A model with stated parameters over a design, as `henderson.stated_model` returns it."""

    estimates: Estimates

    def simulate(self, n: int = 1, *, rng: np.random.Generator | int | None = None) -> Matrix:
        """Responses drawn from the model, a draw a column; see `simulation.simulate`."""
        return simulate(self.estimates, n, rng=rng)

    def power(
        self,
        test: Test = None,
        *,
        n: int = 1000,
        extend: Extend | None = None,
        repeat: int = 1,
        alpha: float = 0.05,
        rng: np.random.Generator | int | None = None,
        workers: int = 1,
        progress: Progress = False,
    ) -> Power:
        """Power of tests by simulation; see `inference.power`."""
        return power(
            self,
            test,
            n=n,
            extend=extend,
            repeat=repeat,
            alpha=alpha,
            rng=rng,
            workers=workers,
            progress=progress,
        )

    def __repr__(self) -> str:
        at = self.estimates
        levels = [
            f"{term.design.group} {term.design.n_levels}"
            for each in at.predictors.values()
            for term in each.terms
        ]
        return f"Stated model: {at.specification.formula.text}, {at.frame.n} rows" + (
            f"; levels: {', '.join(levels)}" if levels else ""
        )


def stated_model(
    formula: str,
    data: object,
    *,
    params: Mapping[str, float],
    variances: Mapping[str, float | ArrayLike] | None = None,
    sigma: float | None = None,
    others: Mapping[str, Mapping[str, float]] | None = None,
    family: str | Family = "gaussian",
    link: str | Link | None = None,
    method: Literal["ML", "REML"] | None = None,
    weights: PerRow = None,
    offset: PerRow = None,
    dispersion: str | None = None,
    zero_inflation: str | None = None,
    contrasts: str | Mapping[str, str] | None = None,
) -> StatedModel:
    """State a model's parameters instead of estimating them, to plan an experiment.

    Parameters
    ----------
    formula
        As in `fit`.
    data
        The design of the experiment: a row for each observation to be made. The response need
        not be there.
    params
        A number for each coefficient of the location, on the scale of the linear predictor,
        under the names that `fit` gives them.
    variances
        For each random term, by its group ("Block:Variety") or its text ("(1 | Block)"): the
        variance of its effects; with several effects, their covariance matrix.
    sigma
        The dispersion parameter: the residual standard deviation of a Gaussian response, and
        what the family calls its dispersion else.
    others
        Coefficients of other linear predictors: {"zero_inflation": {"(Intercept)": -1}}.
    family, link, method, weights, offset, dispersion, zero_inflation, contrasts
        As in `fit`; `method` is what responses drawn from the model are fitted by.

    Returns
    -------
    StatedModel
        With `power()` and `simulate()`.

    Raises
    ------
    HendersonError
        For anything wrong with the formula, the data or the parameters.

    Examples
    --------
    >>> import henderson as hd
    >>> design = {"pen": [f"p{i // 4}" for i in range(24)], "diet": ["old", "new"] * 12}
    >>> model = hd.stated_model(
    ...     "gain ~ diet + (1 | pen)",
    ...     design,
    ...     params={"(Intercept)": 50.0, "dietold": -4.0},
    ...     variances={"pen": 9.0},
    ...     sigma=3.0,
    ... )
    >>> model
    Stated model: gain ~ diet + (1 | pen), 24 rows; levels: pen 6
    >>> model.power("diet", n=20, rng=1).table()["power"].tolist()
    [0.85]
    """
    specification = specified(
        formula,
        family=family,
        link=link,
        method=method,
        weights=weights,
        offset=offset,
        dispersion=dispersion,
        zero_inflation=zero_inflation,
        contrasts=contrasts,
    )
    stated: dict[str, Mapping[str, float]] = {"location": params, **(others or {})}
    for name in stated:
        if name not in specification.family.predictors:
            raise ModelError(
                f"The {specification.family.name} family has no {name!r}. Its linear "
                f"predictors: {', '.join(specification.family.predictors)}."
            )
    if sigma is not None:
        stated["dispersion"] = {"(Intercept)": _log(sigma), **stated.get("dispersion", {})}
    estimates = stated_estimates(
        specification,
        data,
        params=stated,
        variances={} if variances is None else variances,
        weights=weights,
        offset=offset,
    )
    return StatedModel(estimates)


def _log(sigma: Any) -> float:  # noqa: ANN401
    if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not sigma > 0.0:
        raise ModelError(f"sigma={sigma!r} is not above 0. Give a number such as sigma=1.5.")
    return float(np.log(sigma))
