"""A stream of bytes to be taken in exact amounts, made ready by another thread: decompression overlaps with writing."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Final, Self

from hermetica.fetch.archive import TruncatedArchive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

__all__ = ["ReadAhead", "Stream"]

_DEPTH: Final = 16


class ReadAhead:
    """Iterates over ``chunks`` in a thread of its own, a few ahead of who takes them. Close it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(_DEPTH)
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, args=(chunks,), name="read-ahead", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, chunks: Iterable[bytes]) -> None:
        try:
            for chunk in chunks:
                self._queue.put(chunk)
                if self._is_closed:
                    return
        except BaseException as error:  # noqa: BLE001 -- raised again where the chunks are taken
            self._queue.put(error)
        else:
            self._queue.put(None)

    def __iter__(self) -> Iterator[bytes]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """Ends the thread."""
        self._is_closed = True
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.01)
            except queue.Empty:
                continue


class Stream:
    """Bytes from an iterator of chunks, taken in order."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._view = memoryview(b"")

    def _refill(self) -> bool:
        """Whether there is more."""
        while not self._view:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._view = memoryview(chunk)
        return True

    def peek(self, size: int) -> bytes:
        """The next bytes, left where they are; fewer only at the end."""
        found = self.take(size)
        self._view = memoryview(found + bytes(self._view))
        return found

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end."""
        if len(self._view) >= size:  # nearly always
            taken, self._view = self._view[:size], self._view[size:]
            return bytes(taken)
        parts = bytearray()
        while len(parts) < size and self._refill():
            piece = self._view[: size - len(parts)]
            self._view = self._view[len(piece) :]
            parts += piece
        return bytes(parts)

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next ``size`` bytes as they come.

        Raises:
            TruncatedArchive: there are fewer.
        """
        while size:
            if not self._refill():
                raise TruncatedArchive(f"it ends {size:,} bytes too early")
            piece = self._view[:size]
            self._view = self._view[len(piece) :]
            size -= len(piece)
            yield piece

    def everything(self) -> Iterator[memoryview]:
        """All that is left, as it comes."""
        while self._refill():
            piece, self._view = self._view, memoryview(b"")
            yield piece
