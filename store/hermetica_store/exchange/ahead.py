"""Reading ahead: one thread reads and decompresses while another one uses what came before.

Both are calls into libraries that leave the interpreter to others, so the two take a core each. A few large pieces are
held and no more, whatever the stream expands to.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hermetica_store.nar_reader import ByteStream

_PIECE_BYTES: Final = 1 << 20
_PIECES: Final = 4
_LOOK_S: Final = 0.1  # how soon a thread that waits for room sees that nobody reads any more


class Ahead:
    """A stream that is read in a thread of its own. What goes wrong there is raised where it is read here.

    Args:
        source: nobody else reads it.
    """

    def __init__(self, source: ByteStream) -> None:
        self._source = source
        self._pieces: queue.Queue[bytes | BaseException] = queue.Queue(_PIECES)
        self._piece: bytes = b""
        self._at = 0
        self._end: bytes | BaseException | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hermetica-read-ahead", daemon=True)
        self._thread.start()

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        if not size:
            return b""
        if self._at == len(self._piece):
            self._piece, self._at = self._next(), 0
        data = self._piece[self._at : self._at + size]
        self._at += len(data)
        return data

    def close(self) -> None:
        """Ends the thread: at once, or when the read returns that it is in."""
        self._closed.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self._pieces.get_nowait()
        self._thread.join(_LOOK_S)

    def _next(self) -> bytes:
        got: bytes | BaseException = self._pieces.get() if self._end is None else self._end
        if isinstance(got, BaseException):
            self._end = got
            raise got
        if not got:
            self._end = got
        return got

    def _run(self) -> None:
        got: bytes | BaseException = b"more"
        while got and not isinstance(got, BaseException):
            try:
                got = self._source.read(_PIECE_BYTES)
            except BaseException as error:  # noqa: BLE001 -- raised where it is read
                got = error
            if not self._put(got):
                return

    def _put(self, got: bytes | BaseException) -> bool:
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._pieces.put(got, timeout=_LOOK_S)
                return True
        return False
