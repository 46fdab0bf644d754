"""A transaction of the index, over its tables by name."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TYPE_CHECKING, TypeAlias

from hermetica_store.schema import OBJECTS, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import lmdb

# The stubs have no public name for it.
Database: TypeAlias = "lmdb._Database"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- lmdb gives it no other name


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

    def delete_many(self, table: bytes, keys: Iterable[bytes]) -> None:
        """Remove keys, with all their values; those that are not there are no error."""
        delete, database = self.raw.delete, self._tables[table]
        for key in keys:
            delete(key, b"", database)

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
        with self.cursor(table) as cursor:
            if not (cursor.set_range(prefix) if prefix else cursor.first()):
                return []
            return list(takewhile(lambda row: row[0].startswith(prefix), cursor))

    def items(self, table: bytes, start: bytes = b"", limit: int = 1 << 60) -> list[tuple[bytes, bytes]]:
        """Up to ``limit`` rows from ``start`` on, ascending."""
        with self.cursor(table) as cursor:
            if not (cursor.set_range(start) if start else cursor.first()):
                return []
            return list(islice(cursor, limit))

    def keys(self, table: bytes) -> set[bytes]:
        """Every key."""
        with self.cursor(table) as cursor:
            return set(cursor.iternext(keys=True, values=False))

    def registered(self, bases: Iterable[bytes]) -> set[bytes]:
        """Those of ``bases`` that are registered here."""
        get, table = self.raw.get, self._tables[OBJECTS]
        return {base for base in bases if get(base, None, table) is not None}


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


def transaction_over(
    raw: lmdb.Transaction[bytes], tables: dict[bytes, Database], is_below: Callable[[bytes], bool]
) -> Transaction:
    """The transaction of an index by its tables: those of ours that it lacks read as empty."""
    return (Transaction if len(tables) == len(TABLES) else _Partial)(raw, tables, is_below)
