"""Why a target will be built, or is reused,: in words, and as JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.cli.views.causes import cause_json, changes_of
from hermetica.cli.views.words import ago, many, seconds
from hermetica.realize.plan import Work, work_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hermetica.cli.views.causes import Change
    from hermetica.model import Derivation
    from hermetica.realize.explaining import Explanation
    from hermetica.realize.realized import Realized

FORMAT: Final = "hermetica.explain/1"
_CHANGES_SHOWN: Final = 8
_DIGEST_SHOWN: Final = 8
_VERBS: Final = {Work.BUILD: "built", Work.BUILTIN: "made", Work.FETCH: "fetched"}
_UNLESS_SAME: Final = "unless its inputs come out with the content that they had: then it is reused"


def explanation_lines(found: Explanation, now_s: float, place: Callable[[str], str]) -> list[str]:
    """The lines for one target.

    Args:
        found: what is to be said.
        now_s: seconds since the epoch.
        place: a line of a file, as it is shown.
    """
    counts = found.dependants or (0,) * len(found.causes or ())
    changes = [
        change
        for cause, count in zip(found.causes or (), counts, strict=True)
        for change in changes_of(cause, found.names, place, files=found.files, dependants=count)
    ]
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
        "changes": [
            {**cause_json(cause, found.names, found.files), "dependants": count}
            for cause, count in zip(found.causes or (), counts, strict=True)
        ],
    }


def _realized_json(realized: Realized | None) -> dict[str, Any] | None:
    if realized is None:
        return None
    return {"drv": realized.drv.hex, "at_s": realized.at_s, "outputs": dict(realized.outputs)}


def _origin(derivation: Derivation) -> str | None:
    return str(derivation.origin) if derivation.origin else None


def _indented(change: Change, found: Explanation) -> list[str]:
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
        took, when = seconds(found.record["duration_s"]), ago(now_s - found.record["started_s"])
        came = found.record.get("substituter")
        yield f"built {when} in {took}" if came is None else f"taken from the substituter {came} {when}"
    if found.verdict == "build-unless-same":
        yield _UNLESS_SAME
    if found.failure is not None:
        error = found.failure.get("error", {})
        told = f"{error.get('code', '')} {error.get('message', '')}"
        yield f"its last build failed {ago(now_s - found.failure['started_s'])}: {told}; hermetica log says more"
