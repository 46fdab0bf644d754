"""``hermetica version``."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from hermetica import __version__

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""
    parser.epilog = "The version of hermetica; with --json also the interpreter's."


def run(session: Session) -> int:
    """Prints the version."""
    document = {"format": "hermetica.version/1", "version": __version__, "python": platform.python_version()}
    session.console.result(document, [f"hermetica {__version__}"])
    return 0
