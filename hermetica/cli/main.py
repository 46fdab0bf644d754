"""The entry point: what is remembered is answered at once, and imports next to nothing; all else is carried out."""

from __future__ import annotations

import sys

from hermetica.cli.recall.answer import answer
from hermetica.cli.streams import BROKEN_PIPE, INTERRUPTED, silence_stdout

TYPE_CHECKING = False  # the module that has it costs five milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main(words: Sequence[str]) -> int:
    """Runs one command line; its exit status."""
    status = answer(words)
    if status is None:
        from hermetica.cli.running import run  # noqa: PLC0415 -- only where the answer is not known

        status = run(words)
    return status


def console() -> NoReturn:
    """The ``hermetica`` command."""
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
        status = BROKEN_PIPE
    except KeyboardInterrupt:
        status = INTERRUPTED
    sys.exit(status)
