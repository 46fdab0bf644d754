"""In what two files differ: which member of an archive, which section, which line, which byte.

Looks into archives in archives. Where a member is the same in bytes and differs in what the archive says of it, that is
told; where only the order of members differs, that is.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from hermetica.study.forms import Form, Part, form_of
from hermetica.study.locus import Locus, size_in_words
from hermetica_store.prefix import common_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEPTH_MAX: Final = 5
_EXCERPT_BYTES: Final = 24
_EXCERPT_CHARACTERS: Final = 160
_LINES_MAX: Final = 20_000
FOUND_MAX: Final = 40
_PRINTABLE: Final = range(0x20, 0x7F)
_TEXT_SHARE: Final = 0.75


def loci(first: bytes, second: bytes) -> list[Locus]:
    """Where two files differ, in their order, a few; none where they are equal."""
    found: list[Locus] = []
    for locus in _loci(first, second, (), 0):
        found.append(locus)
        if len(found) == FOUND_MAX:
            break
    return found


def _loci(first: bytes, second: bytes, inside: tuple[tuple[str, str], ...], depth: int) -> Iterator[Locus]:
    if first == second:
        return
    one, other = form_of(first), form_of(second)
    if one.kind == other.kind and one.parts and depth < _DEPTH_MAX:
        seen = False
        for locus in _in_parts(one, other, inside, depth):
            seen = True
            yield locus
        if seen:
            return
    if one.kind == other.kind == "text":
        yield _line(first.decode(), second.decode(), inside)
    else:
        yield differing_byte(first, second, inside)


def _in_parts(one: Form, other: Form, inside: tuple[tuple[str, str], ...], depth: int) -> Iterator[Locus]:
    before, after = _named(one), _named(other)
    for key, was in before.items():
        way = (*inside, (one.kind, _called(*key)))
        now = after.get(key)
        if now is None:
            yield Locus(inside=way, what="missing", first=size_in_words(len(was.data)))
            continue
        later = dict(now.facts)
        for fact, value in was.facts:
            if value != later.get(fact, value):
                yield Locus(inside=way, what=fact, first=value, second=later[fact])
        yield from _loci(was.data, now.data, way, depth + 1)
    for key, now in after.items():
        if key not in before:
            yield Locus(inside=(*inside, (one.kind, _called(*key))), what="added", second=size_in_words(len(now.data)))
    if list(before) != list(after) and before.keys() == after.keys():
        place = next(index for index, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1])
        yield Locus(
            inside=(*inside, (one.kind, f"member {place + 1}")),
            what="order",
            first=_called(*list(before)[place]),
            second=_called(*list(after)[place]),
        )


def _named(form: Form) -> dict[tuple[str, int], Part]:
    """The parts by name, and by which one of that name each is, from 1."""
    seen: Counter[str] = Counter()
    found: dict[tuple[str, int], Part] = {}
    for part in form.parts:
        seen[part.name] += 1
        found[part.name, seen[part.name]] = part
    return found


def _called(name: str, number: int) -> str:
    """A part for people: the first of its name by that alone."""
    return name if number == 1 else f"{name} ({number})"


def _line(first: str, second: str, inside: tuple[tuple[str, str], ...]) -> Locus:
    before, after = first.splitlines(), second.splitlines()
    number = next(
        (index for index, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]),
        min(len(before), len(after)),
    )
    if number == len(before) == len(after):
        return differing_byte(first.encode(), second.encode(), inside)  # in how lines end
    one, other = (lines[number] if number < len(lines) else "" for lines in (before, after))
    if len(before) == len(after) <= number + _LINES_MAX and sorted(before[number:]) == sorted(after[number:]):
        return Locus(inside=inside, what="order", place=number + 1, first=_cut(one), second=_cut(other))
    return Locus(inside=inside, what="line", place=number + 1, first=_around(one, other), second=_around(other, one))


def _around(text: str, other: str) -> str:
    """A line; of a long one, what lies around where it begins to differ."""
    if len(text) <= _EXCERPT_CHARACTERS:
        return text
    begin = max(0, common_prefix(text, other) - _EXCERPT_CHARACTERS // 4)
    return f"{'…' if begin else ''}{_cut(text[begin:])}"


def _cut(text: str) -> str:
    return text if len(text) <= _EXCERPT_CHARACTERS else f"{text[:_EXCERPT_CHARACTERS]}…"


def differing_byte(
    first: bytes, second: bytes, inside: tuple[tuple[str, str], ...] = (), before_bytes: int = 0
) -> Locus:
    """The first byte that differs.

    Args:
        first: of one file.
        second: of the other; not equal to it.
        inside: the way to where they are.
        before_bytes: how many lie before them.
    """
    low = common_prefix(first, second)
    one, other = (_shown(each[low : low + _EXCERPT_BYTES]) for each in (first, second))
    return Locus(inside=inside, what="bytes", place=before_bytes + low, first=one, second=other)


def _shown(data: bytes) -> str:
    """A few bytes for people: as text where most of them are, as texts in programs, else hexadecimal."""
    readable = sum(byte in _PRINTABLE for byte in data)
    return repr(data)[1:] if data and readable >= _TEXT_SHARE * len(data) else data.hex(" ", 4)
