"""What this process has published or put and the index does not hold yet.

Readers look here first, so a publication can be used before it is durable. An entry leaves when the transaction that
holds it is committed; by then the index answers.
"""

from __future__ import annotations

import threading
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from hermetica_store.needs import with_needed
from hermetica_store.schema import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.path import StorePath
    from hermetica_store.schema import Row


_NOTHING: Final[tuple[bytes, object]] = (b"", None)
_Rows: TypeAlias = "dict[bytes, tuple[bytes, object]]"


@attrs.define(eq=False)
class Overlay:
    """Pending objects and rows; thread-safe."""

    objects: dict[StorePath, ObjectInfo] = attrs.field(factory=dict["StorePath", "ObjectInfo"])
    _manifests: dict[StorePath, bytes] = attrs.field(init=False, factory=dict["StorePath", bytes])
    _rows: dict[Table, _Rows] = attrs.field(init=False, factory=lambda: {table: {} for table in Table})
    _lock: threading.Lock = attrs.field(init=False, factory=threading.Lock)

    def add(self, objects: Iterable[tuple[ObjectInfo, bytes]], rows: Sequence[Row], token: object) -> None:
        """Show objects with their manifests, and rows with what they need, as those of ``token``."""
        with self._lock:
            for info, manifest in objects:
                self.objects[info.path] = info
                self._manifests[info.path] = manifest
            for table, group in groupby(with_needed(rows), _table):
                shown = self._rows[table]
                for row in group:
                    shown[row.key] = row.value, token

    def remove(self, objects: Iterable[ObjectInfo], rows: Sequence[Row], token: object) -> None:
        """Show them no longer; what another put over them stays."""
        with self._lock:
            for info in objects:
                if self.objects.get(info.path) is info:
                    del self.objects[info.path], self._manifests[info.path]
            for table, group in groupby(with_needed(rows), _table):
                shown = self._rows[table]
                for row in group:
                    if shown.get(row.key, _NOTHING)[1] is token:
                        del shown[row.key]

    def object(self, path: StorePath) -> tuple[ObjectInfo, bytes] | None:
        """A pending object and its manifest."""
        with self._lock:
            info = self.objects.get(path)
            return None if info is None else (info, self._manifests[path])

    def row(self, table: Table, key: bytes) -> bytes | None:
        """The pending value of a row."""
        found = self._rows[table].get(key)
        return None if found is None else found[0]

    def rows_of(self, table: Table, prefix: bytes = b"") -> dict[bytes, bytes]:
        """The pending rows of a table whose keys begin with ``prefix``."""
        with self._lock:
            return {key: value for key, (value, _) in self._rows[table].items() if key.startswith(prefix)}

    def pending(self) -> list[ObjectInfo]:
        """The pending objects."""
        with self._lock:
            return list(self.objects.values())


def _table(row: Row) -> Table:
    return row.table
