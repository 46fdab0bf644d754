"""The index compared with itself: rows that contradict each other, and putting right those that follow from others.

What follows from other rows: referrers from the references of objects, ownership from the owners of rows, and that what
is about nothing is not there. What objects are, and what roots name, follows from nothing in the index.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.codec import decode_nar, decode_origin, decode_root, object_facts, row_owner, row_value, stamp_day
from hermetica_store.errors import StoreError
from hermetica_store.faults import IndexDamaged
from hermetica_store.leases import ID_BYTES
from hermetica_store.needs import is_there
from hermetica_store.path import StorePath
from hermetica_store.schema import (
    LEASES,
    META,
    NARS,
    NEEDED,
    OBJECTS,
    ORIGINS,
    OWNED,
    REFERRERS,
    ROOTS,
    STATS,
    TABLE_OF_TAG,
    TAGS,
    Table,
)
from hermetica_store.selection import read_selection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica_store.transaction import Transaction

INDEX: Final = "index"
_ROUNDS: Final = 3


@attrs.frozen(kw_only=True)
class Problem:
    """One thing that is not as it should be.

    Attributes:
        kind: ``missing``, ``added``, ``changed``, ``irregular`` (mode, time or kind of a file), ``unreadable``,
            ``unregistered`` (a leftover; the next collection removes it), ``unfinished`` (left by a repair that was cut
            short; the next repair ends it), ``stranger``, ``links`` (the link table) or ``index``.
        path: the object; None where it concerns none.
        file: which entry of the object, relative; empty for the object itself.
        detail: what was expected and what is there.
    """

    kind: str
    path: StorePath | None
    file: str
    detail: str


@attrs.frozen(kw_only=True)
class _Wrong:
    """A row that is wrong.

    Attributes:
        problem: what about it.
        table: where it is.
        key: its key.
        value: of several, or what should be there.
        is_missing: whether the row has to be put; else it has to go. None: neither would help.
    """

    problem: Problem
    table: bytes = b""
    key: bytes = b""
    value: bytes = b""
    is_missing: bool | None = None


def index_problems(tx: Transaction) -> list[Problem]:
    """Rows that contradict each other."""
    return [wrong.problem for wrong in _wrong(tx)]


def mend_index(tx: Transaction) -> list[Problem]:
    """Put right what follows from other rows; what was wrong with it."""
    mended: list[Problem] = []
    for _ in range(_ROUNDS):  # a row that goes may have been what another one was about
        found = [wrong for wrong in _wrong(tx) if wrong.is_missing is not None]
        for wrong in found:
            if wrong.is_missing:
                tx.put(wrong.table, wrong.key, wrong.value)
            else:
                tx.delete(wrong.table, wrong.key, wrong.value)
        mended += [wrong.problem for wrong in found]
    return mended


def _wrong(tx: Transaction) -> list[_Wrong]:
    return [*_references(tx), *_owners(tx), *_holders(tx), *_needs(tx), *_caches(tx)]


def _references(tx: Transaction) -> list[_Wrong]:
    wrong: list[_Wrong] = []
    expected: set[tuple[bytes, bytes]] = set()
    unknown: set[bytes] = set()
    rows = dict(tx.items(OBJECTS))
    below = _where_else(tx)
    for base, value in rows.items():
        try:
            references = object_facts(base, value)[1]
        except IndexDamaged:  # named when the object itself is read
            unknown.add(base)
            continue
        expected |= {(reference, base) for reference in references}
        wrong += [
            _Wrong(problem=index_problem(base, f"refers to {_text(each)}, which is not there{below}"))
            for each in references
            if each not in rows and not tx.is_below(each)
        ]
    found = {(base, by) for base, by in tx.items(REFERRERS) if by not in unknown}
    wrong += [
        _absent(index_problem(base, f"{_text(by)} refers to it, and the index does not say so"), REFERRERS, base, by)
        for base, by in expected - found
    ]
    wrong += [
        _needless(index_problem(base, f"the index says that {_text(by)} refers to it"), REFERRERS, base, by)
        for base, by in found - expected
    ]
    return sorted(wrong, key=lambda each: each.problem.detail)


def _where_else(tx: Transaction) -> str:
    """Where what is missed may have been."""
    lowers = tx.get(META, b"lower")
    if lowers is None:
        return ""
    return f", nor in a lower store (this one was used over {', '.join(map(os.fsdecode, lowers.split(bytes(1))))})"


def _owners(tx: Transaction) -> Iterator[_Wrong]:
    owned: set[tuple[bytes, bytes]] = set()
    for owner, tagged in tx.items(OWNED):
        owned.add((owner, tagged))
        table, key = TABLE_OF_TAG.get(tagged[:1]), tagged[1:]
        stored = None if table is None else tx.get(table.value, key)
        if stored is None or row_owner(stored) != owner:
            detail = f"does not own the row {key.hex()[:16]} that the index gives it"
            yield _needless(index_problem(owner, detail), OWNED, owner, tagged)
    for table in Table:
        for key, stored in tx.items(table.value):
            owner = row_owner(stored)
            if not owner or ((owner, TAGS[table] + key) in owned and tx.is_there(owner)):
                continue
            problem = index_problem(owner, f"owns a row of {table.value.decode()} that would outlive it")
            if not tx.is_there(owner):
                yield _needless(problem, table.value, key)
            else:
                yield _absent(problem, OWNED, owner, TAGS[table] + key)


def _holders(tx: Transaction) -> Iterator[_Wrong]:
    for key, _ in tx.items(LEASES):
        if tx.get(OBJECTS, key[ID_BYTES:]) is None:
            yield _needless(index_problem(key[ID_BYTES:], "is held by a lease and is not there"), LEASES, key)
    for name, value in tx.items(ROOTS):
        try:
            base = decode_root(name, value).path.base.encode()
        except IndexDamaged as error:
            yield _Wrong(problem=Problem(kind=INDEX, path=None, file="", detail=error.message))
            continue
        if not tx.is_there(base):
            yield _Wrong(problem=index_problem(base, f"the root {_text(name)} names it, and it is not there"))


def _needs(tx: Transaction) -> Iterator[_Wrong]:
    """What rows need and is not there. An entry of a row that is gone is no problem: a collection drops it."""
    for key, stored in tx.items(Table.SELECTIONS.value):
        try:
            read_selection(key, row_value(stored))
        except IndexDamaged as error:
            problem = Problem(kind=INDEX, path=None, file="", detail=error.message)
            yield _needless(problem, Table.SELECTIONS.value, key)  # whoever has the list puts it again
    for needed, by in tx.items(NEEDED):
        if is_there(tx, by) and not is_there(tx, needed):
            detail = f"the row {_row(by)} refers to {_row(needed)}, which is not there"
            yield _Wrong(problem=Problem(kind=INDEX, path=None, file="", detail=detail))


def _caches(tx: Transaction) -> Iterator[_Wrong]:
    """Rows that are only remembered: a damaged one goes, and is computed anew when it is wanted."""
    for base, value in tx.items(NARS):
        try:
            decode_nar(base, value)
        except IndexDamaged as error:
            yield _needless(index_problem(base, error.message), NARS, base)
    for key, value in tx.items(STATS):
        if not stamp_day(value):
            problem = Problem(kind=INDEX, path=None, file="", detail=f"damaged row of the stat cache: {key.hex()}")
            yield _needless(problem, STATS, key)
    for key, value in tx.items(ORIGINS):
        if decode_origin(value) is None:
            detail = f"damaged row of what was made of sources: {key.hex()}"
            yield _needless(Problem(kind=INDEX, path=None, file="", detail=detail), ORIGINS, key)


def _absent(problem: Problem, table: bytes, key: bytes, value: bytes) -> _Wrong:
    return _Wrong(problem=problem, table=table, key=key, value=value, is_missing=True)


def _needless(problem: Problem, table: bytes, key: bytes, value: bytes = b"") -> _Wrong:
    return _Wrong(problem=problem, table=table, key=key, value=value, is_missing=False)


def index_problem(base: bytes, detail: str) -> Problem:
    """Something wrong with the rows of an object."""
    try:
        return Problem(kind=INDEX, path=StorePath.parse_base(base.decode()), file="", detail=detail)
    except (StoreError, UnicodeDecodeError):
        return Problem(kind=INDEX, path=None, file="", detail=f"{base!r} {detail}")


def _row(tagged: bytes) -> str:
    table = TABLE_OF_TAG.get(tagged[:1])
    return f"{tagged[1:].hex()[:16]} of {'?' if table is None else table.value.decode()}"


def _text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")
