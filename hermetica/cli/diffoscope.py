"""Whether diffoscope is asked, and how long it may take: the options of the commands that could ask it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hermetica.cli.misuse import Misuse
from hermetica.cli.realizing import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.cli.session import Session
    from hermetica.study.diffoscope import Diffoscope


def add_diffoscope_arguments(add: Callable[..., object], otherwise: str) -> None:
    """Declares the options.

    Args:
        add: ``add_argument`` of a parser, or of a group of its options.
        otherwise: when it is asked where nothing is said, for people.
    """
    add(
        "--diffoscope",
        action=argparse.BooleanOptionalAction,
        help=f"ask diffoscope, too, about files that causes change ({otherwise})",
    )
    add("--diffoscope-timeout", type=duration, metavar="S", help="seconds that it may take a file (60)")


def diffoscope_of(session: Session, *, wanted: bool) -> Diffoscope | None:
    """How it is to be asked; None where it is not.

    Args:
        session: the command's.
        wanted: whether it is asked where it is installed and the command line says nothing.

    Raises:
        Misuse: it is demanded, and not installed.
    """
    from hermetica.study.diffoscope import TIMEOUT_S, Diffoscope, find_diffoscope  # noqa: PLC0415 -- neither help nor completion needs it

    demanded = session.options.diffoscope
    if not (wanted if demanded is None else demanded):
        return None
    if (program := find_diffoscope()) is not None:
        return Diffoscope(program=program, timeout_s=session.options.diffoscope_timeout or TIMEOUT_S)
    if demanded:
        hint = "apt install diffoscope-minimal, or pip install diffoscope"
        raise Misuse("--diffoscope: it is not installed", hint=hint)
    return None
