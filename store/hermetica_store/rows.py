"""Registering objects and rows inside a write transaction, and removing them again: the index's own invariants.

A registered object's references are registered; every reference has its row in ``referrers``; every owned row has its
entry in ``owned``.
"""

from __future__ import annotations

import time
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from hermetica_store.codec import encode_object, object_facts, row_head, row_owner
from hermetica_store.faults import NotRegistered
from hermetica_store.needs import with_needed, write_needed
from hermetica_store.schema import (
    LEASES,
    MANIFESTS,
    NARS,
    OBJECTS,
    OWNED,
    REFERRERS,
    TABLE_OF_TAG,
    TAGS,
    USED,
    Row,
    Table,
    check_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.path import StorePath
    from hermetica_store.transaction import Transaction


_MANY: Final = 16


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def encode_time(ms: int) -> bytes:
    """A time as a value."""
    return ms.to_bytes(6, "big")


def decode_time(value: bytes | None) -> int:
    """The time in a value; the epoch where there is none."""
    return int.from_bytes(value or b"", "big")


def register(tx: Transaction, info: ObjectInfo, manifest: bytes) -> None:
    """Register an object whose files are durable in their place.

    Raises:
        NotRegistered: it refers to an object that is not there.
    """
    base = info.path.base.encode()
    for reference in info.references:
        if reference != info.path and not tx.is_there(reference.base.encode()):
            raise NotRegistered(reference, needed_by=info.path)
    tx.put(OBJECTS, base, encode_object(info))
    tx.put(MANIFESTS, base, manifest)
    tx.put(USED, base, encode_time(round(info.registered_at * 1000)))
    for reference in info.references:
        tx.put(REFERRERS, reference.base.encode(), base)


def unregister(tx: Transaction, bases: Iterable[bytes], is_needed: Callable[[bytes], bool]) -> list[bytes]:
    """Forget objects and every row they own; gives those that were there and not needed.

    Args:
        tx: a write transaction.
        bases: each after all that refer to it.
        is_needed: asked of each when those before it are gone from ``referrers``.
    """
    gone: list[bytes] = []
    has_referrers = tx.count(REFERRERS) > 0
    for base in bases:
        value = tx.get(OBJECTS, base)
        if value is None or is_needed(base):
            continue
        if has_referrers:
            for reference in object_facts(base, value)[1]:
                tx.delete(REFERRERS, reference, base)
        gone.append(base)
    ascending = sorted(gone)  # neighbours share pages
    for table in (OBJECTS, MANIFESTS, USED, NARS):
        if tx.count(table):
            tx.delete_many(table, ascending)
    if tx.count(OWNED):
        for base in ascending:
            _drop_owned(tx, base)
    return gone


def _drop_owned(tx: Transaction, base: bytes) -> None:
    owned = tx.values(OWNED, base)
    for tagged in owned:
        table, key = TABLE_OF_TAG[tagged[:1]].value, tagged[1:]
        stored = tx.get(table, key)
        if stored is not None and row_owner(stored) == base:
            tx.delete(table, key)
    if owned:
        tx.delete(OWNED, base)


def check_rows(rows: Sequence[Row]) -> None:
    """Refuse rows that cannot be kept.

    Raises:
        InvalidKey: a key is empty or too long.
    """
    for row in with_needed(rows):
        check_key(row.key)


def write_rows(tx: Transaction, rows: Sequence[Row]) -> None:
    """Put rows; one whose owner is not registered is left out, for it is about nothing that is there."""
    written = now_ms()
    free = row_head(b"", written)
    heads: dict[StorePath | None, bytes | None] = {None: free}
    for table, group in _by_table(rows).items():
        name, tag = table.value, TAGS[table]
        if _add_free(tx, name, group, free):
            write_needed(tx, group, free)
            continue
        for row in group:
            owner = row.owner
            if owner not in heads:
                base = owner.base.encode() if owner is not None else b""
                heads[owner] = row_head(base, written) if tx.is_there(base) else None
            head = heads[owner]
            if head is not None:
                _write_row(tx, name, row, head, tag + row.key)
        write_needed(tx, [row for row in group if row.needs and heads[row.owner] is not None], free)


def _add_free(tx: Transaction, table: bytes, group: Sequence[Row], head: bytes) -> bool:
    """Adds many rows without owners in one call, a third of the cost; whether all were new, so that this is all."""
    if len(group) < _MANY or any(row.owner is not None for row in group):
        return False
    return tx.add_many(table, ((row.key, head + row.value) for row in group))


def _by_table(rows: Iterable[Row]) -> dict[Table, list[Row]]:
    """The rows of each table, ascending by key as LMDB takes them fastest; of equal keys the last wins."""
    groups: dict[Table, list[Row]] = {}
    table, group = None, list[Row]()
    for row in rows:
        if row.table is not table:
            table, group = row.table, groups.setdefault(row.table, [])
        group.append(row)
    for each in groups.values():
        each.sort(key=attrgetter("key"))
    return groups


def _write_row(tx: Transaction, table: bytes, row: Row, head: bytes, tagged: bytes) -> None:
    value = head + row.value
    if not tx.add(table, row.key, value):
        former = row_owner(tx.get(table, row.key) or b"\x01\x00")
        if former and former != row_owner(head):
            tx.delete(OWNED, former, tagged)
        tx.put(table, row.key, value)
    if row.owner is not None:
        tx.put(OWNED, row.owner.base.encode(), tagged)


def lease_objects(tx: Transaction, lease: bytes, holder: bytes, bases: Iterable[bytes]) -> set[bytes]:
    """Let a lease hold those of ``bases`` that are registered; gives them."""
    held: set[bytes] = set()
    used = encode_time(now_ms())
    for base in bases:
        if tx.get(OBJECTS, base) is not None:
            tx.put(LEASES, lease + base, holder)
            tx.put(USED, base, used)
            held.add(base)
        elif tx.is_below(base):  # nobody here collects it
            held.add(base)
    return held
