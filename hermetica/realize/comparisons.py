"""What comparisons of builds found, kept in the store's index: the data of ``hermetica metrics``.

A row for each time that a derivation was built again: by a check, by rounds, or by a study. It says how many further
builds there were in one and the same world, how many of them differed from the first, and, of a study, whether any
other world changed anything. Source: docs/guides/read-a-study.md, ``hermetica.comparison/1``.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.realize.compared import Compared
from hermetica_store import IndexDamaged, Row, Table

if TYPE_CHECKING:
    from hermetica.model import Resolved
    from hermetica_store import ObjectStore

FORMAT: Final = "hermetica.comparison/1"
_KEY: Final = b"compared\0"


def keep_comparison(
    store: ObjectStore, resolved: Resolved, by: str, again: int, differing: int, *, worlds_differ: bool | None = None
) -> None:
    """Keeps what a comparison found; durable when this returns.

    Args:
        store: where.
        resolved: what was built.
        by: who compared.
        again: further builds in the world of the first.
        differing: those of them that differed.
        worlds_differ: whether some other world changed anything; None where none was tried.
    """
    found = Compared(
        by=by,
        drv=resolved.derivation.id.hex,
        resolved_id=resolved.id.hex,
        name=resolved.derivation.name,
        time_s=round(time.time(), 3),
        again=again,
        differing=differing,
        worlds_differ=worlds_differ,
    )
    key = _KEY + resolved.id.raw + time.time_ns().to_bytes(8, "big")
    document = {"format": FORMAT, **attrs.asdict(found)}
    store.put([Row(Table.ATTRIBUTES, key, json.dumps(document, separators=(",", ":")).encode(), None)]).wait()


def comparisons(store: ObjectStore) -> list[Compared]:
    """Every comparison that the store knows of, oldest first.

    Raises:
        IndexDamaged: a row is none.
    """
    found = [_read(value) for _, value in store.items(Table.ATTRIBUTES, _KEY)]
    return sorted(found, key=lambda each: each.time_s)


def _read(value: bytes) -> Compared:
    try:
        document: dict[str, Any] = json.loads(value)
        return Compared(**{field.name: document[field.name] for field in attrs.fields(Compared)})
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        raise IndexDamaged("the index holds a damaged comparison", details=(("cause", str(error)),)) from error
