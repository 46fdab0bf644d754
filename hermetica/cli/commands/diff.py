"""``hermetica diff``: what differs between two derivations, two closures, or the contents of two objects."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hermetica.cli.objects import object_of
from hermetica.cli.target import Kind, parse
from hermetica.cli.targets import find_record
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from hermetica.cli.closures import ObjectChange
    from hermetica.cli.session import Session
    from hermetica.model.causes import Cause
    from hermetica.model.difference import Declared
    from hermetica_store import ObjectStore, StorePath

FORMAT: Final = "hermetica.diff/1"
_WHAT: Final = ("declared", "closure", "contents")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("first", metavar="A", help="a target, a derivation's id, or an object")
    parser.add_argument("second", metavar="B", help="likewise")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--declared", action="store_true", help="fields of derivations, followed through their inputs")
    group.add_argument("--closure", action="store_true", help="objects that only one of them needs at run time")
    group.add_argument("--contents", action="store_true", help="files that differ, and the first byte that does")
    parser.epilog = "Without an option: --declared where both name derivations, else --contents."


def run(session: Session) -> int:
    """Prints what differs."""
    options = session.options
    with evaluation():
        wanted = next((what for what in _WHAT if getattr(options, what)), "")
        if not wanted:
            wanted = "declared" if all(map(_names_derivation, (options.first, options.second))) else "contents"
        document, lines = {"declared": _declared, "closure": _closures, "contents": _contents}[wanted](session)
    session.console.result({"format": FORMAT, "what": wanted, **document}, lines)
    if not lines:
        session.console.say(f"no difference: {options.first} and {options.second} are the same")
    return 0


def _names_derivation(text: str) -> bool:
    return parse(text).kind is not Kind.OBJECT and not Path(text).is_symlink()


def _declared(session: Session) -> tuple[dict[str, Any], list[str]]:
    from hermetica.cli.views.causes import cause_json, cause_lines  # noqa: PLC0415 -- completion needs none
    from hermetica.model.causes import find_causes  # noqa: PLC0415 -- completion needs none
    from hermetica.realize.explaining import declared_anywhere, names_in  # noqa: PLC0415 -- completion needs none

    objects = session.objects
    first, second = (_of(text, session) for text in (session.options.first, session.options.second))

    def known(tokens: Sequence[str]) -> Mapping[str, Declared]:
        return declared_anywhere(objects, tokens)

    causes: list[Cause] = [] if first.id == second.id else find_causes(first, second, known, known)
    names = names_in(objects, causes)
    document = {
        "from": {"name": first.name, "drv": first.id},
        "to": {"name": second.name, "drv": second.id},
        "changes": [cause_json(cause, names) for cause in causes],
    }
    return document, [line for cause in causes for line in cause_lines(cause, names, place)]


def _of(text: str, session: Session) -> Declared:
    """What a target, or the beginning of an id, names declares."""
    from hermetica.model.difference import Declared  # noqa: PLC0415 -- completion needs none
    from hermetica.realize.realized import declared_by_id  # noqa: PLC0415 -- completion needs none
    from hermetica_store.digest import Digest  # noqa: PLC0415 -- completion needs none

    record = find_record(text, session.objects)
    if record is None:
        return Declared.of(session.evaluator([text]).one(text).derivation)
    digest = Digest.parse(record["id"])
    return declared_by_id(session.objects, [digest])[digest]


def place(origin: str) -> str:
    """A line of a file, relative to the working directory where it is below."""
    return os.path.relpath(origin) if origin.startswith(f"{Path.cwd()}/") else origin


def _closures(session: Session) -> tuple[dict[str, Any], list[str]]:
    from hermetica.cli.closures import closure_changes  # noqa: PLC0415 -- completion needs none

    paths = [object_of(session, text) for text in (session.options.first, session.options.second)]
    before, after = (_sizes(session.objects, path) for path in paths)
    changes = closure_changes(before, after)
    totals = sum(before.values()), sum(after.values())
    document = {
        "from": {"path": str(paths[0]), "size_bytes": totals[0]},
        "to": {"path": str(paths[1]), "size_bytes": totals[1]},
        "objects": [_object_json(change) for change in changes],
    }
    lines = list(map(_object_line, changes))
    if lines:
        total = f"{totals[1] - totals[0]:>+14,}"
        lines.append(f"{total}  bytes: {totals[0]:,} in {len(before)} objects, then {totals[1]:,} in {len(after)}")
    return document, lines


def _sizes(objects: ObjectStore, path: StorePath) -> dict[StorePath, int]:
    found = {each: objects.info(each) for each in objects.closure([path])}
    return {each: 0 if info is None else info.size_bytes for each, info in found.items()}


def _object_json(change: ObjectChange) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "before": None if change.before is None else str(change.before),
        "after": None if change.after is None else str(change.after),
        "before_bytes": change.before_bytes,
        "after_bytes": change.after_bytes,
    }


def _object_line(change: ObjectChange) -> str:
    names = [_short(path) for path in (change.before, change.after) if path is not None]
    return f"{change.after_bytes - change.before_bytes:>+14,}  {change.kind:<7}  {' -> '.join(names)}"


def _short(path: StorePath) -> str:
    return f"{path.digest[:10]}…-{path.name}"


def _contents(session: Session) -> tuple[dict[str, Any], list[str]]:
    from hermetica_store.compare_trees import compare_trees  # noqa: PLC0415 -- completion needs none

    objects = session.objects
    paths = [object_of(session, text) for text in (session.options.first, session.options.second)]
    comparison = compare_trees(*map(objects.on_disk, paths))
    document = {
        "from": str(paths[0]),
        "to": str(paths[1]),
        "entries": comparison.entries,
        "differences": [each.to_json() for each in comparison.differences],
    }
    return document, [*map(str, comparison.differences), *([] if comparison.is_same else [comparison.summary])]
