"""Programs of another processor, run by the user-mode emulation of QEMU: so that what was cross-compiled is tried."""

from __future__ import annotations

import shlex

import hermetica as hm
from hermetica_derivations.pins import debs
from hermetica_derivations.toolchain import busybox_tree

__all__ = ["emulated", "qemu"]


def qemu(processor: str = "aarch64") -> hm.Derivation:
    """The emulator of one processor, which is a static program."""
    (deb,) = debs("qemu-user")
    return hm.derivation(
        name=f"qemu-{processor}",
        builder=f"{busybox_tree}/usr/bin/busybox",
        args=["sh", "-euc", f"mkdir -p $out/bin && cp $tree/bin/qemu-{processor}-static $out/bin/qemu-{processor}"],
        env={"tree": str(hm.unpack(deb, name="qemu-user"))},
        checks=hm.OutputChecks(allowed_references=()),
        meta=hm.Meta(homepage="https://www.qemu.org/", licence="GPL-2.0-only"),
    )


def emulated(name: str, program: str, *arguments: str, processor: str = "aarch64") -> hm.Derivation:
    """What a program of another processor writes; building it fails if the program fails.

    Args:
        name: of the derivation.
        program: its path, such as ``f"{hello}/bin/hello"``.
        arguments: of the program.
        processor: whose program it is.
    """
    return hm.derivation(
        name=name,
        builder=f"{busybox_tree}/usr/bin/busybox",
        args=["sh", "-euc", f"{qemu(processor)}/bin/qemu-{processor} {shlex.join([program, *arguments])} > $out"],
    )
