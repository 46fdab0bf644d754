"""The stat cache in the index: digests of source files by stamp, and of directories by what is in them.

An unchanged tree costs one ``stat`` a file and one look a directory.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from hermetica_store.codec import (
    decode_listing,
    encode_listing,
    encode_stamp,
    match_stamp,
    stamp_day,
    stamp_key,
)
from hermetica_store.origins import forget_origins
from hermetica_store.schema import OBJECTS, ORIGINS, STATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermetica_store.codec import Listing
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction
    from hermetica_store.trees import Inode, Stamp

_DAY_S: Final = 86_400
_KEPT_DAYS: Final = 60


class IndexedStatCache:
    """The `StatCache` of one store. Each call is one transaction; what is put is written later."""

    def __init__(self, shared: Shared, *, writable: bool) -> None:
        self._shared = shared
        self._writable = writable

    def get_many(self, stamps: Sequence[Stamp]) -> Sequence[bytes | None]:
        """The digest for each stamp, None where it is not known."""

        def look_up(tx: Transaction) -> list[bytes | None]:
            found: list[bytes | None] = []
            for stamp in stamps:
                value = tx.get(STATS, stamp_key(stamp[0], stamp[1]))
                found.append(None if value is None else match_stamp(stamp, value))
            return found

        return self._shared.index.read(look_up)

    def put_many(self, digests: Iterable[tuple[Stamp, bytes]]) -> None:
        """Remember digests; a store that may only be read remembers nothing."""
        if not self._writable:
            return
        day = int(time.time()) // _DAY_S
        self._put(sorted((stamp_key(*stamp[:2]), encode_stamp(stamp, digest, day)) for stamp, digest in digests))

    def get_listing(self, inode: Inode) -> Listing | None:
        """What is kept of a directory."""
        value = self._shared.index.get(STATS, stamp_key(*inode))
        return None if value is None else decode_listing(value)

    def put_listings(self, listings: Iterable[tuple[Inode, Listing]]) -> None:
        """Keep directories; likewise."""
        if not self._writable:
            return
        day = int(time.time()) // _DAY_S
        self._put(sorted((stamp_key(*inode), encode_listing(listing, day)) for inode, listing in listings))

    def _put(self, rows: list[tuple[bytes, bytes]]) -> None:
        def apply(tx: Transaction) -> None:
            for key, value in rows:
                tx.put(STATS, key, value)

        self._shared.writer.submit(apply, dispensable=True)


def forget_sources(tx: Transaction) -> None:
    """Drop what was learnt long ago; everything where no object is left."""
    if not tx.count(OBJECTS):
        tx.clear(STATS)
        tx.clear(ORIGINS)
        return
    before = int(time.time()) // _DAY_S - _KEPT_DAYS
    for key, value in tx.items(STATS):
        if stamp_day(value) < before:
            tx.delete(STATS, key)
    forget_origins(tx)
