"""Roots: names for what collections keep. A root with a link stands and falls with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from hermetica_store.codec import RootValue, decode_root, encode_root
from hermetica_store.faults import NotRegistered
from hermetica_store.rows import now_ms
from hermetica_store.schema import ROOTS, check_key

if TYPE_CHECKING:
    from hermetica_store.path import StorePath
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction


@attrs.frozen(kw_only=True)
class Root:
    """A name that keeps an object and its closure.

    Attributes:
        name: unique in its store.
        path: what it keeps.
        link: the symbolic link it depends on; None if it depends on none.
        is_stale: whether the link is gone or leads elsewhere, so that the next collection drops the root.
    """

    name: str
    path: StorePath
    link: Path | None
    is_stale: bool


def add_root(shared: Shared, name: str, path: StorePath, link: Path | None) -> None:
    """Keep an object under a name; a root of that name is replaced.

    Raises:
        NotRegistered: there is no such object.
        InvalidKey: the name is empty or too long.
    """
    key = _key(name)
    place = None if link is None else os.fsencode(os.path.abspath(link))  # noqa: PTH100 -- not resolved
    value = encode_root(RootValue(path=path, link=place, added_ms=now_ms()))

    def apply(tx: Transaction) -> None:
        if not tx.is_there(path.base.encode()):
            raise NotRegistered(path)
        tx.put(ROOTS, key, value)

    shared.writer.run(apply)


def remove_root(shared: Shared, name: str) -> None:
    """Forget a root; one that is not there is no error."""
    key = _key(name)
    shared.writer.run(lambda tx: tx.delete(ROOTS, key))


def roots(shared: Shared) -> tuple[Root, ...]:
    """Every root, ascending by name."""
    rows = shared.index.read(lambda tx: tx.items(ROOTS))
    return tuple(_root(shared, key, decode_root(key, value)) for key, value in rows)


def is_stale(shared: Shared, root: RootValue) -> bool:
    """Whether a root's link is gone or leads elsewhere."""
    if root.link is None:
        return False
    try:
        target = os.readlink(root.link)  # noqa: PTH115 -- bytes, not a Path
    except OSError:
        return True
    place = os.path.join(os.path.dirname(root.link), target)  # noqa: PTH118, PTH120 -- bytes, not a Path
    wanted = os.fsencode(shared.on_disk(root.path))
    return os.path.normpath(place) != wanted and os.path.realpath(place) != os.path.realpath(wanted)


def _root(shared: Shared, key: bytes, value: RootValue) -> Root:
    link = None if value.link is None else Path(os.fsdecode(value.link))
    name = key.decode("utf-8", "surrogateescape")
    return Root(name=name, path=value.path, link=link, is_stale=is_stale(shared, value))


def _key(name: str) -> bytes:
    key = name.encode("utf-8", "surrogateescape")
    check_key(key)
    return key
