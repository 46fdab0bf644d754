"""The index: one LMDB environment, its tables, and a map that grows by itself.

Reading never waits for writing. A transaction is open for the length of one call and never while foreign code runs.
Source: lmdb.h, "Restrictions/caveats" and mdb_env_set_mapsize.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import lmdb

from hermetica_store.environment import index_fault, open_environment
from hermetica_store.errors import StoreError
from hermetica_store.faults import IndexDamaged, StoreVersionMismatch
from hermetica_store.gate import Gate
from hermetica_store.refusals import working_in
from hermetica_store.schema import (
    FIRST_TABLES,
    META,
    OBJECTS,
    READABLE,
    SCHEMA_VERSION,
    SEVERAL_VALUES,
    TABLES,
    VERSION_KEY,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from hermetica_store.layout import Layout

T = TypeVar("T")
# The stubs have no public name for it.
Database: TypeAlias = "lmdb._Database"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
_MAP_BYTES: Final = 1 << 30  # of address space; the file grows with its content only
_SHORTFALL_PAGES_MAX: Final = 256  # pages at the end that were allocated and never written


class Transaction:
    """A transaction over the tables by name."""

    __slots__ = ("_tables", "is_below", "raw")

    def __init__(
        self, raw: lmdb.Transaction[bytes], tables: dict[bytes, Database], is_below: Callable[[bytes], bool]
    ) -> None:
        self.raw = raw
        self._tables = tables
        self.is_below = is_below

    def is_there(self, base: bytes) -> bool:
        """Whether an object is registered here or in a lower store."""
        return self.get(OBJECTS, base) is not None or self.is_below(base)

    def get(self, table: bytes, key: bytes) -> bytes | None:
        """The (first) value at ``key``."""
        return self.raw.get(key, None, self._tables[table])

    def put(self, table: bytes, key: bytes, value: bytes) -> bool:
        """Set a value; in a table of several values add it."""
        return self.raw.put(key, value, db=self._tables[table])

    def add(self, table: bytes, key: bytes, value: bytes) -> bool:
        """Set a value unless there is one; whether there was none."""
        return self.raw.put(key, value, overwrite=False, db=self._tables[table])

    def add_many(self, table: bytes, rows: Iterable[tuple[bytes, bytes]]) -> bool:
        """Set values where there are none; whether there was none at any of the keys, all of them different."""
        with self.cursor(table) as cursor:
            consumed, added = cursor.putmulti(rows, overwrite=False)
        return consumed == added

    def delete(self, table: bytes, key: bytes, value: bytes = b"") -> bool:
        """Remove a key, or one of its several values; whether it was there."""
        return self.raw.delete(key, value, self._tables[table])

    def clear(self, table: bytes) -> None:
        """Remove every row."""
        self.raw.drop(self._tables[table], delete=False)

    def count(self, table: bytes) -> int:
        """How many rows."""
        return self.raw.stat(self._tables[table])["entries"]

    def values(self, table: bytes, key: bytes) -> list[bytes]:
        """Every value at ``key``, ascending."""
        with self.raw.cursor(self._tables[table]) as cursor:
            if not cursor.set_key(key):
                return []
            values = [cursor.value()]
            while cursor.next_dup():
                values.append(cursor.value())
            return values

    def cursor(self, table: bytes) -> lmdb.Cursor[bytes]:
        """A cursor over a table, to be closed."""
        return self.raw.cursor(self._tables[table])

    def prefixed(self, table: bytes, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Every row whose key begins with ``prefix``, ascending."""
        found: list[tuple[bytes, bytes]] = []
        with self.cursor(table) as cursor:
            more = cursor.set_range(prefix) if prefix else cursor.first()
            while more and cursor.key().startswith(prefix):
                found.append(cursor.item())
                more = cursor.next()
        return found

    def items(self, table: bytes, start: bytes = b"", limit: int = 1 << 60) -> list[tuple[bytes, bytes]]:
        """Up to ``limit`` rows from ``start`` on, ascending."""
        found: list[tuple[bytes, bytes]] = []
        with self.cursor(table) as cursor:
            more = cursor.set_range(start) if start else cursor.first()
            while more and len(found) < limit:
                found.append(cursor.item())
                more = cursor.next()
        return found


def _nowhere(_base: bytes) -> bool:
    """Where there is no lower store."""
    return False


class _Partial(Transaction):
    """A transaction over an index that lacks tables of this version: they are empty."""

    __slots__ = ()

    def get(self, table: bytes, key: bytes) -> bytes | None:
        return super().get(table, key) if table in self._tables else None

    def count(self, table: bytes) -> int:
        return super().count(table) if table in self._tables else 0

    def values(self, table: bytes, key: bytes) -> list[bytes]:
        return super().values(table, key) if table in self._tables else []

    def prefixed(self, table: bytes, prefix: bytes) -> list[tuple[bytes, bytes]]:
        return super().prefixed(table, prefix) if table in self._tables else []

    def items(self, table: bytes, start: bytes = b"", limit: int = 1 << 60) -> list[tuple[bytes, bytes]]:
        return super().items(table, start, limit) if table in self._tables else []


class Index:
    """An open environment.

    Attributes:
        is_below: whether a lower store has an object, by its key.
        read_only: whether it can only be read, because the system does not let us write it.
        version: the schema on disk; another than ours only until a store is opened for writing.
    """

    def __init__(self, layout: Layout, *, map_bytes: int = _MAP_BYTES) -> None:
        self._layout = layout
        self._root = layout.root
        self._map_bytes = map_bytes
        self._gate = Gate()
        self._start()

    def _start(self) -> None:
        """Open what lies there."""
        with working_in(self._root):
            opened = open_environment(self._layout, self._map_bytes)
        self._environment, self.read_only, self._unlocked = opened.raw, opened.is_read_only, opened.is_unlocked
        self._tables: dict[bytes, Database] = {}
        self.is_below: Callable[[bytes], bool] = _nowhere
        try:
            with working_in(self._root):
                self._check_length(self._layout)
                self.version = self._open(self._layout)
            self._environment.reader_check()
            self._broken = False
        except BaseException as error:
            self._environment.close()
            if isinstance(error, lmdb.Error):
                raise index_fault(error, self._root) from error
            raise

    @property
    def is_current(self) -> bool:
        """Whether it has our schema and all its tables."""
        return self.version == SCHEMA_VERSION and len(self._tables) == len(TABLES)

    def catch_up(self) -> None:
        """Takes over what another process has migrated since; for readers of an earlier schema."""
        if not self.is_current:
            self.refresh_version()
            self.open_tables(create=False)

    def lacks(self, table: bytes) -> bool:
        """Whether a table of ours is not there, and reads as empty, or is not filled yet."""
        self.catch_up()
        return table not in self._tables or (self.version != SCHEMA_VERSION and table not in FIRST_TABLES)

    def close(self) -> None:
        """Closes the environment."""
        with self._gate.alone():
            self._environment.close()

    def read(self, work: Callable[[Transaction], T]) -> T:
        """What ``work`` gives, which sees one state of the index, may run twice, and must not keep the transaction."""
        attempts, healed = 0, False
        while True:
            environment = self._environment
            try:
                found, failure = self._read_once(work)
            except lmdb.MapResizedError:
                self._adopt_size()
            except lmdb.ReadersFullError as error:
                attempts += 1
                if attempts > 1 or not self._environment.reader_check():
                    raise index_fault(error, self._root) from error
            except lmdb.Error as error:
                healed = self._heal(error, environment, again=healed)
            else:
                if failure is not None:
                    raise failure
                if found:
                    return found[0]

    def _read_once(self, work: Callable[[Transaction], T]) -> tuple[list[T], StoreError | None]:
        """What ``work`` gives, or its error: raised inside, it would make lmdb wait until nobody else reads."""
        with self._gate, self._environment.begin() as raw:
            try:
                found, failure = [work(self._kind(raw, self._tables, self.is_below))], None
            except StoreError as error:
                found, failure = list[T](), error
            except lmdb.Error:
                if not self._is_overtaken(raw):
                    raise
                return [], None
            return ([], None) if self._is_overtaken(raw) else (found, failure)

    def _is_overtaken(self, raw: lmdb.Transaction[bytes]) -> bool:
        """Whether the pages just read may have been used again meanwhile, for want of a slot among the readers."""
        return self._unlocked and self._environment.info()["last_txnid"] > raw.id() + 1

    def get(self, table: bytes, key: bytes) -> bytes | None:
        """One value."""
        if table not in self._tables:
            return None
        try:
            with self._gate, self._environment.begin(self._tables[table]) as raw:
                if not self._unlocked:
                    return raw.get(key)
        except lmdb.Error:
            pass
        return self.read(lambda tx: tx.get(table, key))

    def write(self, work: Callable[[Transaction], T]) -> T:
        """What ``work`` gives; what it changes is durable on return, or not done at all. It may run several times."""
        healed = False
        while True:
            environment = self._environment
            try:
                return self._write_once(work)
            except lmdb.MapResizedError:
                self._adopt_size()
            except lmdb.MapFullError:
                self._grow()
            except lmdb.Error as error:
                healed = self._heal(error, environment, again=healed)

    def _write_once(self, work: Callable[[Transaction], T]) -> T:
        with self._gate:
            raw = self._environment.begin(write=True)
            try:
                result = work(self._kind(raw, self._tables, self.is_below))
                failure = None
            except BaseException as error:  # noqa: BLE001 -- raised below
                failure = error
            else:
                raw.commit()
                return result
        with self._gate.alone():  # lmdb aborts only while nobody reads, and would wait long for that by itself
            raw.abort()
        raise failure

    def file_size_bytes(self) -> int:
        """How much disk the index takes."""
        return (self._root / "index" / "data.mdb").stat().st_blocks * 512

    def _heal(self, error: lmdb.Error, environment: lmdb.Environment, *, again: bool) -> bool:
        """Open the index anew where LMDB says that it has to be, which it does after a failed write; else raise.

        Raises:
            StoreError: there is nothing to heal, or it did not help.
        """
        if again or not (self._broken or isinstance(error, lmdb.PanicError)):
            raise index_fault(error, self._root) from error
        with self._gate.alone():
            if self._environment is environment:  # else another thread did it
                environment.close()
                self._broken = True
                self._start()
        return True

    def _grow(self) -> None:
        self._resize(2 * self._environment.info()["map_size"])

    def _adopt_size(self) -> None:
        """Take over the size that another process gave the map."""
        self._resize(0)

    def _resize(self, size_bytes: int) -> None:
        with self._gate.alone():
            try:
                self._environment.set_mapsize(size_bytes)
            except lmdb.Error as error:
                self._environment.close()  # it has no map any more, and whoever touched it would die
                self._broken = True
                raise index_fault(error, self._root) from error

    @property
    def _kind(self) -> type[Transaction]:
        return Transaction if len(self._tables) == len(TABLES) else _Partial

    def _open(self, layout: Layout) -> str:
        """Opens the tables that are there, all of them in a new index; the schema."""
        has_objects = any(layout.objects.iterdir())  # asked first: whoever published had made the tables before
        found = self._version()
        if found is None and (self.read_only or has_objects):
            raise IndexDamaged(
                f"the index of the store {self._root} is empty" + (", and objects are there" if has_objects else ""),
                hint=f"put back a copy of {self._root}/index, or move {self._root} away and start anew",
            )
        source, _, target = (found or SCHEMA_VERSION).partition(">")
        if source not in READABLE or target not in {"", SCHEMA_VERSION}:
            raise StoreVersionMismatch(self._root, found or "", SCHEMA_VERSION)
        self.open_tables(create=found is None)
        if found is None:
            with self._environment.begin(write=True) as raw:
                raw.put(VERSION_KEY, SCHEMA_VERSION.encode(), db=self._tables[META])
        elif missing := sorted(FIRST_TABLES - self._tables.keys()):
            raise IndexDamaged(f"the index of the store {self._root} lacks the table {missing[0].decode()}")
        return found or SCHEMA_VERSION

    def open_tables(self, *, create: bool) -> None:
        """Opens what is there of the tables, or makes those that are not."""
        with self._gate.alone():
            for name in TABLES:
                with contextlib.suppress(lmdb.NotFoundError):
                    self._tables[name] = self._open_table(name, create=create)

    def _open_table(self, name: bytes, *, create: bool) -> Database:
        while True:
            try:
                return self._environment.open_db(name, dupsort=name in SEVERAL_VALUES, create=create)
            except lmdb.MapResizedError:
                self._environment.set_mapsize(0)

    def refresh_version(self) -> str:
        """Reads again which schema is on disk."""
        self.version = self._version() or SCHEMA_VERSION
        return self.version

    def others(self) -> frozenset[int]:
        """The processes beside this one that have the index open for reading, those that died left out."""
        self._environment.reader_check()
        rows = self._environment.readers().splitlines()[1:]
        return frozenset(int(row.split()[0]) for row in rows if row.split()) - {os.getpid()}

    def copy_to(self, directory: Path, version: str) -> None:
        """Writes a compact copy of the index as it is now into an empty directory, as one of a certain schema."""
        try:
            with self._gate:
                self._environment.copy(os.fspath(directory), compact=True)
                map_bytes = self._environment.info()["map_size"]
            with lmdb.open(os.fspath(directory), map_size=map_bytes, max_dbs=1, lock=False) as copy:
                meta = copy.open_db(META, create=False)
                with copy.begin(write=True) as raw:
                    raw.put(VERSION_KEY, version.encode(), db=meta)
        except lmdb.Error as error:
            raise index_fault(error, self._root) from error

    def _version(self) -> str | None:
        """The schema version on disk; None where nothing was ever written."""
        try:
            meta = self._open_table(META, create=False)
        except lmdb.NotFoundError:
            return None
        with self._environment.begin() as raw:
            value = raw.get(VERSION_KEY, db=meta)
        return None if value is None else value.decode(errors="backslashreplace")

    def _check_length(self, layout: Layout) -> None:
        """A file shorter than its content would kill whoever reads beyond its end."""
        pages = self._environment.info()["last_pgno"] + 1 - _SHORTFALL_PAGES_MAX
        if (layout.index / "data.mdb").stat().st_size < pages * self._environment.stat()["psize"]:
            raise IndexDamaged(
                f"the index of the store {self._root} is cut short", hint=f"put back a copy of {self._root}/index"
            )
