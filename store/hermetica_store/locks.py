"""Locks on single bytes of one file: held by whoever has it open, freed by the kernel however that ends.

Each lock has a descriptor of its own (an *open file description* lock), so threads of one process exclude each other
as well as processes do. No byte is ever written, and no lock file is left behind. Source: fcntl(2), "Open file
description locks".
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FLOCK: Final = struct.Struct("@hhqqi4x")  # type, whence, start, length, pid
_SPAN: Final = 1 << 60
CLAIMS: Final = 0
LEASES: Final = _SPAN
SCRATCH: Final = 2 * _SPAN
PRESENCE: Final = 3 * _SPAN
_BUSY: Final = frozenset({errno.EAGAIN, errno.EACCES})


def offset(region: int, number: int) -> int:
    """The byte that stands for ``number`` in a region."""
    return region + number % _SPAN


def try_lock(path: Path, at: int) -> int | None:
    """A descriptor that holds the byte at ``at``; None where somebody else does. Closing it frees the byte."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0))
    except OSError as error:
        os.close(fd)
        if error.errno in _BUSY:
            return None
        raise
    except BaseException:
        os.close(fd)
        raise
    return fd


def lock_bytes(fd: int, places: Iterable[int]) -> list[int]:
    """Those of ``places`` that nobody held; ``fd``, open for writing, holds them now until it is closed."""
    taken: list[int] = []
    for at in places:
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0))
        except OSError as error:
            if error.errno not in _BUSY:
                raise
        else:
            taken.append(at)
    return taken


def is_held(path: Path, at: int) -> bool:
    """Whether somebody holds the byte at ``at``; takes nothing, and needs no right to write."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return is_locked(fd, at)
    finally:
        os.close(fd)


def is_locked(fd: int, at: int) -> bool:
    """Whether somebody holds the byte at ``at``, other than through ``fd`` itself."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0)
    return bool(_FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked))[0] != fcntl.F_UNLCK)
