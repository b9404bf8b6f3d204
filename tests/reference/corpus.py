"""The stored R fits: a case is a model, its data with their column types, and R's numbers."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Variance:
    """A standard deviation (`other` is None) or a correlation of two effects of one term."""

    predictor: str
    group: str
    effect: str
    other: str | None
    value: float


@dataclass(frozen=True, slots=True)
class Mode:
    """Conditional modes of one level, by effect, with conditional standard deviations."""

    predictor: str
    group: str
    level: str
    mode: dict[str, float]
    sd: dict[str, float] | None


@dataclass(frozen=True, slots=True)
class Expected:
    """What R found at its optimum. Standard errors are in this package's convention."""

    log_likelihood: float  # restricted where the method is REML
    n_parameters: int
    n: int
    fixed: dict[str, float]
    se: dict[str, float]
    others: dict[str, dict[str, float]]  # coefficients of the predictors with a formula
    dropped: list[str] | None  # fixed effects left out for rank deficiency
    singular: bool
    random: list[Variance]
    scale: float | None  # residual sd, dispersion, coefficient of variation: the family's own
    family_parameters: dict[str, float]  # others of the family, by predictor
    modes: list[Mode]
    fitted: dict[str, list[float]] | None  # rows (1-based), response, link


@dataclass(frozen=True, slots=True)
class Case:
    """One model fitted in R."""

    id: str
    data: str
    formula: str
    family: str
    link: str
    method: Literal["ML", "REML"]
    quadrature: int
    weights: str | None
    repeat: str | None  # a column of whole numbers: how often each row is repeated
    zero_inflation: str | None  # formulas
    dispersion: str | None
    offset: str | None  # where it is an argument; otherwise it is in the formula
    contrasts: str  # of unordered factors
    columns: dict[str, Any]  # None: number; list: levels; {"ordered": levels}
    engine: str
    note: str | None
    tags: list[str]
    expected: Expected

    def table(self) -> pd.DataFrame:
        """The case's data with R's column types and level order."""
        frame = typed(read(self.data), self.columns)
        if self.repeat is None:
            return frame
        rows = np.repeat(np.arange(len(frame)), frame[self.repeat].to_numpy())
        return frame.iloc[rows].reset_index(drop=True)


def case_of(record: dict[str, Any]) -> Case:
    """A case from its stored record."""
    numbers = dict(record["expected"])
    random = [
        Variance(row["predictor"], row["group"], row["effect"], row["with"], row["value"])
        for row in numbers.pop("random")
    ]
    modes = [Mode(**row) for row in numbers.pop("modes")]
    expected = Expected(random=random, modes=modes, **numbers)
    return Case(expected=expected, **{k: v for k, v in record.items() if k != "expected"})


@cache
def cases() -> dict[str, Case]:
    """Every stored case by its name."""
    records = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
    return {record["id"]: case_of(record) for record in records}


def read(name: str) -> pd.DataFrame:
    """A stored table as text columns; an empty cell is a missing value."""
    path = HERE / "data" / f"{name}.csv"
    path = path if path.exists() else path.with_suffix(".csv.gz")
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])


def typed(frame: pd.DataFrame, columns: dict[str, Any]) -> pd.DataFrame:
    """The columns described, each a number or a categorical with R's level order."""
    out = {}
    for name, described in columns.items():
        if described is None:
            out[name] = pd.to_numeric(frame[name])
            continue
        ordered = isinstance(described, dict)
        levels = described["ordered"] if ordered else described
        out[name] = pd.Categorical(frame[name], categories=levels, ordered=ordered)
    return pd.DataFrame(out, index=frame.index)
