"""Fuzz targets of the index: the decoders by themselves, and a real store with rows that nobody wrote.

A row that cannot be trusted is `IndexDamaged`; the rest of the store goes on working.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import lmdb

from hermetica.realize.realized import declared_by_id, declared_by_token, realized_under
from hermetica.realize.trace import Trace
from hermetica_store import ObjectStore, Policy, StorePath
from hermetica_store.codec import (
    decode_listing,
    decode_nar,
    decode_object,
    decode_root,
    encode_listing,
    encode_object,
    encode_root,
    match_stamp,
    object_facts,
    row_owner,
    row_value,
    row_written_ms,
    stamp_day,
)
from hermetica_store.digest import Digest
from hermetica_store.errors import HermeticaError
from hermetica_store.manifest import decode_manifest
from hermetica_store.remove import remove_tree
from hermetica_store.rows import decode_time
from hermetica_store.schema import META, SEVERAL_VALUES, TABLES, Table
from hermetica_store.selection import KeptSelection, read_selection
from tests.fuzz.target import Target, expect

if TYPE_CHECKING:
    from collections.abc import Callable

_FAR: Final = float(1 << 32)  # seconds: no clock says so, and microseconds lose their last digits in a float
_KEY: Final = b"hx" + b"0" * 30 + b"-fuzz"


def _object(data: bytes) -> None:
    object_facts(_KEY, data)
    info = decode_object(_KEY, data)
    again = decode_object(_KEY, encode_object(info))
    expect(again == info or info.registered_at > _FAR, "an object is not what it writes")


def _root(data: bytes) -> None:
    root = decode_root(b"name", data)
    expect(decode_root(b"name", encode_root(root)) == root, "a root is not what it writes")


def _row(data: bytes) -> None:
    row_written_ms(data)
    expect(row_owner(data) + row_value(data) == data[8:], "a row loses bytes")


def _stamp(data: bytes) -> None:
    match_stamp((0, 0, 0, 0, 0), data)
    listing = decode_listing(data)
    expect(listing is None or encode_listing(listing, stamp_day(data)) == data, "a listing is not what it writes")
    stamp_day(data)
    decode_time(data)


def _manifest(data: bytes) -> None:
    try:
        decode_manifest(data)
    except ValueError:  # verify calls an object with such a manifest damaged
        return


def _selection(data: bytes) -> None:
    files = read_selection(data[:32], data[32:])
    expect(KeptSelection.of(files).digest.raw == data[:32], "a list of files is not what it writes")


_DECODERS: Final[tuple[Callable[[bytes], object], ...]] = (
    _object,
    _root,
    functools.partial(decode_nar, _KEY),
    _row,
    _stamp,
    _manifest,
    _selection,
)


def _codec(data: bytes) -> None:
    """The first byte chooses the decoder."""
    if data:
        _DECODERS[data[0] % len(_DECODERS)](data[1:])


@functools.cache
def _template() -> tuple[Path, StorePath]:
    """A store with an object that refers to another, a root and rows."""
    root = Path(tempfile.mkdtemp(prefix="hermetica-fuzz-index-"))
    atexit.register(remove_tree, root)
    with ObjectStore.open(root) as store, store.lease() as lease:
        below = store.add_bytes(b"below", "below", lease=lease)
        path = store.add_bytes(f"see {below}".encode(), "above", references=[below], lease=lease)
        store.add_root("root", path)
        store.nar(path)
        store.write_log("ab", b"log")
    return root, path


_OPEN_TABLES: Final = tuple(name for name in TABLES if name != META)


def _index(data: bytes) -> None:
    """One row of a real index is replaced: table, which row, a zero or the key, value."""
    if len(data) < 2:
        return
    template, path = _template()
    root = Path(tempfile.mkdtemp(prefix="hermetica-fuzz-index-"))
    try:
        shutil.copytree(template, root, dirs_exist_ok=True)
        table = _OPEN_TABLES[data[0] % len(_OPEN_TABLES)]
        with lmdb.open(str(root / "index"), max_dbs=len(TABLES), map_size=1 << 24) as environment:
            database = environment.open_db(table, dupsort=table in SEVERAL_VALUES, create=False)
            with environment.begin(write=True) as raw:
                rows = list(raw.cursor(database))
                key = rows[data[1] % len(rows)][0] if rows and data[1] < 128 else data[2:42] or b"k"
                value = data[2:] if data[1] < 128 else data[42:]
                raw.put(key, value[:400] or b"x" if table in SEVERAL_VALUES else value, db=database)
        _use(root, path)
    finally:
        remove_tree(root)


def _use(root: Path, path: StorePath) -> None:
    """Everything that reads the index; each part by itself may refuse."""
    with ObjectStore.open(root) as store:
        trace = Trace(store)
        digest = Digest(bytes(32))
        for question in (
            lambda: store.info(path),
            lambda: list(store.paths()),
            lambda: store.closure([path]),
            lambda: store.referrers(path),
            store.roots,
            lambda: store.nar(path),
            store.statistics,
            lambda: [list(store.items(table)) for table in Table],
            trace.all_records,
            lambda: trace.durations_s(["k"]),
            lambda: trace.resolved(digest, ("out",)),
            lambda: realized_under(store, ["k"]),
            lambda: declared_by_id(store, [digest]),
            lambda: declared_by_token(store, ["0" * 32]),
            store.verify,
            lambda: store.collect(Policy(max_bytes=1 << 40), dry_run=True),
            store.collect,
        ):
            try:
                question()
            except HermeticaError:
                continue


TARGETS = (
    Target(
        "codec", _codec, (_KEY, bytes((len(_KEY),)) + _KEY, b"\x01", b"\x02", b"\xff\xff\xff\xff", b"\x28\xb5\x2f\xfd")
    ),
    Target("index", _index, (_KEY, b"\x01", b"\xff" * 8, b"{}", b"null", b"[")),
)
