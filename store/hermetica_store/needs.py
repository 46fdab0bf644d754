"""Rows that other rows refer to: written once, and kept as long as one of those is there.

Each has an entry in ``needed`` for each row that needs it. An entry may outlive the row that it names, and then says
nothing: so rows go as they always did, and a collection drops the entries that are left. Where an entry names a table
that we do not know, a later version wrote it, and it counts. Source: docs/format-store.md, "Needed rows".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from hermetica_store.schema import NEEDED, TABLE_OF_TAG, TAGS, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hermetica_store.schema import Row
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction

_ENTRIES: Final = 2000  # dropped in one transaction


def tagged(table: Table, key: bytes) -> bytes:
    """A row by its table and key."""
    return TAGS[table] + key


def with_needed(rows: Sequence[Row]) -> Sequence[Row]:
    """The rows, and those that they need."""
    needed = [each for row in rows for each in row.needs]
    return [*rows, *needed] if needed else rows


def write_needed(tx: Transaction, rows: Iterable[Row], head: bytes) -> None:
    """Put what rows that were just put need, unless it is there.

    Args:
        tx: a write transaction.
        rows: those.
        head: what precedes the value of a row without an owner.
    """
    there: set[bytes] = set()
    for row in rows:
        for each in row.needs:
            needed = tagged(each.table, each.key)
            if needed not in there:
                tx.add(each.table.value, each.key, head + each.value)
                there.add(needed)
            tx.put(NEEDED, needed, tagged(row.table, row.key))


def is_there(tx: Transaction, row: bytes, *, unless: Callable[[Table, bytes], bool] | None = None) -> bool:
    """Whether the row that an entry names is there.

    Args:
        tx: a transaction.
        row: its table's letter and its key.
        unless: asked of its table and what is stored; True counts as gone.
    """
    table = TABLE_OF_TAG.get(row[:1])
    if table is None:
        return True
    stored = tx.get(table.value, row[1:]) if row[1:] else None
    return stored is not None and not (unless is not None and unless(table, stored))


def is_needed(tx: Transaction, row: bytes, *, unless: Callable[[Table, bytes], bool] | None = None) -> bool:
    """Whether a row that is there needs this one; arguments as for ``is_there``."""
    return any(is_there(tx, by, unless=unless) for by in tx.values(NEEDED, row))


def drop_entries(shared: Shared) -> None:
    """Drop the entries of rows that are gone."""
    for needed in shared.index.read(lambda tx: tx.keys(NEEDED)):
        gone = shared.index.read(partial(_gone, needed))
        for start in range(0, len(gone), _ENTRIES):
            shared.writer.run(partial(_drop, needed, gone[start : start + _ENTRIES]))


def _gone(needed: bytes, tx: Transaction) -> list[bytes]:
    return [by for by in tx.values(NEEDED, needed) if not is_there(tx, by)]


def _drop(needed: bytes, gone: Iterable[bytes], tx: Transaction) -> None:
    for by in gone:
        if not is_there(tx, by):
            tx.delete(NEEDED, needed, by)
