"""The examples in docstrings run and print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import henderson

MODULES = [
    module.name
    for module in pkgutil.walk_packages(henderson.__path__, "henderson.")
    if not module.name.endswith(("__main__", "._core"))
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_every_module_run(name: str) -> None:
    results = doctest.testmod(
        importlib.import_module(name),
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert results.failed == 0
