"""The NAR of a registered object, in large pieces, checked in the same read against what was registered.

So a damaged object is never handed on. Unlike `nar_chunks` this collects small pieces, because whoever hashes and
compresses them pays for each.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import TYPE_CHECKING, Final

from blake3 import blake3

from hermetica_store.content import Content, File, Folder, Link, tree_digest
from hermetica_store.descent import Descent, listing
from hermetica_store.digest import Digest
from hermetica_store.errors import StoreError
from hermetica_store.nar import MAGIC, nar_string
from hermetica_store.reading import FILE_FLAGS, SpecialFile, TreeChanged, TreeError, read_small, working_on

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.path import StorePath

_PIECE_BYTES: Final = 1 << 20
_SMALL_BYTES: Final = 1 << 17


def _words(*words: bytes) -> bytes:
    return b"".join(map(nar_string, words))


_REGULAR: Final = _words(b"(", b"type", b"regular", b"contents")
_EXECUTABLE: Final = _words(b"(", b"type", b"regular", b"executable", b"", b"contents")
_SYMLINK: Final = _words(b"(", b"type", b"symlink", b"target")
_DIRECTORY: Final = _words(b"(", b"type", b"directory")
_ENTRY: Final = _words(b"entry", b"(", b"name")
_NODE: Final = _words(b"node")
_CLOSE: Final = _words(b")")


class ObjectDamaged(StoreError):
    """An object that is not what was registered, and so is not handed on."""

    code = "HM439"

    def __init__(self, path: StorePath, detail: str) -> None:
        super().__init__(
            f"{path} is damaged", details=(("cause", detail),), hint=f"hermetica store verify {path} says what is wrong"
        )
        self.path = path


def serialise(info: ObjectInfo, place: Path, sink: Callable[[bytes], object]) -> None:
    """Give the NAR of an object to ``sink``, piece by piece.

    Args:
        info: what was registered.
        place: where it lies.
        sink: takes the pieces; of a damaged object too, so its user keeps nothing when this raises.

    Raises:
        ObjectDamaged: it is not what was registered.
        TreeError: the system refused.
    """
    try:
        with working_on(place):
            content = _Walk(sink).run(os.fsencode(place))
    except (SpecialFile, TreeChanged) as error:
        raise ObjectDamaged(info.path, error.message) from error
    except TreeError as error:
        if not os.path.lexists(place):
            raise ObjectDamaged(info.path, "it is gone") from error
        raise
    if tree_digest(content) != info.tree:
        raise ObjectDamaged(info.path, "its content is another than was registered")


def nar_size(place: Path) -> int:
    """How long the NAR of an object will be; no file is opened.

    Raises:
        TreeError: the system refused.
    """
    with working_on(place):
        root = os.fsencode(place)
        status = os.lstat(root)
        if not stat.S_ISDIR(status.st_mode):
            return len(MAGIC) + _leaf_size(root, status, None)
        total = len(MAGIC) + len(_DIRECTORY) + len(_CLOSE)
        with Descent(root) as descent:
            pending: list[list[bytes]] = [[]]
            total += _entries_size(descent.fd, pending[0])
            while pending:
                if not pending[-1]:
                    pending.pop()
                    if pending:
                        descent.up()
                    continue
                descent.down(pending[-1].pop())
                pending.append([])
                total += _entries_size(descent.fd, pending[-1])
        return total


def _entries_size(fd: int, directories: list[bytes]) -> int:
    """The length of all that is said of the entries of a directory but for what is in those that are directories."""
    total = 0
    for name, status in listing(fd):
        total += len(_ENTRY) + _padded(len(name)) + len(_NODE) + len(_CLOSE)
        if stat.S_ISDIR(status.st_mode):
            directories.append(name)
            total += len(_DIRECTORY) + len(_CLOSE)
        else:
            total += _leaf_size(name, status, fd)
    return total


def _leaf_size(name: bytes, status: os.stat_result, dir_fd: int | None) -> int:
    if stat.S_ISLNK(status.st_mode):
        return len(_SYMLINK) + _padded(len(os.readlink(name, dir_fd=dir_fd))) + len(_CLOSE)
    head = _EXECUTABLE if status.st_mode & 0o111 else _REGULAR
    return len(head) + _padded(status.st_size) + len(_CLOSE)


def _padded(length: int) -> int:
    return 8 + length + -length % 8


class _Walk:
    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self._held: list[bytes] = [MAGIC]
        self._held_bytes = len(MAGIC)

    def run(self, root: bytes) -> Content:
        status = os.lstat(root)
        if stat.S_ISDIR(status.st_mode):
            with Descent(root) as descent:
                content = self._tree(descent)
        else:
            content = Content(self._leaf(root, status, None, b""))
        self._flush()
        return content

    def _tree(self, descent: Descent) -> Content:
        top = Folder()
        content = Content(top, [top])
        frames = [(top, sorted(listing(descent.fd), reverse=True))]
        self._put(_DIRECTORY)
        while frames:
            folder, entries = frames[-1]
            if not entries:
                frames.pop()
                self._put(_CLOSE)
                if frames:
                    descent.up()
                    self._put(_CLOSE)
                continue
            name, status = entries.pop()
            self._put(_ENTRY + nar_string(name) + _NODE)
            if stat.S_ISDIR(status.st_mode):
                descent.down(name)
                child = folder.folders[name] = Folder()
                content.folders.append(child)
                frames.append((child, sorted(listing(descent.fd), reverse=True)))
                self._put(_DIRECTORY)
                continue
            leaf = self._leaf(name, status, descent.fd, descent.path_of(name))
            if isinstance(leaf, File):
                folder.files[name] = leaf
            else:
                folder.links[name] = leaf
            self._put(_CLOSE)
        return content

    def _leaf(self, name: bytes, status: os.stat_result, dir_fd: int | None, path: bytes) -> File | Link:
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(name, dir_fd=dir_fd)
            self._put(_SYMLINK + nar_string(target) + _CLOSE)
            return Link(target)
        if not stat.S_ISREG(status.st_mode):
            raise SpecialFile(path, status.st_mode)
        executable = bool(status.st_mode & 0o111)
        self._put((_EXECUTABLE if executable else _REGULAR) + struct.pack("<Q", status.st_size))
        fd = os.open(name, FILE_FLAGS, dir_fd=dir_fd)
        try:
            small = status.st_size <= _SMALL_BYTES
            digest, size_bytes = self._small(fd, status.st_size) if small else self._large(fd)
        finally:
            os.close(fd)
        if size_bytes != status.st_size:
            raise TreeChanged(path)
        self._put(bytes(-size_bytes % 8) + _CLOSE)
        return File(digest, size_bytes, executable)

    def _small(self, fd: int, size_bytes: int) -> tuple[Digest, int]:
        data = read_small(fd, size_bytes)
        self._put(data)
        return Digest(blake3(data).digest()), len(data)

    def _large(self, fd: int) -> tuple[Digest, int]:
        self._flush()
        hasher = blake3()
        size_bytes = 0
        while piece := os.read(fd, _PIECE_BYTES):
            hasher.update(piece)
            size_bytes += len(piece)
            self._sink(piece)
        return Digest(hasher.digest()), size_bytes

    def _put(self, data: bytes) -> None:
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes >= _PIECE_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._sink(b"".join(self._held))
            self._held, self._held_bytes = [], 0
