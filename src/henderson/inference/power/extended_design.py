"""A fitted model over more data than there are: more levels of a group, or more rows.

New levels of a grouping factor repeat the rows of the first, second, ... level there is, with
levels of their own of every factor nested in it. The parameters stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.design import ErrorDesign, FixedDesign, ModelFrame, random_design
from henderson.design.columns import Variable
from henderson.design.error_design import error_design
from henderson.design.evaluation import columns_used
from henderson.design.factors import Factor, factorize
from henderson.design.model_matrix import assemble, known_values
from henderson.design.response import ObservedResponse
from henderson.design.variable_functions import evaluator
from henderson.errors import DataError, ModelError, did_you_mean
from henderson.estimation.estimates import Estimates
from henderson.estimation.fit_result import PredictorFit, TermFit
from henderson.estimation.model_design import PredictorDesign
from henderson.families import Response
from henderson.formula import Formula
from henderson.formula.syntax_tree import parse_expression
from henderson.simulation import draw_response


def extended(estimates: Estimates, extend: Mapping[str, int], *, repeat: int = 1) -> Estimates:
    """The model with its parameters over an extended design.

    Parameters
    ----------
    estimates
        A fitted or stated model.
    extend
        Grouping factors and how many levels they are to have; fewer than there are keeps the
        first ones.
    repeat
        How often each row is observed.

    Returns
    -------
    Estimates
        With a response drawn from the model, and conditional modes of 0.

    Raises
    ------
    DataError
        For a name that is no grouping factor, or one that has fixed effects, too.
    ModelError
        For fewer than two levels, or so few that fixed effects cannot be estimated; for
        `repeat` where residuals vary together, whose subjects have one row at each position.
    """
    if repeat > 1 and estimates.errors is not None:
        raise ModelError(
            f"repeat={repeat} gives the subjects of {estimates.errors.design.term.text} "
            "several rows at one position. Extend the subjects instead, as in "
            f"extend={{{estimates.errors.design.label!r}: 40}}."
        )
    frame = estimates.frame
    take = np.arange(frame.n)
    variables = dict(frame.variables)
    for name, levels in extend.items():
        _require_grouping(estimates, name)
        copies = _relabelled(estimates, name)
        rows, copy = _chosen(levels, name, variables)
        variables = {k: _taken(v, rows) for k, v in variables.items()}
        for other in copies:
            variables[other] = _with_copies(variables[other], copy)
        take = take[rows]
    if repeat > 1:
        rows = np.repeat(np.arange(len(take)), repeat)
        each_row = [n for n in _grouping_columns(estimates) if _is_of_rows(variables[n])]
        variables = {k: _taken(v, rows) for k, v in variables.items()}
        for other in each_row:
            variables[other] = factorize(np.arange(len(rows)))
        take = take[rows]
    variables = {
        k: v.without_unused_levels() if isinstance(v, Factor) else v
        for k, v in variables.items()
    }
    n = len(take)
    extended_frame = replace(
        frame,
        rows=np.arange(n),
        n_given=n,
        missing={},
        n_distinct=n,
        n_zero_weight=0,
        variables=variables,
        response=None if frame.response is None else _observed(frame.response, take),
        weights=None if frame.weights is None else frame.weights[take],
        offsets=tuple(offset[take] for offset in frame.offsets),
    )
    return _over(estimates, extended_frame, take)


def _over(estimates: Estimates, frame: ModelFrame, take: NDArray[np.int64]) -> Estimates:
    old, found = estimates.design, estimates.result
    size, weight = old.response.size[take], old.response.weight[take]
    predictors = tuple(
        _predictor(each, frame, formula, take)
        for each, formula in zip(old.predictors, frame.formulas, strict=True)
    )
    design = replace(
        old,
        frame=frame,
        response=Response.of(np.zeros(len(take)), size, weight),
        predictors=predictors,
        errors=None if old.errors is None else _subjects(old.errors, frame),
    )
    fits = [
        without_modes(each, fit.beta, [(t.theta, t.covariance) for t in fit.terms])
        for each, fit in zip(predictors, found.predictors, strict=True)
    ]
    if design.errors is not None and found.errors is not None:
        at, spread = design.errors, fits[1]
        variance = np.stack(found.errors.covariances)[at.group, at.position, at.position]
        fits[1] = replace(spread, eta=0.5 * np.log(variance) + spread.eta)
    result = replace(found, predictors=tuple(fits))
    made = Estimates(estimates.specification, design, result)
    y = draw_response(made, np.random.default_rng(0))
    return replace(made, design=replace(design, response=Response.of(y, size, weight)))


def _subjects(old: ErrorDesign, frame: ModelFrame) -> ErrorDesign:
    """The subjects of another frame."""
    new = error_design(frame, old.term, timed=old.points is not None, every_pair=False)
    if (new.positions, new.groups) != (old.positions, old.groups):
        raise ModelError(
            f"With so few levels {old.term.text} has other positions or groups than before. "
            "Keep more levels."
        )
    return new


def _observed(response: ObservedResponse, take: NDArray[np.int64]) -> ObservedResponse:
    return replace(
        response,
        y=response.y[take],
        trials=response.trials[take],
        weights=response.weights[take],
    )


def _predictor(
    each: PredictorDesign, frame: ModelFrame, formula: Formula, take: NDArray[np.int64]
) -> PredictorDesign:
    random = tuple(random_design(frame, formula, term.term) for term in each.random)
    for new, old in zip(random, each.random, strict=True):
        if new.effects != old.effects:
            raise ModelError(
                f"With so few levels {old.term.text} has other effects than before. "
                "Keep more levels."
            )
    fixed = _fixed(each.fixed, frame, formula)
    return replace(each, fixed=fixed, offset=each.offset[take], random=random)


def without_modes(
    design: PredictorDesign, beta: Vector, terms: Sequence[tuple[Vector, Matrix]]
) -> PredictorFit:
    """β, and θ with the covariance of each random term, at conditional modes of 0."""
    fits = [
        TermFit(
            theta,
            covariance,
            np.zeros((term.n_levels, term.n_effects)),
            np.zeros((term.n_levels, term.n_effects, term.n_effects)),
        )
        for term, (theta, covariance) in zip(design.random, terms, strict=True)
    ]
    return PredictorFit(beta, tuple(fits), design.fixed.matrix @ beta + design.offset)


def _fixed(fixed: FixedDesign, frame: ModelFrame, formula: Formula) -> FixedDesign:
    evaluate = evaluator(
        frame.variables, formula.text, frame.n, dict(fixed.recipe.learned), fitting=False
    )
    whole = assemble(fixed.recipe, known_values(fixed.recipe, evaluate), frame.n).matrix
    matrix = np.ascontiguousarray(whole[:, fixed.kept])
    p = matrix.shape[1]
    if p and np.linalg.matrix_rank(matrix / np.linalg.norm(matrix, axis=0).clip(1e-300)) < p:
        raise ModelError(
            "In the smaller design the fixed effects cannot all be estimated. Keep more levels."
        )
    return replace(fixed, matrix=matrix)


def _grouping_columns(estimates: Estimates) -> list[str]:
    """The columns that random terms are grouped by."""
    found = [
        name
        for each in estimates.predictors.values()
        for term in each.terms
        for text in term.design.factors
        for name in columns_used(parse_expression(text))
    ]
    if estimates.errors is not None:
        for text in estimates.errors.design.term.subject:
            found += columns_used(parse_expression(text))
    return list(dict.fromkeys(found))


def _require_grouping(estimates: Estimates, name: str) -> None:
    known = _grouping_columns(estimates)
    if name not in known:
        raise DataError(
            f"extend names {name!r}, which is no grouping factor of the model. "
            f"{did_you_mean(str(name), known)}Grouping factors: {', '.join(known) or 'none'}."
        )


def _relabelled(estimates: Estimates, name: str) -> list[str]:
    """The grouping factor and those nested in it, which get new levels with it."""
    outer = _as_factor(estimates.frame.variables[name])
    found = [name]
    for other in _grouping_columns(estimates):
        inner = _as_factor(estimates.frame.variables[other])
        if other == name or len(inner.keys) < len(outer.keys):
            continue
        pairs = np.unique(np.column_stack([inner.codes, outer.codes]), axis=0)
        if len(pairs) == len(inner.keys):
            found.append(other)
    for each in estimates.predictors.values():
        used = {
            n
            for t in each.fixed.recipe.terms.variables
            for n in columns_used(parse_expression(t))
        }
        both = next((n for n in found if n in used), None)
        if both is not None:
            raise DataError(
                f"{both!r} has fixed effects, so that new levels of {name!r} would have none. "
                "Extend another factor, or use repeat."
            )
    return found


def _chosen(
    levels: int, name: str, variables: Mapping[str, Variable]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows for each level wanted, and the number of the copy that each row is of."""
    factor = _as_factor(variables[name])
    count = len(factor.keys)
    if isinstance(levels, bool) or not isinstance(levels, int | np.integer) or levels < 2:
        raise ModelError(
            f"extend has {levels!r} for {name!r}, which is not a number of levels. Give a "
            "whole number, 2 or more."
        )
    of_level = [np.flatnonzero(factor.codes == level) for level in range(count)]
    rows = [of_level[level % count] for level in range(levels)]
    copies = [np.full(len(r), level // count) for level, r in enumerate(rows)]
    return np.concatenate(rows), np.concatenate(copies)


def _with_copies(value: Variable, copy: NDArray[np.int64]) -> Factor:
    """Levels a, b, ... of copy 0, then a.1, b.1, ... of copy 1."""
    factor = _as_factor(value)
    count = len(factor.keys)
    labels = [
        label if c == 0 else f"{label}.{c}"
        for c in range(int(copy.max(initial=0)) + 1)
        for label in factor.levels
    ]
    codes = (factor.codes + count * copy).astype(np.int32)
    return Factor(codes, np.array(labels, dtype=object))


def _as_factor(value: Variable) -> Factor:
    return value if isinstance(value, Factor) else factorize(value)


def _taken(value: Variable, rows: NDArray[np.int64]) -> Variable:
    return value.take(rows) if isinstance(value, Factor) else value[rows]


def _is_of_rows(value: Variable) -> bool:
    factor = _as_factor(value)
    return len(factor.keys) == len(factor.codes)
