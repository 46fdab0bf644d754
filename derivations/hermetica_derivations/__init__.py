"""Recipes: pinned toolchains, a standard environment, packages. All use the public API alone.

Each module is imported when it is first used (PEP 562), for importing it makes its derivations.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermetica_derivations import debian_source, emulation, packages, pins, scripts, stdenv, toolchain, zig

__all__ = ["debian_source", "emulation", "packages", "pins", "scripts", "stdenv", "toolchain", "zig"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'hermetica_derivations' has no attribute {name!r}")
    return import_module(f"hermetica_derivations.{name}")
