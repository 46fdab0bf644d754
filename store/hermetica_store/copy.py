"""Copying trees into scratch space: never by link, so that no later write to the source reaches the copy.

Blocks are cloned where the file system can. Modes become canonical but for the owner's write bit; `prepare`
does the rest.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from hermetica_store.canonicalise import copy_bytes, file_mode, write_all
from hermetica_store.descent import Descent, listing
from hermetica_store.reading import FILE_FLAGS, SpecialFile, read_small, working_on
from hermetica_store.selection import Selection, select

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SMALL_BYTES: Final = 1 << 16  # below it, reading and writing is cheaper than asking for a clone
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_Pending = list[tuple[bytes, "Selection | None"]]


def copy_tree(source: Path, destination: Path, files: Sequence[str] | None = None) -> None:
    """Copy a file, link or directory to a place where nothing is yet.

    Args:
        source: a symbolic link is copied, not followed.
        destination: created, with its directories 0755.
        files: relative POSIX paths of what to copy; None copies everything. A path of a directory means all of it.

    Raises:
        SpecialFile: there is a socket, fifo or device to copy.
        InvalidSelection: one of ``files`` is not a plain relative path.
        TreeError: the system refused, or one of ``files`` is not there.
    """
    selection = None if files is None else select(files)
    with working_on(source):
        root = os.fsencode(source)
        status = os.lstat(root)
        if stat.S_ISDIR(status.st_mode):
            destination.mkdir(mode=0o755)
            with Descent(root) as old, Descent(destination) as new:
                _copy_directory(old, new, selection, root)
        else:
            _copy_leaf((root, None), (os.fsencode(destination), None), status, root)


def _copy_directory(old: Descent, new: Descent, selection: Selection | None, root: bytes) -> None:
    frames = [_copy_entries(old, new, selection, root)]
    while True:
        if frames[-1]:
            name, below = frames[-1].pop()
            os.mkdir(name, 0o755, dir_fd=new.fd)
            old.down(name)
            new.down(name)
            frames.append(_copy_entries(old, new, below, root))
            continue
        frames.pop()
        if not frames:
            return
        old.up()
        new.up()


def _copy_entries(old: Descent, new: Descent, selection: Selection | None, root: bytes) -> _Pending:
    """Copy what is no directory; gives the directories."""
    pending: _Pending = []
    for name, status in listing(old.fd, selection):
        if stat.S_ISDIR(status.st_mode):
            pending.append((name, None if selection is None else selection[name]))
        else:
            _copy_leaf((name, old.fd), (name, new.fd), status, root + b"/" + old.path_of(name))
    return pending


def _copy_leaf(
    old: tuple[bytes, int | None], new: tuple[bytes, int | None], status: os.stat_result, path: bytes
) -> None:
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(old[0], dir_fd=old[1]), new[0], dir_fd=new[1])
    elif stat.S_ISREG(status.st_mode):
        _copy_file(old, new, status)
    else:
        raise SpecialFile(path, status.st_mode)


def _copy_file(old: tuple[bytes, int | None], new: tuple[bytes, int | None], status: os.stat_result) -> None:
    source = os.open(old[0], FILE_FLAGS, dir_fd=old[1])
    try:
        target = os.open(new[0], _NEW, file_mode(status.st_mode) | 0o200, dir_fd=new[1])
        try:
            if status.st_size <= _SMALL_BYTES:
                write_all(target, read_small(source, status.st_size))
            else:
                copy_bytes(source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)
