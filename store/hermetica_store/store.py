"""The store as the rest of hermetica sees it: one facade over its parts, each explained by its own module."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hermetica_store.errors import StoreError
from hermetica_store.faults import StoreNotWritable, StoreUnavailable
from hermetica_store.layout import Layout, default_root
from hermetica_store.leases import Lease
from hermetica_store.logs import LogWriter, log_path, read_log
from hermetica_store.queries import Queries
from hermetica_store.refusals import working_in
from hermetica_store.roots import Root, add_root, remove_root, roots
from hermetica_store.scratch import Scratch, kept, reap, scratch
from hermetica_store.shared import Shared, acquire, release
from hermetica_store.statcache import IndexedStatCache
from hermetica_store.trees import SourceDigest, hash_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from hermetica_store.claims import Claims
    from hermetica_store.codec import ObjectInfo
    from hermetica_store.collect import Collected, Policy
    from hermetica_store.nar import NarDigest
    from hermetica_store.path import StorePath
    from hermetica_store.prepare import Candidate, Prepared
    from hermetica_store.schema import Row, Table
    from hermetica_store.statistics import Statistics
    from hermetica_store.verify import VerifyReport
    from hermetica_store.writer import Commit


class ObjectStore:
    """A content-addressed store on disk. Thread-safe; any number may be open at once, in any number of processes.

    Attributes:
        root: where it lies; absolute, links resolved.
        read_only: whether it refuses writes.
    """

    def __init__(self, shared: Shared, *, read_only: bool) -> None:
        self.root = shared.layout.root
        self.read_only = read_only
        self._shared = shared
        self._queries = Queries(shared)
        self._closed = False

    @classmethod
    def open(cls, root: Path | None = None, *, read_only: bool = False) -> Self:
        """Opens a store, and makes one where nothing is yet.

        Args:
            root: None for ``$HERMETICA_STORE``, else ``$XDG_DATA_HOME/hermetica``, else ``~/.local/share/hermetica``.
            read_only: answer questions only. Nothing is made then.

        Raises:
            NotAStore: something else lies there, or nothing does and the store is to be read only.
            StoreNotWritable: this user may not write there.
            StoreVersionMismatch: another version of hermetica wrote it.
            IndexDamaged: its index cannot be trusted.
        """
        layout = Layout(Path(os.path.realpath(default_root(os.environ) if root is None else root)))
        if read_only:
            layout.require()
        else:
            layout.create()
        shared = acquire(layout)
        try:
            if not read_only:
                shared.check(write=True)
                reap(layout)
        except BaseException:
            release(shared)
            raise
        return cls(shared, read_only=read_only)

    def close(self) -> None:
        """Returns when everything is durable, and lets go of the store; a second time does nothing.

        Raises:
            StoreError: something could not be made durable, and nobody was told yet.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._shared.pid == os.getpid():
                self._shared.writer.wait()
        finally:
            release(self._shared)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except StoreError as error:
            if value is None:
                raise
            value.add_note(f"then closing the store failed: {error}")  # the first error is the one to show

    def on_disk(self, path: StorePath) -> Path:
        """Where an object lies, or would lie."""
        return self._shared.layout.objects / path.base

    # Questions

    def info(self, path: StorePath) -> ObjectInfo | None:
        """What is known of an object; None if it is not in the store."""
        return self._read().info(path)

    def has(self, path: StorePath) -> bool:
        """Whether an object is in the store."""
        self._read()
        return self._shared.is_known(path)

    def find(self, digest_prefix: str) -> tuple[StorePath, ...]:
        """The objects whose digests begin so, ascending."""
        return tuple(sorted(self._read().paths(digest_prefix)))

    def paths(self) -> Iterator[StorePath]:
        """Every object."""
        return self._read().paths()

    def references(self, path: StorePath) -> tuple[StorePath, ...]:
        """The objects that one mentions, ascending; itself among them if it does.

        Raises:
            NotRegistered: it is not in the store.
        """
        return self._read().require(path).references

    def referrers(self, path: StorePath) -> tuple[StorePath, ...]:
        """The objects that mention one, ascending; itself among them if it does."""
        return self._read().referrers(path)

    def closure(self, paths: Iterable[StorePath]) -> tuple[StorePath, ...]:
        """The objects and everything they refer to, ascending.

        Raises:
            NotRegistered: one is not in the store.
        """
        return self._read().closure(paths)

    def nar(self, path: StorePath) -> NarDigest:
        """The digest of an object's NAR; computed once, and kept.

        Raises:
            NotRegistered: it is not in the store.
        """
        return self._read().nar(path)

    def statistics(self) -> Statistics:
        """How much the store holds."""
        from hermetica_store.statistics import statistics  # noqa: PLC0415 -- rarely asked

        self._read()
        return statistics(self._shared)

    # Adding

    def scratch(self) -> AbstractContextManager[Scratch]:
        """A fresh directory on the store's file system, gone when it is left or this process dies."""
        self._write()
        return scratch(self._shared.layout)

    def kept_scratch(self) -> tuple[Path, ...]:
        """The scratch directories that were kept, such as those of failed builds."""
        self._read()
        return kept(self._shared.layout)

    def prepare(self, candidates: Sequence[Candidate], references: Collection[StorePath] = ()) -> tuple[Prepared, ...]:
        """Makes trees canonical and names them by their content; nothing is registered yet. As `prepare.prepare`."""
        from hermetica_store.prepare import prepare  # noqa: PLC0415 -- only adding needs it

        with working_in(self.root):
            return prepare(candidates, references)

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

    def hash_source(self, root: Path, files: Sequence[str] | None = None) -> SourceDigest:
        """What a tree would be as an object, by the stat cache: an unchanged file costs one stat. As `hash_tree`."""
        self._read()
        return hash_tree(root, files, cache=IndexedStatCache(self._shared, writable=not self._is_read_only))

    # Rows of other rooms, and logs

    def put(self, rows: Sequence[Row]) -> Commit:
        """Puts rows; this process sees them at once. A row whose owner is not registered is left out.

        Raises:
            InvalidKey: a key is empty or too long.
        """
        from hermetica_store.adding import put  # noqa: PLC0415 -- only adding needs it

        return put(self._write(), rows)

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of a row."""
        return self._read().get(table, key)

    def get_many(self, table: Table, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of several rows, in the order asked."""
        return self._read().get_many(table, keys)

    def items(self, table: Table, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """The rows whose keys begin with ``prefix``, ascending."""
        return self._read().items(table, prefix)

    def log_writer(self, key: str) -> LogWriter:
        """Takes a log as it comes; a context manager."""
        shared = self._write()
        return LogWriter(shared.layout, key, shared.writer.when_durable)

    def write_log(self, key: str, data: bytes) -> None:
        """Keeps a whole log."""
        with self.log_writer(key) as writer:
            writer.write(data)

    def read_log(self, key: str) -> bytes | None:
        """A log as far as it is written; empty for a record whose builder said nothing, None where there is neither."""
        self._read()
        data = read_log(self._shared.layout, key)
        return b"" if data is None and self._queries.has_record(key) else data

    def log_path(self, key: str) -> Path:
        """Where a log lies, zstd-compressed; an empty one has no file."""
        return log_path(self._shared.layout, key)

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

    def roots(self) -> tuple[Root, ...]:
        """Every root, ascending by name."""
        self._read()
        return roots(self._shared)

    # Upkeep

    def collect(self, policy: Policy | None = None, *, dry_run: bool = False) -> Collected:
        """Deletes what no root and no living lease reaches. Blocks no build, and takes nothing that one needs."""
        from hermetica_store.collect import Policy, collect  # noqa: PLC0415 -- rarely asked

        shared = self._read().shared if dry_run else self._write()
        return collect(shared, policy or Policy(), dry_run=dry_run)

    def delete(self, paths: Iterable[StorePath]) -> Collected:
        """Deletes these objects.

        Raises:
            InUse: a root, a lease or another object needs one; nothing is deleted then.
            NotRegistered: one is not in the store.
        """
        from hermetica_store.collect import delete  # noqa: PLC0415 -- rarely asked

        return delete(self._write(), paths)

    def verify(self, paths: Iterable[StorePath] | None = None) -> VerifyReport:
        """Reads objects again and compares them with their digests; all of them and the index where none are given."""
        from hermetica_store.verify import verify  # noqa: PLC0415 -- rarely asked

        self._read()
        return verify(self._shared, paths)

    @property
    def _is_read_only(self) -> bool:
        return self.read_only or self._shared.index.read_only

    def _read(self) -> Queries:
        if self._closed:
            raise StoreUnavailable(f"the store {self.root} is closed")
        self._shared.check(write=False)
        return self._queries

    def _write(self) -> Shared:
        self._read()
        if self.read_only:
            raise StoreNotWritable(f"the store {self.root} was opened for reading only")
        self._shared.check(write=True)
        return self._shared
