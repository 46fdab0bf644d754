"""``hermetica root``: what collections keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.cli.objects import object_of
from hermetica.cli.parser import actions
from hermetica.cli.targets import UnknownTarget
from hermetica.model import evaluation
from hermetica.spelling import did_you_mean

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions."""
    made = actions(parser, {"ls": "list the roots", "add": "add a root", "rm": "remove roots"})
    made["add"].add_argument("name", metavar="NAME")
    made["add"].add_argument("target", metavar="OBJECT", help="a realized target, a store path, hx…, or a link")
    made["rm"].add_argument("names", nargs="+", metavar="NAME")


def run(session: Session) -> int:
    """Carries the action out."""
    return {"ls": _ls, "add": _add, "rm": _rm}[session.options.action](session)


def _ls(session: Session) -> int:
    rows = [
        {
            "name": root.name,
            "path": str(root.path),
            "link": None if root.link is None else str(root.link),
            "stale": root.is_stale,
        }
        for root in session.objects.roots()
    ]
    lines = (f"{row['name']}  {row['path']}{'  (its link is gone)' if row['stale'] else ''}" for row in rows)
    session.console.result({"format": "hermetica.roots/1", "roots": rows}, lines)
    return 0


def _add(session: Session) -> int:
    with evaluation():
        path = object_of(session, session.options.target)
    session.objects.add_root(session.options.name, path)
    session.console.result(
        {
            "format": "hermetica.roots/1",
            "roots": [{"name": session.options.name, "path": str(path), "link": None, "stale": False}],
        },
        [str(path)],
    )
    return 0


def _rm(session: Session) -> int:
    known = [root.name for root in session.objects.roots()]
    for name in session.options.names:
        if name not in known:
            raise UnknownTarget(f"no root {name!r}", hint=did_you_mean(name, known) or "hermetica root ls lists them")
    for name in session.options.names:
        session.objects.remove_root(name)
    session.console.result({"format": "hermetica.roots/1", "removed": session.options.names}, ())
    return 0
