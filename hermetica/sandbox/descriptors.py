"""Descriptors that are closed exactly once: when asked, or when their scope ends."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

LOWEST: Final = 32
"""Descriptors that last are moved up to here, lest a number chosen for a child overwrites one."""


def raised(fd: int, lowest: int = LOWEST) -> int:
    """The same open file at a descriptor from ``lowest`` on, close-on-exec; ``fd`` itself is closed."""
    if fd >= lowest:
        return fd
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
    except OSError as error:
        if error.errno == errno.EINVAL:  # the limit on descriptors is not even that high
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE)) from error
        raise
    finally:
        os.close(fd)


class Descriptors:
    """A scope that owns descriptors.

    Args:
        lowest: none of them is below: a child uses those numbers for others.
    """

    def __init__(self, lowest: int = LOWEST) -> None:
        self._lowest = lowest
        self._open: set[int] = set()

    def pipe(self) -> tuple[int, int]:
        """A new pipe: (reading end, writing end)."""
        return self.pair(os.pipe())

    def pair(self, ends: tuple[int, int]) -> tuple[int, int]:
        """Two descriptors that are its own from now on."""
        reading, writing = ends
        self._open.update(ends)
        return self._raised(reading), self._raised(writing)

    def _raised(self, fd: int) -> int:
        self._open.discard(fd)  # it is closed, whatever happens
        moved = raised(fd, self._lowest)
        self._open.add(moved)
        return moved

    def memory(self, content: bytes) -> int:
        """A new file in memory that holds ``content``, to be read from its beginning."""
        fd = self._raised(os.memfd_create("hermetica", os.MFD_CLOEXEC))
        written = 0
        while written < len(content):
            written += os.pwrite(fd, content[written:], written)
        return fd

    def close(self, *fds: int) -> None:
        """Close some of them now."""
        for fd in fds:
            self._open.remove(fd)
            os.close(fd)

    def release(self, *fds: int) -> None:
        """Hand some of them over: they stay open."""
        self._open.difference_update(fds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(*tuple(self._open))
