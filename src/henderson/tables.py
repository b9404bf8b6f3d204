"""Results that are tables, of the kind that the user's own table is."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np

NativeTable: TypeAlias = Any  # a table of the user's own kind


def native_table(columns: Mapping[str, object], backend: nw.Implementation) -> Any:  # noqa: ANN401
    """A table of the user's own kind from columns of equal length."""
    given = {name: _plain(values) for name, values in columns.items()}
    return nw.from_dict(given, backend=backend).to_native()  # pyright: ignore[reportArgumentType]


def _plain(values: object) -> object:
    return (
        values.tolist() if isinstance(values, np.ndarray) and values.dtype == object else values
    )
