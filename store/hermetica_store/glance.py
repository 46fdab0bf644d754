"""A glance at the index of a store: a few rows of one moment, by whoever cannot wait for the store to be opened.

Nothing is written, and nothing is an error: where there is no store, or one of another version, or damage, or no right
to read, there is no answer. Whoever wants to know why opens the store. It must not be open in this process already.
"""

from __future__ import annotations

import os

from lmdb import Error
from lmdb import open as open_environment

from hermetica_store.tables import META, OBJECTS, ROOTS, SCHEMA_VERSION, USED, VERSION_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LINK = b"\x01"
_ROW_HEAD_BYTES = 8  # version, length of the owner, when it was written; as codec.row_head
_READERS_MAX = 1022
_SHORTFALL_PAGES_MAX = 256  # as index has it


class Glance:
    """The rows of one moment. Names of objects are base names; everything is bytes.

    Args:
        get: the value in a table at a key, or None.
    """

    def __init__(self, get: Callable[[bytes, bytes], bytes | None]) -> None:
        self._get = get

    def value(self, table: bytes, key: bytes) -> bytes | None:
        """The value of another room's row."""
        stored = self._get(table, key)
        return stored[_ROW_HEAD_BYTES + stored[1] :] if stored is not None and len(stored) >= _ROW_HEAD_BYTES else None

    def used_ms(self, base: bytes) -> int | None:
        """When an object was last published or leased, in milliseconds since the epoch; None if it is not there."""
        if self._get(OBJECTS, base) is None:
            return None
        return int.from_bytes(self._get(USED, base) or b"", "big")

    def has_root(self, name: bytes, base: bytes, link: bytes) -> bool:
        """Whether a root keeps an object for as long as a link leads to it."""
        found = self._get(ROOTS, name)
        return found is not None and found[2 : 2 + found[1]] == base and found.endswith(_LINK + link)


def glance(root: str, answer: Callable[[Glance], bool]) -> bool:
    """What ``answer`` says of the store at ``root``; False where it cannot be asked."""
    place = os.path.join(root, "index")  # noqa: PTH118 -- pathlib costs more than the glance
    if not os.access(f"{place}/lock.mdb", os.W_OK):  # LMDB would read without locks, what a writer may be changing
        return False
    try:
        environment = open_environment(
            place, readonly=True, create=False, max_dbs=32, max_readers=_READERS_MAX, max_spare_txns=1
        )
    except Error:
        return False
    try:
        pages = environment.info()["last_pgno"] + 1 - _SHORTFALL_PAGES_MAX
        if os.stat(f"{place}/data.mdb").st_size < pages * environment.stat()["psize"]:  # noqa: PTH116 -- pathlib costs more than the glance
            return False  # whoever reads beyond the end of the file is killed
        tables = {META: environment.open_db(META, create=False)}
        with environment.begin() as transaction:

            def get(table: bytes, key: bytes) -> bytes | None:
                if table not in tables:
                    tables[table] = environment.open_db(table, transaction, create=False)
                return transaction.get(key, None, tables[table])

            return get(META, VERSION_KEY) == SCHEMA_VERSION.encode() and answer(Glance(get))
    except Error:
        return False
    finally:
        environment.close()
