"""The tables of the index, and the version of what they hold. Source: docs/format-store.md, "Tables"."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.faults import InvalidKey
from hermetica_store.tables import (
    LEASES,
    MANIFESTS,
    META,
    NARS,
    NEEDED,
    OBJECTS,
    ORIGINS,
    OWNED,
    REFERRERS,
    ROOTS,
    SCHEMA_VERSION,
    STATS,
    USED,
    VERSION_KEY,
)

if TYPE_CHECKING:
    from hermetica_store.path import StorePath

__all__ = [
    "FIRST_TABLES",
    "LEASES",
    "MANIFESTS",
    "META",
    "NARS",
    "NEEDED",
    "OBJECTS",
    "ORIGINS",
    "OWNED",
    "READABLE",
    "REFERRERS",
    "ROOTS",
    "SCHEMA_VERSION",
    "SEVERAL_VALUES",
    "STATS",
    "TABLES",
    "TABLE_OF_TAG",
    "TAGS",
    "USED",
    "VERSION_KEY",
    "Row",
    "Table",
    "check_key",
]

READABLE: Final = frozenset({SCHEMA_VERSION, "1"})  # what it lacks of ours is empty to readers
KEY_BYTES_MAX: Final = 480
SEVERAL_VALUES: Final = frozenset({REFERRERS, OWNED, NEEDED})  # a key there has a sorted set of values


class Table(enum.Enum):
    """Tables of other rooms: rows that the store keeps and does not read, but for the lists in ``SELECTIONS``.

    In ascending order of what needs what: a collection looks at them in this order.
    """

    TRACE = b"trace"
    DERIVATIONS = b"derivations"
    FETCHES = b"fetches"
    RECORDS = b"records"
    ATTRIBUTES = b"attributes"
    HISTORY = b"history"
    SELECTIONS = b"selections"


TABLES: Final = (
    *(META, OBJECTS, USED, NARS, MANIFESTS, REFERRERS, OWNED, ROOTS, LEASES, STATS),
    *(table.value for table in Table),
    ORIGINS,
    NEEDED,
)
_LATER: Final = frozenset({Table.HISTORY.value, Table.SELECTIONS.value, ORIGINS, NEEDED})
FIRST_TABLES: Final = frozenset(TABLES) - _LATER  # those that every store has
TAGS: Final = {
    Table.TRACE: b"t",
    Table.DERIVATIONS: b"d",
    Table.FETCHES: b"f",
    Table.RECORDS: b"r",
    Table.ATTRIBUTES: b"a",
    Table.HISTORY: b"h",
    Table.SELECTIONS: b"s",
}
TABLE_OF_TAG: Final = {tag: table for table, tag in TAGS.items()}


@attrs.frozen
class Row:
    """A row of another room.

    Attributes:
        table: where it goes.
        key: 1 to 480 bytes.
        value: whatever.
        owner: the object it is about. The row goes when that object does, and is not even written if the object is
            not registered. None: it goes with the next collection that does not spare it for its age, unless a row
            needs it.
        needs: rows without owners that this one refers to, each the only one that its key can have. They are written
            with it where they are not there, and stay as long as it does.
    """

    table: Table
    key: bytes
    value: bytes
    owner: StorePath | None = None
    needs: tuple[Row, ...] = ()


def check_key(key: bytes) -> None:
    """Refuse what cannot be a key.

    Raises:
        InvalidKey: it is empty or too long.
    """
    if not 0 < len(key) <= KEY_BYTES_MAX:
        raise InvalidKey(f"a key has 1 to {KEY_BYTES_MAX} bytes, not {len(key)}: {key[:40]!r}")
