"""How much a store holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import attrs

from hermetica_store.codec import object_facts
from hermetica_store.refusals import working_in
from hermetica_store.schema import OBJECTS, ROOTS, STATS, Table

if TYPE_CHECKING:
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction


@attrs.frozen(kw_only=True)
class Statistics:
    """What a store holds.

    Attributes:
        objects: how many.
        size_bytes: of all their files.
        rows: how many, by table.
        roots: how many.
        sources: how many files, and directories of files, the stat cache knows.
        logs: how many.
        log_bytes: on disk.
        index_bytes: on disk.
        free_bytes: that this user may still write.
    """

    objects: int
    size_bytes: int
    rows: dict[str, int]
    roots: int
    sources: int
    logs: int
    log_bytes: int
    index_bytes: int
    free_bytes: int


def statistics(shared: Shared) -> Statistics:
    """Count."""

    def count(tx: Transaction) -> tuple[int, int, dict[str, int], int, int]:
        sizes = [object_facts(base, value)[0] for base, value in tx.items(OBJECTS)]
        rows = {table.value.decode(): tx.count(table.value) for table in Table}
        return len(sizes), sum(sizes), rows, tx.count(ROOTS), tx.count(STATS)

    objects, size_bytes, rows, roots, sources = shared.index.read(count)
    with working_in(shared.layout.root):
        logs = [path.stat().st_size for path in shared.layout.logs.iterdir()]
        space = os.statvfs(shared.layout.root)
        index_bytes = shared.index.file_size_bytes()
    return Statistics(
        objects=objects,
        size_bytes=size_bytes,
        rows=rows,
        roots=roots,
        sources=sources,
        logs=len(logs),
        log_bytes=sum(logs),
        index_bytes=index_bytes,
        free_bytes=space.f_bavail * space.f_frsize,
    )
