"""Removing trees, however odd: read-only or closed directories, any depth, any names. No link is followed."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

import attrs

from hermetica_store.descent import Descent
from hermetica_store.reading import working_on

if TYPE_CHECKING:
    from pathlib import Path

_OWNER_ALL = 0o700


@attrs.define(eq=False)
class _Frame:
    """A directory that is being emptied, and the directories left in it."""

    directories: list[bytes]


def remove_tree(path: Path) -> None:
    """Remove a file, link or directory with everything in it; what is not there is no error.

    Raises:
        TreeError: the system refused.
    """
    with working_on(path), contextlib.suppress(FileNotFoundError):
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            path.unlink()
            return
        if status.st_mode & _OWNER_ALL != _OWNER_ALL:
            path.chmod(_OWNER_ALL)
        with contextlib.suppress(OSError):  # empty, as most are; what is not is emptied first
            path.rmdir()
            return
        with Descent(path) as descent:
            _empty(descent)
        path.rmdir()


def _empty(descent: Descent) -> None:
    frames = [_unlink_files(descent.fd)]
    while True:
        if frames[-1].directories:
            _enter(descent, frames[-1].directories.pop())
            frames.append(_unlink_files(descent.fd))
            continue
        frames.pop()
        if not frames:
            return
        os.rmdir(descent.up(), dir_fd=descent.fd)


def _enter(descent: Descent, name: bytes) -> None:
    try:
        descent.down(name)
    except PermissionError:
        os.chmod(name, _OWNER_ALL, dir_fd=descent.fd)
        descent.down(name)


def _unlink_files(fd: int) -> _Frame:
    """Unlink what is no directory in an open directory; gives the directories."""
    if os.fstat(fd).st_mode & _OWNER_ALL != _OWNER_ALL:
        os.fchmod(fd, _OWNER_ALL)
    with os.scandir(fd) as entries:
        listing = [(os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in listing:
        if not is_directory:
            os.unlink(name, dir_fd=fd)
    return _Frame([name for name, is_directory in listing if is_directory and not _removed(name, fd)])


def _removed(name: bytes, fd: int) -> bool:
    """Whether a directory is gone now, because it was empty; most are."""
    try:
        os.rmdir(name, dir_fd=fd)
    except OSError:
        return False
    return True
