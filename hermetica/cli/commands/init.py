"""``hermetica init``: begins a project from a template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.cli.misuse import Misuse
from hermetica.cli.templates import templates
from hermetica.cli.views.words import many
from hermetica.spelling import did_you_mean

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session
    from hermetica.cli.templates import Template


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("template", nargs="?", metavar="TEMPLATE", help="without one, the templates are listed")
    parser.add_argument("directory", nargs="?", metavar="DIRECTORY", default=".", help="where to (here)")


def run(session: Session) -> int:
    """Lists templates, or writes the files of one."""
    known = templates()
    name = session.options.template
    if name is None:
        return _list(session, known)
    chosen = next((each for each in known if each.name == name), None)
    if chosen is None:
        names = [each.name for each in known]
        offered = f"there are {', '.join(names)}" if names else "install a package that has some: none does here"
        raise Misuse(f"no template {name!r}", hint=did_you_mean(name, names) or offered)
    directory = Path(session.options.directory)
    try:
        files = chosen.lay_out(directory)
    except OSError as error:
        raise Misuse(f"cannot write to {directory}: {error.strerror}", hint="name another directory") from error
    document = {"format": "hermetica.init/1", "template": name, "directory": str(directory), "files": list(files)}
    session.console.result(document, [str(directory / file) for file in files])
    session.console.say(f"{name}: {many(len(files), 'file')} written. Go on with")
    for step in (*([] if directory == Path() else [f"cd {directory}"]), *chosen.steps):
        session.console.say(f"  {step}")
    return 0


def _list(session: Session, known: tuple[Template, ...]) -> int:
    width = max((len(each.name) for each in known), default=0)
    rows = [{"name": each.name, "description": each.description} for each in known]
    lines = [f"{each.name:<{width}}  {each.description}" for each in known]
    session.console.result({"format": "hermetica.templates/1", "templates": rows}, lines)
    return 0
