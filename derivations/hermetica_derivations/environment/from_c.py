"""Building from C."""

from __future__ import annotations

from typing import Final

from hermetica_derivations.environment.kind import Environment
from hermetica_derivations.toolchain.for_c import base_c, cc

__all__ = ["BASE_C"]

BASE_C: Final = Environment(rootfs=base_c, compiler=cc)
"""GCC for C, make, and the usual tools of a POSIX system."""
