"""``hermetica develop``: enters the sandbox of a failed build that was kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.usage = "hermetica develop --failed [DIR | TARGET] [-- COMMAND …]"
    parser.add_argument(
        "--failed",
        metavar="DIR | TARGET",
        required=True,
        nargs="?",
        const="",
        help="what `hermetica build --keep-failed` kept: where, or of which target; the newest without either",
    )


def run(session: Session) -> int:
    """Runs the builder's shell, or the command after ``--``, where the build failed; its exit status."""
    from hermetica.realize.kept import enter_kept  # noqa: PLC0415 -- asked for nowhere else

    return enter_kept(_kept(session, session.options.failed), session.options.rest or None)


def _kept(session: Session, text: str) -> Path:
    from hermetica.realize.kept import newest  # noqa: PLC0415 -- likewise

    if text and (Path(text).is_dir() or (os.sep in text and not Path(text.partition(":")[0]).is_file())):
        return Path(text).resolve()
    scratch_root = session.objects.root / "tmp"
    if not text:
        return newest(scratch_root)
    with evaluation():
        return newest(scratch_root, session.evaluator([text]).one(text).derivation.name)
