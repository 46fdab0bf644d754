"""What an evaluation apart sends: derivations in their canonical form, names, accounts of what was read, and errors.

One JSON document a line. Nothing of it is code, and an id that does not fit what it came with is refused.
"""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.cli.targets import Selected
from hermetica.errors import HermeticaError
from hermetica.model import Source, closure
from hermetica.model.origin import Origin
from hermetica.model.record import record_bytes
from hermetica.model.told import Told
from hermetica_store.path import StorePath

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermetica.model import Derivation

_ROOMS: Final = ("hermetica", "hermetica_store", "hermetica_derivations")


@attrs.define
class Sender:
    """Writes selections; each derivation goes over once.

    Attributes:
        sent: ids of those that went.
        told: digests of the sources that went.
    """

    sent: set[bytes] = attrs.field(factory=set[bytes])
    told: set[str] = attrs.field(factory=set[str])

    def selection(self, chosen: Sequence[Selected]) -> bytes:
        """The answer that names them; after it a line for each derivation that did not go yet, inputs first."""
        fresh = [each for each in closure(each.derivation for each in chosen) if each.id.raw not in self.sent]
        self.sent.update(each.id.raw for each in fresh)
        rows = [[each.name, each.path, each.derivation.id.hex, each.outputs] for each in chosen]
        calls = {each.id.hex: calls for each in fresh if (calls := _calls(each))}
        sources = {source.path.digest: source for each in fresh for source in each.sources}
        new = [source_row(source) for digest, source in sources.items() if digest not in self.told]
        self.told.update(sources)
        document = {"chosen": rows, "calls": calls, "sources": new, "records": len(fresh)}
        head = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        return b"\n".join([head, *[record_bytes(each, with_sources=False) for each in fresh]])


def _calls(derivation: Derivation) -> dict[str, Any]:
    """The calls that passed a definition on, and its places; of most derivations there are none."""
    found: dict[str, Any] = {}
    if derivation.origin is not None and derivation.origin.calls:
        found[""] = derivation.origin.calls
    found |= {name: place.calls for name, place in derivation.places.items() if place.calls}
    return found


@attrs.define
class Receiver:
    """Reads selections.

    Attributes:
        known: id -> derivation, of all that came.
        sources: all that came.
    """

    known: dict[str, Derivation] = attrs.field(factory=dict[str, "Derivation"])
    sources: list[Source] = attrs.field(factory=list["Source"])

    def selection(self, answer: dict[str, Any], records: Iterable[bytes]) -> list[Selected]:
        """What an answer holds.

        Args:
            answer: it.
            records: of the derivations that came with it, inputs first.

        Raises:
            InvalidRecord: a derivation is not what its id says.
        """
        self.sources += map(source_of, answer["sources"])
        for source in self.sources:
            str(source)  # known to the evaluation in force, which may be another than before
        for each in self.known.values():
            each.placeholder()  # likewise
        for record in records:
            told = Told.of(record, answer["calls"])
            told.placeholder()
            self.known[told.id.hex] = told
        return [
            Selected(name=name, path=path, derivation=self.known[drv], outputs=tuple(outputs))
            for name, path, drv, outputs in answer["chosen"]
        ]


def source_row(source: Source) -> dict[str, Any]:
    """A source as JSON."""
    return {
        "path": str(source.path),
        "root": source.root,
        "files": source.files,
        "size_bytes": source.size_bytes,
        "origin": str(source.origin) if source.origin else None,
    }


def source_of(row: dict[str, Any]) -> Source:
    """The source that a row describes."""
    return Source(
        path=StorePath.parse(row["path"]),
        root=row["root"],
        files=None if row["files"] is None else tuple(row["files"]),
        size_bytes=row["size_bytes"],
        origin=Origin.parse(row["origin"]) if row["origin"] else None,
    )


def error_row(error: HermeticaError) -> dict[str, Any]:
    """An error as JSON: its class by name, and its parts."""
    kind = type(error)
    return {
        "class": [kind.__module__, kind.__qualname__],
        "code": error.code,
        "message": error.message,
        "details": error.details,
        "hint": error.hint,
        "origin": error.origin,
        "via": error.via,
    }


def error_of(row: dict[str, Any]) -> HermeticaError:
    """The error that a row describes; of a class that is not of hermetica, the plain one with its code."""
    kind = _kind(*row["class"])
    error = kind.__new__(kind)
    HermeticaError.__init__(
        error,
        row["message"],
        details=tuple((label, text) for label, text in row["details"]),
        hint=row["hint"],
        origin=row["origin"],
    )
    error.via = tuple(row["via"])
    return error


def _kind(module: str, name: str) -> type[HermeticaError]:
    if module.partition(".")[0] in _ROOMS:
        try:
            found: Any = getattr(importlib.import_module(module), name, None)
        except ImportError:
            found = None
        if isinstance(found, type) and issubclass(found, HermeticaError):
            return found
    return HermeticaError
