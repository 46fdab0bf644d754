"""``hermetica store``: what is in the store, whether it is whole, and putting things in and out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from hermetica.cli.objects import object_of, objects_of
from hermetica.cli.parser import actions
from hermetica.cli.status import DAMAGED
from hermetica.cli.targets import UnknownTarget
from hermetica.cli.views.words import many, size
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from hermetica.cli.session import Session

_ACTIONS = {
    "info": "print where the store is and how much it holds",
    "ls": "list the objects",
    "verify": "read objects again and compare them with their digests",
    "du": "print how much space objects take",
    "delete": "delete objects that nothing needs",
    "add": "add a file or a directory",
    "path": "print where an object lies on disk",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions."""
    made = actions(parser, _ACTIONS)
    for name in ("verify", "du", "delete"):
        made[name].add_argument("targets", nargs="+" if name == "delete" else "*", metavar="OBJECT")
    made["ls"].add_argument("-l", "--long", action="store_true", help="with sizes")
    made["add"].add_argument("path", metavar="PATH")
    made["add"].add_argument("--name", metavar="NAME", help="of the object; the last part of PATH where none is given")
    made["path"].add_argument("target", metavar="OBJECT")


def run(session: Session) -> int:
    """Carries the action out."""
    act: Callable[[Session], int] = {
        "info": _info,
        "ls": _ls,
        "verify": _verify,
        "du": _du,
        "delete": _delete,
        "add": _add,
        "path": _path,
    }[session.options.action]
    return act(session)


def plain(value: Any) -> Any:
    """A value of the store as JSON: attrs classes as objects, paths and digests as text."""
    if attrs.has(type(value)):
        if not isinstance(value, str) and hasattr(value, "base"):
            return str(value)
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- any value
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType] -- any value
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _info(session: Session) -> int:
    objects = session.objects
    facts: dict[str, Any] = {"root": str(objects.root), **plain(objects.statistics())}
    lines = (f"{label.replace('_', ' '):<16}  {value}" for label, value in facts.items())
    session.console.result({"format": "hermetica.store/1", **facts}, lines)
    return 0


def _sized(session: Session, name: str, rows: list[dict[str, Any]], *, long: bool) -> int:
    document = {"format": f"hermetica.{name}/1", "objects": rows, "size_bytes": sum(row["size_bytes"] for row in rows)}
    session.console.result(
        document, (f"{row['size_bytes']:>14,}  {row['path']}" if long else row["path"] for row in rows)
    )
    return 0


def _ls(session: Session) -> int:
    objects = session.objects
    infos = [objects.info(path) for path in objects.paths()]
    rows = [{"path": str(info.path), "size_bytes": info.size_bytes} for info in infos if info is not None]
    return _sized(session, "objects", rows, long=session.options.long)


def _chosen(session: Session) -> list[Any] | None:
    if not session.options.targets:
        return None
    with evaluation():
        return [path for text in session.options.targets for path in objects_of(session, text)]


def _du(session: Session) -> int:
    objects = session.objects
    chosen = _chosen(session)
    infos = [objects.info(path) for path in (objects.paths() if chosen is None else chosen)]
    rows = [{"path": str(info.path), "size_bytes": info.size_bytes} for info in infos if info is not None]
    rows.sort(key=lambda row: (-int(str(row["size_bytes"])), row["path"]))
    status = _sized(session, "usage", rows, long=True)
    session.console.say(f"{size(sum(int(str(row['size_bytes'])) for row in rows))} in {many(len(rows), 'object')}")
    return status


def _verify(session: Session) -> int:
    report = session.objects.verify(_chosen(session))
    problems: list[Any] = [plain(problem) for problem in report.problems]
    document = {"format": "hermetica.verify/1", "report": plain(report)}
    session.console.result(document, map(_problem_line, problems))
    if problems:
        session.console.say(f"{many(len(problems), 'problem')} found")
        return DAMAGED
    session.console.say("everything is as it was registered")
    return 0


def _problem_line(problem: Any) -> str:
    if isinstance(problem, dict):
        return "  ".join(str(value) for value in problem.values() if value not in (None, ""))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- JSON
    return str(problem)


def _delete(session: Session) -> int:
    collected = session.objects.delete(_chosen(session) or [])
    document = {
        "format": "hermetica.collected/1",
        "dry_run": False,
        "paths": [str(path) for path in collected.paths],
        "size_bytes": collected.size_bytes,
    }
    session.console.result(document, map(str, collected.paths))
    session.console.say(f"{many(len(collected.paths), 'object')} deleted, {size(collected.size_bytes)}")
    return 0


def _add(session: Session) -> int:
    source = Path(session.options.path)
    if not os.path.lexists(source):
        raise UnknownTarget(f"no file {source}")
    with session.objects.lease() as lease:
        path = session.objects.add_tree(source, session.options.name or source.resolve().name, lease=lease)
    place = session.objects.on_disk(path)
    session.console.result({"format": "hermetica.added/1", "path": str(path), "on_disk": str(place)}, [str(path)])
    return 0


def _path(session: Session) -> int:
    with evaluation():
        path = object_of(session, session.options.target)
    place = session.objects.on_disk(path)
    session.console.result({"format": "hermetica.place/1", "path": str(path), "on_disk": str(place)}, [str(place)])
    return 0
