"""Carries out a command line: parse, run the command, turn whatever happens into an exit status. Never a traceback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hermetica.cli.console import Console
from hermetica.cli.misuse import Misuse
from hermetica.cli.parser import parse
from hermetica.cli.streams import BROKEN_PIPE, INTERRUPTED, silence_stdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.cli.apart.early import Early


def run(words: Sequence[str], early: Early | None = None) -> int:
    """Runs one command line; its exit status.

    Args:
        words: the command line.
        early: the child that may evaluate its targets, if one was started before all else.
    """
    talk = Console.early(words)
    try:
        if not words or words[0] in {"-h", "--help", "help"}:
            from hermetica.cli.help import overview  # noqa: PLC0415 -- whoever asks for help has the time

            talk.print(overview())
            return 0
        return _run(words, early)
    except SystemExit as leaving:  # help: argparse printed it, or it is the text
        if isinstance(leaving.code, str):
            talk.print(leaving.code)
        return leaving.code if isinstance(leaving.code, int) else 0
    except BrokenPipeError:
        silence_stdout()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        talk.say("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 -- the edge: every error becomes a block and a status
        from hermetica.cli.report import report_any  # noqa: PLC0415 -- only where something went wrong

        return report_any(_blame_stdout(error), talk)


def _run(words: Sequence[str], early: Early | None) -> int:
    command, options = parse(words)
    from hermetica.cli.session import Session  # noqa: PLC0415 -- after parsing: a misuse needs none of it

    with Session(options=options, console=Console(json=options.json, color=options.color), early=early) as session:
        status = command.run(session)
    sys.stdout.flush()
    return status


def _blame_stdout(error: Exception) -> Exception:
    """What went wrong; where stdout cannot be written that is the reason, and no defect of ours."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as lost:
        silence_stdout()
        return Misuse(f"stdout cannot be written: {lost.strerror}")
    return error
