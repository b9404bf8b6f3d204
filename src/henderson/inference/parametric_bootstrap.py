"""The parametric bootstrap: any function of a fit over responses drawn from the model.

    y* ~ model(ψ̂),   ψ̂* = fit(y*),   T* = T(ψ̂*)

New random effects are drawn with every response. The spread of T* around T(ψ̂) stands for that
of T(ψ̂) around T(ψ). Each refit starts from the design as it was analysed once.

Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 6 and 13.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from henderson.arrays import Matrix, Vector
from henderson.design import ModelFrame
from henderson.errors import HendersonError, ModelError
from henderson.estimation.estimates import Estimates
from henderson.inference.anova_tables import Fitted, estimates_of
from henderson.inference.refitting import refit
from henderson.prediction import NativeTable, check_choice, normal_quantile
from henderson.simulation import draw_predictor

_FAILURES = (HendersonError, np.linalg.LinAlgError, FloatingPointError)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Values of a function over refits."""

    names: tuple[str, ...]
    observed: Vector  # (m,), of the model itself
    draws: Matrix  # (n, m), a refit a row; NaN where it failed
    converged: int  # how many of the n refits did
    frame: ModelFrame

    @property
    def std_error(self) -> Vector:
        """Standard deviations over the refits, (m,)."""
        return np.nanstd(self.draws, axis=0, ddof=1)

    def intervals(
        self, *, level: float = 0.95, kind: Literal["percentile", "basic"] = "percentile"
    ) -> NativeTable:
        """Confidence intervals.

        Parameters
        ----------
        level
            Coverage, between 0 and 1.
        kind
            "percentile": quantiles of T*. "basic": 2T less these, the other way round.

        Returns
        -------
        table
            One row a value: `name`, `estimate`, `std_error`, `lower`, `upper`.
        """
        normal_quantile(level)  # refuses levels outside (0, 1)
        check_choice("kind", kind, ("percentile", "basic"))
        tail = 0.5 * (1.0 - level)
        lower, upper = np.nanquantile(self.draws, [tail, 1.0 - tail], axis=0)
        if kind == "basic":
            lower, upper = 2.0 * self.observed - upper, 2.0 * self.observed - lower
        return self.frame.table(
            {
                "name": list(self.names),
                "estimate": self.observed,
                "std_error": self.std_error,
                "lower": lower,
                "upper": upper,
            }
        )


def bootstrap(
    model: Fitted | Estimates,
    function: Callable[[Any], Mapping[str, float] | ArrayLike] | None = None,
    *,
    n: int = 1000,
    rng: np.random.Generator | int | None = None,
    report: Callable[[int], None] | None = None,
) -> Bootstrap:
    """Refit the model to n responses drawn from it, and take a function of each refit.

    Parameters
    ----------
    model
        A fitted model.
    function
        What to take: of a model such as `model`, a number, several numbers, or a mapping of
        names to numbers. None: the fixed effects, the standard deviations of the random effects
        and the dispersion.
    n
        Number of refits.
    rng
        A generator or a seed. None: other draws every time.
    report
        Called with the number of refits done, after each: for a progress bar.

    Returns
    -------
    Bootstrap
        `names`, `observed`, `draws`, `intervals()`.

    Raises
    ------
    ModelError
        For n below 2.

    Notes
    -----
    A refit that fails, such as to a response that is constant, is a row of NaN and left out of
    intervals. A singular refit is no failure.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> found = bootstrap(model, lambda m: {"sigma": m.sigma}, n=20, rng=1)
    >>> found.names, found.draws.shape
    (('sigma',), (20, 1))
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 2:
        raise ModelError(f"n={n!r} is not a number of refits. Give a whole number, 2 or more.")
    estimates = estimates_of(model)
    names, observed = _named(function or parameters, model if function else estimates)
    draws, converged = np.full((n, len(observed)), np.nan), 0
    for i, generator in enumerate(np.random.default_rng(rng).spawn(n)):
        try:
            again = refit(estimates, y=draw_response(estimates, generator))
            converged += again.certificate.converged
            _, draws[i] = (
                _named(function, _like(model, again)) if function else _named(parameters, again)
            )
        except _FAILURES:
            pass
        if report is not None:
            report(i + 1)
    return Bootstrap(names, observed, draws, converged, estimates.frame)


def draw_response(estimates: Estimates, rng: np.random.Generator) -> Vector:
    """One y with its own random effects, on the scale of `response.y`; shape (n,)."""
    eta = np.column_stack([draw_predictor(each, rng) for each in estimates.predictors.values()])
    return np.asarray(estimates.family.simulate(estimates.response.size, eta, rng), np.float64)


def parameters(estimates: Estimates) -> dict[str, float]:
    """Fixed effects, standard deviations of the random effects, dispersion parameters."""
    found = dict(
        zip(estimates.location.fixed.names, estimates.location.beta.tolist(), strict=True)
    )
    for each in estimates.predictors.values():
        of = "" if each.name == "location" else f"{each.name}: "
        for term in each.terms:
            sd = np.sqrt(np.diag(term.covariance))
            for effect, value in zip(term.design.effects, sd.tolist(), strict=True):
                found[f"{of}sd {effect} | {term.design.group}"] = value
        if each.name != "location" and each.beta.size == 1:
            found[each.name] = float(np.exp(each.beta[0]))
    return found


def _like(model: Fitted | Estimates, estimates: Estimates) -> Any:  # noqa: ANN401
    """The refit as the same kind of object as the model."""
    if isinstance(model, Estimates):
        return estimates
    return replace(model, estimates=estimates)  # pyright: ignore[reportArgumentType]


def _named(
    function: Callable[[Any], Mapping[str, float] | ArrayLike],
    model: Any,  # noqa: ANN401
) -> tuple[tuple[str, ...], Vector]:
    value = function(model)
    if isinstance(value, Mapping):
        return tuple(map(str, value)), np.array(list(value.values()), dtype=np.float64)
    numbers = np.atleast_1d(np.asarray(value, dtype=np.float64)).ravel()
    names = ("value",) if len(numbers) == 1 else tuple(f"value{i}" for i in range(len(numbers)))
    return names, numbers
