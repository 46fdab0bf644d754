"""Verification: every object read again and compared with its digest, and the index with itself."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import attrs

from hermetica_store.codec import decode_object, decode_root, object_facts, path_at, row_owner
from hermetica_store.collect import leftovers
from hermetica_store.content import tree_digest
from hermetica_store.errors import StoreError
from hermetica_store.faults import IndexDamaged, NotRegistered
from hermetica_store.inspection import inspect
from hermetica_store.leases import ID_BYTES
from hermetica_store.manifest import decode_manifest, differences, entries_of
from hermetica_store.path import StorePath
from hermetica_store.publish import path_key
from hermetica_store.reading import TreeError
from hermetica_store.schema import LEASES, MANIFESTS, OBJECTS, OWNED, REFERRERS, ROOTS, TABLE_OF_TAG, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.index import Transaction
    from hermetica_store.shared import Shared


@attrs.frozen(kw_only=True)
class Problem:
    """One thing that is not as it should be.

    Attributes:
        kind: ``missing``, ``added``, ``changed``, ``irregular`` (mode, time or kind of a file), ``unreadable``,
            ``unregistered`` (a leftover; the next collection removes it), ``stranger`` or ``index``.
        path: the object; None where it concerns none.
        file: which entry of the object, relative; empty for the object itself.
        detail: what was expected and what is there.
    """

    kind: str
    path: StorePath | None
    file: str
    detail: str


@attrs.frozen(kw_only=True)
class VerifyReport:
    """What a verification found.

    Attributes:
        checked: how many objects were read.
        size_bytes: how many bytes of theirs.
        problems: by object, then file.
    """

    checked: int
    size_bytes: int
    problems: tuple[Problem, ...]

    @property
    def damaged(self) -> tuple[StorePath, ...]:
        """The objects with problems, ascending."""
        return tuple(sorted({problem.path for problem in self.problems if problem.path is not None}))


def verify(shared: Shared, paths: Iterable[StorePath] | None) -> VerifyReport:
    """Read objects again; with ``paths`` None all of them, the leftovers and the index too.

    Raises:
        NotRegistered: one of ``paths`` is not there.
    """
    shared.writer.barrier()
    problems: list[Problem] = []
    checked = size_bytes = 0
    if paths is None:
        problems += _index_problems(shared)
        wanted = [base for base, _ in shared.index.read(lambda tx: tx.items(OBJECTS))]
    else:
        wanted = [path.base.encode() for path in sorted(set(paths))]
    for base in wanted:
        value = shared.index.get(OBJECTS, base)
        if value is None:
            if paths is not None:
                raise NotRegistered(path_at(base))
            continue
        try:
            info = decode_object(base, value)
        except IndexDamaged as error:
            problems.append(_problem(base, error.message))
            continue
        found = _object_problems(shared, info)
        if found and shared.index.get(OBJECTS, base) is None:  # collected meanwhile
            continue
        problems += found
        checked, size_bytes = checked + 1, size_bytes + info.size_bytes
    if paths is None:
        problems += _leftover_problems(shared)
    return VerifyReport(checked=checked, size_bytes=size_bytes, problems=tuple(problems))


def _object_problems(shared: Shared, info: ObjectInfo) -> list[Problem]:
    place = shared.layout.objects / info.path.base
    try:
        found = inspect(place)
    except TreeError as error:
        if error.errno == errno.ENOENT and not os.path.lexists(place):
            return [Problem(kind="missing", path=info.path, file="", detail="the whole object is gone")]
        return [Problem(kind="unreadable", path=info.path, file="", detail=str(error))]
    problems = [
        Problem(kind="irregular", path=info.path, file=_shown(path), detail=detail) for path, detail in found.oddities
    ]
    digest = tree_digest(found.content)
    if digest != info.tree:
        named = _named(shared, info, entries_of(found.content))
        problems += named or [
            Problem(
                kind="changed", path=info.path, file="", detail=f"expected tree {info.tree.hex}, found {digest.hex}"
            )
        ]
    return sorted(problems, key=lambda problem: (problem.file, problem.kind))


def _named(shared: Shared, info: ObjectInfo, found: dict[bytes, tuple[str, str]]) -> list[Problem]:
    """Which entries differ from the manifest; none if the manifest does not say."""
    try:
        expected = decode_manifest(shared.index.get(MANIFESTS, info.path.base.encode()) or b"")
    except ValueError:
        return []
    return [
        Problem(kind=kind, path=info.path, file=_shown(path), detail=detail)
        for path, kind, detail in differences(expected, found)
    ]


def _leftover_problems(shared: Shared) -> list[Problem]:
    unregistered, strangers = leftovers(shared)
    problems = [
        Problem(kind="stranger", path=None, file=name, detail="not the name of an object") for name in strangers
    ]
    for path in unregistered:
        if not shared.claims.try_acquire(path_key(path)):  # somebody is publishing it
            continue
        try:
            if not shared.is_known(path) and os.path.lexists(shared.layout.objects / path.base):
                problems.append(
                    Problem(kind="unregistered", path=path, file="", detail="left by a crash; hermetica gc removes it")
                )
        finally:
            shared.claims.release(path_key(path))
    return problems


def _index_problems(shared: Shared) -> list[Problem]:
    """Rows that contradict each other, seen at one moment."""
    return shared.index.read(lambda tx: [*_reference_problems(tx), *_ownership_problems(tx), *_holder_problems(tx)])


def _reference_problems(tx: Transaction) -> list[Problem]:
    problems: list[Problem] = []
    expected: set[tuple[bytes, bytes]] = set()
    rows = dict(tx.items(OBJECTS))
    for base, value in rows.items():
        try:
            references = object_facts(base, value)[1]
        except IndexDamaged:
            continue  # named when the object itself is read
        expected |= {(reference, base) for reference in references}
        problems += [
            _problem(base, f"refers to {_shown(each)}, which is not there") for each in references if each not in rows
        ]
    found = set(tx.items(REFERRERS))
    problems += [
        _problem(base, f"{_shown(by)} refers to it, and the index does not say so") for base, by in expected - found
    ]
    problems += [_problem(base, f"the index says that {_shown(by)} refers to it") for base, by in found - expected]
    return sorted(problems, key=lambda problem: problem.detail)


def _ownership_problems(tx: Transaction) -> list[Problem]:
    problems: list[Problem] = []
    owned: set[tuple[bytes, bytes]] = set()
    for owner, tagged in tx.items(OWNED):
        owned.add((owner, tagged))
        table, key = TABLE_OF_TAG.get(tagged[:1]), tagged[1:]
        stored = None if table is None else tx.get(table.value, key)
        if stored is None or row_owner(stored) != owner:
            problems.append(_problem(owner, f"does not own the row {key.hex()[:16]} that the index gives it"))
    tags = {table: tag for tag, table in TABLE_OF_TAG.items()}
    for table in Table:
        for key, stored in tx.items(table.value):
            owner = row_owner(stored)
            if owner and ((owner, tags[table] + key) not in owned or tx.get(OBJECTS, owner) is None):
                problems.append(_problem(owner, f"owns a row of {table.value.decode()} that would outlive it"))
    return problems


def _holder_problems(tx: Transaction) -> list[Problem]:
    problems = [
        _problem(key[ID_BYTES:], "is held by a lease and is not there")
        for key, _ in tx.items(LEASES)
        if tx.get(OBJECTS, key[ID_BYTES:]) is None
    ]
    for name, value in tx.items(ROOTS):
        try:
            base = decode_root(name, value).path.base.encode()
        except IndexDamaged as error:
            problems.append(Problem(kind="index", path=None, file="", detail=error.message))
            continue
        if tx.get(OBJECTS, base) is None:
            problems.append(
                _problem(base, f"the root {name.decode(errors='backslashreplace')} names it, and it is not there")
            )
    return problems


def _problem(base: bytes, detail: str) -> Problem:
    try:
        return Problem(kind="index", path=StorePath.parse_base(base.decode()), file="", detail=detail)
    except (StoreError, UnicodeDecodeError):
        return Problem(kind="index", path=None, file="", detail=f"{base!r} {detail}")


def _shown(path: bytes) -> str:
    return path.decode(errors="backslashreplace")
