"""A tree of tools for C++."""

from __future__ import annotations

import hermetica as hm
from hermetica_derivations.pins import debs

__all__ = ["base_cxx"]

base_cxx = hm.debian_rootfs("debian-base-cxx", debs("base-cxx"))
"""The tree for C with GCC for C++, CMake, Meson, Ninja, pkg-config and Perl."""
