"""Packages whose names are imported when they are first used, so that a run pays for what it needs.

Beyond PEP 562, a name may be that of the submodule that holds it: ``sandbox.run`` is the function, whatever was
imported before.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class _Package(ModuleType):
    """A package of lazy names; ``__lazy__`` says which submodule has each."""

    __lazy__: dict[str, str]

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and self.__lazy__.get(name) == name:  # the import system sets submodules
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__lazy__})


def import_on_demand(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """The ``__getattr__`` of ``package``, which imports the names of each submodule in ``homes`` when first used."""
    module = sys.modules[package]
    vars(module)["__lazy__"] = {name: home for home, names in homes.items() for name in names}
    module.__class__ = _Package

    def find(name: str) -> object:
        home = vars(module)["__lazy__"].get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(f"{package}.{home}"), name)
        setattr(module, name, value)
        return value

    return find
