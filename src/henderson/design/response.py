"""The left-hand side: what was observed, out of how many, and with what weight."""

from dataclasses import dataclass

import numpy as np

from henderson.arrays import Vector
from henderson.design.evaluation import Evaluator
from henderson.design.factors import Factor
from henderson.design.positions import require_order
from henderson.errors import DataError
from henderson.formula import ResponseTerm
from henderson.formula.syntax_tree import parse_expression

_WHOLE = 1e-3  # how far proportion × trials may be from a whole number and be rounded to it


@dataclass(frozen=True, slots=True)
class ObservedResponse:
    """The response on its own scale; all arrays (n,).

    For a binary family `y` counts successes out of `trials`. Otherwise `y` is the response
    and `trials` is one. `weights` multiply what is left for them to weigh: ones if they were
    used as trials. `events` names the levels (failure, success) of a two-level response.
    `categories` are those of a response of ordered categories, which `y` counts from 1.
    """

    label: str
    y: Vector
    trials: Vector
    weights: Vector
    events: tuple[str, str] | None = None
    categories: tuple[str, ...] = ()


def observe_response(
    term: ResponseTerm,
    evaluate: Evaluator,
    weights: Vector | None,
    *,
    binary: bool,
    ordered: tuple[str, ...] | None = None,
) -> ObservedResponse:
    """Read the response; `binary` lets it be successes out of trials.

    `ordered` not None: one of ordered categories, with these names in this order, or, if there
    are none, those of an ordered factor or of whole numbers.

    With `binary`: cbind(successes, failures); successes/trials; 0/1, truth values or two
    levels, the second being success; or a proportion whose trials are the weights. Where a
    ratio also has weights, they are the trials. Weights of cbind() multiply.
    """
    if ordered is not None:
        return _category(term, evaluate, weights, ordered)
    if not binary:
        return _number(term, evaluate, weights)
    ones = np.ones(evaluate.n)
    parts = [parse_expression(text) for text in term.expressions]
    if term.kind == "plain":
        y, events = _successes(term.text, evaluate.value(parts[0]), evaluate)
        if weights is None:
            return ObservedResponse(term.text, y, ones, ones, events)
        return ObservedResponse(term.text, _whole(y * weights), weights, ones, events)
    first, second = (evaluate.numbers(part) for part in parts)
    _refuse_negative(term.expressions[0], first)
    if term.kind == "cbind":
        _refuse_negative(term.expressions[1], second)
        given = ones if weights is None else weights
        return ObservedResponse(term.text, first, first + second, given)
    _check_trials(term, first, second)
    if weights is None:
        return ObservedResponse(term.text, first, second, ones)
    return ObservedResponse(term.text, _whole(first / second * weights), weights, ones)


def _category(
    term: ResponseTerm, evaluate: Evaluator, weights: Vector | None, names: tuple[str, ...]
) -> ObservedResponse:
    ones = np.ones(evaluate.n)
    given = ones if weights is None else weights
    value = None if term.kind != "plain" else evaluate.value(parse_expression(term.text))
    if isinstance(value, Factor):
        found = value.without_unused_levels()
        if not (found.ordered or found.logical or names):
            shown = ", ".join(map(repr, found.levels[:3])) + " ..." * (len(found.levels) > 3)
            raise DataError(
                f"The levels of the response {term.text!r} ({shown}) have no order. Make it "
                "an ordered factor, or give the order to the family: "
                "hd.families.Cumulative(categories=[...])."
            )
        if not names:
            require_order(found, term.text, "A response of ordered categories")
        codes, levels = found.codes, found.levels
    elif value is not None:
        numbers = evaluate.numbers(parse_expression(term.text))
        keys, codes = np.unique(numbers, return_inverse=True)
        if not np.array_equal(keys, np.round(keys)):
            broken = keys[keys != np.round(keys)][0]
            raise DataError(
                f"The response {term.text!r} has values such as {broken:g}, and categories are "
                "whole numbers or levels. Choose a family for measurements."
            )
        levels = tuple(f"{key:g}" for key in keys)
    else:
        raise DataError(f"The response {term.text} counts trials, and is not a category.")
    if names:
        unknown = [level for level in levels if level not in names]
        if unknown:
            raise DataError(
                f"The response {term.text!r} has the value {unknown[0]!r}, which is not among "
                f"the categories given: {', '.join(names)}."
            )
        ordered = tuple(name for name in names if name in levels)
        codes = np.array([ordered.index(level) for level in levels])[codes]
        levels = ordered
    if len(levels) < 2:
        raise DataError(
            f"The response {term.text!r} is constant: every value is {', '.join(levels)}. "
            "There is nothing to explain; check that this is the right column."
        )
    return ObservedResponse(term.text, codes + 1.0, ones, given, categories=levels)


def _number(
    term: ResponseTerm, evaluate: Evaluator, weights: Vector | None
) -> ObservedResponse:
    if term.kind == "cbind":
        raise DataError(
            f"The response {term.text} counts successes and failures, which needs the "
            'binomial or a related family. Give family="binomial".'
        )
    node = parse_expression(term.text)
    value = evaluate.value(node)
    if isinstance(value, Factor) and not value.logical:
        shown = ", ".join(map(repr, value.levels[:3])) + " ..." * (len(value.levels) > 3)
        raise DataError(
            f"The response {term.text!r} holds levels ({shown}), and this family needs "
            "numbers. Convert it, or choose a binomial family for two levels."
        )
    ones = np.ones(evaluate.n)
    y = evaluate.numbers(node).copy()
    return ObservedResponse(term.text, y, ones, ones if weights is None else weights)


def _successes(
    label: str, value: object, evaluate: Evaluator
) -> tuple[Vector, tuple[str, str] | None]:
    if not isinstance(value, Factor):
        return evaluate.numbers(parse_expression(label)).copy(), None
    if value.logical:
        return value.truth, ("FALSE", "TRUE")
    if len(value.levels) != 2:
        shown = ", ".join(map(repr, value.levels[:5]))
        raise DataError(
            f"The response {label!r} has {len(value.levels)} levels ({shown}"
            f"{', ...' * (len(value.levels) > 5)}); a binary response has two. "
            "Choose the event to model, such as I(x == 'level')."
        )
    return value.codes.astype(np.float64), (value.levels[0], value.levels[1])


def _whole(successes: Vector) -> Vector:
    """Proportion × trials to the whole number it was computed from, where it is near one."""
    near = np.round(successes)
    return np.where(np.abs(successes - near) < _WHOLE, near, successes)


def _refuse_negative(expression: str, counts: Vector) -> None:
    if (counts < 0).any():
        row = int(np.argmax(counts < 0))
        raise DataError(
            f"{expression} is negative ({counts[row]:.6g}) in the response. "
            "Counts of successes and failures cannot be below 0."
        )


def _check_trials(term: ResponseTerm, success: Vector, trials: Vector) -> None:
    numerator, denominator = term.expressions
    if (trials <= 0).any():
        row = int(np.argmax(trials <= 0))
        raise DataError(
            f"{denominator}, the number of trials, is {trials[row]:.6g} in some row. "
            "Remove rows without trials."
        )
    if (success > trials).any():
        row = int(np.argmax(success > trials))
        raise DataError(
            f"{numerator} is {success[row]:.6g} where {denominator} is only {trials[row]:.6g}: "
            "more successes than trials. Check the two columns."
        )
