"""Derivations as data: JSON that round-trips to the same id, or is refused.

A record is the canonical form beside the id that it must have, the metadata and the origin.
Source: docs/format-derivation.md, "Records".
"""

from __future__ import annotations

import functools
import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import attrs

from hermetica.errors import EvaluationError
from hermetica.model.canonical import encode, quote
from hermetica.model.derivation import Derivation
from hermetica.model.difference import Declared
from hermetica.model.evaluation import UnknownPlaceholder
from hermetica.model.graph import closure
from hermetica.model.identity import FORMAT, HASHED, derivation_id
from hermetica.model.origin import Origin
from hermetica.model.outputs import FixedOutput, Meta, OutputChecks
from hermetica.model.source import Source
from hermetica_store.path import StorePath

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_NO_META: Final = Meta()
Calls: TypeAlias = "Mapping[str, Sequence[Sequence[Any]]]"
NO_CALLS: Final[Calls] = MappingProxyType({})
# greedy: a "meta" in the form itself comes before the record's own
_RECORD: Final = re.compile(
    rb'\{"id":"([0-9a-f]{64})","derivation":(\{.*\}),"meta":(\{.*\}),"origin":(null|"[^"\\]*(?:\\.[^"\\]*)*"),'
    rb'("places":\{.*\},)?"sources":.*\}',
    re.DOTALL,
)


class Parts(NamedTuple):
    """What stands in ``record_bytes``.

    Attributes:
        id: hexadecimal, as it is stated.
        canonical: the form.
        meta: what it says for people, as JSON.
        origin: the line that defines it, if that is known.
        has_places: whether names in its messages have places of their own.
    """

    id: str
    canonical: bytes
    meta: bytes
    origin: str | None
    has_places: bool


class InvalidRecord(EvaluationError, ValueError):
    """A record whose content is not what its id says, or that is no record."""

    code = "HM209"


def to_record(derivation: Derivation) -> dict[str, Any]:
    """One derivation as JSON: ``id``, ``derivation`` (its canonical form), ``meta``, ``origin``, ``sources``."""
    return {
        "id": derivation.id.hex,
        "derivation": json.loads(derivation.canonical),
        "meta": attrs.asdict(derivation.meta),
        "origin": str(derivation.origin) if derivation.origin else None,
        **({"places": _place_rows(derivation)} if derivation.places else {}),
        "sources": _source_rows(derivation),
    }


def _place_rows(derivation: Derivation) -> dict[str, str]:
    return {name: str(place) for name, place in derivation.places.items()}


def _source_rows(derivation: Derivation) -> list[dict[str, Any]]:
    return [
        {"path": str(source.path), "root": source.root, "files": source.files, "size_bytes": source.size_bytes}
        for source in derivation.sources
    ]


def _kept_source_rows(derivation: Derivation) -> list[dict[str, Any]]:
    rows = _source_rows(derivation)
    for row, source in zip(rows, derivation.sources, strict=True):
        if source.selection is not None:
            row |= {"files": None, "selection": source.selection.digest.hex}
    return rows


def record_bytes(derivation: Derivation, *, with_sources: bool = True) -> bytes:
    """The record as a store keeps it: JSON without white space, the canonical form taken as it is.

    Long lists of files are only named in it, each by the digest of ``Source.selection``.

    Args:
        derivation: any.
        with_sources: whether it has them; they are better told once where many derivations go over at once.
    """
    head = b'{"id":"' + derivation.id.hex.encode() + b'","derivation":' + derivation.canonical + b',"meta":'
    origin = quote(str(derivation.origin)) if derivation.origin else "null"
    rows = _kept_source_rows(derivation) if with_sources else []
    sources = json.dumps(rows, ensure_ascii=False, separators=(",", ":")) if rows else "[]"
    places = f'"places":{json.dumps(_place_rows(derivation), ensure_ascii=False)},' if derivation.places else ""
    return head + f'{_meta_text(derivation.meta)},"origin":{origin},{places}"sources":{sources}}}'.encode()


def declared_in(record: bytes) -> Declared:
    """What the derivation declares whose ``record_bytes`` these are.

    Raises:
        InvalidRecord: they are something else.
    """
    parts = parts_of(record)
    return Declared(id=parts.id, canonical=parts.canonical.decode(), origin=parts.origin)


def parts_of(record: bytes) -> Parts:
    """What stands in ``record_bytes``, found without reading all of it as JSON.

    Raises:
        InvalidRecord: they are something else.
    """
    found = _RECORD.fullmatch(record)
    if found is None:
        raise InvalidRecord(f"not a record that was kept: {record[:40]!r}")
    drv, canonical, meta, told, places = found.groups()
    origin = told.decode()
    # nearly always a text without escapes, and there are many
    shown = origin[1:-1] if origin[:1] == '"' and "\\" not in origin else json.loads(origin)
    return Parts(drv.decode(), canonical, meta, shown, places is not None)


@functools.lru_cache(maxsize=64)
def meta_in(text: bytes) -> Meta:
    """What a record says for people; one value for all that say the same.

    Raises:
        InvalidRecord: it is none that a record has.
    """
    try:
        return _meta(json.loads(text))
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise InvalidRecord(f"no record says this for people: {text[:40]!r}") from error


@functools.lru_cache(maxsize=64)
def _meta_text(meta: Meta) -> str:
    return json.dumps(attrs.asdict(meta), ensure_ascii=False, separators=(",", ":"))


def to_records(roots: Iterable[Derivation]) -> list[dict[str, Any]]:
    """The closure of ``roots`` as records, inputs first, so that they can be read back in order."""
    return [to_record(derivation) for derivation in closure(roots)]


def from_record(record: dict[str, Any]) -> Derivation:
    """The derivation that a record describes; its inputs must be known in this evaluation.

    Raises:
        InvalidRecord: the content has another id, or is no derivation.
        UnknownPlaceholder: an input was not read before.
    """
    try:
        stated, form = str(record["id"]), dict(record["derivation"])
        _check_format(form)
        canonical = encode(form, "derivation")
        form.pop("format")
        for source in record.get("sources") or ():
            str(_source(source))
        derivation = _derivation(form, record)
    except (InvalidRecord, UnknownPlaceholder):
        raise
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise InvalidRecord(f"not the record of a derivation: {error}") from error
    found = derivation_id(canonical).hex
    if not stated == found == derivation.id.hex:
        raise InvalidRecord(
            f"the record of {derivation.name} does not match its id",
            details=(("stated", stated), ("content", found)),
        )
    derivation.placeholder()  # known from here on
    return derivation


def revive(record: dict[str, Any], calls: Calls = NO_CALLS) -> Derivation:
    """The derivation that a record of another process of ours describes; to compare ids is for the caller.

    Args:
        record: what it sent.
        calls: (file, line, function) of the calls that passed its definition on; by the name of a place, those of that.

    Raises:
        InvalidRecord: it describes none.
    """
    try:
        form = dict(record["derivation"])
        form.pop("format")
        for source in record.get("sources") or ():
            str(_source(source))
        return _derivation(form, record, calls)
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise InvalidRecord(f"not the record of a derivation: {error}") from error


def _check_format(form: dict[str, Any]) -> None:
    if form["format"] != FORMAT:
        raise InvalidRecord(f"a derivation of another format than {FORMAT}: {form['format']!r}")


def _source(row: dict[str, Any]) -> Source:
    if "selection" in row:
        raise InvalidRecord("the record of a derivation only names a list of files, and does not hold it")
    files = row.get("files")
    return Source(
        path=StorePath.parse(row["path"]),
        root=row.get("root"),
        files=None if files is None else tuple(files),
        size_bytes=row.get("size_bytes", 0),
    )


def _derivation(form: dict[str, Any], record: dict[str, Any], calls: Calls = NO_CALLS) -> Derivation:
    for field in ("inputs", "sources"):
        form.pop(field, None)
    if unknown := sorted(set(form) - set(HASHED)):
        raise InvalidRecord(f"a derivation has no field {unknown[0]!r}")
    if "fixed" in form:
        form["fixed"] = FixedOutput(**form["fixed"])
    form["checks"] = {output: OutputChecks(**checks) for output, checks in form.get("checks", {}).items()}
    meta: dict[str, Any] = record.get("meta") or {}
    origin = record.get("origin")
    places: dict[str, str] = record.get("places") or {}
    return Derivation(
        **form,
        meta=_meta(meta) if any(meta.values()) else _NO_META,
        origin=passed_on(Origin.parse(origin), calls.get("")) if origin else None,
        places={name: passed_on(Origin.parse(place), calls.get(name)) for name, place in places.items()},
    )


def _meta(row: dict[str, Any]) -> Meta:
    return attrs.evolve(Meta(**row), maintainers=tuple(row.get("maintainers", ())))


def passed_on(place: Origin, calls: Sequence[Sequence[Any]] | None) -> Origin:
    """A place, with the calls that passed on what is defined there."""
    return Origin(place.file, place.line, tuple((file, line, name) for file, line, name in calls)) if calls else place


def from_records(records: Sequence[dict[str, Any]]) -> Derivation:
    """The last of ``records``, which hold its closure, inputs first.

    Raises:
        InvalidRecord: there is none, or one does not match its id.
    """
    derivations = [from_record(record) for record in records]
    if not derivations:
        raise InvalidRecord("no records")
    return derivations[-1]
