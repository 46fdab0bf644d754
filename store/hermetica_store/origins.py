"""Which object was last made of a source, and the digests of the directories in it.

A row is by the place of a source, its directory's inode, and the name of the object; and it is about the object alone:
whatever happens to the source, what the row says of the object stays true. Source: docs/format-store.md, "Renewed
trees".
"""

from __future__ import annotations

import stat
import time
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.codec import decode_object, decode_origin, encode_origin, origin_day, path_at, stamp_key
from hermetica_store.content import Folder
from hermetica_store.schema import OBJECTS, ORIGINS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hermetica_store.content import Content
    from hermetica_store.path import StorePath
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction

_DAY_S: Final = 86_400
_KEPT_DAYS: Final = 60


@attrs.frozen
class Place:
    """A directory that objects are made of.

    Attributes:
        device: where it is.
        inode: likewise.
        name: of the objects.
    """

    device: int
    inode: int
    name: str

    @property
    def key(self) -> bytes:
        """Of its row."""
        return stamp_key(self.device, self.inode) + self.name.encode()


@attrs.frozen
class Origin:
    """An object that a source was.

    Attributes:
        path: it.
        folders: the digest of each directory in it, by path; empty where that is not known.
    """

    path: StorePath
    folders: Mapping[bytes, bytes] = attrs.field(repr=False)


def place_of(source: Path, name: str) -> Place | None:
    """The place of a source; None where it is no directory."""
    try:
        status = source.lstat()
    except OSError:  # whoever reads it says so
        return None
    return Place(status.st_dev, status.st_ino, name) if stat.S_ISDIR(status.st_mode) else None


def last_made(shared: Shared, place: Place, same_name: Iterable[bytes]) -> Origin | None:
    """The object last made of a source, if it is there still; else the latest with that name.

    Args:
        shared: the store.
        place: of the source.
        same_name: the base names of the objects with that name.
    """
    value = shared.index.get(ORIGINS, place.key)
    found = None if value is None else decode_origin(value)
    if found is not None and shared.index.get(OBJECTS, found[0]) is not None:
        return Origin(path_at(found[0]), found[1])
    infos = [decode_object(base, value) for base in same_name if (value := shared.index.get(OBJECTS, base)) is not None]
    latest = max(infos, key=attrgetter("registered_at"), default=None)
    return None if latest is None else Origin(latest.path, {})


def keep_origin(shared: Shared, place: Place, path: StorePath, folders: Mapping[bytes, bytes]) -> None:
    """Remember what was made of a source; written later."""
    value = encode_origin(path.base.encode(), folders, int(time.time()) // _DAY_S)
    shared.writer.submit(lambda tx: tx.put(ORIGINS, place.key, value), dispensable=True)


def forget_origins(tx: Transaction) -> None:
    """Drop what is about objects that are gone, and what is old."""
    before = int(time.time()) // _DAY_S - _KEPT_DAYS
    for key, value in tx.items(ORIGINS):
        found = decode_origin(value)
        if found is None or origin_day(value) < before or tx.get(OBJECTS, found[0]) is None:
            tx.delete(ORIGINS, key)


def folder_digests(content: Content) -> dict[bytes, bytes]:
    """The digest of each directory of a tree whose digest was computed, by its path."""
    found: dict[bytes, bytes] = {}
    pending = [(b"", content.root)] if isinstance(content.root, Folder) else []
    while pending:
        path, folder = pending.pop()
        if folder.digest is not None:
            found[path] = folder.digest.raw
        prefix = path + b"/" if path else b""
        pending.extend((prefix + name, child) for name, child in folder.folders.items())
    return found
