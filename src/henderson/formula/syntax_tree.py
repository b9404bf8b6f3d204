"""Tokens to a tree, by R's precedence; and the tree back to text, as R prints it.

From tight to loose: `^`, sign, `:`, `%in%`, `* /`, `+ -`, comparison, `!`, `&`, `|`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from henderson.errors import FormulaError
from henderson.formula.tokens import Token, is_name, tokenize


@dataclass(frozen=True, slots=True)
class Number:
    """A number; `value` is what it stands for."""

    value: float
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted text, an option of some function."""

    value: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Name:
    """A column of the data, or one of R's constants TRUE, FALSE, NULL, pi."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`; `keywords` has "" for an argument without a name."""

    function: str
    arguments: tuple["Node", ...]
    keywords: tuple[str, ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Parenthesis:
    """`(inner)`."""

    inner: "Node"
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Prefix:
    """`-operand`, `+operand` or `!operand`."""

    operator: str
    operand: "Node"
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Sum:
    """`a + b - c`: flat, so that a sum of a thousand terms is no deeper than one of two."""

    signs: tuple[str, ...]
    terms: tuple["Node", ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`; the operator stands at `at`."""

    operator: str
    left: "Node"
    right: "Node"
    at: int
    start: int
    stop: int


Node: TypeAlias = Number | Text | Name | Call | Parenthesis | Prefix | Sum | Binary

BARS = frozenset({"|", "||"})
CONSTANTS = frozenset({"TRUE", "FALSE", "T", "F", "NULL", "pi"})
COMPARISONS = frozenset({"<", ">", "<=", ">=", "==", "!="})
_STRENGTH = {
    **dict.fromkeys(BARS, 1),
    **dict.fromkeys(["&", "&&"], 2),
    **dict.fromkeys(COMPARISONS, 4),
    **dict.fromkeys(["+", "-"], 5),
    **dict.fromkeys(["*", "/"], 6),
    **dict.fromkeys(["%in%", "%%", "%/%"], 7),
    ":": 8,
    "^": 10,
    "**": 10,
}
_PREFIX_STRENGTH = {"!": 3, "-": 9, "+": 9}
_DEEPEST = 80  # nested levels; people write at most five


@lru_cache(maxsize=1024)
def parse_expression(text: str) -> Node:
    """The tree of an expression such as `n - y`, `1 + Days` or `log(effort)`."""
    return parse_tokens(text, tokenize(text)[:-1])


def parse_tokens(text: str, tokens: tuple[Token, ...]) -> Node:
    """The tree of consecutive `tokens` of `text`, at least one."""
    return _Parser(text, tokens).whole()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, from left to right."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    match node:
        case Call():
            return node.arguments
        case Parenthesis():
            return (node.inner,)
        case Prefix():
            return (node.operand,)
        case Sum():
            return node.terms
        case Binary():
            return (node.left, node.right)
        case _:
            return ()


def names_in(node: Node) -> tuple[str, ...]:
    """The columns an expression uses, each once, in order of appearance."""
    found = (n.name for n in walk(node) if isinstance(n, Name) and n.name not in CONSTANTS)
    return tuple(dict.fromkeys(found))


def strip_parentheses(node: Node) -> Node:
    """The expression without the parentheses around all of it."""
    while isinstance(node, Parenthesis):
        node = node.inner
    return node


def deparse(node: Node) -> str:
    """The expression as R prints it: `I(age^2)`, `poly(x, 2, raw = TRUE)`, `a:b`, `n - y`."""
    match node:
        case Number():
            text = f"{node.value:.15g}"
        case Text():
            text = f'"{node.value}"' if '"' not in node.value else f"'{node.value}'"
        case Name():
            text = quoted(node.name)
        case Call():
            given = zip(node.keywords, node.arguments, strict=True)
            inside = ", ".join(f"{k} = {deparse(a)}" if k else deparse(a) for k, a in given)
            text = f"{node.function}({inside})"
        case Parenthesis():
            text = f"({deparse(node.inner)})"
        case Prefix():
            text = node.operator + deparse(node.operand)
        case Sum():
            rest = zip(node.signs[1:], node.terms[1:], strict=True)
            text = deparse(node.terms[0]) + "".join(f" {s} {deparse(t)}" for s, t in rest)
        case Binary():
            operator = "^" if node.operator == "**" else node.operator
            space = "" if operator in {"^", ":", "/"} else " "
            text = f"{deparse(node.left)}{space}{operator}{space}{deparse(node.right)}"
    return text


def quoted(name: str) -> str:
    """A column's name as a formula writes it, between backticks where it needs them."""
    return name if is_name(name) else f"`{name}`"


class _Parser:
    """Precedence climbing over a tuple of tokens; `depth` guards the stack."""

    def __init__(self, text: str, tokens: tuple[Token, ...]) -> None:
        self.text = text
        self.tokens = tokens
        self.place = 0
        self.depth = 0

    def whole(self) -> Node:
        node = self.expression(0)
        if (token := self.peek()) is not None:
            raise self.unexpected(token)
        return node

    def peek(self) -> Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def next_is(self, text: str) -> bool:
        token = self.peek()
        return token is not None and token.kind == "operator" and token.text == text

    def expression(self, weakest: int) -> Node:
        """An operand and every operator after it that binds at least as tightly."""
        self.depth += 1
        depth_here = self.depth
        left = self.operand()
        while (token := self.peek()) is not None and token.kind == "operator":
            strength = _STRENGTH.get(token.text, -1)
            if strength < weakest or strength < 0:
                break
            self.place += 1
            right = self.expression(strength if strength == 10 else strength + 1)
            left = _join(token, left, right)
            self.depth += not isinstance(left, Sum)
            self.check_depth(token)
        self.depth = depth_here - 1
        return left

    def operand(self) -> Node:
        token = self.peek()
        if token is None:
            raise self.missing_operand(None)
        self.check_depth(token)
        self.place += 1
        if token.kind == "number":
            return Number(float(token.text.rstrip("L")), token.start, token.stop)
        if token.kind == "string":
            return Text(token.text[1:-1], token.start, token.stop)
        if token.kind == "name":
            return self.call(token) if self.next_is("(") else _name(token)
        if token.text == "(":
            inner = self.expression(0)
            return Parenthesis(inner, token.start, self.close(token))
        if token.text in _PREFIX_STRENGTH:
            operand = self.expression(_PREFIX_STRENGTH[token.text])
            return Prefix(token.text, operand, token.start, operand.stop)
        raise self.missing_operand(token)

    def call(self, function: Token) -> Call:
        opening = self.tokens[self.place]
        self.place += 1
        arguments: list[Node] = []
        keywords: list[str] = []
        while not self.next_is(")"):
            keywords.append(self.keyword())
            arguments.append(self.expression(0))
            if not self.next_is(","):
                break
            self.place += 1
            if self.next_is(")"):
                raise self.missing_operand(self.peek())
        stop = self.close(opening)
        return Call(function.name, tuple(arguments), tuple(keywords), function.start, stop)

    def keyword(self) -> str:
        """`name =` before an argument, or an empty string."""
        token = self.peek()
        if token is None or token.kind != "name" or self.place + 1 >= len(self.tokens):
            return ""
        if self.tokens[self.place + 1].text != "=":
            return ""
        self.place += 2
        return token.name

    def close(self, opening: Token) -> int:
        """Read the closing parenthesis; its end."""
        token = self.peek()
        if token is None:
            raise FormulaError.at(
                self.text,
                opening.start,
                opening.stop,
                problem="This parenthesis is never closed.",
                hint="Add a ')' where the term or function ends.",
            )
        if not self.next_is(")"):
            raise self.unexpected(token)
        self.place += 1
        return token.stop

    def check_depth(self, token: Token) -> None:
        if self.depth > _DEEPEST:
            raise FormulaError.at(
                self.text,
                token.start,
                token.stop,
                problem=f"The formula is nested more than {_DEEPEST} levels deep here.",
                hint="Compute the quantity as a column of the data first.",
            )

    def unexpected(self, token: Token) -> FormulaError:
        problem, hint = f"{token.text!r} is not expected here.", "Is a '+' missing before it?"
        if token.text == ")":
            problem, hint = (
                "This ')' closes nothing.",
                "Remove it, or add the '(' it belongs to.",
            )
        elif token.text == "=":
            problem, hint = "'=' is not expected here.", "Compare with '==', inside I()."
        elif token.text == "~":
            problem, hint = "A formula has one '~' only.", "Remove this one."
        elif token.text == ",":
            problem, hint = "A comma is for the arguments of a function.", "Did you mean '+'?"
        return FormulaError.at(self.text, token.start, token.stop, problem, hint)

    def missing_operand(self, token: Token | None) -> FormulaError:
        """What to say when a term should come next and `token` (None: the end) does."""
        before = self.tokens[self.place - 1] if self.place else None
        if token is not None and before is token:
            before = self.tokens[self.place - 2] if self.place > 1 else None
        here = token or before or Token("end", "", len(self.text), len(self.text))
        hint = ""
        if token is not None and token.text in BARS and (before is None or before.text == "("):
            problem = f"No effects stand before {token.text!r}."
            hint = "Write (1 | group) for random intercepts."
        elif before is not None and before.text in BARS:
            here, problem = before, f"No grouping factor stands after {before.text!r}."
            hint = "Write (1 | group), with the column that holds the groups."
        elif (
            before is not None
            and before.text == "("
            and token is not None
            and token.text == ")"
        ):
            problem, hint = "There is nothing between these parentheses.", "Remove them."
            here = Token("operator", "()", before.start, token.stop)
        elif before is not None and before.text == "(" and token is None:
            here, problem = before, "This parenthesis is never closed."
            hint = "Add what belongs inside, and a ')'."
        elif before is not None and before.kind == "operator" and before.text not in "(,":
            here, problem = before, f"Something is missing after {before.text!r}."
            hint = "Add a term or remove the operator."
        else:
            problem = f"Something is missing before {here.text!r}."
            hint = "Add a term or remove the operator."
        return FormulaError.at(self.text, here.start, here.stop, problem, hint)


def _name(token: Token) -> Name:
    return Name(token.name, token.start, token.stop)


def _join(token: Token, left: Node, right: Node) -> Node:
    if token.text not in {"+", "-"}:
        return Binary(token.text, left, right, token.start, left.start, right.stop)
    signs, terms = (left.signs, left.terms) if isinstance(left, Sum) else (("+",), (left,))
    return Sum((*signs, token.text), (*terms, right), left.start, right.stop)
