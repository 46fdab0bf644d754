"""Why a target will be built, or is reused,: in words, and as JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.cli.views.changes import change_text, with_names
from hermetica.cli.views.words import ago, many, seconds
from hermetica.realize.plan import Work, work_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hermetica.model import Derivation
    from hermetica.model.causes import Cause, SourceChange
    from hermetica.realize.explaining import Explanation
    from hermetica.realize.realized import Realized

FORMAT: Final = "hermetica.explain/1"
_CHANGES_SHOWN: Final = 8
_FILES_SHOWN: Final = 4
_STEPS_SHOWN: Final = 6
_DIGEST_SHOWN: Final = 8
_VERBS: Final = {Work.BUILD: "built", Work.BUILTIN: "made", Work.FETCH: "fetched"}
_UNLESS_SAME: Final = "unless its inputs come out with the content that they had: then it is reused"


@attrs.frozen(kw_only=True)
class _Change:
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


def explanation_lines(found: Explanation, now_s: float, place: Callable[[str], str]) -> list[str]:
    """The lines for one target.

    Args:
        found: what is to be said.
        now_s: seconds since the epoch.
        place: a line of a file, as it is shown.
    """
    changes = list(_changes(found, place))
    ways = [line for change in changes[:_CHANGES_SHOWN] for line in _indented(change, found)]
    if len(changes) > _CHANGES_SHOWN:
        ways.append(f"  and {many(len(changes) - _CHANGES_SHOWN, 'more change')}, which --json tells")
    name, when = found.asked.derivation.name, "" if found.last is None else _last(found.last, now_s)
    if found.verdict == "reused":
        lines = [f"{name} is reused as {_shown(found)}: {_why_reused(found, now_s)}{_at(found, place)}"]
        if changes:
            lines += [f"before that it was {when.removeprefix('last ')}; what changed since then:", *ways]
    elif not changes:
        lines = [f"{name} {_verb(found)}: {_why_missing(found, now_s)}{_at(found, place)}"]
    else:
        word = "although" if found.verdict == "same-content" else "because"
        if len(changes) == 1:
            lines = [f"{name} {_verb(found)} {word} {changes[0].line(when)}", *changes[0].through]
        else:
            lines = [f"{name} {_verb(found)} {word} of {many(len(changes), 'change')} ({when}):", *ways]
    return [lines[0], *(f"  {line}" for line in (*lines[1:], *_more(found, now_s)))]


def explanation_json(found: Explanation) -> dict[str, Any]:
    """One target as a JSON object."""
    derivation = found.asked.derivation
    counts = found.dependants or (0,) * len(found.causes or ())
    return {
        "target": found.asked.name,
        "path": found.asked.path,
        "name": derivation.name,
        "drv": derivation.id.hex,
        "origin": _origin(derivation),
        "verdict": str(found.verdict),
        "outputs": {output: None if path is None else str(path) for output, path in found.outputs.items()},
        "record": found.record,
        "failure": found.failure,
        "since": _realized_json(found.since),
        "last": _realized_json(found.last),
        "is_last_kept": found.causes is not None,
        "dependants": found.followers,
        "changes": [_cause_json(found, cause, count) for cause, count in zip(found.causes or (), counts, strict=True)],
    }


def _realized_json(realized: Realized | None) -> dict[str, Any] | None:
    if realized is None:
        return None
    return {"drv": realized.drv.hex, "at_s": realized.at_s, "outputs": dict(realized.outputs)}


def _cause_json(found: Explanation, cause: Cause, dependants: int) -> dict[str, Any]:
    def rendered(text: str | None) -> str | None:
        return None if text is None else with_names(text, found.names)

    return {
        "name": cause.derivation.name,
        "drv": cause.derivation.id.hex,
        "before": None if cause.before is None else cause.before.id,
        "origin": _origin(cause.derivation),
        "through": [{"name": each.name, "drv": each.id.hex, "origin": _origin(each)} for each in cause.path],
        "dependants": dependants,
        "fields": [
            {"field": each.field, "before": rendered(each.before), "after": rendered(each.after)}
            for each in cause.fields
        ],
        "sources": [
            {
                "field": each.place,
                "before": each.before,
                "after": str(each.after.path),
                "root": each.after.root,
                "files": _files_json(found.files.get(each.after.path)),
            }
            for each in cause.sources
        ],
    }


def _files_json(files: Sequence[tuple[str, str]] | None) -> list[dict[str, str]] | None:
    return None if files is None else [{"file": name, "is": what} for name, what in files]


def _origin(derivation: Derivation) -> str | None:
    return str(derivation.origin) if derivation.origin else None


def _changes(found: Explanation, place: Callable[[str], str]) -> Iterator[_Change]:
    counts = found.dependants or (0,) * len(found.causes or ())
    for cause, count in zip(found.causes or (), counts, strict=True):
        origin = _origin(cause.derivation)
        is_own = len(cause.path) == 1
        subject = "" if is_own else f"{cause.derivation.name} has "
        for text in _texts(found, cause):
            yield _Change(
                text=text if cause.before is None else f"{subject}{text}",
                place=place(origin) if origin else "",
                through=() if is_own else tuple(_way(cause.path, place)),
                dependants=count,
            )


def _texts(found: Explanation, cause: Cause) -> Iterator[str]:
    if cause.before is None:
        yield f"{cause.derivation.name} is not what it was, and what that was is not kept"
    for change in cause.fields:
        yield change_text(change, found.names)
    for source in cause.sources:
        yield _source_text(source, found.files)


def _source_text(change: SourceChange, files: Mapping[Any, Sequence[tuple[str, str]]]) -> str:
    name, known = change.after.path.name, files.get(change.after.path)
    if known == (("", "changed"),):
        return f"{change.place}: the file {name} changed"
    if not known:
        return f"{change.place}: the source {name} changed"
    shown = ", ".join(f"{file} {what}" for file, what in known[:_FILES_SHOWN])
    hidden = len(known) - _FILES_SHOWN
    more = f" and {many(hidden, 'more file')}" if hidden > 0 else ""
    return f"{change.place}: in {name} {shown}{more}"


def _way(path: Sequence[Derivation], place: Callable[[str], str]) -> Iterator[str]:
    """By what the target uses what changed, where that is not directly; the middle of a long way is only counted."""
    between = [_with_place(each, place) for each in path[1:-1]]
    hidden = len(between) - _STEPS_SHOWN
    if hidden > 1:
        half = _STEPS_SHOWN // 2
        between[half : half + hidden] = [f"{hidden:,} more"]
    if between:
        yield f"through {', '.join(between)}"


def _with_place(derivation: Derivation, place: Callable[[str], str]) -> str:
    origin = _origin(derivation)
    return f"{derivation.name}{f' ({place(origin)})' if origin else ''}"


def _indented(change: _Change, found: Explanation) -> list[str]:
    line = change.line() if found.verdict != "reused" else attrs.evolve(change, dependants=0).line()
    return [f"  {line}", *(f"    {step}" for step in change.through)]


def _digest(base: str) -> str:
    return f"{base[:_DIGEST_SHOWN]}…"


def _last(last: Realized, now_s: float) -> str:
    shown = next(iter(last.outputs.values()), "nothing")
    return f"last realized {ago(now_s - last.at_s)} as {_digest(shown)}"


def _shown(found: Explanation) -> str:
    path = found.outputs[found.asked.derivation.outputs[0]]
    return "nothing" if path is None else _digest(path.base)


def _verb(found: Explanation) -> str:
    if found.verdict == "same-content":
        return "will be reused, for its inputs have the content that they had,"
    return f"will be {_VERBS[work_of(found.asked.derivation)]}"


def _at(found: Explanation, place: Callable[[str], str]) -> str:
    origin = _origin(found.asked.derivation)
    return f" ({place(origin)})" if origin else ""


def _why_reused(found: Explanation, now_s: float) -> str:
    if found.since is not None:
        return f"nothing that it declares has changed since it was realized {ago(now_s - found.since.at_s)}"
    if found.asked.derivation.fixed is not None:
        return "what has its hash is in the store"
    return "a build with the same inputs is in the store"


def _why_missing(found: Explanation, now_s: float) -> str:
    if found.verdict == "same-content":
        return "a build with the same content of inputs is in the store"
    if found.since is not None:
        gone = ", ".join(output for output, path in found.outputs.items() if path is None)
        when = ago(now_s - found.since.at_s)
        return f"it is as it was when it was realized {when}, but its output {gone} is not in the store any more"
    if found.last is not None:
        return f"it is not what it was ({_last(found.last, now_s)}), and what that was is not kept"
    return f"the store knows of nothing that was realized as {found.asked.name}"


def _more(found: Explanation, now_s: float) -> Iterator[str]:
    if found.record is not None:
        took = seconds(found.record["duration_s"])
        yield f"built {ago(now_s - found.record['started_s'])} in {took}"
    if found.verdict == "build-unless-same":
        yield _UNLESS_SAME
    if found.failure is not None:
        error = found.failure.get("error", {})
        told = f"{error.get('code', '')} {error.get('message', '')}"
        yield f"its last build failed {ago(now_s - found.failure['started_s'])}: {told}; hermetica log says more"
