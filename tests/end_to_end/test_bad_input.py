"""Input that cannot be fitted is refused: which column, which value, what to do next."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson import cli

N = 40
RNG = np.random.default_rng(1)
TRIAL = pd.DataFrame(
    {
        "height": RNG.normal(10.0, 1.0, N),
        "count": RNG.poisson(3.0, N),
        "share": RNG.uniform(0.1, 0.9, N),
        "mass": RNG.gamma(2.0, 1.0, N),
        "alive": RNG.integers(0, 2, N),
        "day": np.arange(N) % 10 + 1.0,
        "variety": [f"v{i % 3}" for i in range(N)],
        "block": np.repeat(list("abcdefgh"), 5),
        "plot": np.arange(N),
        "pair": np.arange(N) // 2,
    }
)
EVERY_FAMILY = {
    "gaussian": "height",
    "t": "height",
    "gamma": "mass",
    "beta": "share",
    "binomial": "alive",
    "poisson": "count",
    "nbinom1": "count",
    "nbinom2": "count",
}


def refusal(formula: object, data: object = TRIAL, **options: object) -> str:
    """The message with which a fit is refused."""
    with pytest.raises(hd.HendersonError) as refused:
        hd.fit(formula, data, **options)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return str(refused.value)


def says(message: str, *parts: str) -> None:
    missing = [part for part in parts if part not in message]
    assert not missing, f"{missing} not in: {message}"


def with_value(column: str, value: object, row: int = 7) -> pd.DataFrame:
    values = TRIAL[column].astype(object if isinstance(value, str) else float)
    values[row] = value
    return TRIAL.assign(**{column: values})


# ---- the formula -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "wrong", "right"),
    [
        ("heigt ~ day + (1 | block)", "heigt", "height"),
        ("height ~ dey + (1 | block)", "dey", "day"),
        ("height ~ day + (1 | blok)", "blok", "block"),
        ("height ~ 1 + (dday | block)", "dday", "day"),
        ("height ~ log(days) + (1 | block)", "days", "day"),
    ],
)
def test_an_unknown_column_is_marked_and_the_nearest_is_named(
    formula: str, wrong: str, right: str
) -> None:
    message = refusal(formula)
    says(message, f"no column {wrong!r}", f"Did you mean {right!r}?", "Columns: height, count")
    caret = " " * formula.index(wrong) + "^" * len(wrong)
    says(message, f"    {formula}\n    {caret}")


@pytest.mark.parametrize(
    ("formula", "at", "problem", "remedy"),
    [
        ("height ~ day + (1 | block", 15, "never closed", "Add a ')'"),
        ("height ~ day + (1 | block))", 26, "closes nothing", "Remove it"),
        ("height ~ day ~ block", 13, "one '~' only", "Remove this one"),
        ("height ~ day | block", 13, "outside parentheses", "(1 | g)"),
        ("height ~ day + ( | block)", 17, "No effects", "(1 | group)"),
        ("height ~ day + (1 | )", 18, "No grouping factor", "(1 | group)"),
        ("height ~ 1 + (0 | block)", 14, "no effects", "(1 | group)"),
        ("height ~ (1 | block/pair) + (1 | block)", 28, "twice", "Remove one"),
        ("height ~ (day | block) + (day | block)", 25, "twice", "Remove one"),
        ("~ day", 0, "response is missing", "Write the column to model first"),
        ("height + day", 0, "no '~'", "Write response ~ predictors"),
        ("height ~ day + arl(day | block)", 15, "no covariance structure called 'arl'", "us"),
    ],
)
def test_a_formula_that_cannot_be_read_has_a_caret_under_the_cause(
    formula: str, at: int, problem: str, remedy: str
) -> None:
    message = refusal(formula)
    says(message, problem, f"    {formula}\n    {' ' * at}^")
    says(message.split("Hint: ")[1], remedy)


@pytest.mark.parametrize("formula", [None, 5, b"height ~ day", ["height ~ day"]])
def test_a_formula_is_a_text(formula: object) -> None:
    says(refusal(formula), f"not {type(formula).__name__}", "y ~ x + (1 | g)")


# ---- the response ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "column", "value", "rule", "remedy"),
    [
        ("poisson", "count", -2, "cannot be negative", 'family="gaussian"'),
        ("nbinom1", "count", -2, "cannot be negative", 'family="gaussian"'),
        ("nbinom2", "count", -2, "cannot be negative", 'family="gaussian"'),
        ("poisson", "count", 2.5, "not a whole number", "offset=log(exposure)"),
        ("nbinom1", "count", 2.5, "not a whole number", "offset=log(exposure)"),
        ("nbinom2", "count", 2.5, "not a whole number", "offset=log(exposure)"),
        ("beta", "share", 0, "strictly between 0 and 1", 'family="ordbeta"'),
        ("beta", "share", 1, "strictly between 0 and 1", 'family="ordbeta"'),
        ("beta", "share", 35, "strictly between 0 and 1", "percentages need dividing by 100"),
        ("gamma", "mass", 0, "above 0", "gaussian"),
        ("gamma", "mass", -1.5, "above 0", "gaussian"),
        ("binomial", "alive", 2, "must be 0 or 1", "cbind(y, n - y)"),
        ("binomial", "alive", -1, "cannot be negative", "failure as 0 and success as 1"),
        ("binomial", "alive", 0.25, "needs the number of trials", "weights="),
    ],
)
def test_a_value_outside_the_support_is_shown_with_its_row_and_the_way_out(
    family: str, column: str, value: float, rule: str, remedy: str
) -> None:
    message = refusal(f"{column} ~ day + (1 | block)", with_value(column, value), family=family)
    says(message, f"{column!r} is {value} in row 7 (counted from 0)", rule, remedy)


def test_the_row_is_that_of_the_users_table_where_rows_were_left_out() -> None:
    data = with_value("count", -2).assign(day=[np.nan] * 5 + [1.0, 2.0] * 17 + [3.0])
    says(refusal("count ~ day + (1 | block)", data, family="poisson"), "-2 in row 7")


def test_a_proportion_needs_the_trials_it_is_out_of() -> None:
    message = refusal("share ~ day + (1 | block)", family="binomial")
    says(message, "'share' is 0.", "39 more such rows", "weights=", 'family="beta"')


def test_more_successes_than_trials_show_both_numbers() -> None:
    data = TRIAL.assign(total=10, count=11)
    message = refusal("count/total ~ day + (1 | block)", data, family="binomial")
    says(message, "count is 11", "total is only 10", "Check the two columns")


def test_a_negative_number_of_failures_is_shown() -> None:
    data = TRIAL.assign(dead=-3)
    message = refusal("cbind(count, dead) ~ day + (1 | block)", data, family="binomial")
    says(message, "dead is negative (-3)", "cannot be below 0")


def test_successes_and_failures_need_a_binomial_family() -> None:
    says(refusal("cbind(count, plot) ~ day"), "cbind(count, plot)", 'family="binomial"')


@pytest.mark.parametrize("family", ["gaussian", "poisson", "gamma"])
def test_a_response_of_texts_shows_its_levels(family: str) -> None:
    message = refusal("variety ~ day + (1 | block)", family=family)
    says(message, "'variety' holds levels ('v0', 'v1', 'v2')", "needs numbers", "Convert it")


def test_a_binary_response_of_three_levels_says_how_to_choose_the_event() -> None:
    message = refusal("variety ~ day + (1 | block)", family="binomial")
    says(message, "'variety' has 3 levels ('v0', 'v1', 'v2')", "I(x == 'level')")


def test_texts_among_numbers_are_shown() -> None:
    message = refusal("height ~ day + (1 | block)", with_value("height", "n/a"))
    says(message, "'height' mixes texts with other values", "Convert it to one kind")


@pytest.mark.parametrize(("family", "column"), EVERY_FAMILY.items())
def test_a_constant_response_is_refused_in_every_family(family: str, column: str) -> None:
    value = 0.5 if family == "beta" else 1.0
    message = refusal(
        f"{column} ~ day + (1 | block)", TRIAL.assign(**{column: value}), family=family
    )
    says(message, f"{column!r} is constant", f"every value is {value:g}", "right column")


@pytest.mark.parametrize("family", ["poisson", "nbinom1", "nbinom2"])
def test_counts_that_are_all_zero_are_constant(family: str) -> None:
    message = refusal("count ~ day + (1 | block)", TRIAL.assign(count=0), family=family)
    says(message, "'count' is constant", "every value is 0")


@pytest.mark.parametrize(("successes", "rate"), [("total", 1), ("0 * total", 0)])
def test_all_successes_or_none_out_of_different_trials_are_constant(
    successes: str, rate: int
) -> None:
    data = TRIAL.assign(total=TRIAL["plot"] + 5)
    message = refusal(
        f"cbind({successes}, total - {successes}) ~ day + (1 | block)", data, family="binomial"
    )
    says(message, "is constant", f"every value is {rate}")


@pytest.mark.parametrize(
    ("family", "values"),
    [
        ("gaussian", 2.0 * TRIAL["day"] + 1.0),
        ("t", 2.0 * TRIAL["day"] + 1.0),
        ("gamma", np.exp(0.2 * TRIAL["day"])),
        ("beta", 1.0 / (1.0 + np.exp(-0.2 * TRIAL["day"]))),
    ],
)
def test_a_response_that_the_fixed_effects_fit_exactly_is_refused(
    family: str, values: pd.Series
) -> None:
    link = "log" if family == "gamma" else None
    data = TRIAL.assign(height=values)
    message = refusal("height ~ day + (1 | block)", data, family=family, link=link)
    says(message, "fit the response 'height' exactly", "Leave out terms")


def test_a_response_constant_within_groups_leaves_no_residual() -> None:
    data = TRIAL.assign(height=np.repeat(np.arange(8.0) ** 2, 5))
    message = refusal("height ~ 1 + (1 | block)", data)
    says(message, "'height' is constant within every level of 'block'", "(1 | block)")


# ---- values and rows -------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["height", "day"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_value_is_placed(column: str, value: float) -> None:
    message = refusal("height ~ day + (1 | block)", with_value(column, value))
    says(message, f"{column!r} has an infinite value in row 7", "Correct it or remove the row")


@pytest.mark.parametrize("column", ["height", "day"])
@pytest.mark.parametrize(
    ("unit", "shown", "size"), [(1e200, "e+201", "too large"), (1e-200, "e-199", "too small")]
)
def test_numbers_beyond_computing_ask_for_another_unit(
    column: str, unit: float, shown: str, size: str
) -> None:
    data = TRIAL.assign(**{column: TRIAL[column] * unit})
    message = refusal("height ~ day + (1 | block)", data)
    says(message, f"{column!r} has values up to", f"{shown} in size", size)
    says(message, "Change its unit")


def test_a_function_without_a_finite_value_says_where() -> None:
    message = refusal("height ~ log(day) + (1 | block)", with_value("day", 0.0))
    says(message, "log(day) is not a finite number where day = 0 (1 of 40 rows used)")
    says(message, "Change the expression or remove these rows")


def test_rows_that_are_all_incomplete_count_the_missing_values_of_each_column() -> None:
    half = np.where(np.arange(N) < 20, np.nan, 1.0)
    data = TRIAL.assign(height=half, day=half[::-1])
    message = refusal("height ~ day + (1 | block)", data)
    says(message, "No row has a value in every variable", "height: 20, day: 20", "fill it in")


def test_data_without_rows_are_refused() -> None:
    for data in (TRIAL.iloc[:0], pd.DataFrame(), {}):
        says(refusal("height ~ day + (1 | block)", data), "no rows", "Check the file")


def test_one_row_is_not_enough() -> None:
    says(refusal("height ~ day + (1 | block)", TRIAL.iloc[:1]), "'height'", "only one row")


@pytest.mark.parametrize("data", [None, 5, "trial.csv", [1, 2], np.ones((3, 3)), print])
def test_data_that_are_not_a_table_are_named_by_their_type(data: object) -> None:
    message = refusal("height ~ day + (1 | block)", data)
    says(message, f"of type {type(data).__name__}", "Give a pandas, polars or pyarrow table")


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ({"height": [1, 2], "day": [1, 2, 3]}, ("'height': 2, 'day': 3", "one value per row")),
        ({"height": 3.0}, ("'height' is a single value", "one value per row")),
        (pd.concat([TRIAL, TRIAL[["day"]]], axis=1), ("columns of one name", "'day'")),
        (TRIAL.assign(height=TRIAL["day"] + 1j), ("'height'", "neither numbers nor levels")),
        ({"height": [{}, ()], "day": [1, 2]}, ("'height'", "dict, tuple", "Convert it")),
    ],
)
def test_a_table_of_the_wrong_shape_or_kind_names_the_column(
    data: object, parts: tuple[str, ...]
) -> None:
    says(refusal("height ~ day", data), *parts)


# ---- the design ------------------------------------------------------------------------------


def test_a_grouping_factor_of_one_level_is_named_with_its_level() -> None:
    message = refusal("height ~ day + (1 | site)", TRIAL.assign(site="Rothamsted"))
    says(message, "'site' of (1 | site)", "only one level ('Rothamsted')", "Remove the term")


def test_levels_that_only_incomplete_rows_have_do_not_count() -> None:
    data = TRIAL.assign(site=["A"] * 39 + ["B"], day=[1.0, 2.0] * 19 + [3.0, np.nan])
    says(refusal("height ~ day + (1 | site)", data), "only one level ('A')")


def test_as_many_levels_as_rows_are_confounded_with_the_residual() -> None:
    message = refusal("height ~ day + (1 | plot)")
    says(message, "'plot' of (1 | plot) has 40 levels and there are 40 rows", "residual's")
    says(message, "Remove the term", "coarser factor")


def test_as_many_random_effects_as_rows_are_confounded_with_the_residual() -> None:
    message = refusal("height ~ day + (day | pair)")
    says(message, "(day | pair) has 40 effects (2 for each of 20 levels of 'pair')")
    says(message, "there are 40 rows", "(1 | pair)")


def test_as_many_levels_as_rows_are_fine_where_there_is_no_residual() -> None:
    assert hd.fit("count ~ day + (1 | plot)", TRIAL, family="poisson").converged


def test_an_effect_that_never_occurs_is_named() -> None:
    data = TRIAL.assign(dose=0.0)
    message = refusal("height ~ 1 + (0 + dose | block)", data)
    says(message, "'dose' of (0 + dose | block) is zero in every row", "Remove it")


def test_a_fixed_factor_of_one_level_is_named_with_its_level() -> None:
    message = refusal("height ~ site + (1 | block)", TRIAL.assign(site="A"))
    says(message, "'site' has only one level ('A')", "Remove it")


@pytest.mark.parametrize("formula", ["count ~ block", "count ~ 0 + day:block + block"])
@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_a_group_that_is_a_fixed_factor_too_is_named(formula: str, family: str) -> None:
    message = refusal(f"{formula} + (1 | block)", family=family)
    says(message, "'block' are fixed effects too", "(1 | block)", "Leave one of the two out")


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_more_fixed_effects_than_rows_name_the_term_to_leave_out(family: str) -> None:
    column = EVERY_FAMILY[family]
    message = refusal(f"{column} ~ factor(plot) * day + (1 | block)", family=family)
    says(message, "40 rows", "'factor(plot)'", "Leave out terms")


# ---- weights and offset ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        ("mass", ("'mass' have a negative value (-1 in row 7", "0 or more")),
        ("none", ("'none' are all zero", "positive weight")),
        ("vast", ("'vast' has an infinite value in row 0", "Correct it")),
        ("variety", ("'variety' holds levels ('v0', 'v1', 'v2'", "number is needed")),
        ("mas", ("no column 'mas'", "Did you mean 'mass'?")),
        ("log(day", ("never closed", "Add a ')'")),
        ([1.0, 2.0], ("weights has 2 values", "40 rows", "column's name")),
        (3.0, ("weights has 1 values", "40 rows", "column's name")),
        (np.ones((N, 2)), ("'weights' is not one column", "one value per row")),
        (["heavy"] * N, ("weights must be numbers", "'heavy' is not")),
        (np.full(N, np.nan), ("weights: 40", "fill it in")),
    ],
)
def test_bad_weights_are_shown(weights: object, parts: tuple[str, ...]) -> None:
    data = with_value("mass", -1.0).assign(none=0.0, vast=np.inf)
    says(refusal("height ~ day + (1 | block)", data, weights=weights), *parts)


@pytest.mark.parametrize(
    ("offset", "parts"),
    [
        ("log(zero)", ("log(zero) is not a finite number where zero = 0", "remove these rows")),
        ("variety", ("'variety' holds levels", "number is needed")),
        ("effort", ("no column 'effort'", "Columns: ")),
        ("log(day", ("never closed", "    log(day\n       ^", "Add a ')'")),
        ([1.0, 2.0], ("offset has 2 values", "40 rows", "column's name")),
        (np.full(N, np.inf), ("'offset' has an infinite value in row 0", "Correct it")),
    ],
)
def test_bad_offsets_are_shown(offset: object, parts: tuple[str, ...]) -> None:
    data = TRIAL.assign(zero=0.0)
    says(refusal("count ~ day + (1 | block)", data, family="poisson", offset=offset), *parts)


# ---- other arguments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"family": "poison"}, ("no family called 'poison'", "Did you mean 'poisson'?")),
        ({"family": "zeta"}, ("no family called 'zeta'", "Known: gaussian, binomial, poisson")),
        ({"family": None}, ("not None", 'family="poisson"')),
        ({"family": hd.families.Poisson}, ("not <class", 'family="poisson"')),
        ({"link": "lg"}, ("poisson family has no link 'lg'", "Did you mean 'log'?", "sqrt")),
        ({"link": "logit"}, ("poisson family has no link 'logit'", "Choose one of log")),
        ({"link": 3}, ("link must be a name or a link, not 3", 'link="log"')),
        (
            {"family": hd.families.Poisson(), "link": "sqrt"},
            ("'log'", "'sqrt'", "Give the link to the family alone"),
        ),
        ({"method": "RML"}, ("no method 'RML'", "Did you mean 'REML'?")),
        ({"method": 1}, ("no method 1", 'Choose "ML" or "REML"')),
        ({"contrasts": "summ"}, ("no contrasts called 'summ'", "Did you mean 'sum'?")),
        ({"contrasts": {"varety": "sum"}}, ("'varety'", "Did you mean 'variety'?")),
        ({"contrasts": {"variety": 4}}, ("no contrasts called 4", "Known: treatment")),
        ({"contrasts": 4}, ("not 4", 'contrasts="sum"')),
        ({"quadrature": 0}, ("quadrature", "1 or more", "not 0")),
        ({"quadrature": 2.5}, ("quadrature", "whole number", "not 2.5")),
        ({"quadrature": "five"}, ("quadrature", "whole number", "not 'five'")),
        ({"quadrature": 5, "method": "REML"}, ("cannot be restricted", 'method="ML"')),
        (
            {"control": {"tolerance": 1e-6}},
            ("FitControl", "not {'tolerance'", "hd.FitControl("),
        ),
    ],
)
def test_bad_arguments_are_shown_with_what_would_do(
    options: dict[str, Any], parts: tuple[str, ...]
) -> None:
    formula = "count ~ day + variety + (1 | block)"
    says(refusal(formula, **{"family": "poisson", **options}), *parts)


def test_quadrature_over_several_terms_names_them() -> None:
    formula = "count ~ day + (1 | block) + (1 | variety)"
    message = refusal(formula, family="poisson", quadrature=5)
    says(message, "quadrature=5 needs one random term", "2: (1 | block), (1 | variety)")
    says(message, "quadrature=1")


def test_quadrature_over_too_many_effects_says_how_many_points() -> None:
    formula = "count ~ 1 + (day + mass + height + share | block)"
    message = refusal(formula, family="poisson", quadrature=25)
    says(message, "quadrature=25 with 5 random effects", "25^5 points", "quadrature=1")


def test_a_link_under_which_no_start_is_possible_asks_for_another() -> None:
    data = TRIAL.assign(far=np.linspace(-5.0, 5.0, N))
    message = refusal("alive ~ 1", data, family="binomial", link="identity", offset="far")
    says(message, "identity link", "binomial", "Choose another link", "check the offset")


# ---- the command line ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["height ~ dey + (1 | block)"], ("no column 'dey'", "Did you mean 'day'?", "^^^")),
        (["height ~ day + (1 | block"], ("never closed", "^")),
        (["height ~ day + (1 | plot)"], ("'plot'", "40 levels", "40 rows")),
        (["low ~ day + (1 | block)", "--family", "poisson"], ("'low' is -2 in row 0",)),
        (["share ~ day", "--family", "binomial"], ("'share' is 0.", "weights=")),
        (["count ~ day", "--family", "poison"], ("Did you mean 'poisson'?",)),
        (["height ~ day + (1 | block)", "--weights", "low"], ("'low'", "negative value (-2")),
        (["height ~ day + (1 | block)", "--offset", "word"], ("'word' holds levels",)),
        (["height ~ variety", "--contrasts", "summ"], ("Did you mean 'sum'?",)),
    ],
)
def test_the_command_line_ends_with_the_same_message_and_status_2(
    arguments: list[str],
    parts: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "trial.csv"
    TRIAL.assign(low=-2, word="w").to_csv(path, index=False)
    monkeypatch.setattr(sys, "argv", ["henderson", "fit", str(path), *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert not out
    assert err.startswith("henderson: ")
    says(err, *parts)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tolerance": 0.0}, "tolerance=0.0 is not a decrease"),
        ({"tolerance": float("nan")}, "tolerance=nan"),
        ({"max_evaluations": 0}, "max_evaluations=0 is not a whole number of at least 1"),
        ({"threads": 0}, "threads=0 is not a whole number"),
        ({"hessian": "exat"}, "Did you mean 'exact'"),
    ],
)
def test_settings_of_a_fit_are_checked_when_they_are_made(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(hd.ModelError, match=said):
        hd.FitControl(**given)
