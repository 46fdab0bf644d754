"""Bringing an index of an earlier schema to ours, when a store is opened for writing.

The schema on disk first becomes ``1>2``, which every version refuses that does not know how to go on. Then the index is
copied, and the step runs in chunks, each a transaction that also writes down where the next one begins. So a crash at
any instant leaves a store that the next opening finishes. Processes that had the store open before the mark, and might
write as the old schema wants it, are in LMDB's table of readers: while there is one, nothing is done.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, Final

from hermetica_store.faults import StoreBusy, StoreVersionMismatch
from hermetica_store.locks import PRESENCE, is_locked, offset, try_lock
from hermetica_store.migrations import STEPS
from hermetica_store.refusals import working_in
from hermetica_store.schema import META, SCHEMA_VERSION, VERSION_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store.index import Index
    from hermetica_store.layout import Layout
    from hermetica_store.migrations import Step
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction

_CLAIM: Final = b"upgrade\0"
_CURSOR: Final = b"upgrade"
_CHUNK_ROWS: Final = 2000
_PATIENCE_S: Final = 2.0
_PAUSE_S: Final = 0.05


def backup_place(layout: Layout, schema: str) -> Path:
    """Where the index is kept as it was before it left a schema."""
    return layout.index / f"schema-{schema}"


def upgrade(shared: Shared) -> str | None:
    """Brings the index to our schema; the schema that it had, or None where there was nothing to do.

    Raises:
        StoreBusy: processes that know the earlier schema only have it open.
        StoreVersionMismatch: nobody knows how to go on from there.
        StoreError: there is no room for it, or the system refuses; the next opening goes on.
    """
    if shared.index.version == SCHEMA_VERSION:
        shared.index.open_tables(create=True)
        return None
    with working_in(shared.layout.root):
        known = try_lock(shared.layout.locks, offset(PRESENCE, os.getpid()))  # says that we are no old process
    try:
        with shared.claims.claim(_CLAIM):
            return _steps(shared)
    finally:
        if known is not None:
            os.close(known)


def _steps(shared: Shared) -> str | None:
    first = None
    while (version := shared.index.refresh_version()) != SCHEMA_VERSION:
        source, _, target = version.partition(">")
        step = STEPS.get(source)
        if step is None or target not in {"", step.target}:
            raise StoreVersionMismatch(shared.layout.root, version, SCHEMA_VERSION)
        first = first or source
        _carry_out(shared, step)
    shared.index.open_tables(create=True)
    return first


def _carry_out(shared: Shared, step: Step) -> None:
    index = shared.index
    index.open_tables(create=True)
    cursor = index.write(lambda tx: _mark(tx, step))
    if others := _strangers(shared):
        if cursor is None:
            index.write(lambda tx: tx.put(META, VERSION_KEY, step.source.encode()))
        raise StoreBusy(shared.layout.root, step.source, step.target, others)
    if cursor is None:
        _back_up(index, shared.layout, step)
    while not index.write(lambda tx: _advance(tx, step)):
        pass


def _mark(tx: Transaction, step: Step) -> bytes | None:
    """Keep versions out that do not know the step; gives where it was broken off, None where it did not begin."""
    tx.put(META, VERSION_KEY, f"{step.source}>{step.target}".encode())
    return tx.get(META, _CURSOR)


def _advance(tx: Transaction, step: Step) -> bool:
    """Do a chunk; whether it was the last."""
    cursor = step.advance(tx, tx.get(META, _CURSOR) or b"", _CHUNK_ROWS)
    if cursor is not None:
        tx.put(META, _CURSOR, cursor)
        return False
    tx.delete(META, _CURSOR)
    tx.put(META, VERSION_KEY, step.target.encode())
    return True


def _strangers(shared: Shared) -> frozenset[int]:
    """The processes that have the index open and do not wait for this very migration."""
    until_s = time.monotonic() + _PATIENCE_S
    with working_in(shared.layout.root):
        locks = os.open(shared.layout.locks, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while True:
                others = frozenset(pid for pid in shared.index.others() if not is_locked(locks, offset(PRESENCE, pid)))
                if not others or time.monotonic() > until_s:
                    return others
                time.sleep(_PAUSE_S)
        finally:
            os.close(locks)


def _back_up(index: Index, layout: Layout, step: Step) -> None:
    """Keep the index as it was: a whole environment, durable before it gets its name."""
    place = backup_place(layout, step.source)
    making = place.with_name(place.name + ".new")
    with working_in(layout.root):
        for former in (making, place):
            if former.exists():
                shutil.rmtree(former)
        making.mkdir(mode=0o755)
        index.copy_to(making, step.source)
        for path in (making / "data.mdb", making):
            _flush(path)
        making.rename(place)
        _flush(layout.index)


def _flush(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
