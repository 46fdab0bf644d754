"""What two derivations declare differently, field by field.

A reference counts for the place it stands in. Where a field differs only in what its references lead to, it is the
same field, and the references are told in pairs, so that whoever has what they lead to can follow them. Pure.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.model.placeholder import HEAD, SELF
from hermetica.model.stated import name_in, without_inputs_and_sources
from hermetica_store.digest import ALPHABET
from hermetica_store.path import STORE_PREFIX, StorePath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.model.derivation import Derivation

# what follows stays in the text, and tells the two kinds apart
_REFERENCE: Final = re.compile(rf"/(?:{HEAD}|{STORE_PREFIX[1:]}/)((?!{SELF})[{ALPHABET}]{{32}})(?=[x-])")
_ABSENT: Final = object()  # JSON has a null of its own
_NOT_DECLARED: Final = frozenset({"format", "inputs", "sources"})


@attrs.frozen(kw_only=True)
class Declared:
    """What a derivation declares, whether it is at hand or only its record is.

    Attributes:
        id: its id, hexadecimal.
        canonical: the form that is hashed, as text.
        origin: the line that defines it, if that is known.
    """

    id: str
    canonical: str = attrs.field(repr=False)
    origin: str | None = None

    @classmethod
    def of(cls, derivation: Derivation) -> Declared:
        """What a derivation declares."""
        origin = str(derivation.origin) if derivation.origin else None
        return cls(id=derivation.id.hex, canonical=derivation.canonical.decode(), origin=origin)

    @cached_property
    def form(self) -> dict[str, Any]:
        """The form, read."""
        form: dict[str, Any] = json.loads(self.canonical)
        return form

    @property
    def name(self) -> str:
        """What its store paths are called."""
        return name_in(self.canonical)

    def source(self, reference: str) -> StorePath | None:
        """The source that a reference leads to; None where it is none of its sources."""
        start = f"{STORE_PREFIX}/{reference}-"
        if start not in self.canonical:
            return None
        paths = (StorePath.parse(path) for path in self.form.get("sources", ()) if path.startswith(start))
        return next(paths, None)

    def outline(self) -> tuple[list[str], list[str]]:
        """The form without what its references lead to, in pieces, and these in the order in which they stand in it."""
        return _outline(without_inputs_and_sources(self.canonical))


@attrs.frozen(kw_only=True)
class FieldChange:
    """One field that says something else.

    Attributes:
        field: such as ``env.CFLAGS`` or ``args[1]``.
        before: its value as JSON; None where there was none.
        after: likewise.
    """

    field: str
    before: str | None
    after: str | None


@attrs.frozen(kw_only=True)
class Difference:
    """What differs between two derivations.

    Attributes:
        fields: those that say something else, in the order of the form.
        references: (before, after) of references that stand in the same place and lead elsewhere, by the 32 characters
            that name what they lead to; each pair once.
    """

    fields: tuple[FieldChange, ...]
    references: tuple[tuple[str, str], ...]


def difference(before: Declared, after: Declared) -> Difference:
    """What ``after`` declares differently than ``before``."""
    (old, left), (new, right) = before.outline(), after.outline()
    if old == new:
        return Difference(fields=(), references=_pairs(left, right))
    fields: list[FieldChange] = []
    pairs: list[tuple[str, str]] = []
    one, other = before.form, after.form
    for name in sorted(one.keys() | other.keys()):
        if name not in _NOT_DECLARED:
            _compare(name, one.get(name, _ABSENT), other.get(name, _ABSENT), fields, pairs)
    return Difference(fields=tuple(fields), references=tuple(dict.fromkeys(pairs)))


def references_in(text: str) -> list[str]:
    """The references that a text makes, each by the 32 characters that name what it leads to."""
    return _REFERENCE.findall(text)


def place_of(declared: Declared, reference: str) -> str:
    """The first field that makes a reference, such as ``env.CC``; ``inputs`` where none does."""
    for name, value in declared.form.items():
        if name not in _NOT_DECLARED:
            for place, text in _leaves(name, value):
                if reference in text:
                    return place
    return "inputs"


def _outline(text: str) -> tuple[list[str], list[str]]:
    pieces = _REFERENCE.split(text)
    return pieces[::2], pieces[1::2]


def _pairs(left: list[str], right: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((one, other) for one, other in zip(left, right, strict=True) if one != other))


def _kind(value: object) -> type:
    return type(value)


def _mapping(value: dict[str, Any]) -> dict[str, Any]:
    """What builders in Python write as pairs, because keys may be anything, by its keys where they are texts."""
    pairs: Any = value.get("dict")
    if len(value) != 1 or _kind(pairs) is not list:
        return value
    named = all(_kind(each) is list and len(each) == 2 and isinstance(each[0], str) for each in pairs)
    return dict(pairs) if pairs and named else value


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _compare(place: str, before: Any, after: Any, fields: list[FieldChange], pairs: list[tuple[str, str]]) -> None:
    """Adds what differs at one place of the two forms."""
    kinds = {_kind(value) for value in (before, after) if value is not _ABSENT}
    if kinds == {dict} and before != {} != after:
        one, other = ({} if each is _ABSENT else _mapping(each) for each in (before, after))
        for key in sorted(one.keys() | other.keys()):
            _compare(f"{place}.{key}", one.get(key, _ABSENT), other.get(key, _ABSENT), fields, pairs)
    elif kinds == {list} and before is not _ABSENT and after is not _ABSENT:
        _compare_lists(place, before, after, fields, pairs)
    else:
        texts = [None if value is _ABSENT else _text(value) for value in (before, after)]
        (old, left), (new, right) = (_outline(text or "") for text in texts)
        if len(left) == len(right):
            pairs += _pairs(left, right)
        if old != new:
            fields.append(FieldChange(field=place, before=texts[0], after=texts[1]))


def _compare_lists(
    place: str, before: list[Any], after: list[Any], fields: list[FieldChange], pairs: list[tuple[str, str]]
) -> None:
    """The same of lists: what was put in or taken out does not make all that follows it another."""
    from difflib import SequenceMatcher  # noqa: PLC0415 -- seldom is anything compared

    one, other = ([_REFERENCE.sub("\0", _text(item)) for item in items] for items in (before, after))
    for _, start, end, first, last in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        for index in range(max(end - start, last - first)):
            old = before[start + index] if start + index < end else _ABSENT
            new = after[first + index] if first + index < last else _ABSENT
            number = first + index if new is not _ABSENT else start + index
            _compare(f"{place}[{number}]", old, new, fields, pairs)


def _leaves(place: str, value: Any) -> Iterator[tuple[str, str]]:
    kind = _kind(value)
    if kind is dict:
        for key, item in value.items():
            yield from _leaves(f"{place}.{key}", item)
    elif kind is list:
        for index, item in enumerate(value):
            yield from _leaves(f"{place}[{index}]", item)
    else:
        yield place, _text(value)
