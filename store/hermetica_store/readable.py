"""What can be asked of an open store: answers that need no right to write, and letting go of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from hermetica_store.errors import StoreError
from hermetica_store.faults import StoreUnavailable
from hermetica_store.logs import log_path, read_log
from hermetica_store.queries import Queries
from hermetica_store.roots import Root, roots
from hermetica_store.scratch import kept
from hermetica_store.shared import Shared, release
from hermetica_store.statcache import IndexedStatCache
from hermetica_store.trees import SourceDigest, hash_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.features import Features
    from hermetica_store.layout import Layout
    from hermetica_store.nar import NarDigest
    from hermetica_store.path import StorePath
    from hermetica_store.quarantine import Quarantined
    from hermetica_store.schema import Table
    from hermetica_store.statistics import Statistics
    from hermetica_store.usage import Usage
    from hermetica_store.verify import VerifyReport


def _queries(shared: Shared, *, writable: bool) -> Queries:
    if not shared.lowers:
        return Queries(shared, writable)
    from hermetica_store.layers import LayeredQueries  # noqa: PLC0415 -- most stores lie over none

    return LayeredQueries.over(shared, writable=writable)


class ReadableStore:
    """An open store, as far as it answers. `ObjectStore` is the whole of it.

    Attributes:
        root: where it lies; absolute, links resolved.
        read_only: whether it refuses writes.
        refusal: why it does although it was to be written if that can be; None where nobody wanted to write.
    """

    def __init__(self, shared: Shared, *, read_only: bool) -> None:
        self.root = shared.layout.root
        self.read_only = read_only
        self._shared = shared
        self._queries = _queries(shared, writable=not read_only)
        self._closed = False
        self.refusal: StoreError | None = None

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
        return self._shared.on_disk(path)

    def info(self, path: StorePath) -> ObjectInfo | None:
        """What is known of an object; None if it is not in the store."""
        return self._read().info(path)

    def sizes(self, paths: Iterable[StorePath]) -> dict[StorePath, int]:
        """The bytes of each of these objects that is in the store."""
        return self._read().sizes(paths)

    def has(self, path: StorePath) -> bool:
        """Whether an object is in the store."""
        self._read()
        return self._shared.is_there(path)

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

    def free_bytes(self) -> int:
        """How much this user may still write to the store's file system."""
        from hermetica_store.room import free_bytes  # noqa: PLC0415 -- rarely asked

        return free_bytes(self._shared.layout)

    def kept_scratch(self) -> tuple[Path, ...]:
        """The scratch directories that were kept, such as those of failed builds."""
        self._read()
        return kept(self._shared.layout)

    def hash_source(self, root: Path, files: Sequence[str] | None = None) -> SourceDigest:
        """What a tree would be as an object, by the stat cache: an unchanged file costs one stat. As `hash_tree`."""
        self._read()
        return hash_tree(root, files, cache=IndexedStatCache(self._shared, writable=not self._is_read_only))

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of a row."""
        return self._read().get(table, key)

    def get_many(self, table: Table, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of several rows, in the order asked."""
        return self._read().get_many(table, keys)

    def first_many(self, table: Table, prefixes: Sequence[bytes]) -> list[bytes | None]:
        """For each prefix the value of the first row whose key begins with it, in the order asked."""
        return self._read().first_many(table, prefixes)

    def items(self, table: Table, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """The rows whose keys begin with ``prefix``, ascending."""
        return self._read().items(table, prefix)

    def read_log(self, key: str) -> bytes | None:
        """A log as far as it is written; empty for a record whose builder said nothing, None where there is neither."""
        self._read()
        data = read_log(self._layout_of_log(key), key)
        return b"" if data is None and self._queries.has_record(key) else data

    def lacks(self, table: Table) -> bool:
        """Whether the store is of an earlier schema that has no such table, and is only read."""
        self._read()
        return any(each.index.lacks(table.value) for each in (self._shared, *self._shared.lowers))

    def log_path(self, key: str) -> Path:
        """Where a log lies, zstd-compressed; an empty one has no file."""
        return log_path(self._layout_of_log(key), key)

    @property
    def schema(self) -> str:
        """The schema of its index."""
        return self._shared.index.version

    @property
    def lower(self) -> tuple[Path, ...]:
        """The roots of the stores that this one lies over."""
        return tuple(lower.layout.root for lower in self._shared.lowers)

    def roots(self) -> tuple[Root, ...]:
        """Every root, ascending by name."""
        self._read()
        return roots(self._shared)

    def verify(self, paths: Iterable[StorePath] | None = None) -> VerifyReport:
        """Reads objects again and compares them with their digests; all of them and the index where none are given."""
        from hermetica_store.verify import verify  # noqa: PLC0415 -- rarely asked

        self._read()
        return verify(self._shared, paths) if paths is None or not self._shared.lowers else self._verify_across(paths)

    def _verify_across(self, paths: Iterable[StorePath]) -> VerifyReport:
        from hermetica_store.layers import split  # noqa: PLC0415 -- most stores lie over none
        from hermetica_store.verify import VerifyReport, verify  # noqa: PLC0415 -- rarely asked

        reports = [verify(shared, group) for shared, group in split(self._shared, paths)]
        return VerifyReport(
            checked=sum(report.checked for report in reports),
            size_bytes=sum(report.size_bytes for report in reports),
            problems=tuple(problem for report in reports for problem in report.problems),
        )

    def _layout_of_log(self, key: str) -> Layout:
        layouts = [each.layout for each in (self._shared, *self._shared.lowers)]
        return next((each for each in layouts if log_path(each, key).exists()), layouts[0])

    def quarantined(self) -> tuple[Quarantined, ...]:
        """The damaged trees that were replaced, oldest first."""
        from hermetica_store.quarantine import quarantined  # noqa: PLC0415 -- rarely asked

        self._read()
        return quarantined(self._shared.layout)

    def features(self) -> Features:
        """What the file system of the store can do, found out by trying."""
        from hermetica_store.features import features  # noqa: PLC0415 -- rarely asked

        self._read()
        return features(self._shared.layout)

    def usage(self, paths: Iterable[StorePath] | None = None) -> Usage:
        """How much room objects take, and how much of it they share; all of them where none are given.

        Raises:
            NotRegistered: one is not in the store.
        """
        from hermetica_store.usage import usage  # noqa: PLC0415 -- rarely asked

        self._read()
        return usage(self._shared, paths)

    @property
    def _is_read_only(self) -> bool:
        return self.read_only or self._shared.index.read_only

    def _read(self) -> Queries:
        if self._closed:
            raise StoreUnavailable(f"the store {self.root} is closed")
        self._shared.check(write=False)
        return self._queries
