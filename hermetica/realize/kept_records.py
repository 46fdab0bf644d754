"""Reading derivations as a store keeps them: records that only name long lists of files, each of which is kept once.

Source: docs/format-derivation.md, "Kept records".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from hermetica_store import IndexDamaged, Table
from hermetica_store.digest import Digest
from hermetica_store.selection import read_selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica_store import ObjectStore


@attrs.frozen(eq=False)
class KeptRecords:
    """Makes kept records whole; records that name one list share it.

    Attributes:
        store: where they lie.
    """

    store: ObjectStore
    _lists: dict[bytes, tuple[str, ...]] = attrs.field(init=False, factory=dict[bytes, "tuple[str, ...]"])

    def read(self, value: bytes) -> dict[str, Any]:
        """The record in a row, as ``from_record`` takes it.

        Raises:
            IndexDamaged: it cannot be read, or a list is not there.
        """
        try:
            return self.whole(json.loads(value))
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise damaged_derivation(error) from error

    def whole(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record that was read, with the lists that it names in their places.

        Raises:
            IndexDamaged: a list is not there.
        """
        return {**record, "sources": [self._source(row) for row in record["sources"]]}

    def files(self, row: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Which files a source has, by its row in a record; None for all.

        Raises:
            IndexDamaged: the list is not there.
        """
        if "selection" not in row:
            return None if row["files"] is None else tuple(row["files"])
        key = Digest.parse(row["selection"]).raw
        if key not in self._lists:
            self._lists[key] = self._read(key, row)
        return self._lists[key]

    def _read(self, key: bytes, row: Mapping[str, Any]) -> tuple[str, ...]:
        self.store.lacks(Table.SELECTIONS)  # looks again whether there is such a table: it may be younger than we
        value = self.store.get(Table.SELECTIONS, key)
        if value is None:
            raise IndexDamaged(
                f"the index lacks the list of files of {row['path']}",
                hint="build what uses it anew, from its module: that puts the list back",
            )
        return read_selection(key, value)

    def _source(self, row: Mapping[str, Any]) -> dict[str, Any]:
        files = self.files(row)
        return {key: each for key, each in row.items() if key != "selection"} | {"files": files}


def damaged_derivation(error: Exception) -> IndexDamaged:
    """What it means that the record of a kept derivation cannot be read."""
    return IndexDamaged("the index holds a damaged derivation", details=(("cause", str(error)),))
