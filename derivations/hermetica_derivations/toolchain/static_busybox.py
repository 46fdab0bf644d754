"""Busybox of Debian."""

from __future__ import annotations

import hermetica as hm
from hermetica_derivations.pins import debs
from hermetica_derivations.toolchain.for_c import base_c

__all__ = ["busybox"]

busybox = hm.run(
    "busybox",
    'mkdir -p $out/bin && cp "$tree/usr/bin/busybox" $out/bin/ && $out/bin/busybox --install -s $out/bin',
    rootfs=base_c,
    tree=hm.debian_rootfs("busybox-tree", debs("busybox")),
)
"""Static busybox with its applets, for tests and tiny builders."""
