"""``hermetica source``: which files a source takes, and why others are out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.cli.parser import actions
from hermetica.cli.views.words import many

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions."""
    made = actions(parser, {"ls": "list the files that hm.source(PATH, …) would take"})["ls"]
    made.add_argument("path", metavar="PATH", nargs="?", default=".")
    made.add_argument("--include", action="append", metavar="PATTERN", help="as in hm.source(include=[…])")
    made.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help="as in hm.source(exclude=[…])")
    made.add_argument("--left-out", action="store_true", help="list what is out, and why")


def run(session: Session) -> int:
    """Lists the files."""
    from hermetica.fetch.select import select  # noqa: PLC0415 -- asked for nowhere else

    options = session.options
    root = Path(options.path).resolve()
    found = select(root, include=options.include, exclude=options.exclude)
    if session.console.json or options.left_out:
        left_out = [{"file": file, "why": why} for file, why in found.excluded.items()]
        document = {
            "format": "hermetica.source/1",
            "root": str(root),
            "files": list(found.files),
            "left_out": left_out,
            "without_git": found.git,
            "submodules": list(found.submodules),
        }
        session.console.result(document, (f"{row['file']}  {row['why']}" for row in left_out))
        return 0
    for file in found.files:
        session.console.print(file)
    note = f" ({found.git})" if found.git else ""
    session.console.say(f"{many(len(found.files), 'file')}{note}; --left-out lists the others, and why")
    return 0
