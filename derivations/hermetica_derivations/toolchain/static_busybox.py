"""Busybox of Debian."""

from __future__ import annotations

import hermetica as hm
from hermetica_derivations.pins import debs
from hermetica_derivations.toolchain.for_c import base_c

__all__ = ["busybox", "busybox_tree"]

busybox_tree = hm.debian_rootfs("busybox-tree", debs("busybox"))
"""Static busybox alone, for builders that need no more than its applets."""

busybox = hm.run(
    "busybox",
    'mkdir -p $out/bin && cp "$tree/usr/bin/busybox" $out/bin/ && $out/bin/busybox --install -s $out/bin',
    rootfs=base_c,
    tree=busybox_tree,
)
"""Static busybox with its applets, for tests and tiny builders."""
