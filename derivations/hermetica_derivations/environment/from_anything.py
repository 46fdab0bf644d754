"""Building with whatever else builds ask for."""

from __future__ import annotations

from typing import Final

from hermetica_derivations.environment.kind import Environment
from hermetica_derivations.toolchain.for_anything import full

__all__ = ["FULL"]

FULL: Final = Environment.of(full)
"""The one for C++ with the autotools, Bash, Flex, Bison, gettext, Texinfo, Tcl and what else builds ask for."""
