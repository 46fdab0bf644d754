"""Copying trees into scratch space: never by link, so that no later write to the source reaches the copy.

Blocks are cloned where the file system can. Modes become canonical but for the owner's write bit, and `prepare` does
the rest; or files are hashed and made canonical on the way.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Final, TypeVar

from hermetica_store.canonicalise import copy_bytes, file_mode, seal_file, write_all
from hermetica_store.content import File
from hermetica_store.descent import Descent, listing
from hermetica_store.digest import Digest
from hermetica_store.reading import FILE_FLAGS, SpecialFile, hash_file, read_small, working_on
from hermetica_store.selection import Selection, select
from hermetica_store.trees import is_young, stamp_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hermetica_store.trees import Stamp

_SMALL_BYTES: Final = 1 << 16  # below it, reading and writing is cheaper than asking for a clone
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
T = TypeVar("T")
_Pending = list[tuple[bytes, "Selection | None"]]


class Copied:
    """What is learnt of files while they are copied.

    Attributes:
        files: of the copies, canonical now, by (device, inode).
        sources: the digests of what was copied, by stamp; none of what is too young to be sure of.
    """

    def __init__(self) -> None:
        self.files: dict[tuple[int, int], File] = {}
        self.sources: list[tuple[Stamp, bytes]] = []
        self._now_ns = time.time_ns()

    def note(self, source: int, target: int, before: os.stat_result, digest: Digest, size_bytes: int) -> File:
        """Remember a file whose bytes were read from ``source`` and written to ``target``; seals the copy."""
        status = os.fstat(target)
        seal_file(target, status)
        file = File(digest, size_bytes, bool(before.st_mode & 0o111))
        self.files[status.st_dev, status.st_ino] = file
        stamp = stamp_of(before)
        if size_bytes == before.st_size and not is_young(stamp, self._now_ns) and stamp_of(os.fstat(source)) == stamp:
            self.sources.append((stamp, digest.raw))
        return file


def copy_tree(
    source: Path, destination: Path, files: Sequence[str] | None = None, copied: Copied | None = None
) -> None:
    """Copy a file, link or directory to a place where nothing is yet.

    Args:
        source: a symbolic link is copied, not followed.
        destination: created, with its directories 0755.
        files: relative POSIX paths of what to copy; None copies everything. A path of a directory means all of it.
        copied: learns what files are, so that nobody has to read them again.

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
                _copy_directory(old, new, selection, root, copied)
        else:
            _copy_leaf((root, None), (os.fsencode(destination), None), status, root, copied)


def _copy_directory(
    old: Descent, new: Descent, selection: Selection | None, root: bytes, copied: Copied | None
) -> None:
    frames = [_copy_entries(old, new, selection, root, copied)]
    while True:
        if frames[-1]:
            name, below = frames[-1].pop()
            os.mkdir(name, 0o755, dir_fd=new.fd)
            old.down(name)
            new.down(name)
            frames.append(_copy_entries(old, new, below, root, copied))
            continue
        frames.pop()
        if not frames:
            return
        old.up()
        new.up()


def _copy_entries(
    old: Descent, new: Descent, selection: Selection | None, root: bytes, copied: Copied | None
) -> _Pending:
    """Copy what is no directory; gives the directories."""
    pending: _Pending = []
    for name, status in listing(old.fd, selection):
        if stat.S_ISDIR(status.st_mode):
            pending.append((name, None if selection is None else selection[name]))
        else:
            _copy_leaf((name, old.fd), (name, new.fd), status, root + b"/" + old.path_of(name), copied)
    return pending


def _copy_leaf(
    old: tuple[bytes, int | None],
    new: tuple[bytes, int | None],
    status: os.stat_result,
    path: bytes,
    copied: Copied | None,
) -> None:
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(old[0], dir_fd=old[1]), new[0], dir_fd=new[1])
    elif stat.S_ISREG(status.st_mode):
        if copied is None:
            _copy_bytes(old, new, status)
        else:
            copy_file(old, new, status, copied)
    else:
        raise SpecialFile(path, status.st_mode)


def copy_file(
    old: tuple[bytes, int | None], new: tuple[bytes, int | None], status: os.stat_result, copied: Copied
) -> File:
    """Copy one regular file, and learn what it is."""

    def copy(source: int, target: int) -> File:
        if status.st_size <= _SMALL_BYTES:
            data = read_small(source, status.st_size)
            write_all(target, data)
            return copied.note(source, target, status, Digest.of(data), len(data))
        copy_bytes(source, target)
        os.lseek(target, 0, os.SEEK_SET)
        return copied.note(source, target, status, *hash_file(target, status.st_size))

    return _with_both(old, new, status, copy)


def _copy_bytes(old: tuple[bytes, int | None], new: tuple[bytes, int | None], status: os.stat_result) -> None:
    def copy(source: int, target: int) -> None:
        if status.st_size <= _SMALL_BYTES:
            write_all(target, read_small(source, status.st_size))
        else:
            copy_bytes(source, target)

    _with_both(old, new, status, copy)


def _with_both(
    old: tuple[bytes, int | None],
    new: tuple[bytes, int | None],
    status: os.stat_result,
    act: Callable[[int, int], T],
) -> T:
    source = os.open(old[0], FILE_FLAGS, dir_fd=old[1])
    try:
        target = os.open(new[0], _NEW, file_mode(status.st_mode) | 0o200, dir_fd=new[1])
        try:
            return act(source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)
