"""A bundled table as a data frame of the user's choice."""

from typing import Any, Literal

import narwhals as nw

from henderson.datasets.catalogue import Column, cells_of, describe
from henderson.errors import MissingDependencyError, ModelError

Made = Literal["pandas", "polars"]  # the others are converted from pandas
BACKENDS = ("pandas", "polars", "pyarrow")


def load(name: str, backend: Literal["pandas", "polars", "pyarrow"] = "pandas") -> Any:  # noqa: ANN401
    """A bundled table, with its factors as categories in their order.

    Parameters
    ----------
    name : str
        One of `names()`.
    backend : {"pandas", "polars", "pyarrow"}
        The kind of table. Factors become pandas categories (ordered for an ordered factor),
        polars enumerations or Arrow dictionaries; the last two cannot say that a factor is
        ordered.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table
        Numbers as integers where all are whole, else as 64-bit floats.

    Raises
    ------
    ModelError
        There is no table or backend of this name.
    MissingDependencyError
        The backend is not installed.

    Examples
    --------
    >>> from henderson import datasets
    >>> oats = datasets.load("oats")
    >>> list(oats["Variety"].cat.categories)
    ['Golden Rain', 'Marvellous', 'Victory']
    """
    if backend not in BACKENDS:
        raise ModelError(f"There is no backend {backend!r}. Known: {', '.join(BACKENDS)}.")
    columns = describe(name).columns
    cells = cells_of(name)
    try:
        if backend == "polars":
            return _frame(columns, cells, "polars")
        frame = _with_unordered(_frame(columns, cells, "pandas"), columns)
        return frame if backend == "pandas" else nw.from_native(frame).to_arrow()
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"The backend {backend!r} is not installed. Install it with: pip install {backend}"
        ) from error


def _frame(columns: tuple[Column, ...], cells: dict[str, list[str]], backend: Made) -> Any:  # noqa: ANN401
    """The table with factors as enumerations; pandas makes these ordered categories."""
    values = {c.name: cells[c.name] if c.levels else _numbers(cells[c.name]) for c in columns}
    schema = {c.name: nw.Enum(c.levels) if c.levels else _kind(values[c.name]) for c in columns}
    return nw.from_dict(values, schema=schema, backend=backend).to_native()


def _with_unordered(frame: Any, columns: tuple[Column, ...]) -> Any:  # noqa: ANN401
    """The pandas table, ordered only where the factor is."""
    plain = [c.name for c in columns if c.levels and not c.ordered]
    return frame.assign(**{name: frame[name].cat.as_unordered() for name in plain})


def _numbers(cells: list[str]) -> list[int] | list[float]:
    """Integers where every cell is one."""
    try:
        return [int(cell) for cell in cells]
    except ValueError:
        return [float(cell) for cell in cells]


def _kind(values: list[Any]) -> Any:  # noqa: ANN401
    """The column type of numbers."""
    return nw.Int64() if isinstance(values[0], int) else nw.Float64()
