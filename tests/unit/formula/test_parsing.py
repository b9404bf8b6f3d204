"""What a formula's text means, and where an error points."""

import re

import pytest

from henderson.errors import FormulaError
from henderson.formula import parse_formula, parse_one_sided
from henderson.formula.syntax_tree import deparse, parse_expression


def groups(text: str) -> list[tuple[str, ...]]:
    return [term.group for term in parse_formula(text).random]


def test_random_terms_and_offsets_leave_the_fixed_part() -> None:
    formula = parse_formula("y ~ (1 | g) + x + offset(log(t)) + ar1(0 + t | h, 2) - z")
    assert formula.fixed == "x - z"
    assert formula.offsets == ("log(t)",)
    assert [term.structure for term in formula.random] == ["us", "ar1"]
    assert formula.random[1].arguments == "2"
    assert formula.random[1].effects == "0 + t"


def test_a_term_knows_its_place() -> None:
    text = "y ~ x + ar1(0 + t | g)"
    (term,) = parse_formula(text).random
    assert text[term.start : term.stop] == term.text == "ar1(0 + t | g)"


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("g", [("g",)]),
        ("a:b", [("a", "b")]),
        ("a/b", [("a",), ("a", "b")]),
        ("a/b/c", [("a",), ("a", "b"), ("a", "b", "c")]),
        ("(a/b):c", [("a", "c"), ("a", "b", "c")]),
        ("a/(b + c)", [("a",), ("a", "b"), ("a", "c")]),
        ("(a + b)/c", [("a",), ("b",), ("a", "b", "c")]),
        ("a + b", [("a",), ("b",)]),
        ("a * b", [("a",), ("b",), ("a", "b")]),
        ("b %in% a", [("a", "b")]),
        ("factor(a):`my b`", [("factor(a)", "`my b`")]),
        ("a + a", [("a",)]),
    ],
)
def test_groups_expand(group: str, expected: list[tuple[str, ...]]) -> None:
    assert groups(f"y ~ x + (1 | {group})") == expected


def test_spaces_do_not_matter() -> None:
    assert parse_formula("y~x+(1|g)").random[0].group == ("g",)
    assert parse_formula("y ~ x +\n\t(1 | g)").fixed == "x"


def test_a_double_bar_makes_the_effects_independent() -> None:
    (term,) = parse_formula("y ~ (1 + x || g)").random
    assert (term.structure, term.effects) == ("diag", "1 + x")


@pytest.mark.parametrize("word", ["us", "diag", "cs", "toep", "ou", "exp", "anything"])
def test_any_word_before_a_bar_is_a_structure(word: str) -> None:
    (term,) = parse_formula(f"y ~ {word}(0 + t | g)").random
    assert term.structure == word


def test_a_package_prefix_is_left_out() -> None:
    (term,) = parse_formula("y ~ ou(0 + glmmTMB::numFactor(t) | g)").random
    assert term.effects == "0 + numFactor(t)"


@pytest.mark.parametrize(
    ("left", "kind", "expressions"),
    [
        ("y", "plain", ("y",)),
        ("log(y + 1)", "plain", ("log(y + 1)",)),
        ("`my y`", "plain", ("`my y`",)),
        ("cbind(a, n - a)", "cbind", ("a", "n - a")),
        ("a/n", "ratio", ("a", "n")),
        ("(a + b)/n", "ratio", ("(a + b)", "n")),
        ("a * b", "plain", ("a * b",)),
    ],
)
def test_responses(left: str, kind: str, expressions: tuple[str, ...]) -> None:
    response = parse_formula(f"{left} ~ x").response
    assert response is not None
    assert (response.kind, response.expressions) == (kind, expressions)


@pytest.mark.parametrize(
    ("right", "fixed"),
    [
        ("1", "1"),
        ("0 + x", "0 + x"),
        ("-1 + x", "-1 + x"),
        ("x - 1 + (1 | g)", "x - 1"),
        ("(1 | g)", "1"),
        ("(1 | g) - 1", "-1"),
        ("(x + (1 | g))", "x"),
        ("a*b + I(x**2) + a : b", "a * b + I(x^2) + a:b"),
        ("poly(x,2,raw=TRUE)", "poly(x, 2, raw = TRUE)"),
        ("C(f, 'contr.sum')", 'C(f, "contr.sum")'),
    ],
)
def test_the_fixed_part_is_printed_as_r_does(right: str, fixed: str) -> None:
    assert parse_formula(f"y ~ {right}").fixed == fixed


def test_one_sided_formulas_have_no_response() -> None:
    formula = parse_one_sided("~ x + (1 | g)")
    assert formula.response is None
    assert formula.random[0].group == ("g",)
    with pytest.raises(FormulaError, match="no response of its own"):
        parse_one_sided("y ~ x")


@pytest.mark.parametrize(
    ("text", "r"),
    [
        ("-x^2", "-x^2"),
        ("a-b - c", "a - b - c"),
        ("2^-1", "2^-1"),
        ("a:b%in%c*d", "a:b %in% c * d"),
        ("!a&b|c", "!a & b | c"),
        ("x>=.5", "x >= 0.5"),
        ("f(a,k=1e3)", "f(a, k = 1000)"),
        ("`a b`+`c`", "`a b` + c"),
        ("1L", "1"),
    ],
)
def test_expressions_print_as_in_r(text: str, r: str) -> None:
    assert deparse(parse_expression(text)) == r
    assert parse_expression(r) == parse_expression(deparse(parse_expression(r)))


BAD = [
    # formula, what the carets mark (and where it starts), words of the message
    ("y ~", "~", "Nothing stands after"),
    ("~ x", "~", "response is missing"),
    ("y + x", "y + x", "no '~'"),
    ("y ~ x ~ z", "~ z", "one '~' only"),
    ("1 ~ x", "1", "names no column"),
    ("y | g ~ x", "|", "cannot hold a random effect"),
    ("cbind(a) ~ x", "cbind(a)", "two columns, not 1"),
    ("cbind(a, b, c) ~ x", "cbind(a, b, c)", "two columns, not 3"),
    ("y ~ x +", "+", "missing after '+'"),
    ("y ~ * x", "*", "missing before '*'"),
    ("y ~ x + + ", "+ ", "missing after '+'"),
    ("y ~ (1 | g", "(", "never closed"),
    ("y ~ log(x", "(x", "never closed"),
    ("y ~ 1 | g)", ")", "closes nothing"),
    ("y ~ x | g", "|", "outside parentheses"),
    ("y ~ x + z | g", "|", "outside parentheses"),
    ("y ~ ( | g)", "|", "No effects"),
    ("y ~ (1 | )", "|", "No grouping factor"),
    ("y ~ ar1(0 + t | )", "|", "No grouping factor"),
    ("y ~ (0 | g)", "0", "no effects"),
    ("y ~ (1 | g | h)", "| g", "one bar only"),
    ("y ~ (1 | 2)", "2", "cannot be a grouping factor"),
    ("y ~ (1 | a - b)", "a - b", "cannot be a grouping factor"),
    ("y ~ x * (1 | g)", "|", "cannot stand here"),
    ("y ~ x - (1 | g)", "(1", "not subtracted"),
    ("y ~ x - offset(z)", "offset(z)", "not subtracted"),
    ("y ~ x:offset(z)", "offset(z)", "term of its own"),
    ("y ~ offset(z, w)", "offset(z, w)", "one expression"),
    ("y ~ .", ".", "not available"),
    ("y ~ x $ z", "$", "character"),
    ("y ~ `x", "`", "never closed"),
    ("y ~ a b", "b", "not expected"),
    ("y ~ a, b", ",", "arguments of a function"),
    ("y ~ a = b", "=", "not expected"),
    ("y ~ ()", "()", "nothing between"),
    ("y ~ log(x,)", ")", "missing before ')'"),
    ("y ~ " + "(" * 200 + "x" + ")" * 200, "(", "nested"),
]


@pytest.mark.parametrize(("text", "culprit", "words"), BAD)
def test_an_error_shows_the_culprit(text: str, culprit: str, words: str) -> None:
    with pytest.raises(FormulaError, match=re.escape(words)) as caught:
        parse_formula(text)
    lines = str(caught.value).splitlines()
    shown, carets = lines[2], lines[3]
    assert shown == f"    {text}"
    assert shown[carets.index("^") :].startswith(culprit)
    assert lines[-1].startswith("Hint: ")


def test_what_is_not_text_is_refused() -> None:
    with pytest.raises(FormulaError, match="not int"):
        parse_formula(3)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["Ertrag [kg/ha]", "my $x", "g#1", 'a"b', "a:b", "1st", "x@y"])
def test_any_name_between_backticks_is_a_column(name: str) -> None:
    formula = parse_formula(f"`{name}` ~ log(`{name}`) + (0 + `{name}` | `{name}`)")
    assert formula.response is not None
    assert formula.response.expressions == (f"`{name}`",)
    assert formula.fixed.endswith(f"log(`{name}`)")
    assert formula.random[0].group == (f"`{name}`",)
