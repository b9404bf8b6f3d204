"""The functions of a formula that make a whole variable: factor(), C(), poly(), scale() ..."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from henderson.arrays import Vector
from henderson.design.columns import Variable
from henderson.design.evaluation import Columns, Evaluator, Learned, Value
from henderson.design.factors import Factor, factorize, interaction, labels
from henderson.design.polynomials import orthogonal_polynomials
from henderson.errors import DataError, FormulaError, did_you_mean
from henderson.formula.syntax_tree import Call, Name, Node, Number, Text, deparse

_MOST_STEPS = 20  # of a grid, for each place that occurs


def evaluator(
    variables: Mapping[str, Variable],
    text: str,
    n: int,
    learned: Learned,
    *,
    fitting: bool = True,
) -> Evaluator:
    """An evaluator that knows these functions."""
    return Evaluator(variables, text, n, learned, VARIABLE_FUNCTIONS, fitting)


def as_factor(value: Value, name: str) -> Factor:
    """Levels of any variable of one column."""
    if isinstance(value, Columns):
        raise FormulaError(f"{name} has several columns and cannot be a factor.")
    return value if isinstance(value, Factor) else factorize(value).without_unused_levels()


def _factor(evaluate: Evaluator, node: Call) -> Factor:
    """factor(x), factor(x, levels = c("b", "a")), ordered(x)."""
    given = _arguments(evaluate, node)
    found = as_factor(evaluate.value(given["x"]), deparse(given["x"]))
    ordered = found.ordered or node.function in {"ordered", "as.ordered"}
    if "ordered" in given:
        ordered = bool(evaluate.arithmetic(given["ordered"]))
    if "levels" not in given:
        return replace(found, ordered=ordered, logical=False, coding=None)
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
    given = _arguments(evaluate, node)
    found = as_factor(evaluate.value(given["x"]), deparse(given["x"]))
    asked, base = given.get("contr"), given.get("base")
    if isinstance(asked, Call):  # of contr.treatment(3, base = 2), Treatment("b"): the last
        base = asked.arguments[-1] if asked.arguments else base
        asked = Name(asked.function, asked.start, asked.stop)
    coding = None
    if asked is not None:
        name = asked.value if isinstance(asked, Text) else deparse(asked)
        coding = (name, _constants(evaluate, base)[0] if base is not None else None)
    return replace(found, coding=coding)


def _relevel(evaluate: Evaluator, node: Call) -> Factor:
    """relevel(x, ref = "b"): the factor with one level put first."""
    given = _arguments(evaluate, node)
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
    factors = tuple(factorize(_numbers_of(evaluate, a)) for a in reversed(node.arguments))
    codes, cells = interaction(factors)
    places = [f.keys[c] for f, c in zip(factors, cells.T, strict=True)][::-1]
    names = [f"({','.join(f'{v:.15g}' for v in place)})" for place in zip(*places, strict=True)]
    return Factor(codes, np.array(names, dtype=object))


def _numbers_of(evaluate: Evaluator, node: Node) -> Vector:
    """A coordinate: numbers, or a factor whose levels read as numbers."""
    if isinstance(found := evaluate.value(node), Factor) and not found.logical:
        return _read_levels(evaluate, node, found)
    return evaluate.numbers(node)


def _grid(evaluate: Evaluator, node: Call) -> Factor:
    """grid(row, col): all cells of two factors, also those without rows; the last fastest."""
    values = [evaluate.value(a) for a in node.arguments]
    if len(values) != 2:
        raise evaluate.complain(node, "grid() takes two factors.", "Write grid(row, col).")
    names = [deparse(argument) for argument in node.arguments]
    factors = [as_factor(*each) for each in zip(values, names, strict=True)]
    sides = evaluate.learn(
        node,
        lambda: tuple(
            factor.levels if isinstance(value, Factor) else _whole_steps(factor.keys, name)
            for factor, value, name in zip(factors, values, names, strict=True)
        ),
    )
    codes = []
    for factor, levels, argument in zip(factors, sides, node.arguments, strict=True):
        codes.append(factor.match(levels))
        if (codes[-1] < 0).any():
            lost = factor.levels[factor.codes[int(np.argmin(codes[-1]))]]
            raise DataError(
                f"{deparse(argument)!r} has a level {lost!r} that the model was not fitted "
                f"with. Known levels: {', '.join(levels[:10])}."
            )
    names = [f"({row},{column})" for row in sides[0] for column in sides[1]]
    place = codes[0] * np.int32(len(sides[1])) + codes[1]
    return Factor(place, np.array(names, dtype=object))


def _whole_steps(found: Vector, name: str) -> tuple[str, ...]:
    """Every place from the first number to the last, also those without rows."""
    gaps = np.diff(found)
    step = gaps.min() if len(gaps) else 1.0
    whole = np.round((found - found[0]) / step)
    if not np.allclose(whole * step, found - found[0], rtol=0.0, atol=1e-6 * step):
        raise DataError(
            f"The places of {name!r} are not whole multiples of one step; the smallest "
            f"difference is {step:.6g}. Write exp(0 + row:col | field) for any places, or "
            f"factor({name}) to count neighbouring ones as one step apart."
        )
    if whole[-1] > _MOST_STEPS * len(found):
        raise DataError(
            f"The places of {name!r} go over {whole[-1]:.6g} steps, and there are only "
            f"{len(found)} of them. Write exp(0 + row:col | field) for any places."
        )
    steps = np.arange(int(whole[-1]) + 1)
    places = found[0] + step * steps
    places[whole.astype(np.int64)] = found
    return labels(places.astype(found.dtype))


def _poly(evaluate: Evaluator, node: Call) -> Columns:
    """poly(x, 2), poly(x, degree = 2, raw = TRUE)."""
    given = _arguments(evaluate, node)
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
    given = _arguments(evaluate, node)
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
    return found.truth if found.logical else _read_levels(evaluate, node, found)


def _read_levels(evaluate: Evaluator, node: Node, found: Factor) -> Vector:
    try:
        values = [float(level) for level in found.levels]
    except ValueError:
        raise evaluate.complain(
            node, f"The levels {', '.join(found.levels[:3])} ... are not numbers.", ""
        ) from None
    return np.array([*values, np.nan])[found.codes]


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


def _arguments(evaluate: Evaluator, node: Call) -> dict[str, Node]:
    """A call's arguments by the function's parameters, matched as R does; "x" is there."""
    parameters = _PARAMETERS[node.function]
    given = dict(zip(node.keywords, node.arguments, strict=True))
    unknown = next((k for k in given if k and k not in parameters), None)
    plain = [a for a, k in zip(node.arguments, node.keywords, strict=True) if not k]
    free = [parameter for parameter in parameters if parameter not in given]
    if unknown is not None or len(plain) > len(free):
        what = f"{unknown!r}" if unknown is not None else f"{len(node.arguments)} arguments"
        raise evaluate.complain(
            node,
            f"{node.function}() does not take {what}.",
            f"It takes {', '.join(parameters)}.",
        )
    matched = {key: argument for key, argument in given.items() if key}
    matched |= dict(zip(free, plain, strict=False))
    if "x" not in matched:
        raise evaluate.complain(node, f"{node.function}() needs a column.", "")
    return matched


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
VARIABLE_FUNCTIONS: Mapping[str, Callable[[Evaluator, Call], Value]] = MappingProxyType(
    {
        "factor": _factor,
        "as.factor": _factor,
        "ordered": _factor,
        "as.ordered": _factor,
        "C": _coded,
        "relevel": _relevel,
        "interaction": _interaction,
        "numFactor": _num_factor,
        "grid": _grid,
        "poly": _poly,
        "scale": _scale,
        "center": _scale,
        "as.numeric": _as_numeric,
    }
)
