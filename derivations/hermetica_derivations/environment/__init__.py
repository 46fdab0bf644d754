"""What software is built with: a tree of tools at ``/`` and the compilers that link for the run time of packages.

Each is made when it is first used, as its tree of tools is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica_derivations.on_demand import on_demand

if TYPE_CHECKING:
    from hermetica_derivations.environment.from_anything import FULL
    from hermetica_derivations.environment.from_c import BASE_C
    from hermetica_derivations.environment.from_cxx import BASE_CXX
    from hermetica_derivations.environment.kind import Environment

__all__ = ["BASE_C", "BASE_CXX", "FULL", "Environment"]

_HOMES: Final = {"BASE_C": "from_c", "BASE_CXX": "from_cxx", "Environment": "kind", "FULL": "from_anything"}

__getattr__ = on_demand(__name__, _HOMES)
