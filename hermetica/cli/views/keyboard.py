"""Keys that are read as they are pressed, and a terminal that is always given back as it was.

The terminal stays in its own mode but for two things: input comes key by key, and is not echoed. Ctrl-C and Ctrl-Z mean
what they always mean. A process in the background reads nothing and changes nothing. Source: termios(3), tty_ioctl(4).
"""

from __future__ import annotations

import atexit
import copy
import os
import select
import signal
import sys
import termios
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import FrameType

_IN: Final = 0
_ARROWS: Final = {"\x1b[A": "up", "\x1b[B": "down", "\x1bOA": "up", "\x1bOB": "down", "k": "up", "j": "down"}
_LFLAG, _CC = 3, 6


def keyboard_for(stopping: Callable[[], AbstractContextManager[None]]) -> Keyboard | None:
    """The keyboard of this process; None where its input is no terminal, or one that another program uses just now.

    Args:
        stopping: entered before Ctrl-Z stops the process, left when it goes on.
    """
    try:
        if not os.isatty(_IN) or os.tcgetpgrp(_IN) != os.getpgrp() or sys.stdin is None:
            return None
        if not termios.tcgetattr(_IN)[_LFLAG] & termios.ICANON:  # somebody reads its keys already
            return None
        return Keyboard(stopping)
    except (OSError, termios.error):
        return None


class Keyboard:
    """Reads keys until it is closed.

    One thread waits for keys, and alone takes the terminal back after a stop; handlers of signals, in the main thread,
    only ever give it away.

    Args:
        stopping: entered before Ctrl-Z stops the process, left when it goes on.

    Raises:
        termios.error: there is no terminal.
    """

    def __init__(self, stopping: Callable[[], AbstractContextManager[None]]) -> None:
        self._stopping = stopping
        self._lock = threading.RLock()  # of the terminal's mode; a handler may find it held by its own thread
        self._is_away = False
        self._usual: list[Any] = termios.tcgetattr(_IN)
        self._wake_out, self._wake_in = os.pipe()
        self._handlers: dict[int, Any] = {}
        self._is_closed = False
        self._is_lost = False
        self._is_ours = False
        atexit.register(self.close)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTSTP, signal.SIGQUIT):
                self._handlers[number] = signal.signal(number, self._stop)
        self._begin()

    def _begin(self) -> None:
        mode: list[Any] = copy.deepcopy(self._usual)
        mode[_LFLAG] &= ~(termios.ICANON | termios.ECHO)
        mode[_CC][termios.VMIN], mode[_CC][termios.VTIME] = 1, 0
        termios.tcsetattr(_IN, termios.TCSADRAIN, mode)
        self._is_ours = True

    def _restore(self) -> None:
        with self._lock, suppress(termios.error, OSError):
            was_ours, self._is_ours = self._is_ours, False
            if was_ours and os.tcgetpgrp(_IN) == os.getpgrp():  # in the background this would stop us
                termios.tcsetattr(_IN, termios.TCSADRAIN, self._usual)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        """Gives the terminal back before the process is stopped, or ended."""
        self._is_away = True
        self._restore()
        with self._stopping():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            signal.signal(number, self._stop)
        self._is_away = False

    def _take_back(self) -> None:
        """After a stop, once the process is in the foreground again and nobody else reads keys."""
        with self._lock, suppress(termios.error, OSError):
            if self._is_away or self._is_ours or self._is_closed or os.tcgetpgrp(_IN) != os.getpgrp():
                return
            usual = termios.tcgetattr(_IN)
            if usual[_LFLAG] & termios.ICANON:
                self._usual = usual
                self._begin()

    def wait(self, pause_s: float) -> list[str]:
        """The keys that were pressed: ``up``, ``down``, or the character; at the first, or after ``pause_s``."""
        if not self._is_ours:
            self._take_back()
        watched = [self._wake_out] if self._is_lost else [_IN, self._wake_out]
        ready = select.select(watched, [], [], pause_s)[0]
        if _IN not in ready or self._is_closed:
            return []
        try:
            if os.tcgetpgrp(_IN) != os.getpgrp():  # in the background reading would stop us
                select.select([self._wake_out], [], [], pause_s)
                return []
            data = os.read(_IN, 1 << 10)
        except OSError:
            data = b""
        self._is_lost = not data  # the terminal is gone
        return _keys(data.decode("utf-8", "replace"))

    def wake(self) -> None:
        """Ends ``wait`` at once."""
        os.write(self._wake_in, b"x")

    def close(self) -> None:
        """Gives the terminal back."""
        if self._is_closed:
            return
        self._is_closed = True
        self._restore()
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
        os.close(self._wake_in)
        os.close(self._wake_out)
        atexit.unregister(self.close)


def _keys(text: str) -> list[str]:
    """Single keys; sequences of keys that are not known are dropped."""
    keys: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "\x1b" and at + 2 < len(text):
            keys += [_ARROWS[text[at : at + 3]]] if text[at : at + 3] in _ARROWS else []
            at += 3
            continue
        keys.append(_ARROWS.get(text[at], text[at]))
        at += 1
    return keys
