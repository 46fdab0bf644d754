"""What all recipes have in common: a pinned tarball, and what an inventory wants to know of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import hermetica as hm
from hermetica_derivations.pins import lock, source
from hermetica_derivations.stdenv import mk_derivation

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AUTOTOOLS", "linked", "tarball", "upstream_version"]

AUTOTOOLS: Final = ("--disable-nls", "--disable-dependency-tracking")
"""What every configure script of GNU's kind is told; one that has no such feature lets it be."""

_DEBIAN: Final = re.compile(r"(?:\d+:)?(?P<upstream>.*?)(?:[.+~]dfsg\d*)?(?:-[^-]*)?")
_MOVE_TO_DEV: Final = (
    'for name in include lib/pkgconfig lib/cmake; do test -d "$out/$name" || continue; '
    'mkdir -p "$dev/${name%/*}"; test "$name" != include || rmdir "$dev/include"; mv "$out/$name" "$dev/$name"; done; '
    'sed -i -e "s|^includedir=.*|includedir=$dev/include|" "$dev"/lib/pkgconfig/*.pc'
)


def upstream_version(version: str) -> str:
    """What upstream calls it: a version of Debian without its epoch, its revision, and the mark of repacking."""
    found = _DEBIAN.fullmatch(version)
    return found["upstream"] if found else version


def linked(*libraries: hm.Derivation) -> list[str]:
    """The inputs that are compiled and linked against: what each has in ``dev``, then what is loaded at run time."""
    outputs = (f"{each:dev}" for each in libraries if "dev" in each.outputs)
    return [*outputs, *map(str, libraries)]


def tarball(
    name: str,
    changes: Mapping[str, Any],
    *,
    description: str,
    licence: str,
    homepage: str,
    supplier: str,
    pin: str = "",
    **settings: Any,
) -> hm.Derivation:
    """The package ``NAME-VERSION``, built by ``mk_derivation`` from upstream's pinned tarball.

    Args:
        name: of the package.
        changes: settings that the caller of the recipe wants otherwise.
        description: one line.
        licence: an SPDX expression.
        homepage: a URL.
        supplier: who makes the software.
        pin: the source package in the group ``sources`` of the lock; called like the package where none is given.
        settings: for ``mk_derivation``.
    """
    version = upstream_version(lock().group("sources").pin(pin or name, kind="debian-source").version)
    meta = hm.Meta(
        description=description,
        homepage=homepage,
        licence=licence,
        purl=f"pkg:generic/{name}@{version}",
        supplier=supplier,
    )
    defaults: dict[str, Any] = {"name": f"{name}-{version}", "src": source(pin or name), "meta": meta, **settings}
    merged = {**defaults, **changes}
    if "dev" in merged.get("outputs", ()):
        merged.setdefault("after_install", _MOVE_TO_DEV)
    return mk_derivation(**merged)
