"""What the packages export exists, and says what it is."""

from __future__ import annotations

import inspect
from importlib import import_module

from tests.house.code import PACKAGES, modules

ROOMS = [
    module.name
    for module in modules()
    if module.path.name == "__init__.py" and any("__all__" in line for line in module.path.read_text().splitlines())
]


def test_every_package_says_what_is_public() -> None:
    assert set(PACKAGES) <= set(ROOMS)


def test_public_names_exist_and_have_docstrings() -> None:
    rooms = [import_module(room) for room in ROOMS]
    public = [(f"{room.__name__}.{name}", getattr(room, name)) for room in rooms for name in room.__all__]
    silent = [
        name for name, value in public if (inspect.isclass(value) or inspect.isroutine(value)) and not vars_doc(value)
    ]
    assert silent == []


def test_public_methods_have_docstrings() -> None:
    rooms = [import_module(room) for room in ROOMS]
    classes = {value for room in rooms for name in room.__all__ if inspect.isclass(value := getattr(room, name))}
    silent = [
        f"{kind.__module__}.{kind.__name__}.{name}"
        for kind in classes
        if kind.__module__.partition(".")[0] in PACKAGES
        for name, member in vars(kind).items()
        if not name.startswith("_") and inspect.isroutine(member) and not inspect.getdoc(member)
    ]
    assert silent == []


def vars_doc(value: object) -> object:
    """The docstring of ``value`` itself, not one that it inherits."""
    return vars(value).get("__doc__") if inspect.isclass(value) else getattr(value, "__doc__", None)
