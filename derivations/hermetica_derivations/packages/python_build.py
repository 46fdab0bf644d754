"""What builds Python projects: setuptools, Cython and their like, from wheels that ``locks/python-build`` pins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica_derivations.builders.python import installed_pins
from hermetica_derivations.pins import lock

if TYPE_CHECKING:
    from collections.abc import Mapping

    import hermetica as hm

__all__ = ["BUILD_REQUIREMENTS"]

BUILD_REQUIREMENTS: Final[Mapping[str, hm.Derivation]] = installed_pins(lock().group("python-build").pins)
"""Installed, by project."""
