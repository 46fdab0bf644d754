"""Room kept back, so that a collection can go on where everything else found the disk full.

Removing rows from the index takes pages too: LMDB writes new ones before it frees old ones. The reserve is a file of
zeros that a collection gives up when it needs that room, and that is made again when there is plenty.
Source: Nix keeps one for the same reason (libstore, "reserved space").
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final, TypeVar

from hermetica_store.faults import StoreFull

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hermetica_store.layout import Layout

T = TypeVar("T")
RESERVE_BYTES: Final = 1 << 19
_PLENTY: Final = 4  # times as much has to be free for it to be made


def _place(layout: Layout) -> Path:
    return layout.index / "reserve"


def keep_reserve(layout: Layout) -> None:
    """Make the reserve where there is none and plenty of room; nothing is said where it cannot be made."""
    place = _place(layout)
    with contextlib.suppress(OSError):
        if place.exists():
            return
        space = os.statvfs(layout.index)
        if space.f_bavail * space.f_frsize < _PLENTY * RESERVE_BYTES:
            return
        fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            os.posix_fallocate(fd, 0, RESERVE_BYTES)
        except OSError:
            place.unlink()
        finally:
            os.close(fd)


def with_reserve(layout: Layout, free: Callable[[], T]) -> T:
    """What ``free`` gives; where it finds the disk full, once more with the room of the reserve.

    Raises:
        StoreError: there is no room even so.
    """
    try:
        return free()
    except StoreFull:
        try:
            _place(layout).unlink()
        except OSError:  # there is none; the error that tells of the disk is the one to raise
            pass
        else:
            try:
                return free()
            finally:
                keep_reserve(layout)
        raise
