"""Every public name is documented the same way."""

import inspect
import re

import pytest

import henderson as hd

PUBLIC = {name: getattr(hd, name) for name in hd.__all__}
FUNCTIONS = {name: value for name, value in PUBLIC.items() if inspect.isfunction(value)}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}
METHODS = {
    f"{class_name}.{name}": method
    for class_name, of_class in CLASSES.items()
    for name, method in inspect.getmembers(of_class)
    if not name.startswith("_")
    and (inspect.isfunction(method) or isinstance(method, property))
    and (method.__module__ if inspect.isfunction(method) else "henderson").startswith(
        "henderson"
    )
}


def has_section(docstring: str, name: str) -> bool:
    return re.search(rf"^{name}\n-{{{len(name)}}}$", docstring, re.MULTILINE) is not None


def test_the_list_of_public_names_is_sorted_and_complete() -> None:
    assert sorted(set(hd.__all__)) == sorted(hd.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring(name: str) -> None:
    if not inspect.ismodule(PUBLIC[name]) and not callable(PUBLIC[name]):
        pytest.skip("a constant")
    assert inspect.getdoc(PUBLIC[name])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_says_what_it_takes_and_returns(name: str) -> None:
    docstring = inspect.getdoc(FUNCTIONS[name]) or ""
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    assert has_section(docstring, "Parameters") or not parameters
    assert has_section(docstring, "Returns")
    for parameter in parameters:
        assert re.search(rf"^(\w+, )*{parameter}\b", docstring, re.MULTILINE), parameter


@pytest.mark.parametrize("name", METHODS)
def test_every_public_method_has_a_docstring(name: str) -> None:
    assert inspect.getdoc(METHODS[name])
