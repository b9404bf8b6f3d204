"""The algebra of grouping factors: a/b is a and a:b."""

from henderson.errors import FormulaError
from henderson.formula.syntax_tree import (
    Binary,
    Call,
    Name,
    Node,
    Number,
    Parenthesis,
    Sum,
    deparse,
)

Group = tuple[str, ...]


def expand_group(group: Node, text: str) -> tuple[Group, ...]:
    """The groupings that the right-hand side of a bar stands for, each once.

        g  →  g          a:b  →  a:b          a + b  →  a, b
        a/b  →  a, a:b   a/b/c  →  a, a:b, a:b:c   (a/b):c  →  a:c, a:b:c   a*b  →  a, b, a:b

    1 is one level with all rows. `text` is the formula that `group` was read from.
    """
    return tuple(dict.fromkeys(_expand(group, text)))


def _expand(node: Node, text: str) -> list[Group]:
    match node:
        case Parenthesis():
            return _expand(node.inner, text)
        case Name() | Call() | Number(value=1):
            return [(deparse(node),)]
        case Sum() if set(node.signs) == {"+"}:
            return [group for term in node.terms for group in _expand(term, text)]
        case Binary(operator=":" | "/" | "*" | "%in%"):
            left, right = _expand(node.left, text), _expand(node.right, text)
            if node.operator == "%in%":  # b %in% a is a:b
                left, right = right, left
            if node.operator == "/":
                everything = tuple(dict.fromkeys(factor for group in left for factor in group))
                return left + [_join(everything, group) for group in right]
            crossed = [_join(a, b) for a in left for b in right]
            return left + right + crossed if node.operator == "*" else crossed
        case _:
            raise FormulaError.at(
                text,
                node.start,
                node.stop,
                problem=f"{deparse(node)!r} cannot be a grouping factor.",
                hint="After the bar write a column, a:b for combinations or a/b for nesting.",
            )


def _join(outer: Group, inner: Group) -> Group:
    return tuple(dict.fromkeys(outer + inner))
