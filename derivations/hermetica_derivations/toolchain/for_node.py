"""A tree of tools for Node.js."""

from __future__ import annotations

import hermetica as hm
from hermetica_derivations.pins import debs

__all__ = ["node"]

node = hm.debian_rootfs("debian-node", debs("node"))
"""Node.js, Python for node-gyp, and a compiler for add-ons in C++."""
