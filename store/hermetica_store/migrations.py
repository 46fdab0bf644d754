"""The steps from each schema of the index to the next: pure work on rows, a chunk at a time.

A step is never changed once it has been released: what it reads and writes is what those versions were, spelled out
here and not taken from today's code. It may be broken off after any chunk and goes on from its cursor.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica_store.codec import row_head, row_owner, row_value, row_written_ms
from hermetica_store.faults import IndexDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hermetica_store.transaction import Transaction


@attrs.frozen(kw_only=True)
class Step:
    """From one schema to the next.

    Attributes:
        source: the schema that it takes.
        target: the schema that it leaves.
        advance: does the next chunk from a cursor on, at first an empty one, in a transaction; gives the next
            cursor, or None when all is done.
    """

    source: str
    target: str
    advance: Callable[[Transaction, bytes, int], bytes | None]


def _write_history(tx: Transaction, cursor: bytes, limit: int) -> bytes | None:
    """1 to 2: a row for each derivation and each object of a build record, so that nobody has to read all records."""
    rows = tx.items(b"records", cursor, limit)
    for key, stored in rows:
        try:
            owner, head = row_owner(stored), row_head(row_owner(stored), row_written_ms(stored))
        except IndexDamaged:  # named when somebody asks for it
            continue
        for history_key, value in _history_of(key, row_value(stored)):
            tx.put(b"history", history_key, head + value)
            if owner:
                tx.put(b"owned", owner, b"h" + history_key)
    return rows[-1][0] + b"\0" if len(rows) == limit else None


def _history_of(key: bytes, value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values for one record of ``hermetica.build-record/1``; nothing for what is none."""
    try:
        record: dict[str, Any] = json.loads(value)
        derivation = bytes.fromhex(record["drv"])
        inputs = b"\0".join(_base(path) for path in record["inputs"])
        made = [_base(output["path"]) for output in record["outputs"].values()]
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    yield b"d" + derivation + key, b""
    for base in dict.fromkeys(made):
        yield b"p" + base + b"\0" + key, inputs


def _base(path: str) -> bytes:
    return path.rpartition("/")[2].encode()


STEPS: Final = {step.source: step for step in (Step(source="1", target="2", advance=_write_history),)}
