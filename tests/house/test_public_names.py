"""What the packages export exists, and says what it is."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from tests.house.code import PACKAGES, modules

ROOMS = [
    module.name
    for module in modules()
    if module.path.name == "__init__.py" and any("__all__" in line for line in module.path.read_text().splitlines())
]


def test_every_package_says_what_is_public() -> None:
    assert set(PACKAGES) <= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_exist_and_have_docstrings(room: str) -> None:
    package = import_module(room)
    public = {name: getattr(package, name) for name in package.__all__}
    silent = [
        name
        for name, value in public.items()
        if (inspect.isclass(value) or inspect.isroutine(value)) and not vars_doc(value)
    ]
    assert not silent


@pytest.mark.parametrize("room", ROOMS)
def test_public_methods_have_docstrings(room: str) -> None:
    package = import_module(room)
    classes = [value for name in package.__all__ if inspect.isclass(value := getattr(package, name))]
    silent = [
        f"{kind.__name__}.{name}"
        for kind in classes
        if kind.__module__.partition(".")[0] in PACKAGES
        for name, member in vars(kind).items()
        if not name.startswith("_") and inspect.isroutine(member) and not inspect.getdoc(member)
    ]
    assert not silent


def vars_doc(value: object) -> object:
    """The docstring of ``value`` itself, not one that it inherits."""
    return vars(value).get("__doc__") if inspect.isclass(value) else getattr(value, "__doc__", None)
