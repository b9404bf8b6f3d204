"""The rows of each subject and their positions: what a structure of the residuals is over."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Codes, Matrix
from henderson.design.evaluation import Evaluator
from henderson.design.factors import Factor, differing_row, interaction
from henderson.design.model_frame import ModelFrame
from henderson.design.positions import require_order
from henderson.design.random_effects import group_factors
from henderson.design.variable_functions import as_factor
from henderson.errors import DataError
from henderson.formula import ErrorTerm
from henderson.formula.syntax_tree import parse_expression


@dataclass(frozen=True, slots=True)
class ErrorDesign:
    """The rows of subjects at k positions, in groups of subjects.

    `subject`, `position` and `group` (n,) are codes; `subjects`, `positions` and `groups` what
    they stand for, `groups` is ("",) where there are none. `points` (k, 1) are the positions as
    numbers, where they are numbers; None where they are only ordered.
    """

    term: ErrorTerm
    subjects: tuple[str, ...]
    positions: tuple[str, ...]
    groups: tuple[str, ...]
    subject: Codes
    position: Codes
    group: Codes
    points: Matrix | None

    @property
    def label(self) -> str:
        """The subject's factors, outer first."""
        return ":".join(self.term.subject)


def error_design(
    frame: ModelFrame,
    term: ErrorTerm,
    *,
    timed: bool,
    every_pair: bool,
    in_order: bool = False,
) -> ErrorDesign:
    """Read the subjects, positions and groups of the rows used.

    Parameters
    ----------
    timed
        Whether the positions must be times: numbers with distances.
    every_pair
        Whether each pair of positions has a covariance of its own.
    in_order
        Whether the order of the positions matters.

    Raises
    ------
    DataError
        For two rows of a subject at one position, a subject in two groups, subjects of one row
        each, times that are not numbers, and pairs of positions that no subject has.
    """
    evaluate = frame.evaluator(term.formula)
    factors = group_factors(term.subject, evaluate)
    subject, subjects = _levels(factors)
    if term.positions == "1":
        position = _ranks(subject)
        labels = tuple(str(i + 1) for i in range(int(position.max()) + 1))
        points = np.arange(len(labels), dtype=np.float64)[:, None]
    else:
        value = evaluate.value(parse_expression(term.positions))
        found = as_factor(value, term.positions).without_unused_levels()
        position, labels = found.codes, found.levels
        if in_order:
            require_order(found, term.positions, f"residual={term.text!r}")
        points = _times(found, term) if timed or not isinstance(value, Factor) else None
    group, groups = _groups(term, evaluate, subject, len(frame.rows))
    design = ErrorDesign(term, subjects, labels, groups, subject, position, group, points)
    _refuse_repeats(design)
    if every_pair:
        _refuse_unseen_pairs(design)
    return design


def _levels(factors: tuple[Factor, ...]) -> tuple[Codes, tuple[str, ...]]:
    if len(factors) == 1:
        return factors[0].codes, factors[0].levels
    codes, cells = interaction(factors)
    names = [
        [factor.levels[i] for i in cell] for factor, cell in zip(factors, cells.T, strict=True)
    ]
    return codes, tuple(map(":".join, zip(*names, strict=True)))


def _ranks(subject: Codes) -> Codes:
    """The place of each row among those of its subject, from 0."""
    order = np.argsort(subject, kind="stable")
    sizes = np.bincount(subject)
    within = np.arange(len(subject)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    out = np.empty(len(subject), dtype=np.int32)
    out[order] = within
    return out


def _times(positions: Factor, term: ErrorTerm) -> Matrix:
    try:
        return np.array([float(level) for level in positions.levels])[:, None]
    except ValueError:
        raise DataError(
            f"{term.structure}() needs times, and {term.positions!r} has the level "
            f"{positions.levels[0]!r}. Give a numeric column, or a structure over ordered "
            "visits such as ar1."
        ) from None


def _groups(
    term: ErrorTerm, evaluate: Evaluator, subject: Codes, n: int
) -> tuple[Codes, tuple[str, ...]]:
    if term.by is None:
        return np.zeros(n, dtype=np.int32), ("",)
    found = as_factor(evaluate.value(parse_expression(term.by)), term.by)
    found = found.without_unused_levels()
    row = differing_row(found.codes, subject, int(subject.max()) + 1)
    if row is not None:
        other = found.codes[np.flatnonzero(subject == subject[row])[-1]]
        raise DataError(
            f"by={term.by}: a subject of {':'.join(term.subject)!r} has rows in the groups "
            f"{found.levels[found.codes[row]]!r} and "
            f"{found.levels[other]!r}. The group with its own "
            "covariance must be the same in all rows of a subject; if its numbers start anew "
            "in each group, write the subject as group:subject."
        )
    return found.codes, found.levels


def _refuse_repeats(design: ErrorDesign) -> None:
    cell = design.subject.astype(np.int64) * len(design.positions) + design.position
    _, first, count = np.unique(cell, return_index=True, return_counts=True)
    if (count > 1).any():
        row = int(first[int(np.argmax(count > 1))])
        raise DataError(
            f"{design.term.text}: the subject {design.subjects[design.subject[row]]!r} has "
            f"{int(count.max())} rows at {design.positions[design.position[row]]!r}. A subject "
            "has at most one row at each position; check for duplicates, or name the subject "
            "by all its factors, such as site:subject."
        )
    if np.bincount(design.subject).max() < 2:
        raise DataError(
            f"{design.term.text}: every subject has one row only, so residuals cannot vary "
            "together. Check the subject, or leave residual= out."
        )


def _refuse_unseen_pairs(design: ErrorDesign) -> None:
    """A covariance without any subject that has both rows cannot be estimated."""
    k = len(design.positions)
    for h, group in enumerate(design.groups):
        rows = np.flatnonzero(design.group == h)
        seen = _together(design.subject[rows], design.position[rows], k)
        missing = np.argwhere(~seen)
        if len(missing):
            a, b = (design.positions[i] for i in missing[0])
            where = f" in the group {group!r}" if group else ""
            what = f"{a!r}" if a == b else f"both {a!r} and {b!r}"
            raise DataError(
                f"{design.term.text}: no subject has a row at {what}{where}, so that their "
                "covariance cannot be estimated. Choose a structure with fewer parameters, "
                "such as ar1 or cs, or combine positions."
            )


def _together(subject: Codes, position: Codes, k: int) -> NDArray[np.bool_]:
    """Which pairs of positions some subject has both of, (k, k)."""
    has = np.zeros((int(subject.max(initial=-1)) + 1, k))
    has[subject, position] = 1.0
    return has.T @ has > 0.0
