"""What a collection takes beside objects: rows, logs and scratch that belong to none."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.codec import row_owner, row_written_ms
from hermetica_store.logs import remove_logs
from hermetica_store.needs import drop_entries, is_needed, tagged
from hermetica_store.refusals import working_in
from hermetica_store.remove import remove_tree
from hermetica_store.schema import NEEDED, OWNED, Table
from hermetica_store.scratch import kept, reap

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable
    from pathlib import Path

    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction

_ROWS: Final = 2000  # looked at in one transaction
_LISTS: Final = 100  # likewise of lists of files, which are long
_TELLING: Final = frozenset({Table.DERIVATIONS, Table.RECORDS, Table.HISTORY})  # how objects came to be


@attrs.frozen(kw_only=True)
class Spared:
    """What of the rows stays that belongs to objects.

    Attributes:
        dying: the objects that go with this collection.
        living: the objects that were there when it began, those of lower stores among them.
        leased: those of them that a running process holds.
        before_ms: rows that were written later stay; milliseconds since the epoch.
        keep_derivations: whether derivations, records and history of objects that stay do.
        keep_outputs: whether their history is needed in any case.
    """

    dying: Collection[bytes]
    living: Container[bytes]
    leased: Collection[bytes]
    before_ms: int
    keep_derivations: bool
    keep_outputs: bool

    def may_go(self, table: Table, stored: bytes) -> bool:
        """Whether a row may go though its owner, if it has one, stays."""
        owner = row_owner(stored)
        if row_written_ms(stored) > self.before_ms or owner in self.dying:
            return False
        if not owner or owner not in self.living:
            return True
        told = table in _TELLING and not (self.keep_outputs and table is Table.HISTORY)
        return told and not self.keep_derivations and owner not in self.leased

    def goes(self, table: Table, stored: bytes) -> bool:
        """Whether a row goes, with its owner or without."""
        return row_owner(stored) in self.dying or self.may_go(table, stored)


def drop_rows(shared: Shared, spared: Spared, *, dry_run: bool) -> tuple[int, set[bytes]]:
    """Drop the rows that belong to no object and no row, or are not wanted any more.

    Returns:
        How many; and the keys of the records among them, with those of objects that go.
    """
    count, records = 0, set[bytes]()
    for table in Table:
        start = b""
        while batch := shared.index.read(partial(_rows_from, table, start)):
            start = batch[-1][0] + b"\0"
            free = shared.index.read(partial(_free, table, batch, spared))
            count += len(free)
            if table is Table.RECORDS:
                records |= {key for key, _ in free} | {key for key, row in batch if row_owner(row) in spared.dying}
            if free and not dry_run:
                shared.writer.run(partial(_drop_unchanged, table, free, spared))
    if not dry_run:
        drop_entries(shared)
    return count, records


def _rows_from(table: Table, start: bytes, tx: Transaction) -> list[tuple[bytes, bytes]]:
    return tx.items(table.value, start, _LISTS if table is Table.SELECTIONS else _ROWS)


def _free(
    table: Table, rows: Iterable[tuple[bytes, bytes]], spared: Spared, tx: Transaction
) -> list[tuple[bytes, bytes]]:
    """Those of ``rows`` that may go, and that no row needs which stays."""
    free = [row for row in rows if spared.may_go(table, row[1])]
    if not free or not tx.count(NEEDED):
        return free
    return [row for row in free if not is_needed(tx, tagged(table, row[0]), unless=spared.goes)]


def _drop_unchanged(table: Table, rows: Iterable[tuple[bytes, bytes]], spared: Spared, tx: Transaction) -> None:
    has_needed = tx.count(NEEDED) > 0
    for key, stored in rows:
        owner, row = row_owner(stored), tagged(table, key)
        came_meanwhile = owner and owner not in spared.living and tx.is_there(owner)
        if tx.get(table.value, key) != stored or came_meanwhile or (has_needed and is_needed(tx, row)):
            continue
        tx.delete(table.value, key)
        if owner:
            tx.delete(OWNED, owner, row)
        if has_needed:
            tx.delete(NEEDED, row)


def drop_logs(shared: Shared, gone: Collection[bytes], before_s: float, *, dry_run: bool) -> tuple[int, int]:
    """Drop the logs of records that are gone, or are among ``gone``; their number and bytes."""

    def wanted(key: str, changed_s: float) -> bool:
        try:
            record = bytes.fromhex(key)
        except ValueError:
            record = b""
        if record and record not in gone and shared.index.get(Table.RECORDS.value, record) is not None:
            return True
        return changed_s > before_s

    return remove_logs(shared.layout, wanted, dry_run=dry_run)


def drop_scratch(shared: Shared, before_s: float, *, dry_run: bool) -> tuple[int, int]:
    """Drop kept builds, and what dead processes left; how many, and the bytes of the kept ones on disk."""
    with working_in(shared.layout.root):
        old = [path for path in kept(shared.layout) if path.lstat().st_mtime <= before_s]
        size_bytes = sum(map(disk_bytes, old))
        if dry_run:
            return len(old), size_bytes
        for path in old:
            remove_tree(path)
    return len(old) + reap(shared.layout), size_bytes


def disk_bytes(path: Path) -> int:
    """How much disk a tree takes; what cannot be looked into counts for nothing."""
    total = path.lstat().st_blocks
    for directory, directories, files in os.walk(path):
        for name in (*directories, *files):
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(directory, name)).st_blocks  # noqa: PTH118 -- thousands of them
    return 512 * total
