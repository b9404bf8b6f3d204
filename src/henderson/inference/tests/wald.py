"""Wald tests of linear hypotheses about the fixed effects, by matrix or in words.

    Lβ = c:   t = (l'β̂ − c) / √(l'Φl) for each row,   F for all rows jointly

In words a hypothesis is an equation between linear expressions in the coefficients' names:
"nitro0.4 = nitro0.6", "(a + b) / 2 - c = 0", "x = 1", "a = b = c". An expression alone is meant
to be 0.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.errors import FormulaError, ModelError, did_you_mean
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.inference.ddf.methods import (
    DegreesOfFreedom,
    degrees_of_freedom,
    has_covariance,
    reason_not_tested,
)
from henderson.inference.linear_functions import JointTest, joint_test, linear_estimates
from henderson.tables import NativeTable

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WORD = re.compile(r"[\w.]+")


@dataclass(frozen=True, slots=True)
class WaldTest:
    """Tests of Lβ = c.

    `rows` has one row a hypothesis: `hypothesis`, `estimate` (l'β̂), `value` (c), `std_error`,
    `df`, `statistic` (t), `p_value`, `ddf`. `joint` is the F-test of all of them.
    """

    L: Matrix  # (r, p)
    value: Vector  # (r,)
    rows: NativeTable
    joint: JointTest


def wald_test(
    model: Fitted | Estimates,
    hypothesis: str | Sequence[str] | Matrix,
    *,
    value: Vector | None = None,
    ddf: str | DegreesOfFreedom | None = None,
    component: str = "location",
) -> WaldTest:
    """Test linear hypotheses about the fixed effects, each alone and all jointly.

    Parameters
    ----------
    model
        A fitted model.
    hypothesis
        Equations between linear expressions in the coefficients' names, one text or several;
        or L (r, p).
    value : (r,) array
        c where `hypothesis` is a matrix; zeros by default.
    ddf
        Degrees of freedom, as in `anova`.
    component
        The linear predictor whose coefficients these are.

    Returns
    -------
    WaldTest
        `rows`, a table with a row each, and `joint`.

    Raises
    ------
    FormulaError
        For a text that is not such an equation, or names no coefficient.
    ModelError
        For a matrix of another width, or hypotheses that contradict one another.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> test = wald_test(model, "Days = 10")
    >>> test.rows["p_value"].round(3).tolist()
    [0.766]
    """
    estimates = estimates_of(model)
    names = estimates.component(component).fixed.names
    if isinstance(hypothesis, str):
        hypothesis = [hypothesis]
    in_words = isinstance(hypothesis, Sequence) and all(isinstance(h, str) for h in hypothesis)
    if in_words and len(hypothesis) > 0:
        if value is not None:
            raise ModelError('Write the value into the text: "Days = 10".')
        found = [row for each in hypothesis for row in parse_hypothesis(str(each), names)]
        labels = [label for label, _, _ in found]
        L = np.array([row for _, row, _ in found])
        c = np.array([constant for _, _, constant in found])
    else:
        L, c = _as_matrix(hypothesis, value, names)
        labels = [_in_words(row, names) for row in L]
    method = degrees_of_freedom(estimates, ddf, component=component)
    linear = linear_estimates(estimates, L, ddf=method, component=component)
    difference = replace(linear, estimate=linear.estimate - c)
    rows = estimates.frame.table(
        {
            "hypothesis": [f"{text} = {c_i:g}" for text, c_i in zip(labels, c, strict=True)],
            "estimate": linear.estimate,
            "value": c,
            "std_error": linear.std_error,
            "df": linear.df,
            "statistic": difference.statistic,
            "p_value": difference.p_value,
            "ddf": [
                linear.ddf if known else reason_not_tested(method)
                for known in has_covariance(method, L)
            ],
        }
    )
    jointly = joint_test(estimates, L, value=c, ddf=method, component=component)
    return WaldTest(L, c, rows, jointly)


def _as_matrix(
    hypothesis: object, value: Vector | None, names: Sequence[str]
) -> tuple[Matrix, Vector]:
    """L (r, p) and c (r,), or an error that says what they must be."""
    try:
        L = np.array(hypothesis, dtype=np.float64)
        c = np.zeros(len(L)) if value is None else np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        L, c = np.empty((0, 0)), np.empty(1)
    fits = L.ndim == 2 and L.shape[1] == len(names) and np.isfinite(L).all()
    if not fits or c.shape != (len(L),) or not np.isfinite(c).all():
        raise ModelError(
            "A hypothesis is a text such as "
            f"{f'{names[-1]} = 0' if names else 'x = 0'!r}, several, or a matrix of finite "
            f"numbers with a row each and {len(names)} columns, one for each of "
            f"{', '.join(names) or 'no coefficients'}; value has a number for each row."
        )
    return L, c


def parse_hypothesis(text: str, names: Sequence[str]) -> list[tuple[str, Vector, float]]:
    """An equation as rows: label, l (p,), c. A chain a = b = c makes two rows.

    Raises
    ------
    FormulaError
        For a text that is not a linear equation in the names.
    """
    sides = _Reader(text, names).sides()
    if len(sides) == 1:
        sides = [*sides, np.zeros(len(names) + 1)]
    found = []
    for left, right in pairwise(sides):
        row = left - right
        if not np.any(row[:-1]):
            raise FormulaError.at(text, 0, len(text), "This says nothing about a coefficient.")
        found.append((_in_words(row[:-1], names), row[:-1], 0.0 - float(row[-1])))
    return found


def _in_words(row: Vector, names: Sequence[str]) -> str:
    """A row (p,) as it would be written: a - 0.5 b."""
    parts = []
    for weight, name in zip(row, names, strict=True):
        if weight:
            size = "" if abs(weight) == 1.0 else f"{abs(weight):g} "
            sign = ("- " if weight < 0 else "+ ") if parts else ("-" if weight < 0 else "")
            parts.append(f"{sign}{size}{name}")
    return " ".join(parts) or "0"


class _Reader:
    """Reads sums, differences, multiples and parentheses of names and numbers.

    An expression is a vector (p + 1,): weights of the coefficients, then a constant.
    """

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text, self.names = text, names
        self.longest_first = sorted(range(len(names)), key=lambda i: -len(names[i]))
        self.at = 0

    def sides(self) -> list[Vector]:
        found = [self.sum()]
        while self.take("="):
            self.take("=")  # == is = here
            found.append(self.sum())
        if self.at < len(self.text):
            raise self.complain("This is not understood here.")
        return found

    def sum(self) -> Vector:
        total = self.product()
        while sign := self.take("+") or self.take("-"):
            total = total + (1.0 if sign == "+" else -1.0) * self.product()
        return total

    def product(self) -> Vector:
        value = self.factor()
        while True:
            start = self.at
            if self.take("*"):
                other = self.factor()
                if np.any(value[:-1]) and np.any(other[:-1]):
                    raise self.complain("A product of two coefficients is not linear.", start)
                value = other * value[-1] if not np.any(value[:-1]) else value * other[-1]
            elif self.take("/"):
                other = self.factor()
                if np.any(other[:-1]) or other[-1] == 0.0:
                    raise self.complain("Only a number other than 0 can divide.", start)
                value = value / other[-1]
            else:
                return value

    def factor(self) -> Vector:
        if self.take("-"):
            return -self.factor()
        if self.take("+"):
            return self.factor()
        self.skip()
        value = np.zeros(len(self.names) + 1)
        name = self.name()
        if name is not None:
            value[name] = 1.0
            return value
        if self.take("("):
            inner = self.sum()
            if not self.take(")"):
                raise self.complain("A parenthesis is not closed.")
            return inner
        number = _NUMBER.match(self.text, self.at)
        if number is None or _WORD.match(self.text, number.end()):
            raise self.unknown()
        self.at = number.end()
        value[-1] = float(number.group())
        return value

    def name(self) -> int | None:
        """The longest coefficient's name that stands here as a whole word."""
        for i in self.longest_first:
            name = self.names[i]
            if self.text.startswith(name, self.at):
                stop = self.at + len(name)
                if not (_WORD.match(name[-1]) and _WORD.match(self.text, stop)):
                    self.at = stop
                    return i
        return None

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def take(self, symbol: str) -> str:
        self.skip()
        if self.text.startswith(symbol, self.at):
            self.at += len(symbol)
            self.skip()
            return symbol
        return ""

    def unknown(self) -> FormulaError:
        word = re.match(r"[^\s=+*/]+", self.text[self.at :])
        if word is None:
            return self.complain("A coefficient or a number is missing here.")
        known = list(self.names)
        shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        return FormulaError.at(
            self.text,
            self.at,
            self.at + len(word.group()),
            f"There is no coefficient {word.group()!r}.",
            f"{did_you_mean(word.group(), known)}Coefficients: {shown}.",
        )

    def complain(self, problem: str, start: int | None = None) -> FormulaError:
        start = self.at if start is None else start
        hint = 'Write an equation such as "nitro0.4 = nitro0.6" or "a - 2 * b = 1".'
        return FormulaError.at(self.text, start, max(self.at, start + 1), problem, hint)
