"""One place in which two files differ, as people and programs are told of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

_POINTS: Final = {"bytes": "byte", "line": "line", "order": "order, from line"}
"""What is at a place, and how that is told."""


@attrs.frozen(kw_only=True)
class Locus:
    """One place in which two files differ.

    Attributes:
        inside: the way to it: (kind of what is looked into, name of the part), outermost first.
        what: ``bytes``, ``line``, ``order``, ``missing``, ``added``, or the fact that differs, such as ``mtime``.
        place: of bytes, the offset; of a line, its number from 1; else None.
        first: what the first has there, for people.
        second: likewise.
    """

    inside: tuple[tuple[str, str], ...] = ()
    what: str
    place: int | None = None
    first: str = ""
    second: str = ""

    def __str__(self) -> str:
        """One line for people."""
        where = " > ".join(f"{kind} {name}" for kind, name in self.inside)
        at = f"{_POINTS[self.what]} {self.place:,}" if self.what in _POINTS and self.place is not None else self.what
        lead = f"{where}{': ' if where else ''}{at}"
        if self.what == "fails":
            return f"{lead}: {self.first}"
        return f"{lead}: {self.first or 'nothing'}, then {self.second or 'nothing'}"

    def to_json(self) -> dict[str, Any]:
        """The locus as a JSON object."""
        return {**attrs.asdict(self), "inside": [list(each) for each in self.inside]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Locus:
        """The locus that a JSON object tells of."""
        inside = tuple((str(kind), str(name)) for kind, name in document["inside"])
        return cls(
            inside=inside,
            what=document["what"],
            place=document["place"],
            first=document["first"],
            second=document["second"],
        )


def size_in_words(size_bytes: int) -> str:
    """How large something is that only one of them has, for people."""
    return f"{size_bytes:,} byte{'' if size_bytes == 1 else 's'}"
