"""The entry point: what is remembered is answered at once, and imports next to nothing; all else is carried out."""

from __future__ import annotations

import gc
import sys

from hermetica.cli.recall.answer import answer
from hermetica.cli.streams import BROKEN_PIPE, INTERRUPTED, silence_stdout

TYPE_CHECKING = False  # the module that has it costs five milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from hermetica.cli.generated import Generated


_NO_CLASSES = frozenset({"--version", "version"})
"""What begins a command line that needs no class of attrs."""

_GARBAGE_MAX = 50_000
"""Objects between two looks for cycles: what a command makes, it keeps to its end."""


def main(words: Sequence[str]) -> int:
    """Runs one command line; its exit status."""
    status = answer(words)
    if status is None:
        from hermetica.cli.apart.early import begin  # noqa: PLC0415 -- only where the answer is not known

        early = begin(words)
        generated = _generated() if early or not _NO_CLASSES.issuperset(words[:1]) else None
        try:
            from hermetica.cli.running import run  # noqa: PLC0415 -- only where the answer is not known

            status = run(words, early)
        finally:
            early.end()
            if generated is not None:
                generated.save()
    return status


def _generated() -> Generated:
    from hermetica.cli.generated import Generated, usual_place  # noqa: PLC0415 -- only where attrs is needed

    generated = Generated(usual_place())
    generated.stand_in()
    return generated


def console() -> NoReturn:
    """The ``hermetica`` command."""
    gc.set_threshold(_GARBAGE_MAX)
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
        status = BROKEN_PIPE
    except KeyboardInterrupt:
        status = INTERRUPTED
    gc.freeze()  # or the interpreter would, at its end, look three times for cycles in all that there is
    sys.exit(status)
