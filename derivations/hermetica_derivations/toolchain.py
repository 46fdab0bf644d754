"""The tools that everything else is built with: pinned Debian trees for tools, and what is linked against.

Tools come unpatched from a tree (``base_c``, ``base_cxx``, ``full``), which a build sees at ``/``. What they link runs
on ``glibc_runtime`` alone, for ``cc`` names its loader and its directory in every program; so no output mentions the
tree of tools.
"""

from __future__ import annotations

import hermetica as hm
from hermetica_derivations.pins import debs
from hermetica_derivations.scripts import script

__all__ = ["base_c", "base_cxx", "busybox", "cc", "compiler_wrapper", "full", "glibc_runtime", "node"]

base_c = hm.debian_rootfs("debian-base-c", debs("base-c"))
"""A tree with GCC for C, binutils, make and the usual tools of a POSIX system."""

base_cxx = hm.debian_rootfs("debian-base-cxx", debs("base-cxx"))
"""The same with GCC for C++, CMake, Meson, Ninja, pkg-config and Perl."""

full = hm.debian_rootfs("debian-full", debs("full"))
"""The same with the autotools, Bash, Flex, Bison, gettext, Texinfo, Tcl and what else builds ask for."""

node = hm.debian_rootfs("debian-node", debs("node"))
"""Node.js, Python for node-gyp, and a compiler for add-ons in C++."""

glibc_runtime = hm.derivation(
    name="glibc-runtime",
    builder="/bin/sh",
    args=["-eu", str(script("glibc-runtime.sh"))],
    env={"PATH": "/usr/bin:/bin"},
    rootfs=base_c,
    checks=hm.OutputChecks(allowed_references=()),
    meta=hm.Meta(
        description="The loader and the libraries that compilers link by themselves", licence="LGPL-2.1-or-later"
    ),
)
"""The loader, the C library and GCC's run-time libraries."""


def compiler_wrapper(rootfs: hm.Derivation) -> hm.Derivation:
    """The compilers of a tree that is at ``/``, made to link against ``glibc_runtime``: C, and C++ where it has that.

    Args:
        rootfs: the tree; of the same C library as ``base_c``, or what is linked does not find its symbols.
    """
    return hm.derivation(
        name="cc",
        builder="/bin/sh",
        args=["-eu", str(script("cc.sh"))],
        env={"PATH": "/usr/bin:/bin", "runtime": str(glibc_runtime), "wrapper": str(script("cc-wrapper.sh"))},
        rootfs=rootfs,
        meta=hm.Meta(description="GCC that links against glibc-runtime"),
    )


cc = compiler_wrapper(base_c)
"""The compiler of ``base_c``."""

busybox = hm.run(
    "busybox",
    'mkdir -p $out/bin && cp "$tree/usr/bin/busybox" $out/bin/ && $out/bin/busybox --install -s $out/bin',
    rootfs=base_c,
    tree=hm.debian_rootfs("busybox-tree", debs("busybox")),
)
"""Static busybox with its applets, for tests and tiny builders."""
