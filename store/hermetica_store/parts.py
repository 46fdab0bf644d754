"""Registered objects as parts of other trees: what the index knows of one, and a look at where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica_store.codec import decode_object
from hermetica_store.compose import Part, look_at
from hermetica_store.faults import NotRegistered
from hermetica_store.schema import MANIFESTS, OBJECTS

if TYPE_CHECKING:
    from hermetica_store.codec import ObjectInfo
    from hermetica_store.path import StorePath
    from hermetica_store.shared import Shared


def part_of(shared: Shared, path: StorePath) -> Part:
    """An object of a store, or of one below it, as a part.

    Raises:
        NotRegistered: it is in none of them.
        DamagedPart: it is not what was registered.
    """
    for each in (shared, *shared.lowers):
        if (found := each.overlay.object(path) or registered(each, path)) is not None:
            info, manifest = found
            return look_at(info, each.layout.objects / path.base, manifest, is_ours=each is shared)
    raise NotRegistered(path)


def registered(shared: Shared, path: StorePath) -> tuple[ObjectInfo, bytes] | None:
    """What the index has of an object: its row and its manifest."""
    base = path.base.encode()
    value, manifest = shared.index.read(lambda tx: (tx.get(OBJECTS, base), tx.get(MANIFESTS, base)))
    return None if value is None else (decode_object(base, value), manifest or b"")
