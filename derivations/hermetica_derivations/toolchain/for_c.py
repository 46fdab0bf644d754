"""Tools for C: a tree of them, the run time that programs link against, and the compiler that links so."""

from __future__ import annotations

import hermetica as hm
from hermetica_derivations.pins import debs, fetch, lock
from hermetica_derivations.scripts import script

__all__ = ["base_c", "cc", "compiler_wrapper", "fixup_tools", "glibc_runtime"]

base_c = hm.debian_rootfs("debian-base-c", debs("base-c"))
"""A tree with GCC for C, binutils, make and the usual tools of a POSIX system."""

glibc_runtime = hm.derivation(
    name="glibc-runtime",
    builder="/bin/sh",
    args=["-eu", str(script("glibc-runtime.sh"))],
    env={
        "PATH": "/usr/bin:/bin",
        "libc_bin": str(hm.unpack(fetch(lock().group("full").pin("libc-bin")))),
        "redirect_path": str(script("redirect-path.c")),
    },
    rootfs=base_c,
    checks=hm.OutputChecks(allowed_references=("out",)),
    meta=hm.Meta(
        description="The loader and the libraries that compilers link by themselves", licence="LGPL-2.1-or-later"
    ),
)
"""The loader, the C library with its character sets and the locale C.UTF-8, and GCC's run-time libraries."""

fixup_tools = hm.derivation(
    name="fixup-tools",
    builder="/bin/sh",
    args=["-eu", str(script("fixup-tools.sh"))],
    env={
        "PATH": "/usr/bin:/bin",
        "fix_times": str(script("fix-times.c")),
        "shrink_rpath": str(script("shrink-rpath.c")),
    },
    rootfs=base_c,
    meta=hm.Meta(description="What the standard environment does to outputs that no shell can", licence="Apache-2.0"),
)
"""Static programs for the last phase of builds, which run in every tree of tools."""


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
