"""What was realized under each attribute path, newest first; and what kept derivations declared.

An attribute path is where a user finds a derivation: the file of a module and a dotted name in it. Its row goes with
the object that was realized last, as all that tells how an object came to be does.
Source: docs/format-derivation.md, "Attribute paths".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.model.placeholder import digest_start
from hermetica.model.record import InvalidRecord, declared_in
from hermetica.realize.kept_records import damaged_derivation
from hermetica.realize.trace import Trace
from hermetica_store import IndexDamaged, Row, Table
from hermetica_store.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermetica.model import Derivation
    from hermetica.model.difference import Declared
    from hermetica_store import ObjectStore, StorePath

FORMAT: Final = "hermetica.realized/1"
_PATH: Final = b"a"
_KEPT_MAX: Final = 8


@attrs.frozen(kw_only=True)
class Realized:
    """One derivation that an attribute path led to, and what it realised to.

    Attributes:
        drv: its id.
        at_s: when, in seconds since the epoch.
        outputs: name -> last component of the store path.
    """

    drv: Digest
    at_s: float
    outputs: Mapping[str, str]


@attrs.frozen(kw_only=True)
class Made:
    """What is to be remembered: a derivation that was realized, and under which attribute path.

    Attributes:
        path: ``file:name``.
        derivation: what it led to.
        outputs: what was realized of it.
    """

    path: str
    derivation: Derivation
    outputs: Mapping[str, StorePath]


def key_of(path: str) -> bytes:
    """The key of an attribute path's row."""
    return _PATH + Digest.of(path.encode()).raw


def realized_under(store: ObjectStore, paths: Sequence[str]) -> list[tuple[Realized, ...]]:
    """For each attribute path what was realized under it, newest first; empty where nothing is known.

    Raises:
        IndexDamaged: a row cannot be read.
    """
    values = store.get_many(Table.ATTRIBUTES, [key_of(path) for path in paths])
    return [() if value is None else _read(value) for value in values]


def realized_rows(store: ObjectStore, made: Sequence[Made], at_s: float) -> list[Row]:
    """The rows that remember what was realized; none for what is the newest already.

    Args:
        store: where they will go.
        made: what was realized.
        at_s: when, in seconds since the epoch.
    """
    former = realized_under(store, [each.path for each in made])
    rows: list[Row] = []
    for each, known in zip(made, former, strict=True):
        if known and known[0].drv == each.derivation.id:
            continue
        outputs = {output: path.base for output, path in each.outputs.items()}
        newest = Realized(drv=each.derivation.id, at_s=at_s, outputs=outputs)
        owner = next(iter(each.outputs.values()))
        rows.append(Row(Table.ATTRIBUTES, key_of(each.path), _write(each.path, [newest, *known][:_KEPT_MAX]), owner))
    return rows


def declared_by_id(store: ObjectStore, ids: Sequence[Digest]) -> dict[Digest, Declared]:
    """What kept derivations declared, by id; those that are kept.

    Raises:
        IndexDamaged: one cannot be read.
    """
    values = store.get_many(Table.DERIVATIONS, [each.raw for each in ids])
    return {each: _declared(value) for each, value in zip(ids, values, strict=True) if value is not None}


def declared_by_token(store: ObjectStore, tokens: Sequence[str]) -> dict[str, Declared]:
    """The same by the 32 characters that tokens name derivations by; a fixed output is the recipe that made it.

    Raises:
        IndexDamaged: likewise.
    """
    starts = [digest_start(token) for token in tokens]
    found: dict[str, Declared] = {}
    for token, start, value in zip(tokens, starts, store.first_many(Table.DERIVATIONS, starts), strict=True):
        record = value if value is not None else _maker(store, start)
        if record is not None:
            found[token] = _declared(record)
    return found


def _declared(record: bytes) -> Declared:
    try:
        return declared_in(record)
    except (InvalidRecord, ValueError) as error:
        raise damaged_derivation(error) from error


def _maker(store: ObjectStore, start: bytes) -> bytes | None:
    """The record of the derivation that brought a fixed output, by the start of its contract's digest."""
    key = Trace(store).record_key_by_start(start)
    record = None if key is None else Trace(store).record(key)
    return None if record is None else store.get(Table.DERIVATIONS, bytes.fromhex(record["drv"]))


def _write(path: str, known: Sequence[Realized]) -> bytes:
    rows = [{"drv": each.drv.hex, "at_s": round(each.at_s, 3), "outputs": dict(each.outputs)} for each in known]
    document = {"format": FORMAT, "path": path, "realized": rows}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _read(value: bytes) -> tuple[Realized, ...]:
    try:
        document: dict[str, Any] = json.loads(value)
        return tuple(
            Realized(drv=Digest.parse(row["drv"]), at_s=float(row["at_s"]), outputs=dict(row["outputs"]))
            for row in document["realized"]
        )
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise IndexDamaged(
            "the index holds a damaged row of an attribute path", details=(("cause", str(error)),)
        ) from error
