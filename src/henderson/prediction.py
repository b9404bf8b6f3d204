"""Predictions, fitted values and residuals, with intervals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray

from henderson.arrays import Matrix, Vector
from henderson.design import NewRandom, RandomDesign, new_design
from henderson.design.columns import open_table
from henderson.design.evaluation import columns_used
from henderson.design.model_frame import PerRow
from henderson.design.new_data import new_positions
from henderson.errors import DataError, ModelError, check_choice
from henderson.estimation.estimates import ErrorEstimates, Estimates
from henderson.estimation.matrices import error_whitening, row_precisions
from henderson.estimation.prediction_error import prediction_variance
from henderson.estimation.unobserved_effects import between
from henderson.families import Response
from henderson.formula.syntax_tree import parse_expression
from henderson.quantiles import normal_quantile
from henderson.tables import NativeTable

Kind = Literal["response", "link", "probabilities"]
Interval = Literal["confidence", "prediction"]
ResidualKind = Literal["response", "pearson", "deviance", "normalized"]

NODES = np.linspace(-4.0, 4.0, 41)  # of η, in standard errors around its prediction
NO_LEVEL = "\0 no level"


def predict(
    estimates: Estimates,
    new: NativeTable | None = None,
    *,
    kind: Kind = "response",
    random: bool | None = True,
    interval: Interval | None = None,
    level: float = 0.95,
    offset: PerRow = None,
    size: ArrayLike | None = None,
) -> NativeTable:
    """The linear predictor or the mean, at observed or new data.

        η̂ = x'β̂ + z'b̂ + offset,   μ̂ = h(η̂)

    Parameters
    ----------
    new
        A table or dict of columns with the variables of the formula; None for the rows of the
        fit. A row with a missing value gets not-a-number.
    kind
        "response": μ̂, a binomial one as a proportion. "link": η̂. "probabilities": of each of
        the ordered categories that the response is one of.
    random
        True: with the conditional modes; a level that the fit has not seen has mode 0, the
        population's. False: at b = 0, for which the grouping columns are not needed. None: with
        the modes of those random terms whose grouping columns `new` has.
    interval
        "confidence": for η̂ (or h of its ends). "prediction": for a new observation. None: no
        interval.
    level
        Coverage of the interval, between 0 and 1.
    offset
        For new data, replaces the offset argument of the fit: a column's name, an expression or
        one value a row.
    size
        For prediction intervals at new data: trials of a binomial observation, precision weight
        of a Gaussian one. One value or one a row; 1 unless given.

    Returns
    -------
    array or table
        Without an interval the predictions, (m,), or a table with a column for each category
        of their probabilities. With an interval, a table: `prediction`, `std_error`
        (of η̂, or by the delta method of μ̂), `lower`, `upper`.

    Raises
    ------
    DataError
        For a missing column, an unknown level of a fixed factor, a `size` that is not above 0.
    ModelError
        For an option that does not exist.

    Notes
    -----
    The standard error counts the estimation of β and, where random effects are included, of b
    with their covariance; a level not seen has the variance of its term. For a Gaussian
    response with the identity link the variances are taken as known; for other families the
    estimation of all parameters counts (see `estimation.prediction_error`). Quantiles are
    normal.

    For a Gaussian response with the identity link, the prediction interval is

        η̂ ± z₁₋α/₂ √(se² + σ²/size)

    (the variance of the row's position and group where residuals vary together),
    where se² includes z'Gz of every term not included in the prediction: at `random=False`, it
    is for an observation in levels not seen. For other families the ends of the interval are
    quantiles of the mixture of the family's distributions over η ~ N(η̂, se²), computed from
    their distribution functions, not by simulation.

    Effects at times and places and of relatives that no row has are predicted by those that
    rows have, where the structure says how they are related: see
    `estimation.unobserved_effects`.

    At `random=False`, h(x'β̂) is the mean where all random effects are 0, not the mean over the
    population of levels, unless the link is the identity.

    Source: Henderson (1975), Biometrics 31(2), 423–447.
    """
    check_choice("kind", kind, ("response", "link", "probabilities"))
    check_choice("interval", interval, (None, "confidence", "prediction"))
    rows = rows_at(
        estimates, new, random=random, offset=offset, all_terms=interval == "prediction"
    )
    eta = linear_predictor(estimates, "location", rows)
    if kind == "probabilities":
        return _probability_table(estimates, eta, new, interval)
    if interval is None:
        return eta if kind == "link" else _mean(estimates, eta, new)
    z = normal_quantile(level)
    if interval == "confidence":
        _refuse_mean_of_several(estimates, kind)
        se = np.sqrt(prediction_variance(estimates, "location", rows.matrix, rows.used))
        return _confidence_table(estimates, eta, se, z, kind)
    if kind == "link" and not estimates.family.is_quadratic:
        raise ModelError(
            'A prediction interval is for an observation, so it needs kind="response". '
            'For the linear predictor give interval="confidence".'
        )
    se = np.sqrt(prediction_variance(estimates, "location", rows.matrix, _with_unseen(rows)))
    eta_all = np.column_stack([eta, *_other_predictors(estimates, new, len(eta))])
    sizes = _sizes(estimates, new, size, len(eta))
    return _prediction_table(estimates, eta_all, se, sizes, level)


def fitted(estimates: Estimates, *, kind: Kind = "response") -> Vector:
    """Fitted values at the conditional modes, (n,).

    Parameters
    ----------
    kind
        "response": the mean μ̂, a binomial one as a proportion. "link": the linear predictor.

    Returns
    -------
    array
        One value for each row used, in the order of the table.
    """
    check_choice("kind", kind, ("response", "link"))
    if kind == "link":
        return estimates.location.eta.copy()
    return estimates.family.mean(all_predictors(estimates))


def residuals(estimates: Estimates, *, kind: ResidualKind = "response") -> Vector:
    """Residuals at the conditional modes, (n,).

    Parameters
    ----------
    kind
        "response": y − μ̂. "pearson": (y − μ̂) √w / sd(y | b), w the weight of the row.
        "normalized": L⁻¹(y − μ̂), R = LLᵀ within subjects, where residuals vary together; else
        those of Pearson. "deviance": sign(y − μ̂) √(w d), d the row's unit deviance; for a
        Gaussian response in units of y.

    Returns
    -------
    array
        One value for each row used; the binomial y is the proportion of successes.
    """
    check_choice("kind", kind, ("response", "pearson", "deviance", "normalized"))
    family, response = estimates.family, estimates.response
    eta = all_predictors(estimates)
    raw = family.observed(response) - family.mean(eta)
    if kind == "response":
        return raw
    if kind == "normalized" and estimates.errors is not None:
        scaled = raw * np.sqrt(row_precisions(estimates))
        return error_whitening(estimates).white(scaled[:, None])[:, 0]
    if kind in {"pearson", "normalized"}:
        return raw * np.sqrt(response.weight / family.variance(eta, response.size))
    return np.sign(raw) * np.sqrt(response.weight * family.unit_deviance(response, eta))


@dataclass(frozen=True, slots=True)
class PredictedRows:
    """m rows of a linear predictor; `used` has None for a random term that is left out."""

    matrix: Matrix  # (m, p)
    offset: Vector  # (m,)
    random: tuple[NewRandom, ...]  # of all terms, or none; code −1: a level not seen
    used: tuple[NewRandom | None, ...]


def rows_at(
    estimates: Estimates,
    new: NativeTable | None,
    *,
    random: bool | None = True,
    offset: PerRow = None,
    all_terms: bool = False,
    name: str = "location",
) -> PredictedRows:
    """The rows of linear predictor `name` at new data, or those of the fit.

    Random terms that are left out need their effects' columns only for `all_terms`.
    """
    predictor = estimates.predictors[name]
    designs = [term.design for term in predictor.terms]
    if new is None:
        if offset is not None:
            raise ModelError("offset= is for new data. Give new=, or leave offset out.")
        given = tuple(NewRandom(d.codes, d.values, d.columns) for d in designs)
        used = given if random is not False else (None,) * len(given)
        return PredictedRows(predictor.fixed.matrix, predictor.offset, given, used)
    groupings = [_columns_of(design.factors) for design in designs]
    absent = set().union(*groupings) - set(open_table(new).names)
    if random is True and absent:
        raise DataError(
            f"The new data have no column {min(absent)!r}, a grouping factor of the fit. Add "
            "it, or predict without its random effects: random=False for none, random=None "
            "for those whose columns are there."
        )
    in_fixed = _columns_of(predictor.fixed.recipe.terms.variables)
    use = [random is not False and not columns & absent for columns in groupings]
    need = [position for position, used in enumerate(use) if used or all_terms]
    formula = estimates.frame.formulas[list(estimates.predictors).index(name)]
    at = new_design(
        estimates.frame,
        formula,
        predictor.fixed,
        [designs[position] for position in need],
        _with_columns(new, absent - in_fixed) if all_terms else new,
        offset=offset,
        between=[
            between(predictor.terms[position], estimates.specification.matrices)
            for position in need
        ],
    )
    found = dict(zip(need, at.random, strict=True))
    in_use = tuple(found[i] if used else None for i, used in enumerate(use))
    return PredictedRows(at.matrix, at.offset, at.random, in_use)


def _columns_of(expressions: Iterable[str]) -> set[str]:
    """The columns that some expressions of the formula read."""
    return {name for text in expressions for name in columns_used(parse_expression(text))}


def linear_predictor(estimates: Estimates, name: str, rows: PredictedRows) -> Vector:
    """η̂ = x'β̂ + z'b̂ + offset, (m,), with the terms that `rows` uses."""
    predictor = estimates.predictors[name]
    eta = rows.matrix @ predictor.beta + rows.offset
    for term, used in zip(predictor.terms, rows.used, strict=True):
        if used is not None:
            eta = eta + effects_at(used, term.modes)
    return eta


def effects_at(random: NewRandom | RandomDesign, effects: Matrix) -> Vector:
    """z'b of each row, (m,), for effects b (g, k) of one term; 0 at a level not seen."""
    codes = random.codes
    if random.columns is None:
        products = random.values * effects[codes]
    else:
        products = random.values * effects[codes[:, None], random.columns]
    return np.where(codes < 0, 0.0, products.sum(axis=1))


def all_predictors(estimates: Estimates) -> Matrix:
    """η of all linear predictors at the conditional modes, (n, K)."""
    return np.column_stack([each.eta for each in estimates.predictors.values()])


def _confidence_table(
    estimates: Estimates, eta: Vector, se: Vector, z: float, kind: Kind
) -> NativeTable:
    ends = np.stack([eta - z * se, eta + z * se])
    if kind == "link":
        return _interval_table(estimates, eta, se, ends)
    at = estimates.family.link.inverse(eta)
    turn = np.clip(0.0, ends[0], ends[1])  # where a link that is not monotone turns: the sqrt
    means = estimates.family.link.mean(np.stack([*ends, turn]))
    return _interval_table(estimates, at.mu, np.abs(at.dmu) * se, means)


def _interval_table(
    estimates: Estimates, prediction: Vector, se: Vector, ends: Matrix
) -> NativeTable:
    return estimates.frame.table(
        {
            "prediction": prediction,
            "std_error": se,
            "lower": ends.min(axis=0),
            "upper": ends.max(axis=0),
        }
    )


def _probability_table(
    estimates: Estimates, eta: Vector, new: NativeTable | None, interval: Interval | None
) -> NativeTable:
    """A column of probabilities for each ordered category; eta (m,) of the location."""
    family = estimates.family
    if not family.categories:
        raise ModelError(
            f'kind="probabilities" is for ordered categories, which the {family.name} family '
            'does not have. Give kind="response" for the mean.'
        )
    if interval is not None:
        raise ModelError(
            "There are no intervals of probabilities of categories. Leave interval= out, or "
            'give kind="link" for that of the location.'
        )
    found = family.probabilities(
        np.column_stack([eta, *_other_predictors(estimates, new, len(eta))])
    )
    return estimates.frame.table(dict(zip(family.categories, found.T, strict=True)))


def _mean(estimates: Estimates, eta: Vector, new: NativeTable | None) -> Vector:
    """The mean of the response at the rows predicted; eta (m,) of the location."""
    if estimates.family.mean_is_of_location:
        return estimates.family.link.mean(eta)
    others = _other_predictors(estimates, new, len(eta))
    return estimates.family.mean(np.column_stack([eta, *others]))


def _error_log_sd(residual: ErrorEstimates, new: NativeTable) -> Vector | float:
    """The logarithm of the residual standard deviations at new rows, (m,), or one for all."""
    variances = np.array([np.diag(matrix) for matrix in residual.covariances])
    if np.ptp(variances) <= 1e-9 * variances[0, 0]:
        return 0.5 * float(np.log(variances[0, 0]))
    group, position = new_positions(
        residual.design, new, same=bool(np.all(np.ptp(variances, axis=1) <= 0.0))
    )
    return 0.5 * np.log(variances[group, position])


def _refuse_mean_of_several(estimates: Estimates, kind: Kind) -> None:
    if kind == "response" and not estimates.family.mean_is_of_location:
        raise ModelError(
            f"The mean of the {estimates.family.name} family depends on several linear "
            'predictors, and a confidence interval is for one. Give kind="link" for that of '
            'the location, or interval="prediction" for an interval for an observation.'
        )


def _with_unseen(rows: PredictedRows) -> tuple[NewRandom, ...]:
    """The effects of all terms; one left out of the prediction, at a level not seen."""
    return tuple(
        replace(every, codes=np.full_like(every.codes, -1)) if used is None else used
        for used, every in zip(rows.used, rows.random, strict=True)
    )


def _prediction_table(
    estimates: Estimates, eta: Matrix, se: Vector, size: Vector, level: float
) -> NativeTable:
    """Intervals for one new observation a row; eta (m, K), se (m,) of the location."""
    family, tail = estimates.family, 0.5 - level / 2.0
    mean, slope = _mean_and_slope(estimates, eta)
    if family.is_quadratic:
        half = normal_quantile(level) * np.sqrt(se**2 + family.variance(eta, size))
        ends = np.stack([mean - half, mean + half])
    else:
        known = _allowed(estimates, eta)
        ends = np.full((2, len(eta)), np.nan)
        for end, probability in zip(ends, (tail, 1.0 - tail), strict=True):
            end[known] = _mixture_quantile(
                estimates, probability, eta[known], se[known], size[known]
            )
    return _interval_table(estimates, mean, np.abs(slope) * se, ends)


def _mean_and_slope(estimates: Estimates, eta: Matrix) -> tuple[Vector, Vector]:
    """The mean of the response and its derivative in the location; eta (m, K), (m,) each."""
    family = estimates.family
    if family.mean_is_of_location:
        at = family.link.inverse(eta[:, 0])
        return at.mu, at.dmu
    step = np.zeros(eta.shape[1])
    step[0] = 1e-5
    return family.mean(eta), (family.mean(eta + step) - family.mean(eta - step)) / 2e-5


def _mixture_quantile(
    estimates: Estimates, probability: float, eta: Matrix, se: Vector, size: Vector
) -> Vector:
    """The smallest y with Σⱼ wⱼ F(y | η̂ + se xⱼ) ≥ probability, as observed; shape (m,).

    wⱼ ∝ φ(xⱼ) at equally spaced xⱼ, the trapezoidal rule for a normal η, over those where the
    family has a mean. The quantile lies between those of the components with the smallest and
    the largest mean (every family is stochastically ordered by its mean), and is found between
    them by bisection.
    """
    family = estimates.family
    m, nodes = len(eta), NODES.size
    spread = np.repeat(eta, nodes, axis=0)
    spread[:, 0] += (se[:, None] * NODES).ravel()
    sizes = np.repeat(size, nodes)
    allowed = _allowed(estimates, spread).reshape(m, nodes)
    weights = np.where(allowed, np.exp(-0.5 * NODES**2), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)

    def below(y: Vector) -> Vector:
        each = family.cdf(np.repeat(y, nodes), sizes, spread).reshape(m, nodes)
        return np.where(allowed, weights * each, 0.0).sum(axis=1)

    means, first = family.mean(spread).reshape(m, nodes), nodes * np.arange(m)
    p = np.full(m, probability)
    lowest = first + np.where(allowed, means, np.inf).argmin(axis=1)
    highest = first + np.where(allowed, means, -np.inf).argmax(axis=1)
    low = family.quantile(p, size, spread[lowest])
    high = family.quantile(p, size, spread[highest])
    step = 1.0 if family.discrete else 0.0
    for _ in range(60):
        middle = np.floor((low + high) / 2.0) if family.discrete else (low + high) / 2.0
        enough = below(middle) >= probability
        high = np.where(enough, middle, high)
        low = np.where(enough, low, np.minimum(middle + step, high))
        if np.all(high - low <= (0.0 if family.discrete else 1e-9 * np.abs(high))):
            break
    return family.observed(Response.of(high, size))


def _allowed(estimates: Estimates, eta: Matrix) -> NDArray[np.bool_]:
    """Which rows of η (m, K) give a mean that the family can have: y has a density there."""
    response = estimates.response
    one = Response.of(np.full(len(eta), response.y[0]), response.size[0])
    return np.isfinite(estimates.family.log_density(one, eta).value)


def _other_predictors(estimates: Estimates, new: NativeTable | None, m: int) -> list[Vector]:
    """η of the predictors after the location, at the rows predicted; (m,) each."""
    etas: list[Vector] = []
    for name, predictor in estimates.predictors.items():
        if name == "location":
            continue
        if new is None:
            etas.append(predictor.eta)
        elif estimates.errors is not None:
            rows = rows_at(estimates, new, name=name)
            added = linear_predictor(estimates, name, rows)
            etas.append(added + _error_log_sd(estimates.errors, new))
        elif predictor.fixed.names == ("(Intercept)",) and not predictor.terms:
            etas.append(np.full(m, predictor.beta[0]))
        else:
            rows = rows_at(estimates, new, random=None, name=name)
            etas.append(linear_predictor(estimates, name, rows))
    return etas


def _sizes(
    estimates: Estimates, new: NativeTable | None, size: ArrayLike | None, m: int
) -> Vector:
    """Trials or precision weights of the rows predicted, (m,)."""
    if new is None and size is None:
        return estimates.response.size
    given = np.asarray(1.0 if size is None else size, dtype=np.float64)
    if given.shape not in {(), (m,)} or not np.all(given > 0.0):
        raise DataError(
            f"size has shape {given.shape} or values that are not above 0, for {m} rows to "
            "predict. Give one number above 0, or one for each row."
        )
    return np.full(m, given)


def _with_columns(new: NativeTable, absent: set[str]) -> NativeTable:
    """`new` with a column for each name, of a text that is no level of the fit."""
    if not absent:
        return new
    if isinstance(new, Mapping):
        m = open_table(new).n
        return {**new, **{name: [NO_LEVEL] * m for name in absent}}
    frame: Any = nw.from_native(new)
    return frame.with_columns(
        nw.lit(NO_LEVEL).alias(name) for name in sorted(absent)
    ).to_native()
