"""An expression of a formula over the columns: numbers, a factor, or several columns at once.

What a function learns from the data it is fitted on (the mean of scale(), the polynomials of
poly(), the levels' order of factor()) is kept in `learned` under the call's text, and used
again on new data.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.covariance import STRUCTURES
from henderson.design.columns import Variable
from henderson.design.factors import Factor, logical
from henderson.errors import DataError, FormulaError, HendersonError, did_you_mean
from henderson.formula.syntax_tree import (
    COMPARISONS,
    CONSTANTS,
    Binary,
    Call,
    Name,
    Node,
    Number,
    Parenthesis,
    Prefix,
    Sum,
    Text,
    children,
    deparse,
)
from henderson.formula.tokens import find_name

Learned: TypeAlias = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """Several numeric columns of one variable: `matrix` (n, c), one suffix a column."""

    matrix: Matrix
    suffixes: tuple[str, ...]


Value: TypeAlias = Variable | Columns


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates expressions over `variables` of `n` rows; `text` is the formula, for carets.

    `functions` are those that make a whole variable, such as factor() and poly().
    While `fitting`, what functions learn is written to `learned`; otherwise it is read.
    """

    variables: Mapping[str, Variable]
    text: str
    n: int
    learned: Learned
    functions: Mapping[str, "Callable[[Evaluator, Call], Value]"]
    fitting: bool = True

    def value(self, node: Node) -> Value:
        """The variable a term of the formula stands for."""
        match node:
            case Name() if node.name in self.variables:
                found = self.variables[node.name]
            case Parenthesis():
                found = self.value(node.inner)
            case Call(function="I" | "identity"):
                found = self.value(self.only_argument(node))
            case Call() if node.function in self.functions:
                found = self.functions[node.function](self, node)
            case Binary(operator=operator) if operator in COMPARISONS:
                found = logical(self.compare(node))
            case Binary(operator="&" | "&&") | Prefix(operator="!"):
                found = logical(self.all(node) != 0.0)
            case _:
                found = self.all(node)
        return found

    def numbers(self, node: Node) -> Vector:
        """The expression as one float for each row; raise where it is not a number.

        Rows where the result is not finite (the log of zero) raise with the first of them.
        """
        found = self.all(node)
        wrong = ~np.isfinite(found)
        if wrong.any():
            row = int(np.argmax(wrong))
            names = [n for n in columns_used(node) if n in self.variables]
            shown = ", ".join(f"{n} = {self.shown(n, row)}" for n in names)
            raise DataError(
                f"{deparse(node)} is not a finite number where {shown} "
                f"({int(wrong.sum())} of {self.n} rows used). "
                "Change the expression or remove these rows."
            )
        return found

    def all(self, node: Node) -> Vector:
        """The expression for each row, as it comes."""
        with np.errstate(all="ignore"):
            found = np.asarray(self.arithmetic(node), dtype=np.float64)
        return np.full(self.n, float(found)) if found.ndim == 0 else found

    def arithmetic(self, node: Node) -> Any:  # noqa: ANN401
        """Numbers (n,) or a single one."""
        match node:
            case Number():
                found = node.value
            case Name():
                found = self.column(node)
            case Parenthesis():
                found = self.arithmetic(node.inner)
            case Prefix():
                found = _PREFIXES[node.operator](self.arithmetic(node.operand))
            case Sum():
                found = self.arithmetic(node.terms[0])
                for sign, term in zip(node.signs[1:], node.terms[1:], strict=True):
                    other = self.arithmetic(term)
                    found = found + other if sign == "+" else found - other
            case Binary(operator=operator) if operator in COMPARISONS:
                found = self.compare(node)
            case Binary(operator=operator) if operator in _OPERATORS:
                left, right = self.arithmetic(node.left), self.arithmetic(node.right)
                found = _OPERATORS[operator](left, right)
            case Call():
                found = self.function(node)
            case _:
                raise self.complain(node, f"{deparse(node)} is not arithmetic.", "")
        return found

    def column(self, node: Name) -> Any:  # noqa: ANN401
        """A column as numbers, or a constant."""
        if node.name not in self.variables:
            if node.name in _CONSTANTS:
                return _CONSTANTS[node.name]
            raise self.complain(node, f"{node.name} is not a column here.", "")
        found = self.variables[node.name]
        if not isinstance(found, Factor):
            return found.astype(np.float64, copy=False)
        if found.logical:
            return found.truth
        shown = ", ".join(map(repr, found.levels[:3]))
        raise DataError(
            f"Column {node.name!r} holds levels ({shown} ...), and a number is needed. "
            "Use a numeric column, or as.numeric() where the levels are numbers."
        )

    def compare(self, node: Binary) -> Any:  # noqa: ANN401
        """Two sides compared: numbers with numbers, or levels with a quoted text."""
        left, right = node.left, node.right
        if isinstance(left, Text) and node.operator in {"==", "!="}:
            left, right = right, left
        if isinstance(right, Text):
            factor = self.value(left)
            if not isinstance(factor, Factor) or node.operator not in {"==", "!="}:
                raise self.complain(node, "A text can be compared by == and != to levels.", "")
            wanted = [level == right.value for level in factor.levels]
            return np.array(wanted)[factor.codes] == (node.operator == "==")
        return _OPERATORS[node.operator](self.arithmetic(left), self.arithmetic(right))

    def function(self, node: Call) -> Any:  # noqa: ANN401
        """A function of numbers, elementwise or over the column it was fitted on."""
        name = node.function
        if name in self.functions:
            found = self.one_column(node)
        elif name in _AGGREGATES:
            argument = self.only_argument(node)
            found = self.learn(node, lambda: float(_AGGREGATES[name](self.all(argument))))
        elif name == "ifelse" and len(node.arguments) == 3:
            found = np.where(*(self.arithmetic(argument) for argument in node.arguments))
        elif name == "log" and len(node.arguments) == 2 and node.keywords[1] in {"", "base"}:
            x, base = (self.arithmetic(argument) for argument in node.arguments)
            found = np.log(x) / np.log(base)
        elif name in _ELEMENTWISE:
            found = _ELEMENTWISE[name](self.arithmetic(self.only_argument(node)))
        elif name in STRUCTURES:
            raise self.complain(
                node,
                f"{name}() is a covariance structure of random effects, and has no group here.",
                f"Write {name}(0 + time | subject), or (ar1(row):ar1(col) | field).",
            )
        else:
            known = sorted({*self.functions, *_AGGREGATES, *_ELEMENTWISE, "ifelse", "I"})
            raise self.complain(
                node,
                f"There is no function {name}() for formulas.",
                f"{did_you_mean(name, known)}Compute it as a column of the data first.",
            )
        return found

    def one_column(self, node: Call) -> Vector:
        """What a function such as scale() makes, where it is one number for each row."""
        made = self.functions[node.function](self, node)
        if isinstance(made, Columns) and made.matrix.shape[1] == 1:
            return made.matrix[:, 0]
        if isinstance(made, np.ndarray):
            return made
        raise self.complain(
            node, f"{node.function}() does not give one number for each row.", ""
        )

    def learn(self, node: Node, compute: Callable[[], Any]) -> Any:  # noqa: ANN401
        """What `compute` gave when the model was fitted."""
        key = deparse(node)
        if self.fitting and key not in self.learned:
            self.learned[key] = compute()
        return self.learned[key]

    def only_argument(self, node: Call) -> Node:
        """The argument of a function of one."""
        if len(node.arguments) == 1 and node.keywords[0] in {"", "x"}:
            return node.arguments[0]
        raise self.complain(
            node, f"{node.function}() takes one expression.", f"Write {node.function}(x)."
        )

    def shown(self, name: str, row: int) -> str:
        """A column's value in one of the rows, for a message."""
        found = self.variables[name]
        if isinstance(found, Factor):
            return repr(found.levels[found.codes[row]])
        return f"{found[row]:.6g}"

    def complain(self, node: Node, problem: str, hint: str) -> HendersonError:
        """The error with a caret where the formula has what `node` begins with."""
        word = node.function if isinstance(node, Call) else next(iter(columns_used(node)), "")
        place = find_name(self.text, word) if word else None
        if place is None:
            return FormulaError(f"{problem} {hint}".strip())
        return FormulaError.at(self.text, *place, problem, hint)


def columns_used(node: Node) -> tuple[str, ...]:
    """The columns an expression reads, each once; options such as contr.sum are not columns."""
    return tuple(dict.fromkeys(_columns_used(node)))


def _columns_used(node: Node) -> list[str]:
    if isinstance(node, Name):
        return [node.name]
    below = children(node)
    if isinstance(node, Call) and node.function in {"C", "relevel"}:
        below = below[:1]
    return [name for child in below for name in _columns_used(child)]


_CONSTANTS = {"TRUE": 1.0, "T": 1.0, "FALSE": 0.0, "F": 0.0, "pi": np.pi}
assert {*_CONSTANTS, "NULL"} == CONSTANTS

_PREFIXES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"-": np.negative, "+": np.positive, "!": np.logical_not}
)
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "*": np.multiply,
        "/": np.divide,
        "^": np.float_power,
        "**": np.float_power,
        "%%": np.mod,
        "%/%": np.floor_divide,
        "<": np.less,
        ">": np.greater,
        "<=": np.less_equal,
        ">=": np.greater_equal,
        "==": np.equal,
        "!=": np.not_equal,
        "&": np.logical_and,
        "&&": np.logical_and,
        "|": np.logical_or,
        "||": np.logical_or,
    }
)
_ELEMENTWISE: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "log": np.log,
        "log2": np.log2,
        "log10": np.log10,
        "log1p": np.log1p,
        "exp": np.exp,
        "expm1": np.expm1,
        "sqrt": np.sqrt,
        "abs": np.abs,
        "sign": np.sign,
        "sin": np.sin,
        "cos": np.cos,
        "tan": np.tan,
        "asin": np.arcsin,
        "acos": np.arccos,
        "atan": np.arctan,
        "tanh": np.tanh,
        "floor": np.floor,
        "ceiling": np.ceil,
        "trunc": np.trunc,
        "round": np.round,
        "I": np.positive,
        "identity": np.positive,
    }
)
_AGGREGATES: Mapping[str, Callable[[Vector], Any]] = MappingProxyType(
    {
        "mean": np.mean,
        "median": np.median,
        "min": np.min,
        "max": np.max,
        "sum": np.sum,
        "sd": lambda x: np.std(x, ddof=1) if len(x) > 1 else np.nan,
    }
)
