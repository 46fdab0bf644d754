"""The build trace: which content a derivation realised to, and the record of how.

Two kinds of keys lead to an output's path: by resolved id, which is the truth, and by the id that dependants hash,
which is a cache of it that spares a run the resolving of what did not change. Source: docs/format-derivation.md,
"Build trace".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica_store import IndexDamaged, Row, Table
from hermetica_store.codec import path_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hermetica.model import Derivation
    from hermetica_store import ObjectStore, StorePath
    from hermetica_store.digest import Digest

_RESOLVED: Final = b"r"
_UNRESOLVED: Final = b"d"
_DURATION: Final = b"t"
RECORD_FORMAT: Final = "hermetica.build-record/1"


def _key(kind: bytes, digest: Digest, output: str) -> bytes:
    return kind + digest.raw + output.encode()


@attrs.frozen
class Trace:
    """The trace tables of one store.

    Attributes:
        store: where they lie.
    """

    store: ObjectStore

    def _look_up(self, keys: Sequence[bytes]) -> list[StorePath | None]:
        values = self.store.get_many(Table.TRACE, keys)
        return [None if value is None else path_at(_split(value)[0]) for value in values]

    def record_key_of(self, input_id: Digest, output: str) -> bytes | None:
        """The key of the build record of what an output realised to, where a build made it."""
        value = self.store.get(Table.TRACE, _key(_UNRESOLVED, input_id, output))
        return None if value is None else _split(value)[1] or None

    def record_key_by_start(self, start: bytes) -> bytes | None:
        """The same by the first bytes of an input id."""
        values = (value for _, value in self.store.items(Table.TRACE, _UNRESOLVED + start))
        return next((key for value in values if (key := _split(value)[1])), None)

    def resolved_record_key(self, resolved_id: Digest, output: str) -> bytes:
        """The same by resolved id; empty where no build made it."""
        value = self.store.get(Table.TRACE, _key(_RESOLVED, resolved_id, output))
        return b"" if value is None else _split(value)[1]

    def durations_s(self, names: Sequence[str]) -> dict[str, float]:
        """How long derivations of these names took the last time; those never built are left out."""
        values = self.store.get_many(Table.ATTRIBUTES, [_DURATION + name.encode() for name in names])
        return {name: _number(value) for name, value in zip(names, values, strict=True) if value is not None}

    def resolved(self, resolved_id: Digest, outputs: Sequence[str]) -> dict[str, StorePath] | None:
        """The paths of all ``outputs``, if each is known and in the store."""
        return self._complete(_RESOLVED, resolved_id, outputs)

    def resolved_many(
        self, wanted: Sequence[tuple[Digest, Sequence[str]]]
    ) -> dict[Digest, tuple[dict[str, StorePath], bytes]]:
        """By resolved id the paths of all its outputs, and the key of the record of how; those known whole.

        Whether they are still in the store is another matter.
        """
        keys = [_key(_RESOLVED, digest, output) for digest, outputs in wanted for output in outputs]
        values = iter(self.store.get_many(Table.TRACE, keys))
        found: dict[Digest, tuple[dict[str, StorePath], bytes]] = {}
        for digest, outputs in wanted:
            rows = {output: next(values) for output in outputs}
            known = {output: _split(value) for output, value in rows.items() if value is not None}
            if len(known) == len(outputs):
                paths = {output: path_at(base) for output, (base, _) in known.items()}
                found[digest] = (paths, known[outputs[0]][1])
        return found

    def unresolved(self, input_id: Digest, outputs: Sequence[str]) -> dict[str, StorePath] | None:
        """The same, by the id that dependants hash."""
        return self._complete(_UNRESOLVED, input_id, outputs)

    def _complete(self, kind: bytes, digest: Digest, outputs: Sequence[str]) -> dict[str, StorePath] | None:
        found = self._look_up([_key(kind, digest, output) for output in outputs])
        paths = [path for path in found if path is not None and self.store.has(path)]
        return dict(zip(outputs, paths, strict=True)) if len(paths) == len(outputs) else None

    def unresolved_many(self, wanted: Sequence[tuple[Digest, str]]) -> list[StorePath | None]:
        """For each (input id, output) the path that is in the store, or None."""
        found = self._look_up([_key(_UNRESOLVED, digest, output) for digest, output in wanted])
        return [path if path is not None and self.store.has(path) else None for path in found]

    def rows_of(self, derivation: Derivation) -> list[tuple[bytes, bytes]]:
        """The rows, key and value, that say where the outputs of ``derivation`` are; those that there are."""
        keys = [_key(_UNRESOLVED, derivation.input_id, output) for output in derivation.outputs]
        values = self.store.get_many(Table.TRACE, keys)
        return [(key, value) for key, value in zip(keys, values, strict=True) if value is not None]

    def record(self, key: bytes) -> dict[str, Any] | None:
        """The build record under ``key``."""
        value = self.store.get(Table.RECORDS, key)
        return None if value is None else _document(value)

    def records(self, resolved_id: Digest) -> list[dict[str, Any]]:
        """Every record of a resolved id, oldest first."""
        return [_document(value) for _, value in self.store.items(Table.RECORDS, resolved_id.raw)]

    def all_records(self) -> list[dict[str, Any]]:
        """Every record in the store, oldest first."""
        rows = [_document(value) for _, value in self.store.items(Table.RECORDS)]
        return sorted(rows, key=lambda row: float(row["started_s"]))


def _document(value: bytes) -> dict[str, Any]:
    """The build record that a row holds: an object that says when it began.

    Raises:
        IndexDamaged: it is none.
    """
    try:
        document = json.loads(value)
        float(document["started_s"])
    except (ValueError, RecursionError, LookupError, TypeError, OverflowError) as error:
        raise IndexDamaged("the index holds a damaged build record", details=(("cause", str(error)),)) from error
    return document  # type: ignore[no-any-return]  # an object: its field was read


def _number(value: bytes) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0  # how long a build took last is only a guess at how long it will take


def _split(value: bytes) -> tuple[bytes, bytes]:
    base, _, key = value.partition(b"\0")
    return base, key


def _value(path: StorePath, record: bytes) -> bytes:
    return path.base.encode() + b"\0" + record if record else path.base.encode()


def duration_row(name: str, duration_s: float) -> Row:
    """The row that remembers how long a derivation of this name took."""
    return Row(Table.ATTRIBUTES, _DURATION + name.encode(), f"{duration_s:.3f}".encode(), None)


def realisation_rows(
    derivation: Derivation, resolved_id: Digest, outputs: Mapping[str, StorePath], record: bytes
) -> list[Row]:
    """The rows that say what ``derivation`` realised to, and the key of the record of how."""
    rows: list[Row] = []
    for output, path in outputs.items():
        value = _value(path, record)
        rows.append(Row(Table.TRACE, _key(_RESOLVED, resolved_id, output), value, path))
        rows.append(Row(Table.TRACE, _key(_UNRESOLVED, derivation.input_id, output), value, path))
    return rows


def contract_rows(contract: Digest, path: StorePath) -> list[Row]:
    """The rows that say where the content of a fixed output is."""
    return [
        Row(Table.TRACE, _key(kind, contract, "out"), path.base.encode(), path) for kind in (_RESOLVED, _UNRESOLVED)
    ]


def unresolved_rows(derivation: Derivation, outputs: Mapping[str, StorePath], record: bytes) -> list[Row]:
    """The rows that spare the next run the resolving of ``derivation``."""
    return [
        Row(Table.TRACE, _key(_UNRESOLVED, derivation.input_id, output), _value(path, record), path)
        for output, path in outputs.items()
    ]


def derivation_rows(derivations: Iterable[Derivation], owner: StorePath | None = None) -> list[Row]:
    """The rows that keep derivations by id, with the long lists of files that they need."""
    from hermetica.model.record import record_bytes  # noqa: PLC0415 -- only where derivations are kept

    return [
        Row(Table.DERIVATIONS, derivation.id.raw, record_bytes(derivation), owner, _selection_rows(derivation))
        for derivation in derivations
    ]


def _selection_rows(derivation: Derivation) -> tuple[Row, ...]:
    selections = (source.selection for source in derivation.sources)
    return tuple([Row(Table.SELECTIONS, each.digest.raw, each.value) for each in selections if each is not None])


def record_key(resolved_id: Digest, started_s: float) -> bytes:
    """The key of a build record: records of one resolved id sort by time."""
    return resolved_id.raw + round(started_s * 1e6).to_bytes(8, "big")


def record_row(key: bytes, record: Mapping[str, Any], owner: StorePath | None) -> Row:
    """The row that keeps a build record."""
    return Row(Table.RECORDS, key, json.dumps(record, separators=(",", ":"), sort_keys=True).encode(), owner)
