"""The independent checker: reads index and trees straight from docs/format-store.md, and believes nothing else.

It opens the LMDB environment without locks, so it must be alone with the store. It shares no code with the store.
"""

from __future__ import annotations

import json
import mmap
import os
import re
from typing import TYPE_CHECKING, Final

import attrs
import lmdb
import zstandard
from blake3 import blake3

from tests.campaign import trees

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SEVERAL: Final = frozenset({"referrers", "owned", "needed"})
_OF_OTHER_ROOMS: Final = {
    "t": "trace",
    "d": "derivations",
    "f": "fetches",
    "r": "records",
    "a": "attributes",
    "h": "history",
    "s": "selections",
}
_BASE: Final = re.compile(rb"hx[0-9abcdfghijklmnpqrsvwxyz]{30}-[0-9A-Za-z+\-_?=][0-9A-Za-z+\-._?=]{0,210}")
_KINDS: Final = {0: "directory", 1: "link", 2: "file", 3: "executable"}
SCHEMA: Final = b"2"
_MAP_BYTES: Final = 1 << 30

Table = list[tuple[bytes, bytes]]


@attrs.frozen(kw_only=True)
class Object:
    """A row of ``objects``."""

    tree: bytes
    modulo: bytes
    size: int
    references: tuple[bytes, ...]


@attrs.frozen
class State:
    """What a store holds, as far as its index says.

    Attributes:
        tables: every table by name, ascending by key.
        objects: by base name.
        roots: name -> base name.
    """

    tables: dict[str, Table] = attrs.field(factory=dict[str, Table])
    objects: dict[bytes, Object] = attrs.field(factory=dict[bytes, Object])
    roots: dict[bytes, bytes] = attrs.field(factory=dict[bytes, bytes])

    def rows(self, name: str) -> Table:
        """A table; empty where it is not there yet."""
        return self.tables.get(name, [])


def check(root: Path, *, collected: bool = False) -> tuple[State, list[str]]:
    """What a store holds, and everything that is wrong with it.

    Args:
        root: of a store that nobody has open.
        collected: whether a collection ran last, so that nothing may be left over.
    """
    state = State()
    problems: list[str] = []
    if not (root / "index" / "data.mdb").exists():
        left = [path.name for path in (root / "store").glob("*")] if collected else []
        return state, [f"objects without an index: {left}"] if left else []
    try:
        state.tables.update(_read_tables(root))
    except lmdb.Error as error:
        unfinished = not collected and _is_unfinished(root)
        return state, [] if unfinished else [f"the index cannot be read: {error}"]
    if not state.tables:
        return state, []
    problems += _read_rows(state)
    for base, row in state.objects.items():
        problems += _object_problems(root, base, row, dict(state.rows("manifests")).get(base))
    problems += [*_reference_problems(state), *_owner_problems(state), *_holder_problems(state)]
    problems += _needed_problems(state)
    if collected:
        problems += _leftovers(root, state)
    return state, problems


def _is_unfinished(root: Path) -> bool:
    """Whether power was lost before the first transaction."""
    return (root / "index" / "data.mdb").stat().st_size <= 3 * mmap.PAGESIZE and not any((root / "store").iterdir())


def _read_tables(root: Path) -> dict[str, Table]:
    """Every table, by one read transaction."""
    environment = lmdb.open(
        os.fspath(root / "index"), readonly=True, lock=False, create=False, max_dbs=64, map_size=_MAP_BYTES
    )
    try:
        with environment.begin() as tx, tx.cursor() as cursor:
            names = [key.decode() for key, _ in cursor]
        tables: dict[str, Table] = {}
        for name in names:
            database = environment.open_db(name.encode(), dupsort=name in _SEVERAL, create=False)
            with environment.begin(database) as tx, tx.cursor() as cursor:
                tables[name] = list(cursor)
        return tables
    finally:
        environment.close()


def _number(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        group = data[at]
        number, shift, at = number | (group & 0x7F) << shift, shift + 7, at + 1
        if not group & 0x80:
            return number, at


def _object(value: bytes) -> Object:
    if value[0] != 1:
        raise ValueError(f"an object of version {value[0]}")
    tree = modulo = value[2:34]
    at = 34
    if value[1] & 1:
        modulo, at = value[34:66], 66
    size, at = _number(value, at)
    _, at = _number(value, at)
    references: list[bytes] = []
    while at < len(value):
        references.append(value[at + 1 : at + 1 + value[at]])
        at += 1 + value[at]
    return Object(tree=tree, modulo=modulo, size=size, references=tuple(references))


def _read_rows(state: State) -> list[str]:
    """Decode objects and roots; what cannot be decoded."""
    problems: list[str] = []
    if (schema := dict(state.rows("meta")).get(b"schema")) is None and state.rows("objects"):
        problems.append(f"objects, and the schema is {schema!r}")
    for base, value in state.rows("objects"):
        try:
            state.objects[base] = _object(value)
        except (IndexError, ValueError) as error:
            problems.append(f"the row of {base!r} is damaged: {error}")
        if not _BASE.fullmatch(base):
            problems.append(f"{base!r} is no name of an object")
    for name, value in state.rows("roots"):
        if value[0] != 1:
            problems.append(f"the root {name!r} is damaged")
        state.roots[name] = value[2 : 2 + value[1]]
    return problems


def _object_problems(root: Path, base: bytes, row: Object, manifest: bytes | None) -> list[str]:
    """Whether an object is whole and is what its name and row say."""
    place = root / "store" / base.decode()
    try:
        entry, problems = trees.read(place)
    except OSError as error:
        return [f"{base!r} is registered and cannot be read: {error}"]
    own, name = base[:32], base[33:].decode()
    tree = trees.tree_digest(entry)
    if tree != row.tree:
        problems.append(f"{base!r} has tree {tree.hex()}, registered with {row.tree.hex()}")
    modulo = trees.modulo_digest(entry, own)
    if modulo != row.modulo:
        problems.append(f"{base!r} has modulo digest {modulo.hex()}, registered with {row.modulo.hex()}")
    others = [each.decode() for each in row.references if each != base]
    if trees.path_digest(name, row.modulo, others, itself=base in row.references) != own:
        problems.append(f"{base!r} is not the name of its content")
    if list(row.references) != sorted(set(row.references)):
        problems.append(f"{base!r} has references that do not ascend")
    problems += [
        f"{base!r} does not mention {each!r}" for each in row.references if not trees.mentions(entry, each[:32])
    ]
    size = sum(len(each.data) for _, each in entry.walk() if each.kind in {"file", "executable"})
    if size != row.size:
        problems.append(f"{base!r} has {size} bytes, registered with {row.size}")
    if manifest is None or _manifest(manifest) != dict(_described(entry)):
        problems.append(f"{base!r} and its manifest differ")
    return problems


def _described(root: trees.Entry) -> Iterator[tuple[bytes, tuple[str, bytes]]]:
    for path, entry in root.walk():
        said = entry.data if entry.kind == "link" else b""
        yield path, (entry.kind, blake3(entry.data).digest() if entry.kind in {"file", "executable"} else said)


def _unpacked(value: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(value[1:]) if value[0] == 2 else value[1:]


def _manifest(value: bytes) -> dict[bytes, tuple[str, bytes]]:
    data = _unpacked(value)
    entries: dict[bytes, tuple[str, bytes]] = {}
    at = 0
    while at < len(data):
        length, at = _number(data, at)
        path, kind, at = data[at : at + length], _KINDS[data[at + length]], at + length + 1
        length = 0 if kind == "directory" else 32
        if kind == "link":
            length, at = _number(data, at)
        entries[path] = kind, data[at : at + length]
        at += length
    return entries


def _reference_problems(state: State) -> list[str]:
    """References closed, referrers their inverse, side tables of objects that are there."""
    expected = {(each, base) for base, row in state.objects.items() for each in row.references}
    found = set(state.rows("referrers"))
    problems = [
        f"{base!r} refers to {each!r}, which is not there" for each, base in expected if each not in state.objects
    ]
    problems += [f"referrers lack {pair!r}" for pair in expected - found]
    problems += [f"referrers have {pair!r} too much" for pair in found - expected]
    for table in ("manifests", "used", "nars"):
        problems += [
            f"{table} of {key!r}, which is not there" for key, _ in state.rows(table) if key not in state.objects
        ]
    return problems


def _owner_problems(state: State) -> list[str]:
    owned = set(state.rows("owned"))
    expected: set[tuple[bytes, bytes]] = set()
    for tag, name in _OF_OTHER_ROOMS.items():
        for key, value in state.rows(name):
            if value[0] != 1:
                return [f"a row of {name} has version {value[0]}"]
            if owner := value[8 : 8 + value[1]]:
                expected.add((owner, tag.encode() + key))
    problems = [f"owned lacks {pair!r}" for pair in expected - owned]
    problems += [f"owned has {pair!r} too much" for pair in owned - expected]
    problems += [f"{owner!r} owns a row and is not there" for owner, _ in owned if owner not in state.objects]
    return problems


def _holder_problems(state: State) -> list[str]:
    problems = [
        f"a lease holds {key[8:]!r}, which is not there"
        for key, _ in state.rows("leases")
        if key[8:] not in state.objects
    ]
    return problems + [
        f"the root {name!r} names {base!r}, which is not there"
        for name, base in state.roots.items()
        if base not in state.objects
    ]


def _tagged(state: State, table: str) -> set[bytes]:
    """The rows of a table as ``needed`` names them."""
    return {table[:1].encode() + key for key, _ in state.rows(table)}


def _needed_problems(state: State) -> list[str]:
    """Lists are what their keys say; what rows need, and what records name, is there and is said to be needed."""
    problems: list[str] = []
    for key, value in state.rows("selections"):
        text = _unpacked(value[8 + value[1] :])
        if blake3(text).digest() != key or not all(isinstance(file, str) for file in json.loads(text)):
            problems.append(f"the list {key.hex()} is not what its key says")
    lists, derivations = _tagged(state, "selections"), _tagged(state, "derivations")
    needed = set(state.rows("needed"))
    for each, by in needed:
        if by in derivations and each not in lists:
            problems.append(f"{by!r} needs {each!r}, which is not there")
    for key, value in state.rows("derivations"):
        for source in json.loads(value[8 + value[1] :]).get("sources", ()):
            if "selection" in source:
                named = b"s" + bytes.fromhex(source["selection"])
                if named not in lists or (named, b"d" + key) not in needed:
                    problems.append(
                        f"the derivation {key.hex()} names a list that is not there or not said to be needed"
                    )
    return problems


def _leftovers(root: Path, state: State) -> list[str]:
    """What a collection that was alone should not have left."""
    living: set[bytes] = set()
    waiting = list(state.roots.values())
    while waiting:
        base = waiting.pop()
        if base in living or base not in state.objects:
            continue
        living.add(base)
        waiting += state.objects[base].references
    records = {key.hex() for key, _ in state.rows("records")}
    found = {os.fsencode(path.name) for path in (root / "store").iterdir()}
    problems = [f"{base!r} is needed by nothing and still there" for base in state.objects.keys() - living]
    problems += [f"{name!r} lies in store and is not registered" for name in found - state.objects.keys()]
    problems += [f"tmp/{path.name} is left" for path in (root / "tmp").iterdir()]
    problems += [
        f"log/{path.name} is of no record"
        for path in (root / "log").iterdir()
        if path.name.removesuffix(".zst") not in records
    ]
    needed, derivations = state.rows("needed"), _tagged(state, "derivations")
    problems += [f"needed has {by!r}, which is not there" for _, by in needed if by not in derivations]
    lists = _tagged(state, "selections") - {each for each, _ in needed}
    problems += [f"the list {each[1:].hex()} is needed by no row" for each in lists]
    return problems + [f"the lease of {key!r} is left" for key, _ in state.rows("leases")]
