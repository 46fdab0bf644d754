"""Replacing a file that others read and replace too: whole or not at all, one at a time, durable.

The new text is written beside the file, flushed, and renamed over it; then the directory is flushed. Who replaces holds
a lock on what it writes, so two that read, change and write do not undo each other. What a crash leaves is used
again by the next. Source: rename(2), fsync(2), flock(2).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from hermetica.fetch.lock_pin import LockError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Generator[Callable[[bytes], None]]:
    """Nobody else replaces the file meanwhile; gives what replaces it, to be called once.

    Raises:
        LockError: it cannot be written.
    """
    scratch = path.with_name(f".{path.name}.new")
    try:
        fd = _locked(scratch)
    except OSError as error:
        raise _failed(path, error) from error

    def replace(data: bytes) -> None:
        try:
            _write(fd, data)
            scratch.replace(path)
            _flush_directory(path.parent)
        except OSError as error:
            raise _failed(path, error) from error

    try:
        yield replace
    except BaseException:
        with contextlib.suppress(OSError):
            if _is_at(scratch, fd):
                scratch.unlink()
        raise
    finally:
        os.close(fd)


def _failed(path: Path, error: OSError) -> LockError:
    return LockError(f"cannot write the lock {path}", details=(("cause", str(error)),))


def _locked(scratch: Path) -> int:
    """The file beside, locked, and not one that somebody renamed away in between."""
    while True:
        fd = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_at(scratch, fd):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _is_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _write(fd: int, data: bytes) -> None:
    os.ftruncate(fd, 0)
    while data:
        data = data[os.write(fd, data) :]
    os.fsync(fd)


def _flush_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
