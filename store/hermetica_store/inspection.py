"""Reading a registered object as it is now: its content, and what about it is not canonical.

Unlike `survey` it goes on past what no object may hold, so that every such entry is named.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.canonicalise import DIRECTORY_MODE, MTIME_NS, file_mode
from hermetica_store.content import Content, File, Folder, Link
from hermetica_store.descent import Descent, listing
from hermetica_store.digest import Digest
from hermetica_store.reading import FILE_FLAGS, hash_file, working_on

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen(eq=False)
class Inspection:
    """An object as it was found.

    Attributes:
        content: its files, links and directories.
        oddities: (path below the object, what is odd) of entries that are special, or not canonical in mode or time.
    """

    content: Content
    oddities: list[tuple[bytes, str]]


@attrs.frozen(eq=False)
class _Frame:
    """A directory being read, and the directories in it that are still to come."""

    folder: Folder
    pending: list[bytes]


InodeDigests = dict[tuple[int, int, int], Digest]
"""Digests of files with several names, by device, inode and size: what objects share is read once."""
_REMEMBERED_MAX: Final = 200_000


def inspect(root: Path, known: InodeDigests | None = None) -> Inspection:
    """Read a whole object.

    Args:
        root: where it lies.
        known: files that were read a moment ago; those that are read now are added.

    Raises:
        TreeError: the system refused.
    """
    inspecting = _Inspecting({} if known is None else known)
    with working_on(root):
        return Inspection(inspecting.read(os.fsencode(root)), inspecting.oddities)


class _Inspecting:
    def __init__(self, known: InodeDigests) -> None:
        self.oddities: list[tuple[bytes, str]] = []
        self._known = known

    def read(self, root: bytes) -> Content:
        status = os.lstat(root)
        if stat.S_ISDIR(status.st_mode):
            with Descent(root) as descent:
                return self._walk(descent)
        leaf = self._leaf(root, status, None, b"")
        return Content(Folder() if leaf is None else leaf)

    def _walk(self, descent: Descent) -> Content:
        top = self._enter(descent)
        content = Content(top.folder, [top.folder])
        frames = [top]
        while frames:
            if not frames[-1].pending:
                frames.pop()
                if frames:
                    descent.up()
                continue
            name = frames[-1].pending.pop()
            descent.down(name)
            child = self._enter(descent)
            frames[-1].folder.folders[name] = child.folder
            content.folders.append(child.folder)
            frames.append(child)
        return content

    def _enter(self, descent: Descent) -> _Frame:
        frame = _Frame(Folder(), [])
        self._check(descent.path_of(), os.fstat(descent.fd), DIRECTORY_MODE)
        for name, status in listing(descent.fd):
            if stat.S_ISDIR(status.st_mode):
                frame.pending.append(name)
                continue
            leaf = self._leaf(name, status, descent.fd, descent.path_of(name))
            if isinstance(leaf, File):
                frame.folder.files[name] = leaf
            elif leaf is not None:
                frame.folder.links[name] = leaf
        return frame

    def _leaf(self, name: bytes, status: os.stat_result, dir_fd: int | None, path: bytes) -> File | Link | None:
        if stat.S_ISLNK(status.st_mode):
            self._check_time(path, status)
            return Link(os.readlink(name, dir_fd=dir_fd))
        if not stat.S_ISREG(status.st_mode):
            self.oddities.append((path, "a socket, fifo or device"))
            return None
        self._check(path, status, file_mode(status.st_mode))
        executable = bool(status.st_mode & 0o111)
        key = status.st_dev, status.st_ino, status.st_size
        if status.st_nlink > 1 and (found := self._known.get(key)) is not None:
            return File(found, status.st_size, executable)
        fd = os.open(name, FILE_FLAGS, dir_fd=dir_fd)
        try:
            digest, size_bytes = hash_file(fd, status.st_size)
        finally:
            os.close(fd)
        if status.st_nlink > 1 and size_bytes == status.st_size and len(self._known) < _REMEMBERED_MAX:
            self._known[key] = digest
        return File(digest, size_bytes, executable)

    def _check(self, path: bytes, status: os.stat_result, mode: int) -> None:
        if stat.S_IMODE(status.st_mode) != mode:
            self.oddities.append((path, f"mode {stat.S_IMODE(status.st_mode):04o}, expected {mode:04o}"))
        self._check_time(path, status)

    def _check_time(self, path: bytes, status: os.stat_result) -> None:
        if status.st_mtime_ns != MTIME_NS:
            self.oddities.append((path, "modification time is not one second after the epoch"))
