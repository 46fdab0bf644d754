"""The log of one build: kept in the store as bytes, passed on as text, its end remembered for errors."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

TAIL_BYTES: Final = 8 << 10
TAIL_LINES: Final = 25


class Writer(Protocol):
    """What keeps the bytes of a log."""

    def write(self, data: bytes, /) -> object:
        """Takes the next bytes."""
        ...


class BuildLog:
    """Takes what a builder writes.

    Args:
        writer: keeps the bytes.
        on_text: takes the same as text, undecodable bytes replaced.
    """

    def __init__(self, writer: Writer, on_text: Callable[[str], None]) -> None:
        self._writer = writer
        self._on_text = on_text
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._tail = b""
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        """Takes the next bytes."""
        self._writer.write(data)
        self.size_bytes += len(data)
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        if text := self._decode(data):
            self._on_text(text)

    def tail(self) -> str:
        """The last lines, undecodable bytes replaced."""
        return "\n".join(self._tail.decode(errors="replace").splitlines()[-TAIL_LINES:])
