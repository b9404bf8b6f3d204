"""Properties of formulas: garbage gives our errors only, valid text round-trips."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from henderson.design import fixed_design, model_frame, new_design, random_design
from henderson.errors import HendersonError
from henderson.formula import parse_formula, parse_one_sided
from henderson.formula.syntax_tree import deparse, parse_expression

RNG = np.random.default_rng(5)
DATA = {
    "y": RNG.normal(size=30),
    "x": RNG.normal(size=30),
    "z": RNG.uniform(1, 2, 30),
    "f": RNG.choice(["u", "v", "w"], 30).tolist(),
    "g": RNG.integers(1, 5, 30),
    "my col": RNG.normal(size=30),
}

WORDS = [*DATA, "`my col`", "(", ")", "|", "||", "+", "-", "*", "/", ":", "^", "~", ",", "="]
WORDS += ["0", "1", "2", "1.5", "1e400", "'u'", "%in%", "==", "<", "!", "&", ".", "poly(", "I("]
WORDS += ["log(", "factor(", "C(", "offset(", "cbind(", "scale(", "ar1(", "relevel(", "c("]
WORDS += ["TRUE", "degree", "contr.sum", "levels", "interaction(", "numFactor(", "mean("]


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_by_our_errors(text: str) -> None:
    for parse in (parse_formula, parse_one_sided):
        with suppress(HendersonError):
            parse(text)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_any_words_give_a_design_or_our_errors(words: str) -> None:
    with suppress(HendersonError):
        formula = parse_formula(f"y ~ {words}")
        frame = model_frame(formula, DATA)
        design = fixed_design(frame, formula)
        for term in formula.random:
            assert np.isfinite(random_design(frame, formula, term).values).all()
        assert np.isfinite(design.matrix).all()
        assert np.linalg.matrix_rank(design.matrix) == design.matrix.shape[1]


NAMES = st.sampled_from(["x", "z", "f", "g", "`my col`", "factor(g)", "poly(x, 2)", "I(z^2)"])
NUMERIC = st.sampled_from(["x", "z", "g", "`my col`"])


def sums(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(of, min_size=1, max_size=3).map(" + ".join)


TERMS = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" * ", ":", "/"]), inner).map("".join),
        sums(inner).map("({})".format),
        st.tuples(sums(inner)).map(lambda s: f"({s[0]})^2"),
    ),
    max_leaves=4,
)
GROUPS = st.sampled_from(["f", "g", "f:g", "f/g", "g/f"])
BARS = st.tuples(
    st.sampled_from(["1", "x", "0 + f", "x * z", "f"]), st.sampled_from(["|", "||"]), GROUPS
)
# Different effects: the same effects of the same group are refused.
RANDOM = st.lists(BARS, max_size=2, unique_by=lambda bar: bar[0]).map(
    lambda bars: [f"({' '.join(bar)})" for bar in bars]
)
OFFSETS = NUMERIC.map("offset({})".format)
FORMULAS = st.tuples(
    st.lists(TERMS, min_size=1, max_size=3),
    RANDOM,
    st.lists(OFFSETS, max_size=1),
    st.randoms(use_true_random=False),
)


def written(parts: tuple[list[str], list[str], list[str], object], shuffle: bool) -> str:
    fixed, random, offsets, order = parts
    terms = [*fixed, *random, *offsets]
    if shuffle:
        order.shuffle(terms)  # pyright: ignore[reportAttributeAccessIssue]
    return "y ~ " + " + ".join(terms)


@settings(deadline=None)
@given(FORMULAS)
def test_random_terms_are_found_wherever_they_stand(
    parts: tuple[list[str], list[str], list[str], object],
) -> None:
    formula = parse_formula(written(parts, shuffle=True))
    plain = parse_formula(written((parts[0], [], [], None), shuffle=False))
    random = [term for text in parts[1] for term in parse_formula(f"y ~ {text}").random]
    assert {(t.structure, t.effects, t.group) for t in formula.random} == {
        (t.structure, t.effects, t.group) for t in random
    }
    assert len(formula.offsets) == len(parts[2])
    assert len(formula.fixed) == len(plain.fixed)
    assert parse_formula(f"y ~ {formula.fixed}").fixed == formula.fixed


@settings(deadline=None, max_examples=60)
@given(FORMULAS)
def test_the_design_rebuilt_on_its_own_data_is_the_design(
    parts: tuple[list[str], list[str], list[str], object],
) -> None:
    formula = parse_formula(written(parts, shuffle=False))
    frame = model_frame(formula, DATA)
    fixed = fixed_design(frame, formula)
    random = [random_design(frame, formula, term) for term in formula.random]
    again = new_design(frame, formula, fixed, random, DATA)
    assert_allclose(again.matrix, fixed.matrix)
    assert_allclose(again.offset, frame.offsets[0])
    for new, old in zip(again.random, random, strict=True):
        assert new.codes.tolist() == old.codes.tolist()
        assert_allclose(new.values, old.values)


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "z", "`my col`", "2", "0.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", " - ", " * ", "/", "^", " < "]), inner).map(
            "".join
        ),
        inner.map("({})".format),
        inner.map("-{}".format),
        inner.map("log({})".format),
        st.tuples(inner, inner).map(lambda two: f"f({two[0]}, k = {two[1]})"),
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(EXPRESSIONS)
def test_printing_an_expression_keeps_its_meaning(text: str) -> None:
    printed = deparse(parse_expression(text))
    assert deparse(parse_expression(printed)) == printed
    assert printed.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "^", "<", ":"])
def test_long_chains_end_in_a_value_or_our_error(operator: str) -> None:
    text = f" {operator} ".join(["x"] * 3000)
    with suppress(HendersonError):
        parse_formula(f"y ~ I({text})")
