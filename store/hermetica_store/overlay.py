"""What this process has published or put and the index does not hold yet.

Readers look here first, so a publication can be used before it is durable. An entry leaves when the transaction that
holds it is committed; by then the index answers.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.path import StorePath
    from hermetica_store.schema import Row, Table


@attrs.define(eq=False)
class Overlay:
    """Pending objects and rows; thread-safe."""

    objects: dict[StorePath, ObjectInfo] = attrs.field(factory=dict["StorePath", "ObjectInfo"])
    rows: dict[tuple[Table, bytes], tuple[bytes, object]] = attrs.field(
        factory=dict[tuple["Table", bytes], tuple[bytes, object]]
    )
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def add(self, objects: Iterable[ObjectInfo], rows: Sequence[Row], token: object) -> None:
        """Show objects and rows from now on; ``token`` tells these from others with the same keys."""
        with self._lock:
            for info in objects:
                self.objects[info.path] = info
            for row in rows:
                self.rows[row.table, row.key] = row.value, token

    def remove(self, objects: Iterable[ObjectInfo], rows: Sequence[Row], token: object) -> None:
        """Show them no longer; what another put over them stays."""
        with self._lock:
            for info in objects:
                if self.objects.get(info.path) is info:
                    del self.objects[info.path]
            for row in rows:
                if self.rows.get((row.table, row.key), (b"", None))[1] is token:
                    del self.rows[row.table, row.key]

    def row(self, table: Table, key: bytes) -> bytes | None:
        """The pending value of a row."""
        found = self.rows.get((table, key))
        return None if found is None else found[0]

    def rows_of(self, table: Table, prefix: bytes) -> dict[bytes, bytes]:
        """The pending rows of a table whose keys begin with ``prefix``."""
        with self._lock:
            return {key: value for (of, key), (value, _) in self.rows.items() if of is table and key.startswith(prefix)}

    def pending(self) -> list[ObjectInfo]:
        """The pending objects."""
        with self._lock:
            return list(self.objects.values())
