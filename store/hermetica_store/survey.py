"""Reading the content of a tree without changing anything: for verification, and for asking which file mentions what."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import attrs

from hermetica_store.content import Content, File, Folder, Link, spread_touched
from hermetica_store.descent import Descent, listing
from hermetica_store.reading import FILE_FLAGS, SpecialFile, hash_and_scan, working_on
from hermetica_store.scan import Scanner

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


@attrs.define(eq=False)
class _Frame:
    """A directory being read, and the directories in it that are still to come."""

    folder: Folder
    pending: list[bytes]


def survey(root: Path, digests: Collection[str] = ()) -> Content:
    """The content of a tree as it lies on disk; names and targets of any bytes are taken as they are.

    Args:
        root: a file, directory or symbolic link, which is not followed.
        digests: path digests whose places in files are wanted; directories that lead to any of them are touched.

    Raises:
        SpecialFile: it holds a socket, fifo or device.
        TreeError: something cannot be read.
    """
    scanner = Scanner((), tracked=digests)
    path = os.fsencode(root)
    with working_on(root):
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            return Content(_leaf(path, status, None, path, scanner))
        with Descent(path) as descent:
            content = _walk(descent, path, scanner)
    spread_touched(content)
    return content


def _walk(descent: Descent, root: bytes, scanner: Scanner) -> Content:
    top = _enter(descent, root, scanner)
    content = Content(top.folder, [top.folder])
    frames = [top]
    while True:
        frame = frames[-1]
        if frame.pending:
            name = frame.pending.pop()
            descent.down(name)
            child = _enter(descent, root, scanner)
            frame.folder.folders[name] = child.folder
            content.folders.append(child.folder)
            frames.append(child)
            continue
        frames.pop()
        if not frames:
            return content
        descent.up()


def _enter(descent: Descent, root: bytes, scanner: Scanner) -> _Frame:
    frame = _Frame(Folder(), [])
    folder = frame.folder
    for name, status in listing(descent.fd):
        folder.touched |= bool(scanner.scan(name))
        if stat.S_ISDIR(status.st_mode):
            frame.pending.append(name)
            continue
        leaf = _leaf(name, status, descent.fd, root + b"/" + descent.path_of(name), scanner)
        if isinstance(leaf, File):
            folder.files[name] = leaf
            folder.touched |= bool(leaf.held)
        else:
            folder.links[name] = leaf
            folder.touched |= bool(scanner.scan(leaf.target))
    return frame


def _leaf(name: bytes, status: os.stat_result, dir_fd: int | None, path: bytes, scanner: Scanner) -> File | Link:
    if stat.S_ISLNK(status.st_mode):
        return Link(os.readlink(name, dir_fd=dir_fd))
    if not stat.S_ISREG(status.st_mode):
        raise SpecialFile(path, status.st_mode)
    fd = os.open(name, FILE_FLAGS, dir_fd=dir_fd)
    try:
        digest, size_bytes, held = hash_and_scan(fd, status.st_size, scanner)
    finally:
        os.close(fd)
    return File(digest, size_bytes, bool(status.st_mode & 0o111), held)
