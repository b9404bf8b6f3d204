"""Small published data sets, for the documentation, the tests and first steps."""

from henderson.datasets.catalogue import (
    Column,
    Description,
    describe,
    listing,
    names,
    read_text,
)
from henderson.datasets.loading import load

__all__ = ["Column", "Description", "describe", "listing", "load", "names", "read_text"]
