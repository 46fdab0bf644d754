"""The index: one LMDB environment, its tables, and a map that grows by itself.

Reading never waits for writing. A transaction is open for the length of one call and never while foreign code runs.
Source: lmdb.h, "Restrictions/caveats" and mdb_env_set_mapsize.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final, TypeVar

import lmdb

from hermetica_store.environment import index_fault, open_environment
from hermetica_store.errors import StoreError
from hermetica_store.faults import IndexDamaged, StoreVersionMismatch
from hermetica_store.gate import Gate
from hermetica_store.refusals import working_in
from hermetica_store.schema import (
    FIRST_TABLES,
    META,
    READABLE,
    SCHEMA_VERSION,
    SEVERAL_VALUES,
    TABLES,
    VERSION_KEY,
)
from hermetica_store.transaction import transaction_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hermetica_store.layout import Layout
    from hermetica_store.transaction import Database, Transaction

T = TypeVar("T")
_MAP_BYTES: Final = 1 << 30  # of address space; the file grows with its content only
_SHORTFALL_PAGES_MAX: Final = 256  # pages at the end that were allocated and never written


def _nowhere(_base: bytes) -> bool:
    """Where there is no lower store."""
    return False


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
                found, failure = [work(transaction_over(raw, self._tables, self.is_below))], None
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
                result = work(transaction_over(raw, self._tables, self.is_below))
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
