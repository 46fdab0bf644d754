"""Static programs and cross-compilation, by the clang, the lld and the libraries in the wheel of zig.

``zig cc`` itself keeps a cache that records times and inodes, and compiles for the processor that it runs on. Here zig
builds musl and compiler-rt once for each target, as a derivation whose output is an ordinary sysroot; programs are then
compiled by the clang within zig's program around that sysroot, which needs no cache and is the same everywhere.
"""

from __future__ import annotations

from typing import Any, Final

import hermetica as hm
from hermetica_derivations.environment import Environment
from hermetica_derivations.pins import lock
from hermetica_derivations.scripts import read, script
from hermetica_derivations.toolchain import base_c, base_cxx, busybox_tree

__all__ = [
    "TARGETS", "UnknownTarget", "compiler", "cross_aarch64", "cross_aarch64_cxx", "environment",
    "libcxx", "static", "static_cxx", "sysroot", "zig",
]  # fmt: skip

TARGETS: Final = ("aarch64-linux-musl", "x86_64-linux-musl")

_LICENCES: Final = "MIT AND Apache-2.0 WITH LLVM-exception"


def _wheel() -> hm.Derivation:
    pin = lock().group("zig").pin("ziglang", kind="wheel")
    return pin.fetch(hm.Meta(purl=f"pkg:pypi/ziglang@{pin.version}", licence="MIT", homepage="https://ziglang.org/"))


zig = hm.unpack(_wheel(), name="zig-0.15.2", strip_components=0)
"""The wheel of zig: one program for every target, with the sources of their libraries."""


class UnknownTarget(hm.EvaluationError, ValueError):
    """A target that nothing here compiles for."""

    code = "HM497"


def _shell(name: str, program: str, **fields: Any) -> hm.Derivation:
    return hm.derivation(
        name=name, builder=f"{busybox_tree}/usr/bin/busybox", args=["sh", "-eu", str(script(program))], **fields
    )


def sysroot(target: str) -> hm.Derivation:
    """Headers, musl, compiler-rt and the start files of ``target``; what zig keeps in its cache, as an object.

    Raises:
        UnknownTarget: it is none of ``TARGETS``.
    """
    if target not in TARGETS:
        raise UnknownTarget(f"no sysroot is made for {target!r}", details=(("targets", ", ".join(TARGETS)),))
    return _shell(
        f"sysroot-{target}",
        "zig-sysroot.sh",
        env={"zig": str(zig), "target": target},
        checks=hm.OutputChecks(allowed_references=()),
        meta=hm.Meta(description=f"musl and compiler-rt for {target}", licence=_LICENCES),
    )


def compiler(target: str, *, cxx: bool = False) -> hm.Derivation:
    """Compiler, linker and archiver for ``target``.

    Args:
        target: one of ``TARGETS``.
        cxx: whether for C++ too, which takes a libc++.
    """
    return _shell(
        f"cc-{target}",
        "zig-cc.sh",
        env={
            "zig": str(zig),
            "target": target,
            "sysroot": str(sysroot(target)),
            "cxx": str(libcxx(target)) if cxx else "",
            "wrapper": str(script("zig-cc-wrapper.sh")),
        },
        meta=hm.Meta(description=f"clang and lld that make static programs for {target}", licence=_LICENCES),
    )


def libcxx(target: str) -> hm.Derivation:
    """libc++ for ``target``: headers, and one library with its ABI library and the unwinder."""
    return hm.derivation(
        name=f"libcxx-{target}",
        builder="/bin/sh",
        args=["-eu", str(script("zig-libcxx.sh"))],
        env={"PATH": f"{compiler(target)}/bin:/usr/bin:/bin", "zig": str(zig)},
        rootfs=base_c,
        checks=hm.OutputChecks(allowed_references=()),
        meta=hm.Meta(description=f"libc++ for {target}", licence="Apache-2.0 WITH LLVM-exception"),
    )


def environment(target: str, *, cxx: bool = False, rootfs: hm.Derivation | None = None) -> Environment:
    """An environment whose programs are static, and run on the processor of ``target``.

    Args:
        target: one of ``TARGETS``.
        cxx: whether for C++ too.
        rootfs: the tools, which run on this machine; ``base_c``, or ``base_cxx`` with its CMake and Meson for C++.

    Raises:
        UnknownTarget: there is no sysroot for it.
    """
    made = compiler(target, cxx=cxx)
    crosses = not target.startswith("x86_64-")
    variables = {"CC": "cc", **({"CXX": "c++"} if cxx else {})}
    if crosses:
        variables |= {
            "host_triplet": target,
            "build_triplet": "x86_64-linux-gnu",
            "CC_FOR_BUILD": "/usr/bin/gcc",
            "CMAKE_TOOLCHAIN_FILE": f"{made}/etc/toolchain.cmake",
            "meson_cross_file": f"{made}/etc/meson.ini",
        }
    return Environment(
        rootfs=rootfs or (base_cxx if cxx else base_c),
        compiler=made,
        variables=variables,
        fixup=None,
        setup=read("static.sh"),
        host=target,
        linked=("static", "dev"),
        runs_here=not crosses,
    )


static = environment("x86_64-linux-musl")
"""Static programs for this machine, which run with nothing else mounted; from C."""

static_cxx = environment("x86_64-linux-musl", cxx=True)
"""The same from C and C++, with CMake and Meson at hand."""

cross_aarch64 = environment("aarch64-linux-musl")
"""Static programs for aarch64, compiled here; from C."""

cross_aarch64_cxx = environment("aarch64-linux-musl", cxx=True)
"""The same from C and C++, with CMake and Meson at hand."""
