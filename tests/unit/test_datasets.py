"""The bundled data sets are what their catalogue says."""

import csv

import narwhals as nw
import pandas as pd
import pytest

from henderson import datasets
from henderson.errors import HendersonError
from tests.reference.corpus import cases

NAMES = datasets.names()
OTHER_NAMES = {"severity": "example1_part3", "seeds": "crowder_seeds"}


@pytest.mark.parametrize("name", NAMES)
def test_every_column_is_described(name: str) -> None:
    header = next(csv.reader(datasets.read_text(name).splitlines()))
    described = datasets.describe(name)
    assert [column.name for column in described.columns] == header
    assert described.source
    assert all(column.about for column in described.columns)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_a_table_has_the_same_cells_whatever_its_kind(name: str, backend: str) -> None:
    frame = nw.from_native(datasets.load(name, backend=backend), eager_only=True)  # type: ignore[arg-type]
    header, *rows = csv.reader(datasets.read_text(name).splitlines())
    assert frame.columns == header
    for i, column in enumerate(datasets.describe(name).columns):
        cells = [row[i] for row in rows]
        values = frame[column.name].to_list()
        assert values == (cells if column.levels else [float(cell) for cell in cells])


@pytest.mark.parametrize("name", NAMES)
def test_a_factor_has_the_levels_of_its_description(name: str) -> None:
    frames = [datasets.load(name), datasets.load(name, backend="polars")]
    for column in datasets.describe(name).columns:
        if column.levels is not None:
            for frame in frames:
                assert tuple(frame[column.name].dtype.categories) == column.levels


@pytest.mark.parametrize("name", NAMES)
def test_level_order_is_that_of_the_reference_fits(name: str) -> None:
    table = OTHER_NAMES.get(name, name)
    columns = {c.name: c for c in datasets.describe(name).columns}
    for case in cases().values():
        if case.data != table:
            continue
        for column, known in case.columns.items():
            if column in columns and known is not None:
                ordered = isinstance(known, dict)
                levels = known["ordered"] if ordered else known
                assert columns[column].levels == tuple(levels)
                assert columns[column].ordered is ordered


def test_only_an_ordered_factor_is_ordered_in_pandas() -> None:
    cake = datasets.load("cake")
    ordered = [
        c
        for c in cake
        if isinstance(cake[c].dtype, pd.CategoricalDtype) and cake[c].cat.ordered
    ]
    assert ordered == ["temperature"]


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(HendersonError, match="Did you mean 'sleepstudy'"):
        datasets.load("sleepstdy")


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(HendersonError, match="no backend 'dask'"):
        datasets.load("oats", backend="dask")  # type: ignore[arg-type]


def test_the_listing_has_one_line_a_table() -> None:
    assert [line.split()[0] for line in datasets.listing().splitlines()] == list(NAMES)


def test_a_description_prints_source_and_columns() -> None:
    text = str(datasets.describe("fecal_dm"))
    assert "Kansas State" in text
    assert "540 rows" in text
    assert "factor of 60 levels" in text
