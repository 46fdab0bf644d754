"""Reading ahead gives the same bytes and the same errors as reading does, and holds no more than a few pieces."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING

import pytest

from hermetica_store.exchange.ahead import Ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


def readers() -> int:
    """How many threads read ahead now."""
    return sum(thread.name == "hermetica-read-ahead" for thread in threading.enumerate())


def pieces(ahead: Ahead, sizes: Iterator[int]) -> Iterator[bytes]:
    """What is read, until the end."""
    while data := ahead.read(next(sizes)):
        yield data


@pytest.mark.parametrize("length", [0, 1, 1 << 20, (5 << 20) + 17])
def test_the_bytes_are_those_of_the_source_and_the_end_stays_the_end(length: int) -> None:
    data = os.urandom(length)
    ahead = Ahead(io.BytesIO(data))
    sizes = iter([8, 64, 1 << 16, 1 << 20] * 1000)
    assert b"".join(pieces(ahead, sizes)) == data
    assert ahead.read(1) == ahead.read(0) == b""
    ahead.close()
    assert readers() == 0


class Failing(io.BytesIO):
    """A source that fails after its bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Bytes, then the error."""
        data = super().read(size)
        if not data:
            raise OSError(5, "the disk is gone")
        return data


def test_what_goes_wrong_in_the_thread_is_raised_where_it_is_read_after_what_came_before() -> None:
    ahead = Ahead(Failing(b"before"))
    assert ahead.read(100) == b"before"
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone"):
            ahead.read(1)
    ahead.close()
    assert readers() == 0


class Counting(io.RawIOBase):
    """Zeros without end."""

    def __init__(self) -> None:
        super().__init__()
        self.given = threading.Semaphore(0)

    def read(self, size: int = -1, /) -> bytes:
        """As many as asked."""
        self.given.release()
        return bytes(size)


def test_a_source_without_end_is_read_a_few_pieces_ahead_and_left_when_nobody_wants_more() -> None:
    source = Counting()
    ahead = Ahead(source)
    for _ in range(5):  # four that wait and one in hand
        assert source.given.acquire(timeout=10)
    assert not source.given.acquire(timeout=0.3)
    ahead.close()
    ahead._thread.join(10)  # pyright: ignore[reportPrivateUsage] -- it has a moment to see it
    assert readers() == 0
