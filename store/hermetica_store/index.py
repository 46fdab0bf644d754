"""The index: one LMDB environment, its tables, and a map that grows by itself.

Reading never waits for writing. A transaction is open for the length of one call and never while foreign code runs.
Source: lmdb.h, "Restrictions/caveats" and mdb_env_set_mapsize.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import threading
import time
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import lmdb

from hermetica_store.errors import StoreError
from hermetica_store.faults import IndexDamaged, StoreNotWritable, StoreUnavailable, StoreVersionMismatch
from hermetica_store.refusals import FULL, fault
from hermetica_store.schema import META, SCHEMA_VERSION, SEVERAL_VALUES, TABLES, VERSION_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from hermetica_store.layout import Layout

T = TypeVar("T")
# The stubs have no public name for it.
Database: TypeAlias = "lmdb._Database"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
_MAP_BYTES: Final = 1 << 30  # of address space; the file grows with its content only
_PAUSE_S: Final = 0.0001
_WRITE_BYTES: Final = 1 << 20  # more than LMDB writes at once
_READERS_MAX: Final = 1022
_SHORTFALL_PAGES_MAX: Final = 256  # pages at the end that were allocated and never written
_DAMAGED: Final = (
    lmdb.InvalidError,
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.VersionMismatchError,
    lmdb.IncompatibleError,
)


def index_fault(error: lmdb.Error, root: Path) -> StoreError:
    """What an error of the index means for the store at ``root``."""
    cause = (("cause", str(error)),)
    if isinstance(error, _DAMAGED):
        return IndexDamaged(
            f"the index of the store {root} is damaged",
            details=cause,
            hint=f"put back a copy of {root}/index, or move {root} away and start anew",
        )
    if isinstance(error, lmdb.ReadersFullError):
        return StoreUnavailable(
            f"more than {_READERS_MAX} readers at once in the store {root}", details=cause, hint="start fewer at once"
        )
    if isinstance(error, lmdb.ReadonlyError):
        return StoreNotWritable(f"the store {root} is open for reading only", details=cause)
    code = _system_error(error)
    if code == errno.EIO and _is_full(root):
        code = errno.ENOSPC
    return fault(OSError(code, os.strerror(code)), root) if code else StoreUnavailable(str(error), details=cause)


def _system_error(error: lmdb.Error) -> int:
    """The errno behind an error of LMDB; 0 where there is none."""
    if isinstance(error, lmdb.DiskError):
        return errno.ENOSPC
    return max(int(getattr(error, "code", 0) or 0), 0) or next(
        (
            code
            for code in (*FULL, errno.EACCES, errno.EROFS, errno.EPERM, errno.EIO)
            if os.strerror(code) in str(error)
        ),
        0,
    )


def _is_full(root: Path) -> bool:
    """Whether there is no room for the pages of a commit: LMDB calls a write that was cut short an I/O error."""
    space = os.statvfs(root)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    left = (root / "index" / "data.mdb").stat().st_size + _WRITE_BYTES
    return space.f_bavail * space.f_frsize < _WRITE_BYTES or (limit != resource.RLIM_INFINITY and left > limit)


class _Gate:
    """Lets transactions pass, and stops them while the map is replaced.

    Passing takes no lock: a lock that busy readers share would keep the writer out for seconds. A transaction says
    that it is inside and then looks whether the gate is shut; whoever shuts it does that first and then looks who is
    inside; so one sees the other.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened = threading.Event()
        self._opened.set()
        self._inside: list[None] = []  # a counter whose steps are atomic

    def __enter__(self) -> None:
        while True:
            self._inside.append(None)
            if self._opened.is_set():
                return
            self._inside.pop()
            self._opened.wait()

    def __exit__(self, *_: object) -> None:
        self._inside.pop()

    @contextlib.contextmanager
    def alone(self) -> Generator[None]:
        """Nobody is inside and nobody gets in."""
        with self._lock:
            self._opened.clear()
            try:
                while self._inside:
                    time.sleep(_PAUSE_S)
                yield
            finally:
                self._opened.set()


class Transaction:
    """A transaction over the tables by name."""

    __slots__ = ("_tables", "raw")

    def __init__(self, raw: lmdb.Transaction[bytes], tables: dict[bytes, Database]) -> None:
        self.raw = raw
        self._tables = tables

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


class Index:
    """An open environment.

    Attributes:
        read_only: whether it can only be read, because the system does not let us write it.
    """

    def __init__(self, layout: Layout, *, map_bytes: int = _MAP_BYTES) -> None:
        self._root = layout.root
        self._gate = _Gate()
        self._environment, self.read_only = _open(layout, map_bytes)
        self._unlocked = self.read_only and not self._environment.flags()["lock"]
        try:
            self._check_length(layout)
            self._tables = self._open_tables(layout)
            self._environment.reader_check()
        except BaseException as error:
            self._environment.close()
            if isinstance(error, lmdb.NotFoundError):
                raise IndexDamaged(f"the index of the store {self._root} lacks a table") from error
            if isinstance(error, lmdb.Error):
                raise index_fault(error, self._root) from error
            raise

    def close(self) -> None:
        """Closes the environment."""
        with self._gate.alone():
            self._environment.close()

    def read(self, work: Callable[[Transaction], T]) -> T:
        """What ``work`` gives, which sees one state of the index, may run twice, and must not keep the transaction."""
        attempts = 0
        while True:
            try:
                found, failure = self._read_once(work)
            except lmdb.MapResizedError:
                self._adopt_size()
            except lmdb.ReadersFullError as error:
                attempts += 1
                if attempts > 1 or not self._environment.reader_check():
                    raise index_fault(error, self._root) from error
            except lmdb.Error as error:
                raise index_fault(error, self._root) from error
            else:
                if failure is not None:
                    raise failure
                if found:
                    return found[0]

    def _read_once(self, work: Callable[[Transaction], T]) -> tuple[list[T], StoreError | None]:
        """What ``work`` gives, or its error: raised inside, it would make lmdb wait until nobody else reads."""
        with self._gate, self._environment.begin() as raw:
            try:
                found, failure = [work(Transaction(raw, self._tables))], None
            except StoreError as error:
                found, failure = list[T](), error
            if self._unlocked and self._environment.info()["last_txnid"] > raw.id() + 1:
                return [], None  # without a reader's slot the pages just read may have been used again
            return found, failure

    def get(self, table: bytes, key: bytes) -> bytes | None:
        """One value."""
        try:
            with self._gate, self._environment.begin(self._tables[table]) as raw:
                if not self._unlocked:
                    return raw.get(key)
        except lmdb.MapResizedError:
            pass
        except lmdb.Error as error:
            raise index_fault(error, self._root) from error
        return self.read(lambda tx: tx.get(table, key))

    def write(self, work: Callable[[Transaction], T]) -> T:
        """What ``work`` gives; what it changes is durable on return, or not done at all. It may run several times."""
        while True:
            try:
                return self._write_once(work)
            except lmdb.MapResizedError:
                self._adopt_size()
            except lmdb.MapFullError:
                self._grow()
            except lmdb.Error as error:
                raise index_fault(error, self._root) from error

    def _write_once(self, work: Callable[[Transaction], T]) -> T:
        with self._gate:
            raw = self._environment.begin(write=True)
            try:
                result = work(Transaction(raw, self._tables))
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

    def _grow(self) -> None:
        with self._gate.alone():
            self._environment.set_mapsize(2 * self._environment.info()["map_size"])

    def _adopt_size(self) -> None:
        """Take over the size that another process gave the map."""
        with self._gate.alone():
            self._environment.set_mapsize(0)

    def _open_tables(self, layout: Layout) -> dict[bytes, Database]:
        has_objects = any(layout.objects.iterdir())  # asked first: whoever published had made the tables before
        found = self._version()
        if found is None and (self.read_only or has_objects):
            raise IndexDamaged(
                f"the index of the store {self._root} is empty" + (", and objects are there" if has_objects else ""),
                hint=f"put back a copy of {self._root}/index, or move {self._root} away and start anew",
            )
        if found not in {None, SCHEMA_VERSION}:
            raise StoreVersionMismatch(self._root, found or "", SCHEMA_VERSION)
        tables = {name: self._open_table(name, create=found is None) for name in TABLES}
        if found is None:
            with self._environment.begin(write=True) as raw:
                raw.put(VERSION_KEY, SCHEMA_VERSION.encode(), db=tables[META])
        return tables

    def _open_table(self, name: bytes, *, create: bool) -> Database:
        while True:
            try:
                return self._environment.open_db(name, dupsort=name in SEVERAL_VALUES, create=create)
            except lmdb.MapResizedError:
                self._adopt_size()

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


def _open(layout: Layout, map_bytes: int) -> tuple[lmdb.Environment, bool]:
    """The environment, and whether it can only be read."""
    try:
        return _environment(layout, map_bytes, readonly=False, lock=True), False
    except lmdb.Error as error:
        if not isinstance(index_fault(error, layout.root), StoreNotWritable):
            raise index_fault(error, layout.root) from error
    try:
        return _environment(layout, map_bytes, readonly=True, lock=True), True
    except lmdb.Error as error:
        if not isinstance(index_fault(error, layout.root), StoreNotWritable):
            raise index_fault(error, layout.root) from error
    try:
        return _environment(layout, map_bytes, readonly=True, lock=False), True
    except lmdb.Error as error:
        raise index_fault(error, layout.root) from error


def _environment(layout: Layout, map_bytes: int, *, readonly: bool, lock: bool) -> lmdb.Environment:
    return lmdb.open(
        os.fspath(layout.index),
        map_size=map_bytes,
        max_dbs=len(TABLES),
        max_readers=_READERS_MAX,
        max_spare_txns=4,
        mode=0o644,
        readonly=readonly,
        lock=lock,
        create=False if readonly else True,  # noqa: SIM211 -- said as it is meant
    )
