"""What all recipes have in common: a pinned tarball, and what an inventory wants to know of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import hermetica as hm
from hermetica_derivations.pins import lock, source
from hermetica_derivations.stdenv import mk_derivation

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AUTOTOOLS", "LIBRARY", "tarball", "upstream_version"]

AUTOTOOLS: Final = ("--disable-nls", "--disable-dependency-tracking")
"""What every configure script of GNU's kind is told; one that has no such feature lets it be."""

LIBRARY: Final = ("out", "dev")
"""The outputs of what others link against."""

_DEBIAN: Final = re.compile(r"(?:\d+:)?(?P<upstream>.*?)(?:[.+~]dfsg\d*)?(?:-[^-]*)?")


def upstream_version(version: str) -> str:
    """What upstream calls it: a version of Debian without its epoch, its revision, and the mark of repacking."""
    found = _DEBIAN.fullmatch(version)
    return found["upstream"] if found else version


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
    return mk_derivation(**{**defaults, **changes})
