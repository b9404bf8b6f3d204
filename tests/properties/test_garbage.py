"""Garbage in: our own errors, or a fit that says what it is; no other exception, no NaN."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import henderson as hd
from henderson.links import LINKS

QUICK = hd.FitControl(max_evaluations=60)
ODD = [np.nan, np.inf, -np.inf, 1e308, -1e200, 1e150, 1e-310, 1e-200, -0.0, 0.0, 1e16, -1.0]
OBJECTS = [
    None,
    "a",
    "",
    1,
    2.5,
    True,
    float("nan"),
    (1,),
    "1",
    -3,
    np.float32(2.0),
    10**30,
    {},
]

# ---- columns ---------------------------------------------------------------------------------


def column(kind: str, n: int, rng: np.random.Generator) -> object:
    """One column of a kind, n rows."""
    normal = rng.normal(size=n)
    match kind:
        case "normal":
            return normal
        case "shifted":
            return 10.0 ** rng.integers(2, 14) + normal
        case "huge":
            return normal * 10.0 ** rng.integers(50, 300)
        case "tiny":
            return normal * 10.0 ** -rng.integers(50, 300)
        case "spread":
            return np.sign(normal) * 10.0 ** rng.uniform(-150, 150, n)
        case "odd":
            return np.where(rng.random(n) < 0.2, rng.choice(ODD, n), normal)
        case "gaps":
            return np.where(rng.random(n) < 0.2, np.nan, normal)
        case "positive":
            return rng.gamma(0.7, 3.0, n) + 1e-9
        case "proportion":
            return rng.uniform(0.001, 0.999, n)
        case "counts":
            return rng.poisson(rng.choice([0.1, 3.0, 500.0]), n)
        case "large counts":
            return rng.integers(0, 2**62, n)
        case "binary":
            return rng.integers(0, 2, n)
        case "truth":
            return rng.random(n) < 0.5
        case "constant":
            return np.full(n, rng.choice([0.0, 1.0, 1e9]))
        case "nothing":
            return np.full(n, np.nan)
        case "line":
            return np.arange(n, dtype=float)
        case "step":
            return np.repeat([0.0, 1.0], [n // 2, n - n // 2])
        case "few levels":
            return [f"l{i}" for i in rng.integers(0, 4, n)]
        case "many levels":
            return [f"l{i}" for i in rng.integers(0, max(n // 2, 1), n)]
        case "ids":
            return np.arange(n)
        case "one level":
            return ["a"] * n
        case "odd texts":
            return [str(each) for each in rng.choice(["", " ", "é:ü", "(a|b)", "0", "NA"], n)]
        case "objects":
            return [OBJECTS[i] for i in rng.integers(0, len(OBJECTS), n)]
        case "dates":
            return pd.date_range("2024-02-28", periods=n).to_numpy()
        case "complex":
            return normal + 1j
        case _:
            raise AssertionError(kind)


NUMBERS = ["normal", "gaps", "positive", "proportion", "counts", "binary", "line", "step"]
GROUPS = ["few levels", "many levels", "truth", "counts", "binary"]
STRANGE = ["shifted", "huge", "tiny", "spread", "odd", "large counts", "constant", "nothing"]
STRANGE += ["ids", "one level", "odd texts", "objects", "dates", "complex"]
ANY = NUMBERS + GROUPS + STRANGE

NAMES = ["y", "s", "x", "z", "f", "g", "h"]
NUMERIC, GROUPING = ["s", "x", "z"], ["f", "g", "h"]
SUPPORT = {  # columns that each family can have as a response
    "gaussian": NUMBERS,
    "binomial": ["binary", "truth"],
    "poisson": ["counts", "binary"],
    "nbinom1": ["counts"],
    "nbinom2": ["counts"],
    "gamma": ["positive", "proportion"],
    "beta": ["proportion"],
    "t": NUMBERS,
}

# ---- formulas --------------------------------------------------------------------------------

RESPONSES = ["log(y)", "I(y * 1e300)", "sqrt(s)", "y - s", "1", "f", "s", "cbind(y, s)", "y/s"]
RESPONSES += ["cbind(y, 5 - y)", "exp(y)", "y > 0", "y - y", "scale(y)", "g"]
FIXED = ["1", "x", "z", "f", "x * f", "0", "f/h", "scale(x)", "I(x^2)", "x:z", "f:g", "z"]
ODD_FIXED = ["poly(x, 2)", "log(x)", "y", "exp(x)", "factor(z)", "offset(z)", "-1", "missing"]
ODD_FIXED += ["I(1/x)", "z - x", "I(x * 1e-200)", "poly(z, 9)", "x:f:g:h", "I(x^9)"]
RANDOM = ["(1 | g)", "(1 | g)", "(x | g)", "(x || g)", "(1 | h)", "(0 + x | h)", "(1 | g/h)"]
RANDOM += ["(f | g)", "(0 + f | g)", "(1 | g:h)", "diag(x | h)", "(x + z | g)", "(1 | f)"]
ODD_RANDOM = ["(exp(x) | g)", "(x | y)", "(1 | g) + (1 | g)", "ar1(x | g)", "(poly(x, 2) | g)"]
ODD_RANDOM += [
    "(I(x * 1e100) | g)",
    "(1 | x)",
    "(0 + f:h | g)",
    "(1 + x | g) + (1 | g)",
    "(x | f)",
]


@dataclass(frozen=True)
class Case:
    """A fit to attempt, in parts, so that a failure shrinks to what matters."""

    formula: str
    kinds: Mapping[str, str]
    n: int
    seed: int
    table: str
    options: Mapping[str, Any]

    def data(self) -> object:
        rng = np.random.default_rng(self.seed)
        columns = {name: column(kind, self.n, rng) for name, kind in self.kinds.items()}
        if self.table == "pandas":
            return pd.DataFrame(columns)
        if self.table == "doubled":
            frame = pd.DataFrame(columns)
            return pd.concat([frame, frame[["x"]]], axis=1)
        if self.table == "polars":
            try:
                return pl.DataFrame(columns, strict=False)
            except (TypeError, ValueError, pl.exceptions.PolarsError):
                return columns  # polars itself refuses the column
        return columns


def mostly(
    usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    """Odd parts are rare: most cases have one or none of them and get as far as a fit."""
    return st.integers(0, 11).flatmap(lambda which: odd if which == 11 else usual)


def kinds(family: str) -> st.SearchStrategy[dict[str, str]]:
    usual = {
        "y": SUPPORT[family],
        **dict.fromkeys(NUMERIC, NUMBERS),
        **dict.fromkeys(GROUPING, GROUPS),
    }
    anything = st.sampled_from(ANY)
    return st.fixed_dictionaries(
        {name: mostly(st.sampled_from(usual[name]), anything) for name in NAMES}
    )


def formulas() -> st.SearchStrategy[str]:
    fixed = mostly(st.sampled_from(FIXED), st.sampled_from(ODD_FIXED))
    random = mostly(st.sampled_from(RANDOM), st.sampled_from(ODD_RANDOM))
    return st.builds(
        lambda response, a, b: f"{response} ~ {' + '.join([*a, *b])}",
        mostly(st.just("y"), st.sampled_from(RESPONSES)),
        st.lists(fixed, min_size=1, max_size=3),
        st.lists(random, max_size=2),
    )


def options(family: str) -> st.SearchStrategy[dict[str, Any]]:
    rare = {
        "link": [*LINKS, "nonsense"],
        "method": ["ML", "REML", "REML"],
        "weights": NAMES,
        "offset": NAMES,
        "quadrature": [3, 7],
        "contrasts": ["sum", "poly", {"f": "helmert"}, {"q": "sum"}],
    }
    default = {"quadrature": 1}
    return st.fixed_dictionaries(
        {
            "family": st.just(family),
            **{
                name: mostly(st.just(default.get(name)), st.sampled_from(values))
                for name, values in rare.items()
            },
        }
    )


def cases() -> st.SearchStrategy[Case]:
    sizes = mostly(st.integers(12, 40), st.integers(0, 8))
    tables = st.sampled_from(["dict", "pandas", "polars"])
    return st.sampled_from(list(SUPPORT)).flatmap(
        lambda family: st.builds(
            Case,
            formula=formulas(),
            kinds=kinds(family),
            n=sizes,
            seed=st.integers(0, 2**16),
            table=mostly(tables, st.just("doubled")),
            options=options(family),
        )
    )


# ---- what must hold --------------------------------------------------------------------------


def attempt(case: Case) -> hd.FittedModel | None:
    """The fit, or None where it is refused. Other exceptions and warnings are failures."""
    data = case.data()
    try:
        return hd.fit(case.formula, data, control=QUICK, **case.options)
    except hd.HendersonError:
        return None


def check(model: hd.FittedModel) -> None:
    """A model can always be shown, and where it says it converged its numbers are numbers."""
    assert model.summary()
    assert model.outcome
    if not model.converged:
        return
    estimates = model.estimates
    assert np.isfinite(model.llf)
    for predictor in estimates.predictors.values():
        assert np.isfinite(predictor.beta).all()
        assert np.isfinite(predictor.eta).all()
        for term in predictor.terms:
            assert np.isfinite(term.theta).all()
            assert np.isfinite(term.covariance).all()
            assert np.isfinite(term.modes).all()
            assert (np.diag(term.covariance) >= 0.0).all()
    assert np.isfinite(estimates.vcov).all()
    assert (np.diag(estimates.vcov) >= 0.0).all()


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(cases())
def test_garbage_is_refused_by_our_errors_or_fitted_to_finite_numbers(case: Case) -> None:
    model = attempt(case)
    if model is not None:
        check(model)
