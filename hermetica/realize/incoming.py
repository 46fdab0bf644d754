"""What a plug-in gives, read in a thread of its own: one that hangs is left to itself, and holds up no build.

The thread does nothing but call the plug-in and pass on what comes. Whoever is left alone registers nothing.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Final

from hermetica.realize.substituters import Substitute

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE_BYTES: Final = 256 << 10
_PIECES: Final = 8
_LOOK_S: Final = 0.1


class Silent(Exception):
    """Nothing came for too long."""


class Stopped(Exception):
    """Nobody waits any more."""


class Incoming:
    """A substituter's answer, and after it the bytes of its archive.

    Args:
        ask: gives the answer.
        timeout_s: how long nothing may come.
        is_cancelled: whether to stop waiting.

    Attributes:
        received_bytes: how much came so far.
    """

    def __init__(
        self, ask: Callable[[], Substitute | None], *, timeout_s: float, is_cancelled: Callable[[], bool]
    ) -> None:
        self._ask, self._timeout_s, self._is_cancelled = ask, timeout_s, is_cancelled
        self._pieces: queue.Queue[object] = queue.Queue(_PIECES)
        self._is_left = threading.Event()
        self._rest: memoryview = memoryview(b"")
        self._is_over = False
        self.received_bytes = 0
        threading.Thread(target=self._bring, name="hermetica-substituter", daemon=True).start()

    def answer(self) -> object:
        """What the substituter answers; to be asked for once, before anything is read.

        Raises:
            Exception: what it raised.
            Silent: it said nothing for too long.
            Stopped: the run was cancelled.
        """
        return self._next()

    def read(self, size: int, /) -> bytes:
        """The next bytes of the archive, at most ``size``; none at the end. Raises as ``answer`` does."""
        while not self._rest and not self._is_over:
            piece = self._next()
            if not isinstance(piece, bytes):
                raise TypeError(f"the archive gave {type(piece).__name__} where bytes have to be")
            self._rest, self._is_over = memoryview(piece), not piece
            self.received_bytes += len(piece)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)

    def leave(self) -> None:
        """Lets go of the substituter, whatever it is doing."""
        self._is_left.set()

    def _next(self) -> object:
        until = time.monotonic() + self._timeout_s
        while True:
            try:
                found = self._pieces.get(timeout=_LOOK_S)
            except queue.Empty:
                if self._is_cancelled():
                    raise Stopped from None
                if time.monotonic() > until:
                    raise Silent from None
                continue
            if isinstance(found, Exception):
                raise found
            return found

    def _bring(self) -> None:
        try:
            answer = self._ask()
            self._put(answer)
            if isinstance(answer, Substitute):
                try:
                    while self._put(piece := answer.archive.read(_PIECE_BYTES)) and piece:
                        pass
                finally:
                    if callable(close := getattr(answer.archive, "close", None)):
                        close()
        except Exception as error:  # noqa: BLE001 -- carried to the thread that waits
            self._put(error)

    def _put(self, piece: object) -> bool:
        """Passes something on; whether anybody is there to take it."""
        while not self._is_left.is_set():
            try:
                self._pieces.put(piece, timeout=_LOOK_S)
            except queue.Full:
                continue
            return True
        return False
