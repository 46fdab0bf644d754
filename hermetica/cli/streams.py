"""What becomes of the command when its streams or its user end it."""

from __future__ import annotations

import os

INTERRUPTED = 130
BROKEN_PIPE = 141


def silence_stdout() -> None:
    """Keeps the interpreter from complaining, when it flushes at its end, that nothing can be written any more."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
