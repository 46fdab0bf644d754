"""Building from C++."""

from __future__ import annotations

from typing import Final

from hermetica_derivations.environment.kind import Environment
from hermetica_derivations.toolchain.for_cxx import base_cxx

__all__ = ["BASE_CXX"]

BASE_CXX: Final = Environment.of(base_cxx)
"""The one for C with GCC for C++, CMake, Meson, Ninja, pkg-config, Perl and the Python that Meson runs on."""
