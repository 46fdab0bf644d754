"""Reading a registered tree without changing it: its content, and what about it is not canonical."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import attrs

from hermetica_store.canonicalise import DIRECTORY_MODE, MTIME_NS, file_mode
from hermetica_store.content import Content, File, Folder, Link
from hermetica_store.descent import Descent, listing
from hermetica_store.reading import FILE_FLAGS, hash_file, working_on

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen(eq=False)
class Survey:
    """What lies on disk.

    Attributes:
        content: the regular files, directories and links, names and targets of any bytes as they are.
        oddities: (path below the object, what is wrong) of every mode, time or kind that is not canonical.
    """

    content: Content
    oddities: tuple[tuple[bytes, str], ...]


def survey(root: Path) -> Survey:
    """Read a tree; the object itself is not followed if it is a link.

    Raises:
        TreeError: something cannot be read.
    """
    with working_on(root):
        return _Surveying().run(os.fsencode(root))


@attrs.define(eq=False)
class _Frame:
    """A directory being read, and the directories in it that are still to come."""

    folder: Folder
    pending: list[bytes]


class _Surveying:
    def __init__(self) -> None:
        self._oddities: list[tuple[bytes, str]] = []

    def run(self, root: bytes) -> Survey:
        status = os.lstat(root)
        self._check(b"", status)
        if stat.S_ISDIR(status.st_mode):
            with Descent(root) as descent:
                content = self._walk(descent)
        else:
            # A special file has no content: an empty directory stands in its place, and the oddity says so.
            leaf = _leaf(root, status, None)
            empty = Folder()
            content = Content(empty, [empty]) if leaf is None else Content(leaf)
        return Survey(content, tuple(self._oddities))

    def _walk(self, descent: Descent) -> Content:
        top = self._enter(descent)
        content = Content(top.folder, [top.folder])
        frames = [top]
        while True:
            frame = frames[-1]
            if frame.pending:
                name = frame.pending.pop()
                descent.down(name)
                child = self._enter(descent)
                frame.folder.folders[name] = child.folder
                content.folders.append(child.folder)
                frames.append(child)
                continue
            frames.pop()
            if not frames:
                return content
            descent.up()

    def _enter(self, descent: Descent) -> _Frame:
        frame = _Frame(Folder(), [])
        for name, status in listing(descent.fd):
            self._check(descent.path_of(name), status)
            if stat.S_ISDIR(status.st_mode):
                frame.pending.append(name)
                continue
            leaf = _leaf(name, status, descent.fd)
            if isinstance(leaf, File):
                frame.folder.files[name] = leaf
            elif leaf is not None:
                frame.folder.links[name] = leaf
        return frame

    def _check(self, path: bytes, status: os.stat_result) -> None:
        mode = stat.S_IMODE(status.st_mode)
        expected = DIRECTORY_MODE if stat.S_ISDIR(status.st_mode) else file_mode(status.st_mode)
        if stat.S_IFMT(status.st_mode) not in {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
            self._oddities.append((path, "neither a file, a directory nor a link"))
        elif not stat.S_ISLNK(status.st_mode) and mode != expected:
            self._oddities.append((path, f"expected mode {expected:04o}, found {mode:04o}"))
        if status.st_mtime_ns != MTIME_NS:
            self._oddities.append((path, f"expected modification time {MTIME_NS} ns, found {status.st_mtime_ns} ns"))


def _leaf(name: bytes, status: os.stat_result, dir_fd: int | None) -> File | Link | None:
    """A file or link as it is; None for what is neither."""
    if stat.S_ISLNK(status.st_mode):
        return Link(os.readlink(name, dir_fd=dir_fd))
    if not stat.S_ISREG(status.st_mode):
        return None
    fd = os.open(name, FILE_FLAGS, dir_fd=dir_fd)
    try:
        digest, size_bytes = hash_file(fd, status.st_size)
    finally:
        os.close(fd)
    return File(digest, size_bytes, bool(status.st_mode & 0o111))
