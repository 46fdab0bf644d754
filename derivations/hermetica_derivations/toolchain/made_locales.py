"""Locales of the C library."""

from __future__ import annotations

import hermetica as hm
from hermetica_derivations.pins import debs, fetch, lock

__all__ = ["locales"]


def locales(*names: str) -> hm.Derivation:
    """Locales beside C.UTF-8, for programs that run with its ``lib/locale`` as ``LOCPATH``.

    Args:
        names: such as ``en_US.UTF-8``: what glibc calls the place, and the character set.
    """
    make = 'localedef --no-archive -i "${name%.*}" -f "${name#*.}" "$out/lib/locale/$name"'
    return hm.derivation(
        name="locales",
        builder="/bin/sh",
        args=["-euc", f'mkdir -p "$out/lib/locale"; for name in $names; do {make}; done'],
        env={"PATH": "/usr/bin:/bin", "names": " ".join(names)},
        rootfs=hm.debian_rootfs(
            "debian-locales",
            [*debs("base-c"), *(fetch(lock().group("full").pin(name)) for name in ("libc-bin", "locales"))],
        ),
        meta=hm.Meta(description="Locales of the C library", licence="LGPL-2.1-or-later"),
    )
