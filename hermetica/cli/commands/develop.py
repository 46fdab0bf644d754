"""``hermetica develop``: enters the sandbox of a failed build that was kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.usage = "hermetica develop --failed DIR [-- COMMAND …]"
    parser.add_argument(
        "--failed", metavar="DIR", required=True, help="what `hermetica build --keep-failed` said it kept"
    )


def run(session: Session) -> int:
    """Runs the builder's shell, or the command after ``--``, where the build failed; its exit status."""
    from hermetica.realize.kept import enter_kept  # noqa: PLC0415 -- asked for nowhere else

    return enter_kept(Path(session.options.failed).resolve(), session.options.rest or None)
