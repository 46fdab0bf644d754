"""Making a whole file system durable. Source: syncfs(2), which reports failed writes since Linux 5.8."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def sync_file_system(fd: int) -> None:
    """Returns when all that was written to the file system of ``fd`` is on disk.

    Raises:
        OSError: it cannot be brought there.
    """
    code = _syncfs()(fd)
    if code:
        raise OSError(code, os.strerror(code))


@functools.cache
def _syncfs() -> Callable[[int], int]:
    """Syncfs from the C library: gives 0 or an errno."""
    import ctypes  # noqa: PLC0415 -- costs more than the rest of the module; only writers need it

    library = ctypes.CDLL(None, use_errno=True)

    def call(fd: int) -> int:
        return 0 if library.syncfs(fd) == 0 else ctypes.get_errno()

    return call
