"""The caller's terminal, which an interactive program takes for itself."""

from __future__ import annotations

import contextlib
import os
import signal
import termios
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@contextlib.contextmanager
def given_back() -> Generator[None]:
    """An interactive shell takes the terminal for itself; afterwards it is ours again, with the modes it had."""
    if not os.isatty(0):
        yield
        return
    modes = termios.tcgetattr(0)
    try:
        yield
    finally:
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            with contextlib.suppress(OSError):  # a terminal that is not this session's: nobody could take it
                os.tcsetpgrp(0, os.getpgrp())
            termios.tcsetattr(0, termios.TCSADRAIN, modes)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
