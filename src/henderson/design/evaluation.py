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
from henderson.design.columns import Variable
from henderson.design.factors import Factor, factorize, interaction, logical
from henderson.design.polynomials import orthogonal_polynomials
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
    """Evaluates expressions over `variables`; `text` is the formula, for carets.

    While `fitting`, what functions learn is written to `learned`; otherwise it is read.
    """

    variables: Mapping[str, Variable]
    text: str
    n: int
    learned: Learned
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
            case Call() if node.function in _MAKERS:
                found = _MAKERS[node.function](self, node)
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
            return found.codes.astype(np.float64)
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
        if name in _MAKERS:
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
        else:
            known = sorted({*_MAKERS, *_AGGREGATES, *_ELEMENTWISE, "ifelse", "I"})
            raise self.complain(
                node,
                f"There is no function {name}() for formulas.",
                f"{did_you_mean(name, known)}Compute it as a column of the data first.",
            )
        return found

    def one_column(self, node: Call) -> Vector:
        """What a function such as scale() makes, where it is one number for each row."""
        made = _MAKERS[node.function](self, node)
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

    def arguments(self, node: Call) -> dict[str, Node]:
        """A call's arguments by the function's parameters, matched as R does; "x" is there."""
        parameters = _PARAMETERS[node.function]
        given = dict(zip(node.keywords, node.arguments, strict=True))
        unknown = next((k for k in given if k and k not in parameters), None)
        plain = [a for a, k in zip(node.arguments, node.keywords, strict=True) if not k]
        free = [parameter for parameter in parameters if parameter not in given]
        if unknown is not None or len(plain) > len(free):
            what = f"{unknown!r}" if unknown is not None else f"{len(node.arguments)} arguments"
            raise self.complain(
                node,
                f"{node.function}() does not take {what}.",
                f"It takes {', '.join(parameters)}.",
            )
        matched = {key: argument for key, argument in given.items() if key}
        matched |= dict(zip(free, plain, strict=False))
        if "x" not in matched:
            raise self.complain(node, f"{node.function}() needs a column.", "")
        return matched

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


def _factor(evaluate: Evaluator, node: Call) -> Factor:
    """factor(x), factor(x, levels = c("b", "a")), ordered(x)."""
    given = evaluate.arguments(node)
    found = as_factor(evaluate.value(given["x"]), deparse(given["x"]))
    ordered = found.ordered or node.function in {"ordered", "as.ordered"}
    if "ordered" in given:
        ordered = bool(evaluate.arithmetic(given["ordered"]))
    if "levels" not in given:
        return Factor(found.codes, found.keys, ordered)
    wanted = _constants(evaluate, given["levels"])
    codes = found.match(wanted)
    if (codes < 0).any():
        lost = found.levels[found.codes[int(np.argmax(codes < 0))]]
        raise evaluate.complain(
            node, f"The level {lost!r} is not among the levels listed.", "Add it."
        )
    return Factor(codes, np.array(wanted, dtype=object), ordered).without_unused_levels()


def _coded(evaluate: Evaluator, node: Call) -> Factor:
    """C(x), C(x, contr.sum), C(x, contr.treatment, base = 2), C(x, Treatment("b"))."""
    given = evaluate.arguments(node)
    found = as_factor(evaluate.value(given["x"]), deparse(given["x"]))
    asked, base = given.get("contr"), given.get("base")
    if isinstance(asked, Call):  # of contr.treatment(3, base = 2), Treatment("b"): the last
        base = asked.arguments[-1] if asked.arguments else base
        asked = Name(asked.function, asked.start, asked.stop)
    coding = None
    if asked is not None:
        name = asked.value if isinstance(asked, Text) else deparse(asked)
        coding = (name, _constants(evaluate, base)[0] if base is not None else None)
    return Factor(found.codes, found.keys, found.ordered, found.logical, coding)


def _relevel(evaluate: Evaluator, node: Call) -> Factor:
    """relevel(x, ref = "b"): the factor with one level put first."""
    given = evaluate.arguments(node)
    if "ref" not in given:
        raise evaluate.complain(node, "relevel() needs the level to put first.", "Give ref.")
    found = as_factor(evaluate.value(given["x"]), deparse(given["x"]))
    first = _constants(evaluate, given["ref"])[0]
    if evaluate.fitting and first not in found.levels:
        raise evaluate.complain(
            node, f"There is no level {first!r}.", did_you_mean(first, list(found.levels))
        )
    wanted = (first, *(level for level in found.levels if level != first))
    return Factor(found.match(wanted), np.array(wanted, dtype=object))


def _interaction(evaluate: Evaluator, node: Call) -> Factor:
    """interaction(a, b): the combinations that occur, labelled a.b, the first slowest."""
    factors = tuple(as_factor(evaluate.value(a), deparse(a)) for a in node.arguments)
    if not factors:
        raise evaluate.complain(node, "interaction() needs columns.", "")
    codes, cells = interaction(factors)
    names = zip(
        *([f.levels[i] for i in c] for f, c in zip(factors, cells.T, strict=True)), strict=True
    )
    return Factor(codes, np.array([".".join(name) for name in names], dtype=object))


def _num_factor(evaluate: Evaluator, node: Call) -> Factor:
    """numFactor(row, col): places as levels, written (1,2); ordered by the last, then first."""
    if not node.arguments:
        raise evaluate.complain(node, "numFactor() needs columns of coordinates.", "")
    factors = tuple(factorize(evaluate.numbers(a)) for a in reversed(node.arguments))
    codes, cells = interaction(factors)
    places = [f.keys[c] for f, c in zip(factors, cells.T, strict=True)][::-1]
    names = [f"({','.join(f'{v:.15g}' for v in place)})" for place in zip(*places, strict=True)]
    return Factor(codes, np.array(names, dtype=object))


def _poly(evaluate: Evaluator, node: Call) -> Columns:
    """poly(x, 2), poly(x, degree = 2, raw = TRUE)."""
    given = evaluate.arguments(node)
    degree = evaluate.arithmetic(given["degree"]) if "degree" in given else 1.0
    if not isinstance(degree, float) or degree not in range(1, 31):
        raise evaluate.complain(
            node, "The degree of poly() must be a whole number, 1 to 30.", "Write poly(x, 2)."
        )
    degree = int(degree)
    x = evaluate.numbers(given["x"])
    if evaluate.fitting and (distinct := len(np.unique(x))) <= degree:
        raise DataError(
            f"{deparse(node)} needs more than {degree} distinct values of "
            f"{deparse(given['x'])}, which has {distinct}. Lower the degree."
        )
    if "raw" in given and evaluate.arithmetic(given["raw"]):
        matrix = x[:, None] ** np.arange(1, degree + 1)
    else:
        matrix = evaluate.learn(node, lambda: orthogonal_polynomials(x, degree)).evaluate(x)
    names = tuple(str(j) for j in range(1, degree + 1)) if degree > 1 else ("",)
    return Columns(matrix, names)


def _scale(evaluate: Evaluator, node: Call) -> Vector:
    """(x − mean) / sd, the sd with n − 1.

    `center` and `scale` may be FALSE, to leave that step out, or the number to use.
    """
    given = evaluate.arguments(node)
    x = evaluate.numbers(given["x"])

    def moments() -> tuple[float, float]:
        mean = _given_or(evaluate, given.get("center"), lambda: float(x.mean()), 0.0)
        freedom = max(len(x) - 1, 1)
        about = x - mean
        sd = 1.0
        if node.function == "scale":
            sd = _given_or(
                evaluate,
                given.get("scale"),
                lambda: float(np.sqrt(about @ about / freedom)),
                1.0,
            )
        if sd == 0.0:
            raise DataError(
                f"{deparse(node)} divides by zero: {deparse(given['x'])} does not vary. "
                "Remove it."
            )
        return mean, sd

    mean, sd = evaluate.learn(node, moments)
    return (x - mean) / sd


def _given_or(
    evaluate: Evaluator, option: Node | None, compute: Callable[[], float], without: float
) -> float:
    """An option of scale(): a number as given, TRUE computed, FALSE left out."""
    if option is None or (isinstance(option, Name) and option.name in {"TRUE", "T"}):
        return compute()
    if isinstance(option, Name) and option.name in {"FALSE", "F"}:
        return without
    value = evaluate.arithmetic(option)
    if not isinstance(value, float):
        raise evaluate.complain(option, f"{deparse(option)} is not one number.", "")
    return value


def _as_numeric(evaluate: Evaluator, node: Call) -> Vector:
    """Numbers as they are; levels that read as numbers, as those numbers."""
    found = evaluate.value(evaluate.only_argument(node))
    if isinstance(found, Columns):
        raise evaluate.complain(node, "as.numeric() takes one column.", "")
    if not isinstance(found, Factor):
        return found.astype(np.float64)
    if found.logical:
        return found.codes.astype(np.float64)
    try:
        values = [float(level) for level in found.levels]
    except ValueError:
        raise evaluate.complain(
            node, f"The levels {', '.join(found.levels[:3])} ... are not numbers.", ""
        ) from None
    return np.array([*values, np.nan])[found.codes]


def as_factor(value: Value, name: str) -> Factor:
    """Levels of any variable of one column."""
    if isinstance(value, Columns):
        raise FormulaError(f"{name} has several columns and cannot be a factor.")
    return value if isinstance(value, Factor) else factorize(value).without_unused_levels()


def _constants(evaluate: Evaluator, node: Node) -> tuple[str, ...]:
    """Levels written in a formula: "b", 2 or c("b", "a")."""
    match node:
        case Text():
            return (node.value,)
        case Number():
            return (f"{node.value:.15g}",)
        case Call(function="c") if node.arguments:
            return tuple(level for a in node.arguments for level in _constants(evaluate, a))
        case _:
            raise evaluate.complain(
                node, f"{deparse(node)} is not a level.", 'Write levels in quotes: "b".'
            )


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
_PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "factor": ("x", "levels", "ordered"),
        "as.factor": ("x",),
        "ordered": ("x", "levels"),
        "as.ordered": ("x",),
        "C": ("x", "contr", "base"),
        "relevel": ("x", "ref"),
        "poly": ("x", "degree", "raw"),
        "scale": ("x", "center", "scale"),
        "center": ("x",),
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
_MAKERS: Mapping[str, Callable[[Evaluator, Call], Value]] = MappingProxyType(
    {
        "factor": _factor,
        "as.factor": _factor,
        "ordered": _factor,
        "as.ordered": _factor,
        "C": _coded,
        "relevel": _relevel,
        "interaction": _interaction,
        "numFactor": _num_factor,
        "poly": _poly,
        "scale": _scale,
        "center": _scale,
        "as.numeric": _as_numeric,
    }
)
