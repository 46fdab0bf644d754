"""Which build records there are of a derivation and of an object, without reading all of them.

Each record has a row for its derivation and one for each object that the build made; the latter also names what the
object was built from. Source: docs/format-derivation.md, "History keys".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hermetica_store import Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermetica_store import ObjectStore, StorePath

_DERIVATION: Final = b"d"
_OBJECT: Final = b"p"
_ID_BYTES: Final = 32


def history_rows(key: bytes, record: Mapping[str, Any], owner: StorePath | None) -> list[Row]:
    """The rows that lead to the record under ``key``."""
    inputs = b"\0".join(_base(path) for path in record["inputs"])
    made = dict.fromkeys(_base(output["path"]) for output in record["outputs"].values())
    return [
        Row(Table.HISTORY, _DERIVATION + bytes.fromhex(record["drv"]) + key, b"", owner),
        *(Row(Table.HISTORY, _OBJECT + base + b"\0" + key, inputs, owner) for base in made),
    ]


def records_of_id(store: ObjectStore, digits: str) -> list[dict[str, Any]]:
    """The records of the derivations whose id or resolved id begins with these hexadecimal digits, oldest first."""

    def matches(record: dict[str, Any]) -> bool:
        return digits in {record["drv"][: len(digits)], record["resolved_id"][: len(digits)]}

    if store.lacks(Table.HISTORY):
        return [record for record in _all(store) if matches(record)]
    start = bytes.fromhex(digits[: len(digits) // 2 * 2])
    keys = [key[1 + _ID_BYTES :] for key, _ in store.items(Table.HISTORY, _DERIVATION + start)]
    keys += [key for key, _ in store.items(Table.RECORDS, start)]
    return [record for record in _under(store, keys) if matches(record)]


def records_of_objects(store: ObjectStore, paths: Iterable[StorePath]) -> list[dict[str, Any]]:
    """The records of the builds that made one of some objects, oldest first."""
    wanted = {str(path): _OBJECT + path.base.encode() + b"\0" for path in paths}
    if store.lacks(Table.HISTORY):
        return [
            record
            for record in _all(store)
            if not wanted.keys().isdisjoint(output["path"] for output in record["outputs"].values())
        ]
    return _under(
        store, (key[len(prefix) :] for prefix in wanted.values() for key, _ in store.items(Table.HISTORY, prefix))
    )


def _under(store: ObjectStore, keys: Iterable[bytes]) -> list[dict[str, Any]]:
    values = store.get_many(Table.RECORDS, list(dict.fromkeys(keys)))
    return _sorted(json.loads(value) for value in values if value is not None)


def _all(store: ObjectStore) -> list[dict[str, Any]]:
    return _sorted(json.loads(value) for _, value in store.items(Table.RECORDS))


def _sorted(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(records, key=lambda record: record["started_s"])


def _base(path: str) -> bytes:
    return path.rpartition("/")[2].encode()
