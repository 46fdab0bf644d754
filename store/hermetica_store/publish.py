"""Publishing: a prepared tree becomes a registered object, whole or not at all.

Under the claim of its path the tree is renamed into place; from then on this process can use it. The writer makes the
files durable, then commits the row. What lies there unregistered, left by a crash, is moved aside. Source:
docs/format-store.md, "A durable publication".
"""

from __future__ import annotations

import contextlib
import os
import time
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import attrs

from hermetica_store.codec import ObjectInfo
from hermetica_store.dedup import SHARED_FROM_BYTES
from hermetica_store.manifest import encode_manifest
from hermetica_store.move import move, path_key
from hermetica_store.refusals import working_in
from hermetica_store.remove import remove_tree
from hermetica_store.rows import check_rows, register, write_rows
from hermetica_store.schema import OBJECTS
from hermetica_store.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hermetica_store.leases import Lease
    from hermetica_store.path import StorePath
    from hermetica_store.prepare import Prepared
    from hermetica_store.schema import Row
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction
    from hermetica_store.writer import Commit


def set_aside(shared: Shared, paths: Sequence[Path]) -> None:
    """Move trees out of ``store/`` and delete them; what is not there is no error."""
    with scratch(shared.layout) as trash:
        for number, path in enumerate(paths):
            with contextlib.suppress(FileNotFoundError), working_in(shared.layout.root):
                move(path, trash.path / str(number))


def _now() -> float:
    """Seconds since the epoch, as exact as the index keeps them."""
    return time.time_ns() // 1000 / 1_000_000


@attrs.define(eq=False, kw_only=True)
class _Publication:
    """Prepared trees on their way."""

    shared: Shared
    lease: Lease
    rows: Sequence[Row]
    registered_at: float = attrs.field(factory=_now)
    claimed: list[StorePath] = attrs.field(factory=list["StorePath"])
    placed: list[tuple[ObjectInfo, bytes]] = attrs.field(factory=list[tuple[ObjectInfo, bytes]])
    known: list[StorePath] = attrs.field(factory=list["StorePath"])

    def place(self, prepared: Prepared) -> None:
        """Bring one object into place, or drop ours where it is there already. Its claim is held until the end."""
        path = prepared.path
        self.shared.claims.acquire(path_key(path))
        self.claimed.append(path)
        if self.shared.is_there(path) and path in self.lease.hold([path]):
            self.known.append(path)
            with working_in(self.shared.layout.root):
                remove_tree(prepared.tree_on_disk)
            return
        target = self.shared.layout.objects / path.base
        with working_in(self.shared.layout.root):
            if os.path.lexists(target):
                set_aside(self.shared, [target])
            if prepared.size_bytes >= SHARED_FROM_BYTES:
                self.shared.links.share(prepared.tree_on_disk, prepared.content)
                if self.shared.seals:
                    from hermetica_store.sealing import seal_tree  # noqa: PLC0415 -- who does not seal needs none of it

                    seal_tree(prepared.tree_on_disk, prepared.content)
            move(prepared.tree_on_disk, target)
        info = ObjectInfo(
            path=path,
            tree=prepared.tree,
            modulo=prepared.modulo,
            size_bytes=prepared.size_bytes,
            references=prepared.references,
            registered_at=self.registered_at,
        )
        self.placed.append((info, prepared.manifest or encode_manifest(prepared.content)))

    def apply(self, tx: Transaction) -> None:
        """Register everything in a transaction."""
        for info, manifest in _references_first(self.placed):
            register(tx, info, manifest)
        self.lease.take(tx, [info.path.base.encode() for info, _ in self.placed])
        write_rows(tx, self.rows)

    def ended(self, error: BaseException | None) -> None:
        """After the commit, or the failure."""
        infos = [info for info, _ in self.placed]
        if error is None:
            self.lease.note(info.path for info in infos)
        else:
            with contextlib.suppress(Exception):  # the error is on its way; what stays is unregistered, and swept later
                self.withdraw()
        self.shared.overlay.remove(infos, self.rows, self)

    def withdraw(self) -> None:
        """Undo what `place` did, but for what the index has: a commit that failed may have reached the disk."""
        bases = [info.path.base for info, _ in self.placed]
        known = self.shared.index.read(lambda tx: {base for base in bases if tx.get(OBJECTS, base.encode())})
        set_aside(self.shared, [self.shared.layout.objects / base for base in bases if base not in known])

    def release(self) -> None:
        """Free the claims, for other processes once all this is durable."""
        for path in self.claimed:
            self.shared.claims.release(path_key(path))


def _references_first(placed: Sequence[tuple[ObjectInfo, bytes]]) -> list[tuple[ObjectInfo, bytes]]:
    """Objects in an order in which each is registered after those of them that it refers to."""
    if len(placed) == 1:
        return list(placed)
    by_path = {info.path: (info, manifest) for info, manifest in placed}
    graph = {path: set(info.references) & by_path.keys() - {path} for path, (info, _) in by_path.items()}
    return [by_path[path] for path in TopologicalSorter(graph).static_order()]


def publish(shared: Shared, prepared: Sequence[Prepared], lease: Lease, rows: Sequence[Row]) -> Commit:
    """Make prepared trees objects; returns when this process can use them.

    Args:
        shared: the store.
        prepared: the trees; afterwards they are objects, or gone where the object was there already.
        lease: holds the objects.
        rows: put in the same transaction.

    Raises:
        StoreError: one cannot be brought into place; then none is.
    """
    check_rows(rows)
    lease.begin()
    publication = _Publication(shared=shared, lease=lease, rows=rows)
    try:
        try:
            for each in sorted({each.path: each for each in prepared}.values(), key=lambda each: each.path):
                publication.place(each)
            infos = [info for info, _ in publication.placed]
            shared.overlay.add(publication.placed, rows, publication)
            try:
                return shared.writer.submit(publication.apply, flush=bool(infos), ended=publication.ended)
            except BaseException:
                shared.overlay.remove(infos, rows, publication)
                raise
        except BaseException:
            publication.withdraw()
            raise
    finally:
        publication.release()
