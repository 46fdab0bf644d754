"""The tools that everything else is built with: pinned Debian trees for tools, and what is linked against.

Tools come unpatched from a tree (``base_c``, ``base_cxx``, ``full``), which a build sees at ``/``. What they link runs
on ``glibc_runtime`` alone, for ``cc`` names its loader and its directory in every program; so no output mentions the
tree of tools.

Each is made when it is first used: a tree takes a derivation for every package in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica_derivations.on_demand import on_demand

if TYPE_CHECKING:
    from hermetica_derivations.toolchain.for_anything import ca_bundle, full, make_ca_bundle
    from hermetica_derivations.toolchain.for_c import base_c, cc, compiler_wrapper, fixup_tools, glibc_runtime
    from hermetica_derivations.toolchain.for_cxx import base_cxx
    from hermetica_derivations.toolchain.for_node import node
    from hermetica_derivations.toolchain.made_locales import locales
    from hermetica_derivations.toolchain.static_busybox import busybox, busybox_tree

__all__ = [
    "base_c",
    "base_cxx",
    "busybox",
    "busybox_tree",
    "ca_bundle",
    "cc",
    "compiler_wrapper",
    "fixup_tools",
    "full",
    "glibc_runtime",
    "locales",
    "make_ca_bundle",
    "node",
]

_HOMES: Final = {
    "base_c": "for_c",
    "base_cxx": "for_cxx",
    "busybox": "static_busybox",
    "busybox_tree": "static_busybox",
    "ca_bundle": "for_anything",
    "cc": "for_c",
    "compiler_wrapper": "for_c",
    "fixup_tools": "for_c",
    "full": "for_anything",
    "glibc_runtime": "for_c",
    "locales": "made_locales",
    "make_ca_bundle": "for_anything",
    "node": "for_node",
}

__getattr__ = on_demand(__name__, _HOMES)
