"""A formula's text to its meaning: response, fixed part, offsets, random terms."""

import re
from functools import lru_cache

from henderson.errors import FormulaError
from henderson.formula.expansion import expand_group
from henderson.formula.syntax_tree import (
    BARS,
    Binary,
    Call,
    Name,
    Node,
    Number,
    Parenthesis,
    Prefix,
    Sum,
    deparse,
    names_in,
    parse_tokens,
    strip_parentheses,
    walk,
)
from henderson.formula.terms import Formula, RandomTerm, ResponseTerm
from henderson.formula.tokens import Token, tokenize


def parse_formula(text: str) -> Formula:
    """Take a model formula apart: `response ~ fixed + (effects | group) + offset(...)`.

    Parameters
    ----------
    text
        The formula in R's spelling. Random terms are written `(effects | group)`,
        `(effects || group)` for independent effects, or `word(effects | group)` for a
        covariance structure; they and `offset(...)` may stand anywhere in the sum.

    Returns
    -------
    Formula
        Text only: no data are looked at, and no structure's word is resolved.

    Raises
    ------
    FormulaError
        With the formula and a caret under the culprit.

    Examples
    --------
    >>> formula = parse_formula("cbind(y, n - y) ~ trt + (1 | block/plot)")
    >>> formula.fixed, formula.response.expressions
    ('trt', ('y', 'n - y'))
    >>> [term.group for term in formula.random]
    [('block',), ('block', 'plot')]
    """
    return _parse(_one_line(text))


def parse_one_sided(text: str) -> Formula:
    """Take a formula without response apart, such as `~ spp + (1 | site)` for a dispersion.

    Parameters
    ----------
    text
        The formula, beginning with `~`.

    Returns
    -------
    Formula
        With `response` None.

    Raises
    ------
    FormulaError
        With the formula and a caret under the culprit.

    Examples
    --------
    >>> parse_one_sided("~ mined").fixed
    'mined'
    """
    return _parse_one_sided(_one_line(text))


@lru_cache(maxsize=256)
def _parse(text: str) -> Formula:
    left, right = _sides(text)
    if not left:
        raise FormulaError.at(
            text,
            0,
            1,
            problem="The response is missing: nothing stands before '~'.",
            hint="Write the column to model first: y ~ x + (1 | g).",
        )
    response = _response(text, parse_tokens(text, left))
    return _RightHandSide(text, parse_tokens(text, right)).formula(response)


@lru_cache(maxsize=256)
def _parse_one_sided(text: str) -> Formula:
    left, right = _sides(text)
    if left:
        raise FormulaError.at(
            text,
            left[0].start,
            left[-1].stop,
            problem="This formula has no response of its own.",
            hint="Begin it with '~'.",
        )
    return _RightHandSide(text, parse_tokens(text, right)).formula(None)


def _one_line(text: str) -> str:
    if not isinstance(text, str):
        raise FormulaError(
            f"A formula is a text, not {type(text).__name__}. Write 'y ~ x + (1 | g)'."
        )
    return re.sub(r"\s", " ", text)


def _sides(text: str) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
    """The tokens before and after the one `~`."""
    tokens = tokenize(text)[:-1]
    tildes = [i for i, token in enumerate(tokens) if token.text == "~"]
    if not tildes:
        raise FormulaError.at(
            text,
            0,
            len(text),
            problem="The formula has no '~'.",
            hint="Write response ~ predictors, such as y ~ x + (1 | g).",
        )
    if len(tildes) > 1:
        second = tokens[tildes[1]]
        raise FormulaError.at(
            text, second.start, second.stop, "A formula has one '~' only.", "Remove this one."
        )
    left, right = tokens[: tildes[0]], tokens[tildes[0] + 1 :]
    if not right:
        tilde = tokens[tildes[0]]
        raise FormulaError.at(
            text,
            tilde.start,
            tilde.stop,
            problem="Nothing stands after '~'.",
            hint="Write 1 for an intercept only: y ~ 1.",
        )
    return left, right


def _response(text: str, node: Node) -> ResponseTerm:
    _refuse_bars(text, node, "The response cannot hold a random effect: '|' stands in it.")
    _refuse_dot(text, node)
    if not names_in(node):
        raise FormulaError.at(
            text,
            node.start,
            node.stop,
            problem="The response names no column.",
            hint="Write the column to model before '~'.",
        )
    inner = strip_parentheses(node)
    match inner:
        case Call(function="cbind"):
            if len(inner.arguments) != 2:
                raise FormulaError.at(
                    text,
                    inner.start,
                    inner.stop,
                    problem=f"cbind() takes two columns, not {len(inner.arguments)}.",
                    hint="Write cbind(successes, failures).",
                )
            kind, parts = "cbind", inner.arguments
        case Binary(operator="/"):
            kind, parts = "ratio", (inner.left, inner.right)
        case _:
            kind, parts = "plain", (node,)
    return ResponseTerm(deparse(node), kind, tuple(deparse(part) for part in parts))


class _RightHandSide:
    """Sorts the terms of a sum into fixed, offset and random."""

    def __init__(self, text: str, node: Node) -> None:
        self.text = text
        self.fixed: list[tuple[str, str]] = []
        self.offsets: list[str] = []
        self.random: list[RandomTerm] = []
        _refuse_dot(text, node)
        self.sort("+", node)

    def formula(self, response: ResponseTerm | None) -> Formula:
        fixed = "".join(f" {sign} {term}" for sign, term in self.fixed).strip()
        return Formula(
            self.text,
            response,
            re.sub(r"^([+-]) ", lambda sign: sign[1].strip("+"), fixed) or "1",
            tuple(self.offsets),
            tuple(self.random),
        )

    def sort(self, sign: str, node: Node) -> None:
        inner = strip_parentheses(node)
        if isinstance(inner, Sum) and (sign == "+" or node is inner):
            for inner_sign, term in zip(inner.signs, inner.terms, strict=True):
                self.sort(inner_sign, term)
        elif _is_bar(inner):
            self.add_random("us", node, inner, "")
        elif isinstance(inner, Call) and inner.arguments and _is_bar(inner.arguments[0]):
            after = ", ".join(
                f"{key} = {deparse(value)}" if key else deparse(value)
                for key, value in zip(inner.keywords[1:], inner.arguments[1:], strict=True)
            )
            self.add_random(inner.function, inner, inner.arguments[0], after)
        elif isinstance(inner, Call) and inner.function == "offset":
            self.add_offset(inner)
        else:
            self.add_fixed(sign, node)
            return
        if sign == "-":
            raise FormulaError.at(
                self.text,
                node.start,
                node.stop,
                problem="Random terms and offsets can be added, not subtracted.",
                hint="Write '+' before it, or leave it out.",
            )

    def add_fixed(self, sign: str, node: Node) -> None:
        _refuse_bars(
            self.text, node, "A random term cannot stand here: '|' needs its own parentheses."
        )
        for inner in walk(node):
            if isinstance(inner, Call) and inner.function == "offset":
                raise FormulaError.at(
                    self.text,
                    inner.start,
                    inner.stop,
                    problem="offset() must be a term of its own.",
                    hint="Add it with '+'.",
                )
        if isinstance(node, Prefix) and node.operator in {"+", "-"}:  # -1 + x
            flipped = {"+": "-", "-": "+"}[sign] if node.operator == "-" else sign
            self.sort(flipped, node.operand)
            return
        self.fixed.append((sign, deparse(node)))

    def add_offset(self, call: Call) -> None:
        _refuse_bars(self.text, call, "An offset cannot hold a random effect.")
        if len(call.arguments) != 1:
            raise FormulaError.at(
                self.text,
                call.start,
                call.stop,
                problem="offset() takes one expression.",
                hint="Write offset(log(effort)).",
            )
        self.offsets.append(deparse(call.arguments[0]))

    def add_random(self, structure: str, whole: Node, bar: Node, arguments: str) -> None:
        bar = strip_parentheses(bar)
        assert isinstance(bar, Binary)
        if not isinstance(whole, Parenthesis | Call):
            raise FormulaError.at(
                self.text,
                bar.at,
                bar.at + len(bar.operator),
                problem=f"{bar.operator!r} stands outside parentheses.",
                hint="Put the random term in parentheses: y ~ x + (1 | g).",
            )
        for side in (bar.left, bar.right):
            _refuse_bars(self.text, side, "A random term has one bar only.")
        effects = strip_parentheses(bar.left)
        if isinstance(effects, Number) and effects.value == 0:
            raise FormulaError.at(
                self.text,
                effects.start,
                effects.stop,
                problem="A random term with 0 before the bar has no effects.",
                hint="Write (1 | group) for random intercepts.",
            )
        if bar.operator == "||":
            structure = "diag" if isinstance(whole, Parenthesis) else structure
        for group in expand_group(bar.right, self.text):
            term = RandomTerm(
                structure=structure,
                effects=deparse(bar.left),
                group=group,
                arguments=arguments,
                text=self.text[whole.start : whole.stop],
                start=whole.start,
                stop=whole.stop,
            )
            if any(_same_effects(term, other) for other in self.random):
                raise FormulaError.at(
                    self.text,
                    whole.start,
                    whole.stop,
                    problem=f"The random effects ({term.effects} | {':'.join(group)}) are in "
                    "the formula twice.",
                    hint="Remove one: their variances cannot be told apart.",
                )
            self.random.append(term)


def _same_effects(term: RandomTerm, other: RandomTerm) -> bool:
    return (
        term.effects == other.effects
        and set(term.group) == set(other.group)
        and (term.structure == other.structure or term.effects == "1")
    )


def _is_bar(node: Node) -> bool:
    node = strip_parentheses(node)
    return isinstance(node, Binary) and node.operator in BARS


def _refuse_bars(text: str, node: Node, problem: str) -> None:
    for inner in walk(node):
        if isinstance(inner, Binary) and inner.operator in BARS:
            raise FormulaError.at(
                text,
                inner.at,
                inner.at + len(inner.operator),
                problem,
                hint="Add random terms with '+', each in parentheses: y ~ x + (1 | g).",
            )


def _refuse_dot(text: str, node: Node) -> None:
    for inner in walk(node):
        if isinstance(inner, Name) and inner.name == ".":
            raise FormulaError.at(
                text,
                inner.start,
                inner.stop,
                problem="'.' for all other columns is not available.",
                hint="Name the columns: with random terms, '.' would take in the groups too.",
            )
