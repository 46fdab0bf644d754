"""Descriptors that are closed exactly once: when asked, or when their scope ends."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

LOWEST: Final = 32
"""Descriptors of this room are moved up to here, lest a number chosen for a child overwrites one."""


def raised(fd: int) -> int:
    """The same open file at a descriptor from `LOWEST` on, close-on-exec; ``fd`` itself is closed."""
    if fd >= LOWEST:
        return fd
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, LOWEST)
    finally:
        os.close(fd)


class Descriptors:
    """A scope that owns descriptors."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def pipe(self) -> tuple[int, int]:
        """A new pipe: (reading end, writing end)."""
        reading, writing = os.pipe()
        ends = raised(reading), raised(writing)
        self._open.update(ends)
        return ends

    def memory(self, content: bytes) -> int:
        """A new file in memory that holds ``content``."""
        fd = raised(os.memfd_create("hermetica", os.MFD_CLOEXEC))
        self._open.add(fd)
        written = 0
        while written < len(content):
            written += os.write(fd, content[written:])
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
