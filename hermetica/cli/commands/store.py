"""``hermetica store``: what is in the store, whether it is whole, and putting things in and out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermetica.cli import exchanging, integrity, usage
from hermetica.cli.collecting import plain, tell
from hermetica.cli.objects import chosen, object_of
from hermetica.cli.parser import actions

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from hermetica.cli.session import Session

_ACTIONS = {
    "info": "print where the store is and how much it holds",
    "ls": "list the objects",
    **integrity.ACTIONS,
    **usage.ACTIONS,
    "delete": "delete objects that nothing needs",
    "add": "add a file or a directory",
    "path": "print where an object lies on disk",
    **exchanging.ACTIONS,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions."""
    made = actions(parser, _ACTIONS)
    made["delete"].add_argument("targets", nargs="+", metavar="OBJECT")
    made["ls"].add_argument("-l", "--long", action="store_true", help="with sizes")
    made["add"].add_argument("path", metavar="PATH")
    made["add"].add_argument("--name", metavar="NAME", help="of the object; the last part of PATH where none is given")
    made["path"].add_argument("target", metavar="OBJECT")
    integrity.add_arguments(made)
    usage.add_arguments(made)
    exchanging.add_arguments(made)


def run(session: Session) -> int:
    """Carries the action out."""
    act: Callable[[Session], int] = {
        "info": _info,
        "ls": _ls,
        "verify": integrity.run_verify,
        "quarantine": integrity.run_quarantine,
        "du": usage.run_du,
        "delete": _delete,
        "add": _add,
        "path": _path,
        "export": exchanging.run_export,
        "import": exchanging.run_import,
        "generate-key": exchanging.run_generate_key,
    }[session.options.action]
    return act(session)


def _info(session: Session) -> int:
    objects = session.objects
    features = objects.features()
    facts: dict[str, Any] = {
        "root": str(objects.root),
        "lower": [str(root) for root in objects.lower],
        "schema": objects.schema,
        "read_only": objects.read_only,
        **plain(objects.statistics()),
        **plain(features),
    }
    lines = [f"{label.replace('_', ' '):<12}  {_value(value)}" for label, value in facts.items()]
    session.console.result({"format": "hermetica.store/1", **facts}, lines)
    return 0


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value) or "none"  # pyright: ignore[reportUnknownArgumentType] -- of str
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items())  # pyright: ignore[reportUnknownVariableType] -- counts
    return f"{value:,}" if isinstance(value, int) else str(value)


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


def _delete(session: Session) -> int:
    tell(session, session.objects.delete(chosen(session) or []), dry_run=False)
    return 0


def _add(session: Session) -> int:
    source = Path(session.options.path)
    if not os.path.lexists(source):
        from hermetica.cli.targets import UnknownTarget  # noqa: PLC0415 -- brings the whole model

        raise UnknownTarget(f"no file {source}")
    with session.objects.lease() as lease:
        path = session.objects.add_tree(source, session.options.name or source.resolve().name, lease=lease)
    place = session.objects.on_disk(path)
    session.console.result({"format": "hermetica.added/1", "path": str(path), "on_disk": str(place)}, [str(path)])
    return 0


def _path(session: Session) -> int:
    from hermetica.model import evaluation  # noqa: PLC0415 -- only this names what may be a target

    with evaluation():
        path = object_of(session, session.options.target)
    place = session.objects.on_disk(path)
    session.console.result({"format": "hermetica.place/1", "path": str(path), "on_disk": str(place)}, [str(place)])
    return 0
