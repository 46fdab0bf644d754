"""The store as the rest of hermetica sees it: one facade over its parts, each explained by its own module."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Self

from hermetica_store.faults import StoreBusy, StoreNotWritable
from hermetica_store.layout import Layout, default_lower, default_root, resolved
from hermetica_store.leases import Lease
from hermetica_store.logs import LogWriter
from hermetica_store.readable import ReadableStore
from hermetica_store.refusals import working_in
from hermetica_store.reserve import keep_reserve
from hermetica_store.roots import add_root, remove_root
from hermetica_store.scratch import Scratch, reap, scratch
from hermetica_store.shared import Shared, acquire, release

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hermetica_store.claims import Claims
    from hermetica_store.collect import Collected, Policy
    from hermetica_store.compose import Composed, Part
    from hermetica_store.path import StorePath
    from hermetica_store.prepare import Candidate, Prepared
    from hermetica_store.quarantine import Quarantined
    from hermetica_store.repair import RepairReport, Supply
    from hermetica_store.room import LowDisk
    from hermetica_store.schema import Row
    from hermetica_store.writer import Commit


class ObjectStore(ReadableStore):
    """A content-addressed store on disk. Thread-safe; any number may be open at once, in any number of processes.

    Attributes:
        root: where it lies; absolute, links resolved.
        read_only: whether it refuses writes.
    """

    @classmethod
    def open(
        cls, root: Path | None = None, *, read_only: bool | None = False, lower: Sequence[Path] | None = None
    ) -> Self:
        """Opens a store, and makes one where nothing is yet.

        Args:
            root: None for ``$HERMETICA_STORE``, else ``$XDG_DATA_HOME/hermetica``, else ``~/.local/share/hermetica``.
            read_only: answer questions only. Nothing is made then. None: if it is there and cannot be opened for
                writing now; what writes meets the reason.
            lower: roots of stores that this one lies over: what is in them is there, and they are never written.
                None for ``$HERMETICA_LOWER``, which separates them by colons.

        Raises:
            NotAStore: something else lies there, or nothing does and the store is to be read only.
            StoreNotWritable: this user may not write there.
            StoreVersionMismatch: a later version of hermetica wrote it.
            StoreBusy: it has an earlier schema, and processes of that version use it.
            IndexDamaged: its index cannot be trusted.
            LowerUnavailable: a store below it cannot be read.
        """
        below = [Layout(place) for place in (default_lower(os.environ) if lower is None else map(resolved, lower))]
        layout = Layout(resolved(default_root(os.environ) if root is None else root))
        if read_only is not None:
            return cls._open(layout, below, read_only=read_only)
        try:
            return cls._open(layout, below, read_only=False)
        except (StoreNotWritable, StoreBusy) as error:
            if not layout.exists():
                raise
            store = cls._open(layout, below, read_only=True)
            store.refusal = error
            return store

    @classmethod
    def _open(cls, layout: Layout, below: Sequence[Layout], *, read_only: bool) -> Self:
        if read_only:
            layout.require()
        else:
            layout.create()
        shared = acquire(layout, below)
        try:
            if not read_only:
                shared.check(write=True)
                if not shared.index.is_current:
                    from hermetica_store.migrate import upgrade  # noqa: PLC0415 -- once in the life of a store

                    upgrade(shared)
                reap(layout)
                if shared.lowers:
                    from hermetica_store.layers import note_lowers  # noqa: PLC0415 -- most stores lie over none

                    note_lowers(shared)
                keep_reserve(layout)
        except BaseException:
            release(shared)
            raise
        return cls(shared, read_only=read_only)

    # Adding

    def scratch(self) -> AbstractContextManager[Scratch]:
        """A fresh directory on the store's file system, gone when it is left or this process dies."""
        self._write()
        return scratch(self._shared.layout)

    def prepare(self, candidates: Sequence[Candidate], references: Collection[StorePath] = ()) -> tuple[Prepared, ...]:
        """Makes trees canonical and names them by their content; nothing is registered yet. As `prepare.prepare`."""
        from hermetica_store.prepare import prepare  # noqa: PLC0415 -- only adding needs it

        with working_in(self.root):
            return prepare(candidates, references)

    def part(self, path: StorePath) -> Part:
        """A registered object as a part of trees that `compose` makes; its files are not read.

        Raises:
            NotRegistered: it is not in the store.
            DamagedPart: it is not what was registered.
        """
        from hermetica_store.parts import part_of  # noqa: PLC0415 -- only composing needs it

        return part_of(self._write(), path)

    def compose(self, tree: Path, entries: Mapping[bytes, tuple[Part, bytes] | None]) -> Composed:
        """Makes a directory in scratch from files and links of registered objects, by links. As `compose.compose`."""
        from hermetica_store.compose import compose  # noqa: PLC0415 -- only composing needs it

        self._write()
        with working_in(self.root):
            return compose(tree, entries)

    def publish(self, prepared: Sequence[Prepared], *, lease: Lease, rows: Sequence[Row] = ()) -> Commit:
        """Makes prepared trees objects, with ``rows`` in one transaction; returns when this process can use them.

        An object that is there already wins, and ours is dropped. The lease holds them all. `Commit.wait` returns
        when all is durable.

        Raises:
            StoreError: one cannot be brought into place; then none is.
        """
        from hermetica_store.publish import publish  # noqa: PLC0415 -- only adding needs it

        return publish(self._write(), prepared, lease, rows)

    def add_tree(
        self,
        source: Path,
        name: str,
        *,
        lease: Lease,
        files: Sequence[str] | None = None,
        expected: StorePath | None = None,
    ) -> StorePath:
        """Copies a file, link or directory in, as an object without references; its path.

        Args:
            source: a symbolic link is copied, not followed.
            name: of the object.
            lease: holds it.
            files: relative POSIX paths of what to copy; None copies everything.
            expected: what it has to become.

        Raises:
            SourceChanged: it became something else than ``expected``; nothing is added.
            StoreError: it cannot be stored.
        """
        from hermetica_store.adding import add_tree  # noqa: PLC0415 -- only adding needs it

        return add_tree(self._write(), source, name, lease, files=files, expected=expected)

    def add_bytes(
        self,
        data: bytes,
        name: str,
        *,
        lease: Lease,
        references: Collection[StorePath] = (),
        executable: bool = False,
        rows: Sequence[Row] = (),
    ) -> StorePath:
        """Adds a file with these bytes; its path. Of ``references`` those count that the bytes mention."""
        from hermetica_store.adding import add_bytes  # noqa: PLC0415 -- only adding needs it

        self._write()
        return add_bytes(self._shared, data, name, lease, references=references, executable=executable, rows=rows)

    # Rows of other rooms, and logs

    def put(self, rows: Sequence[Row]) -> Commit:
        """Puts rows; this process sees them at once. A row whose owner is not registered is left out.

        Raises:
            InvalidKey: a key is empty or too long.
        """
        from hermetica_store.adding import put  # noqa: PLC0415 -- only adding needs it

        return put(self._write(), rows)

    def log_writer(self, key: str) -> LogWriter:
        """Takes a log as it comes; a context manager."""
        shared = self._write()
        return LogWriter(shared.layout, key, shared.writer.when_durable)

    def write_log(self, key: str, data: bytes) -> None:
        """Keeps a whole log."""
        with self.log_writer(key) as writer:
            writer.write(data)

    # Who needs what

    @contextlib.contextmanager
    def lease(self) -> Generator[Lease]:
        """Holds objects until it is left, or until this process dies."""
        shared = self._write()
        lease = Lease(shared.layout.locks, shared.writer)
        shared.leases.add(lease)
        try:
            yield lease
        finally:
            lease.end()

    def claim(
        self,
        key: bytes,
        *,
        on_wait: Callable[[], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> AbstractContextManager[None]:
        """One holder per key, over threads and processes. Not reentrant.

        Left, it is free for other threads at once, and for other processes when what was submitted before is durable.

        Args:
            key: whatever.
            on_wait: called once if somebody else holds it.
            cancelled: asked while waiting; True gives up.

        Raises:
            ClaimCancelled: ``cancelled`` said so.
        """
        claims: Claims = self._write().claims
        return claims.claim(b"user\0" + key, on_wait=on_wait, cancelled=cancelled)

    def add_root(self, name: str, path: StorePath, *, link: Path | None = None) -> None:
        """Keeps an object and its closure, under a name; durable on return.

        Args:
            name: a root of that name is replaced.
            path: what to keep.
            link: a symbolic link to the object; when it is gone or leads elsewhere, the root goes with the next
                collection.

        Raises:
            NotRegistered: the object is not in the store.
        """
        add_root(self._write(), name, path, link)

    def remove_root(self, name: str) -> None:
        """Forgets a root; one that is not there is no error."""
        remove_root(self._write(), name)

    # Upkeep

    def flush(self) -> None:
        """Returns when everything that was submitted is durable.

        Raises:
            StoreError: the first of what could not be made durable, and that nobody was told of.
        """
        self._write().writer.wait()

    def collect(self, policy: Policy | None = None, *, dry_run: bool = False) -> Collected:
        """Deletes what no root and no living lease reaches. Blocks no build, and takes nothing that one needs."""
        from hermetica_store.collect import Policy, collect  # noqa: PLC0415 -- rarely asked

        shared = self._read().shared if dry_run else self._write()
        return collect(shared, policy or Policy(), dry_run=dry_run)

    def make_room(
        self, rule: LowDisk, *, on_start: Callable[[int], None], stop: Callable[[], bool] = bool
    ) -> Collected | None:
        """Collects until enough is free, if too little is; as `room.make_room`. Blocks no build."""
        from hermetica_store.room import make_room  # noqa: PLC0415 -- rarely asked

        return make_room(self._write(), rule, on_start=on_start, stop=stop)

    def delete(self, paths: Iterable[StorePath]) -> Collected:
        """Deletes these objects.

        Raises:
            InUse: a root, a lease or another object needs one; nothing is deleted then.
            NotRegistered: one is not in the store.
        """
        from hermetica_store.collect import delete  # noqa: PLC0415 -- rarely asked

        return delete(self._write(), paths)

    def repair(self, paths: Iterable[StorePath] | None = None, *, supply: Supply | None = None) -> RepairReport:
        """Verifies, and makes damaged objects whole again; what was damaged goes to the quarantine. As `repair.repair`.

        Args:
            paths: which objects; None for all, the index and the link table.
            supply: makes what cannot be put together from equal files.

        Raises:
            NotRegistered: one of ``paths`` is not there.
        """
        from hermetica_store.repair import repair  # noqa: PLC0415 -- rarely asked

        return repair(self._write(), paths, supply)

    def seal_what_is_published(self) -> None:
        """From now on this process seals large files with fs-verity, where the file system can."""
        self._write().seals = True

    def purge_quarantine(
        self, names: Collection[str] | None = None, *, older_than_s: float = 0.0
    ) -> tuple[Quarantined, ...]:
        """Deletes damaged trees that were replaced, by name or store path; all of them where none are given.

        Raises:
            NotQuarantined: there is no such thing.
        """
        from hermetica_store.quarantine import purge  # noqa: PLC0415 -- rarely asked

        return purge(self._write().layout, names, older_than_s=older_than_s)

    def _write(self) -> Shared:
        self._read()
        if self.read_only:
            raise self.refusal or StoreNotWritable(
                f"the store {self.root} is open for reading only", hint="name a store of your own with HERMETICA_STORE"
            )
        self._shared.check(write=True)
        return self._shared
