"""``hermetica source``: which files a source takes, and why others are out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from hermetica.cli.parser import actions
from hermetica.cli.views.words import many

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions."""
    made = actions(parser, {"ls": "list the files that hm.source(PATH, …) would take"})["ls"]
    made.add_argument("path", metavar="PATH or TARGET", nargs="?", default=".", help="./pkgs.py:src is a source there")
    made.add_argument("--include", action="append", metavar="PATTERN", help="as in hm.source(include=[…])")
    made.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help="as in hm.source(exclude=[…])")
    made.add_argument("--left-out", action="store_true", help="list what is out, and why")


def run(session: Session) -> int:
    """Lists the files."""
    options = session.options
    found = _declared(session, options.path) if is_target(options.path) else _chosen(options)
    if session.console.json or options.left_out:
        left_out = [{"file": file, "why": why} for file, why in found.left_out().items()]
        document = {
            "format": "hermetica.source/1",
            "root": found.root,
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


@attrs.frozen(kw_only=True)
class _Listing:
    """The files of a source.

    Attributes:
        root: where they lie.
        files: relative, ascending.
        left_out: finds every file that is out, with the reason, ascending.
        git: why git was not asked; None where it was.
        submodules: directories in ``files`` that are submodules.
    """

    root: str
    files: tuple[str, ...]
    left_out: Callable[[], Mapping[str, str]]
    git: str | None
    submodules: tuple[str, ...]


def is_target(text: str) -> bool:
    """Whether a text names a value of a module, and no path that there is."""
    return ":" in text and not Path(text).exists()


def _chosen(options: Any) -> _Listing:
    from hermetica.fetch.select import select  # noqa: PLC0415 -- asked for nowhere else

    root = Path(options.path).resolve()
    found = select(root, include=options.include, exclude=options.exclude)
    return _Listing(
        root=str(root),
        files=found.files,
        left_out=lambda: found.excluded,
        git=found.git,
        submodules=found.submodules,
    )


def _declared(session: Session, text: str) -> _Listing:
    """What a source that a module declares has taken."""
    from hermetica.fetch.left_out import reasons  # noqa: PLC0415 -- asked for nowhere else
    from hermetica.fetch.select import select  # noqa: PLC0415 -- asked for nowhere else
    from hermetica.model import evaluation  # noqa: PLC0415 -- a path needs no module

    with evaluation():
        source = session.evaluator([text]).source(text)
    root = Path(source.root or "")
    if source.files is None:
        return _Listing(root=str(root.parent), files=(root.name,), left_out=dict[str, str], git=None, submodules=())
    everything = select(root)
    return _Listing(
        root=str(root),
        files=source.files,
        left_out=lambda: reasons(source),
        git=everything.git,
        submodules=everything.submodules,
    )
