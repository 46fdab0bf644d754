"""Two trees compared: which entries differ, and in what. Pure: it looks at what is known of trees, never at a disk.

Where two files hold different bytes only their digests are known here; `compare_trees` adds the first byte that
differs. Source: docs/cli.md, "Reproducibility".
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica_store.content import Content, File, Folder, Link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Entry = File | Link | Folder

_ABSENT: Final = "nothing"


class Kind(StrEnum):
    """In what an entry differs."""

    CONTENT = "content"
    MODE = "mode"
    LINK = "link"
    TYPE = "type"
    FIRST_ONLY = "first-only"
    SECOND_ONLY = "second-only"


_IN_WORDS: Final = {
    Kind.CONTENT: "in content",
    Kind.MODE: "in the executable bit",
    Kind.LINK: "in a link's target",
    Kind.TYPE: "in what it is",
    Kind.FIRST_ONLY: "missing in the second",
    Kind.SECOND_ONLY: "added in the second",
}


@attrs.frozen(kw_only=True)
class Place:
    """The first byte in which two files differ, with what follows it.

    Attributes:
        offset: counted from 0; the length of the shorter file where that is the beginning of the other.
        first: the bytes from there in the first file, a few; empty at its end.
        second: likewise in the second.
    """

    offset: int
    first: bytes
    second: bytes


@attrs.frozen(kw_only=True)
class Difference:
    r"""One entry that is not the same in two trees.

    Attributes:
        path: below the object; empty for the object itself; bytes that are no UTF-8 as ``\xNN``.
        kind: in what it differs.
        first: what it is in the first tree.
        second: what it is in the second.
        place: the first byte that differs, where files do and somebody looked.
    """

    path: str
    kind: Kind
    first: str
    second: str
    place: Place | None = None

    def __str__(self) -> str:
        """One line for people."""
        name = (self.path if self.path.isprintable() else repr(self.path)) or "the object itself"
        if self.place is not None:
            return (
                f"{name}: byte {self.place.offset:,} is {_excerpt(self.place.first)}, then "
                f"{_excerpt(self.place.second)} ({self.first}, then {self.second})"
            )
        if self.kind is Kind.CONTENT:
            return f"{name}: other content ({self.first}, then {self.second})"
        return f"{name}: {self.first}, then {self.second}"

    def to_json(self) -> dict[str, Any]:
        """The difference as a JSON object; excerpts of files are hexadecimal."""
        place = self.place
        found = None
        if place is not None:
            found = {"offset": place.offset, "first": place.first.hex(), "second": place.second.hex()}
        return {
            "path": self.path,
            "kind": str(self.kind),
            "first": self.first,
            "second": self.second,
            "place": found,
        }


@attrs.frozen(kw_only=True)
class Comparison:
    """What differs between two trees.

    Attributes:
        differences: ascending by path; what is below an entry that only one tree has is not named again.
        entries: how many entries the two trees have, those of both counted once.
    """

    differences: tuple[Difference, ...]
    entries: int

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def summary(self) -> str:
        """How much differs, in one line."""
        counts = {kind: sum(each.kind is kind for each in self.differences) for kind in Kind}
        parts = [f"{count:,} {_IN_WORDS[kind]}" for kind, count in counts.items() if count]
        paths = len({each.path for each in self.differences})
        noun = "entry" if self.entries == 1 else "entries"
        verb = "differs" if paths == 1 else "differ"
        return f"{paths:,} of {self.entries:,} {noun} {verb}: {', '.join(parts)}" if parts else "nothing differs"


def compare(first: Content, second: Content) -> Comparison:
    """Which entries of two trees differ. Each is told by itself: a file can differ in content and in mode."""
    one, other = dict(first.entries()), dict(second.entries())
    paths = sorted(one.keys() | other.keys())
    found = [each for path in paths for each in _differences(path, one, other)]
    return Comparison(differences=tuple(found), entries=len(paths))


def _differences(path: bytes, one: Mapping[bytes, Entry], other: Mapping[bytes, Entry]) -> Iterator[Difference]:
    was, now = one.get(path), other.get(path)
    if was is None or now is None:
        lacking = one if was is None else other
        parent = path.rpartition(b"/")[0]
        if isinstance(lacking.get(parent), Folder):
            yield _difference(path, Kind.SECOND_ONLY if was is None else Kind.FIRST_ONLY, was, now)
    elif isinstance(was, File) and isinstance(now, File):
        if was.digest != now.digest:
            yield _difference(path, Kind.CONTENT, was, now)
        if was.executable != now.executable:
            yield _difference(path, Kind.MODE, was, now)
    elif isinstance(was, Link) and isinstance(now, Link):
        if was.target != now.target:
            yield _difference(path, Kind.LINK, was, now)
    elif type(was) is not type(now):
        yield _difference(path, Kind.TYPE, was, now)


def _difference(path: bytes, kind: Kind, was: Entry | None, now: Entry | None) -> Difference:
    return Difference(path=shown(path), kind=kind, first=_said(was, kind), second=_said(now, kind))


def shown(path: bytes) -> str:
    """A path as text, whatever bytes it has."""
    return path.decode(errors="backslashreplace")


def _said(entry: Entry | None, kind: Kind) -> str:
    if entry is None:
        return _ABSENT
    if isinstance(entry, Link):
        return f"a link to {shown(entry.target)}"
    if isinstance(entry, Folder):
        return "a directory"
    if kind is Kind.MODE:
        return "executable" if entry.executable else "not executable"
    return f"{entry.size_bytes:,} bytes"


def _excerpt(data: bytes) -> str:
    """A few bytes for people: as text where they are, else hexadecimal."""
    if not data:
        return "the end"
    text = data.decode("ascii", errors="replace")
    return repr(text) if text.isprintable() and "\ufffd" not in text else data.hex(" ", 4)
