"""The parametric bootstrap: any function of a fit over responses drawn from the model.

    y* ~ model(ψ̂),   ψ̂* = fit(y*),   T* = T(ψ̂*)

New random effects are drawn with every response. The spread of T* around T(ψ̂) stands for that
of T(ψ̂) around T(ψ). Each refit starts from the design as it was analysed once. With the share
Φ(z₀) of T* below T, bias-corrected ends are the Φ(2z₀ ± z) quantiles of T*.

Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 6, 13 and 14.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from henderson.arrays import Matrix, Vector
from henderson.design import ModelFrame
from henderson.errors import HendersonError, ModelError, check_choice
from henderson.estimation import FitControl
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.quantiles import normal_quantile
from henderson.refits.joint_refits import JointRefits
from henderson.refits.progress import Progress
from henderson.refits.refitting import Refits
from henderson.refits.replicates import checked_count, replicates, replicates_together
from henderson.simulation import ResponseDraws
from henderson.tables import NativeTable

IntervalKind = Literal["percentile", "basic", "bias-corrected", "normal", "studentized"]
# Estimates are then off by a thousandth of a standard error.
_QUICK = FitControl(hessian="model", tolerance=1e-6)
FAILURES = (HendersonError, np.linalg.LinAlgError, FloatingPointError)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Values of a function over refits."""

    names: tuple[str, ...]
    observed: Vector  # (m,), of the model itself
    draws: Matrix  # (n, m), a refit a row; NaN where it failed
    converged: int  # how many of the n refits did
    frame: ModelFrame
    observed_errors: Vector  # (m,), standard errors of `observed`; NaN where none are known
    errors: Matrix  # (n, m), of `draws`

    @property
    def std_error(self) -> Vector:
        """Standard deviations over the refits, (m,)."""
        return np.nanstd(self.draws, axis=0, ddof=1)

    def intervals(
        self, *, level: float = 0.95, kind: IntervalKind = "percentile"
    ) -> NativeTable:
        """Confidence intervals.

        Parameters
        ----------
        level
            Coverage, between 0 and 1.
        kind
            "percentile": quantiles of T*. "basic": 2T less these, the other way round.
            "bias-corrected": percentiles moved by the share of T* below T. "normal": T less the
            mean of T* − T, ± z standard errors. "studentized": T less the quantiles of
            (T* − T)/se* times se, of what standard errors are known for.

        Returns
        -------
        table
            One row a value: `name`, `estimate`, `std_error`, `lower`, `upper`.

        Raises
        ------
        ModelError
            For a level or a kind that does not exist, or "studentized" without standard errors.
        """
        z = normal_quantile(level)  # refuses levels outside (0, 1)
        check_choice("kind", kind, get_args(IntervalKind))
        if kind == "studentized" and not np.isfinite(self.observed_errors).any():
            raise ModelError(
                "Studentized intervals need the standard error of each refit. Give bootstrap() "
                "a function `errors` of the model, such as lambda m: list(m.bse.values())."
            )
        lower, upper = self._ends(kind, z)
        return self.frame.table(
            {
                "name": list(self.names),
                "estimate": self.observed,
                "std_error": self.std_error,
                "lower": lower,
                "upper": upper,
            }
        )

    def _ends(self, kind: IntervalKind, z: float) -> tuple[Vector, Vector]:
        T, draws = self.observed, self.draws
        if kind == "normal":
            middle, half = 2.0 * T - np.nanmean(draws, axis=0), z * self.std_error
            return middle - half, middle + half
        if kind == "bias-corrected":
            known = np.sum(np.isfinite(draws), axis=0)
            below = np.sum(draws < T, axis=0) + 0.5 * np.sum(draws == T, axis=0)
            share = np.clip(below / np.maximum(known, 1), 0.5 / self.n, 1.0 - 0.5 / self.n)
            z0 = ndtri(share)
            ends = [
                [
                    np.nanquantile(draw, p)
                    for draw, p in zip(draws.T, ndtr(2.0 * z0 + at), strict=True)
                ]
                for at in (-z, z)
            ]
            return np.array(ends[0]), np.array(ends[1])
        if kind == "studentized":
            ends = np.full((2, len(T)), np.nan)
            se, known = self.observed_errors, np.isfinite(self.observed_errors)
            t = (draws - T)[:, known] / self.errors[:, known]
            ends[:, known] = T[known] - np.nanquantile(t, ndtr([z, -z]), axis=0) * se[known]
            return ends[0], ends[1]
        lower, upper = np.nanquantile(draws, ndtr([-z, z]), axis=0)
        return (lower, upper) if kind == "percentile" else (2.0 * T - upper, 2.0 * T - lower)

    @property
    def n(self) -> int:
        """Number of refits."""
        return len(self.draws)


def bootstrap(
    model: Fitted | Estimates,
    function: Callable[[Any], Mapping[str, float] | ArrayLike] | None = None,
    *,
    n: int = 1000,
    rng: np.random.Generator | int | None = None,
    workers: int = 1,
    progress: Progress = False,
    errors: Callable[[Any], ArrayLike] | None = None,
) -> Bootstrap:
    """Refit the model to n responses drawn from it, and take a function of each refit.

    Parameters
    ----------
    model
        A fitted model.
    function
        What to take: of a model such as `model`, a number, several numbers, or a mapping of
        names to numbers. None: the fixed effects, the standard deviations of the random effects
        and the dispersion. With several workers outside Linux it must be defined in a module.
    n
        Number of refits.
    rng
        A generator or a seed; the same draws whatever the number of workers. None: other draws
        every time.
    workers
        Number of processes.
    progress
        True for a progress bar on standard error; a function is called with the number of
        refits done, after each.
    errors
        Standard errors of what `function` takes, of the same models and in the same order, for
        studentized intervals. Without a function, those of the fixed effects of linear models
        are taken.

    Returns
    -------
    Bootstrap
        `names`, `observed`, `draws`, `intervals()`.

    Raises
    ------
    ModelError
        For n below 2, no number of workers, or errors that are not as many as the values.

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
    estimates = estimates_of(model)
    taken = _Taken(model, function, errors)
    names = _named(function or parameters, model if function else estimates)[0]
    observed = taken.of(estimates)
    n = checked_count("n", n, 2)
    joint = None
    if function is None and errors is None and estimates.is_linear:
        joint = JointRefits.of(estimates)
    if joint is None:
        prepare = _Prepare(estimates, taken)
        found = replicates(prepare, n, rng, workers=workers, progress=progress)
    else:
        found = replicates_together(
            _PrepareTogether(joint, taken),
            n,
            rng,
            joint.together,
            workers=workers,
            progress=progress,
        )
    draws = np.full((n, len(observed)), np.nan)
    for draw, (value, _) in zip(draws, found, strict=True):
        if value is not None:
            draw[:] = value
    return Bootstrap(
        names=names,
        observed=observed[: len(names)],
        draws=draws[:, : len(names)],
        converged=sum(converged for _, converged in found),
        frame=estimates.frame,
        observed_errors=observed[len(names) :],
        errors=draws[:, len(names) :],
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    """What is taken of a refit: values, then as many standard errors."""

    model: Any
    function: Callable[[Any], Mapping[str, float] | ArrayLike] | None
    errors: Callable[[Any], ArrayLike] | None

    @property
    def control(self) -> FitControl:
        """As exact as what is taken asks for."""
        return _QUICK if self.function is None and self.errors is None else FitControl()

    def of(self, estimates: Estimates) -> Vector:
        """(2m,) of m values; NaN where there is no standard error."""
        like = _like(self.model, estimates)
        value = _named(self.function or parameters, like if self.function else estimates)[1]
        if self.errors is not None:
            errors = _named(self.errors, like)[1]
            if len(errors) != len(value):
                raise ModelError(
                    f"errors gives {len(errors)} standard errors of {len(value)} values. Give "
                    "one for each, NaN where there is none."
                )
            return np.append(value, errors)
        errors = np.full(len(value), np.nan)
        if self.function is None and estimates.is_linear:
            p = estimates.location.beta.size
            errors[:p] = np.sqrt(np.diag(estimates.vcov)[:p])
        return np.append(value, errors)


@dataclass(frozen=True, slots=True)
class _Prepare:
    """Makes the task of one replicate: a response, a refit, its function."""

    estimates: Estimates
    taken: _Taken

    def __call__(self) -> Callable[[np.random.Generator], tuple[Vector | None, bool]]:
        draws, of_refit = (
            ResponseDraws.of(self.estimates),
            _refitted(self.estimates, self.taken),
        )
        return lambda rng: of_refit(draws.draw(rng))


def _refitted(
    estimates: Estimates, taken: _Taken
) -> Callable[[Vector], tuple[Vector | None, bool]]:
    """Takes a response; what is taken of the refit, or None, and whether that converged."""
    refits = Refits.of(estimates, taken.control)

    def task(y: Vector) -> tuple[Vector | None, bool]:
        try:
            again = refits.fit(y)
            value = taken.of(again)
        except FAILURES:
            return None, False
        return value, again.certificate.converged

    return task


@dataclass(frozen=True, slots=True)
class _PrepareTogether:
    """Makes the task of many replicates: `parameters` of a linear model's joint refits."""

    joint: JointRefits
    taken: _Taken

    def __call__(
        self,
    ) -> Callable[[Sequence[np.random.Generator]], list[tuple[Vector | None, bool]]]:
        draws = ResponseDraws.of(self.joint.estimates)
        alone: list[Callable[[Vector], tuple[Vector | None, bool]]] = []

        def task(generators: Sequence[np.random.Generator]) -> list[tuple[Vector | None, bool]]:
            y = [draws.draw(rng) for rng in generators]
            fits = self.joint.fit(y)
            values = np.column_stack([fits.beta, *fits.standard_deviations, fits.sigma])
            errors = np.full(values.shape, np.nan)
            errors[:, : fits.beta.shape[1]] = fits.std_error
            if not alone and not fits.found.all():
                alone.append(_refitted(self.joint.estimates, self.taken))
            both = np.hstack([values, errors])
            return [
                (value, True) if found else alone[0](y[i])
                for i, (value, found) in enumerate(zip(both, fits.found, strict=True))
            ]

        return task


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
            with np.errstate(over="ignore"):
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
