"""What made a derivation another than it was: in words, and as JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.cli.views.changes import change_text, with_names
from hermetica.cli.views.words import many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hermetica.model.causes import Cause, SourceChange
    from hermetica.model.difference import Declared
    from hermetica_store.path import StorePath

    Files = Mapping[StorePath, Sequence[tuple[str, str]]]

_FILES_SHOWN: Final = 4
_STEPS_SHOWN: Final = 6
_NOT_LOOKED_AT: Final[Mapping[StorePath, Sequence[tuple[str, str]]]] = {}


@attrs.frozen(kw_only=True)
class Change:
    """One thing that somebody changed.

    Attributes:
        text: what, in words.
        place: the line where it is declared, as it is shown; empty where that is not known.
        through: by which derivations it reaches the target, nearest to the target first.
        dependants: how many derivations follow.
    """

    text: str
    place: str
    through: tuple[str, ...]
    dependants: int

    def line(self, more: str = "") -> str:
        """All of it but the way, with ``more`` beside the place."""
        beside = "; ".join(part for part in (self.place, more) if part)
        follow = f", and {many(self.dependants, 'dependant')} {'follows' if self.dependants == 1 else 'follow'}"
        return f"{self.text}{f' ({beside})' if beside else ''}{follow if self.dependants else ''}"


def changes_of(
    cause: Cause,
    names: Mapping[str, str],
    place: Callable[[str], str],
    *,
    files: Files = _NOT_LOOKED_AT,
    dependants: int = 0,
) -> Iterator[Change]:
    """The changes that one derivation declares.

    Args:
        cause: which.
        names: what references lead to, by the 32 characters that name it.
        place: a line of a file, as it is shown.
        files: for changed sources, by their new store path: which files, and how.
        dependants: how many derivations follow.
    """
    origin = cause.derivation.origin
    is_own = len(cause.path) == 1
    subject = "" if is_own else f"{cause.derivation.name} has "
    for text in _texts(cause, names, files):
        yield Change(
            text=text if cause.before is None else f"{subject}{text}",
            place=place(origin) if origin else "",
            through=() if is_own else tuple(_way(cause.path, place)),
            dependants=dependants,
        )


def cause_lines(cause: Cause, names: Mapping[str, str], place: Callable[[str], str]) -> list[str]:
    """The same as lines, each change with the way to it."""
    found = changes_of(cause, names, place)
    return [line for each in found for line in (each.line(), *(f"  {step}" for step in each.through))]


def cause_json(cause: Cause, names: Mapping[str, str], files: Files = _NOT_LOOKED_AT) -> dict[str, Any]:
    """The same as a JSON object."""

    def rendered(text: str | None) -> str | None:
        return None if text is None else with_names(text, names)

    return {
        "name": cause.derivation.name,
        "drv": cause.derivation.id,
        "before": None if cause.before is None else cause.before.id,
        "origin": cause.derivation.origin,
        "through": [{"name": each.name, "drv": each.id, "origin": each.origin} for each in cause.path],
        "fields": [
            {"field": each.field, "before": rendered(each.before), "after": rendered(each.after)}
            for each in cause.fields
        ],
        "sources": [
            {
                "field": each.place,
                "before": str(each.before),
                "after": str(each.after),
                "files": _files_json(files.get(each.after)),
            }
            for each in cause.sources
        ],
    }


def _files_json(files: Sequence[tuple[str, str]] | None) -> list[dict[str, str]] | None:
    return None if files is None else [{"file": name, "is": what} for name, what in files]


def _texts(cause: Cause, names: Mapping[str, str], files: Files) -> Iterator[str]:
    if cause.before is None:
        yield f"{cause.derivation.name} is not what it was, and what that was is not kept"
    for change in cause.fields:
        yield change_text(change, names)
    for source in cause.sources:
        yield _source_text(source, files)


def _source_text(change: SourceChange, files: Files) -> str:
    name, known = change.after.name, files.get(change.after)
    if known == (("", "changed"),):
        return f"{change.place}: the file {name} changed"
    if not known:
        return f"{change.place}: the source {name} changed"
    shown = ", ".join(f"{file} {what}" for file, what in known[:_FILES_SHOWN])
    hidden = len(known) - _FILES_SHOWN
    more = f" and {many(hidden, 'more file')}" if hidden > 0 else ""
    return f"{change.place}: in {name} {shown}{more}"


def _way(path: Sequence[Declared], place: Callable[[str], str]) -> Iterator[str]:
    """By what the target uses what changed, where that is not directly; the middle of a long way is only counted."""
    between = [_with_place(each, place) for each in path[1:-1]]
    hidden = len(between) - _STEPS_SHOWN
    if hidden > 1:
        half = _STEPS_SHOWN // 2
        between[half : half + hidden] = [f"{hidden:,} more"]
    if between:
        yield f"through {', '.join(between)}"


def _with_place(declared: Declared, place: Callable[[str], str]) -> str:
    return f"{declared.name}{f' ({place(declared.origin)})' if declared.origin else ''}"
