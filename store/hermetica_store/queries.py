"""Questions to the index. They see what this process has pending, and never wait for writers."""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.codec import decode_nar, decode_object, encode_nar, object_facts, path_at, row_value
from hermetica_store.faults import NotRegistered
from hermetica_store.nar import NarDigest, nar_digest
from hermetica_store.schema import NARS, OBJECTS, REFERRERS, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.path import StorePath
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction

_BATCH: Final = 500


@attrs.frozen
class Queries:
    """The questions that one store answers."""

    shared: Shared
    writable: bool = True

    def info(self, path: StorePath) -> ObjectInfo | None:
        """What is known of an object."""
        if (pending := self.shared.overlay.objects.get(path)) is not None:
            return pending
        base = path.base.encode()
        value, nar = self.shared.index.read(lambda tx: (tx.get(OBJECTS, base), tx.get(NARS, base)))
        if value is None:
            return None
        info = decode_object(base, value)
        return info if nar is None else attrs.evolve(info, nar=NarDigest(*decode_nar(base, nar)))

    def sizes(self, paths: Iterable[StorePath]) -> dict[StorePath, int]:
        """The bytes of each object that is there, in one look."""
        pending = self.shared.overlay.objects
        wanted = list(dict.fromkeys(paths))
        found = {path: info.size_bytes for path in wanted if (info := pending.get(path)) is not None}
        left = [path for path in wanted if path not in found]
        if left:
            bases = [path.base.encode() for path in left]
            values = self.shared.index.read(lambda tx: [tx.get(OBJECTS, base) for base in bases])
            for path, base, value in zip(left, bases, values, strict=True):
                if value is not None:
                    found[path] = object_facts(base, value)[0]
        return found

    def require(self, path: StorePath) -> ObjectInfo:
        """What is known of an object.

        Raises:
            NotRegistered: nothing is.
        """
        info = self.info(path)
        if info is None:
            raise NotRegistered(path)
        return info

    def paths(self, prefix: str = "") -> Iterator[StorePath]:
        """The objects whose base names begin with ``prefix``; ascending, then those that became known meanwhile."""
        pending = {info.path.base.encode() for info in self.shared.overlay.pending()}
        start = prefix.encode()
        pending = {base for base in pending if base.startswith(start)}
        for base, _ in self._rows(OBJECTS, start):
            pending.discard(base)
            yield path_at(base)
        for base in sorted(pending):
            yield path_at(base)

    def referrers(self, path: StorePath) -> tuple[StorePath, ...]:
        """The objects that mention one, ascending; itself among them if it mentions itself."""
        base = path.base.encode()
        pending = {info.path for info in self.shared.overlay.pending() if path in info.references}
        found = self.shared.index.read(lambda tx: tx.values(REFERRERS, base))
        bases = {*found, *(each.base.encode() for each in pending)}
        return tuple(path_at(each) for each in sorted(bases))

    def closure(self, paths: Iterable[StorePath]) -> tuple[StorePath, ...]:
        """The objects and all that they refer to, ascending.

        Raises:
            NotRegistered: one is not there.
        """
        ahead, left = self._pending_closure(paths)
        if not left:
            return tuple(sorted(ahead))

        def walk(tx: Transaction) -> set[bytes]:
            seen: set[bytes] = set()
            waiting = list(left)
            while waiting:
                base = waiting.pop()
                if base in seen:
                    continue
                seen.add(base)
                value = tx.get(OBJECTS, base)
                if value is None:
                    raise NotRegistered(path_at(base))
                waiting.extend(object_facts(base, value)[1])
            return seen

        return tuple(sorted(ahead | set(map(path_at, self.shared.index.read(walk)))))

    def _pending_closure(self, paths: Iterable[StorePath]) -> tuple[set[StorePath], set[bytes]]:
        """What is pending of a closure, and where it goes on in the index, which refers to nothing that is pending."""
        pending = self.shared.overlay.objects
        ahead: set[StorePath] = set()
        left: set[bytes] = set()
        waiting = list(paths)
        while waiting:
            path = waiting.pop()
            if path in ahead:
                continue
            info = pending.get(path)
            if info is None:
                left.add(path.base.encode())
            else:
                ahead.add(path)
                waiting.extend(info.references)
        return ahead, left

    def nar(self, path: StorePath) -> NarDigest:
        """The digest of an object's NAR, computed the first time and kept.

        Raises:
            NotRegistered: there is no such object.
        """
        info = self.require(path)
        if info.nar is not None:
            return info.nar
        digest = nar_digest(self.shared.layout.objects / path.base)
        if self.writable and not self.shared.index.read_only:
            self.shared.writer.submit(lambda tx: _keep_nar(tx, path.base.encode(), digest))
        return digest

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of a row."""
        pending = self.shared.overlay.row(table, key)
        if pending is not None:
            return pending
        stored = self.shared.index.get(table.value, key)
        return None if stored is None else row_value(stored)

    def has_record(self, key: str) -> bool:
        """Whether there is a build record whose key is ``key`` in hexadecimal."""
        try:
            record = bytes.fromhex(key)
        except ValueError:
            return False
        return bool(record) and self.get(Table.RECORDS, record) is not None

    def get_many(self, table: Table, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of several rows, seen at one moment."""
        pending = [self.shared.overlay.row(table, key) for key in keys]

        def look_up(tx: Transaction) -> list[bytes | None]:
            return [tx.get(table.value, key) for key in keys]

        stored = self.shared.index.read(look_up)
        return [
            ahead if ahead is not None else None if value is None else row_value(value)
            for ahead, value in zip(pending, stored, strict=True)
        ]

    def first_many(self, table: Table, prefixes: Sequence[bytes]) -> list[bytes | None]:
        """For each prefix the value of the first row whose key begins with it, seen at one moment."""
        pending = self.shared.overlay.rows_of(table)
        ahead = sorted(pending)

        def look_up(tx: Transaction) -> list[list[tuple[bytes, bytes]]]:
            return [tx.items(table.value, prefix, 1) for prefix in prefixes]

        values: list[bytes | None] = []
        for prefix, found in zip(prefixes, self.shared.index.read(look_up), strict=True):
            at = bisect_left(ahead, prefix)
            rows = {key: row_value(stored) for key, stored in found}
            rows |= {key: pending[key] for key in ahead[at : at + 1]}
            first = min(rows, default=b"")
            values.append(rows[first] if first and first.startswith(prefix) else None)
        return values

    def items(self, table: Table, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """The rows whose keys begin with ``prefix``, ascending by key."""
        pending = self.shared.overlay.rows_of(table, prefix)
        ahead = sorted(pending, reverse=True)
        for key, stored in self._rows(table.value, prefix):
            while ahead and ahead[-1] <= key:
                if (early := ahead.pop()) != key:
                    yield early, pending[early]
            yield key, pending[key] if key in pending else row_value(stored)
        while ahead:
            yield (early := ahead.pop()), pending[early]

    def _rows(self, table: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Rows in batches, each read in a transaction of its own."""
        start = prefix
        while True:
            batch = self.shared.index.read(partial(_rows_from, table, start))
            for key, value in batch:
                if not key.startswith(prefix):
                    return
                yield key, value
            if len(batch) < _BATCH:
                return
            start = batch[-1][0] + b"\0"


def _rows_from(table: bytes, start: bytes, tx: Transaction) -> list[tuple[bytes, bytes]]:
    return tx.items(table, start, _BATCH)


def _keep_nar(tx: Transaction, base: bytes, digest: NarDigest) -> None:
    if tx.get(OBJECTS, base) is not None:
        tx.put(NARS, base, encode_nar(digest))
