"""A gate through which transactions pass, and which can be shut while what they work on is replaced."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

_PAUSE_S: Final = 0.0001


class Gate:
    """Lets transactions pass, and stops them while the map is replaced.

    Passing takes no lock: a lock that busy readers share would keep the writer out for seconds. A transaction says
    that it is inside and then looks whether the gate is shut; whoever shuts it does that first and then looks who is
    inside; so one sees the other.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._opened = threading.Event()
        self._opened.set()
        self._inside: list[None] = []  # a counter whose steps are atomic

    def __enter__(self) -> None:
        while True:
            self._inside.append(None)
            if self._opened.is_set():
                return
            self._inside.pop()
            self._opened.wait()

    def __exit__(self, *_: object) -> None:
        self._inside.pop()

    @contextlib.contextmanager
    def alone(self) -> Generator[None]:
        """Nobody is inside and nobody gets in; whoever is alone may be so once more."""
        with self._lock:
            self._opened.clear()
            self._depth += 1
            try:
                while self._inside:
                    time.sleep(_PAUSE_S)
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    self._opened.set()
