"""Hashing trees on disk without changing them; what a stat cache knows is not read again.

A file whose inode changed less than the clock's granularity ago could change again without a trace, so it
is always read and never cached. The time that counts is the inode's own (ctime): nobody can set it back.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import attrs

from hermetica_store.descent import Descent, listing
from hermetica_store.digest import Digest
from hermetica_store.links import relative_target
from hermetica_store.reading import FILE_FLAGS, SpecialFile, TreeChanged, hash_file, working_on
from hermetica_store.selection import Selection, select
from hermetica_store.tree import (
    encode_directory,
    encode_file,
    encode_symlink,
    join_entries,
    lone_file_digest,
    lone_symlink_digest,
    require_utf8,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

Stamp: TypeAlias = tuple[int, int, int, int, int]
"""(device, inode, size, mtime_ns, ctime_ns) of a file."""

_TICK_NS: Final = 20_000_000  # two ticks of the slowest kernel clock
_COARSE_NS: Final = 2_000_000_000  # file systems that keep whole seconds
_SECOND_NS: Final = 1_000_000_000


class StatCache(Protocol):
    """What remembers the digests of files by their stamps."""

    def get_many(self, stamps: Sequence[Stamp]) -> Sequence[bytes | None]:
        """The 32 bytes of the digest for each stamp, None where it is not known."""
        ...

    def put_many(self, digests: Iterable[tuple[Stamp, bytes]]) -> None:
        """Remember digests."""
        ...


@attrs.frozen(kw_only=True)
class SourceDigest:
    """What a tree on disk amounts to.

    Attributes:
        tree: its tree digest.
        size_bytes: of all regular files together.
        file_count: how many regular files there are.
        read_count: how many of them had to be read.
    """

    tree: Digest
    size_bytes: int
    file_count: int
    read_count: int


def hash_tree(root: Path, files: Sequence[str] | None = None, *, cache: StatCache | None = None) -> SourceDigest:
    """The tree digest of a file, link or directory, as it would have as an object.

    Args:
        root: the tree; a symbolic link is not followed.
        files: relative POSIX paths of what counts; None counts everything. A path of a directory means all of it.
        cache: digests known from earlier.

    Raises:
        SpecialFile: it holds a socket, fifo or device.
        UnrepresentableName: a name or link target is not UTF-8.
        InvalidSelection: one of ``files`` is not a plain relative path.
        TreeChanged: a file was written to while it was read.
        TreeError: something cannot be read, or one of ``files`` is not there.
    """
    selection = None if files is None else select(files)
    with working_on(root):
        hashing = _Hashing(os.fsencode(root), cache)
        tree = hashing.run(selection)
        hashing.remember()
    return SourceDigest(
        tree=tree, size_bytes=hashing.size_bytes, file_count=hashing.file_count, read_count=hashing.read_count
    )


@attrs.define(eq=False)
class _Frame:
    """A directory being hashed: its encoded entries so far, and the directories still to come."""

    files: list[tuple[bytes, bytes]] = attrs.field(factory=list[tuple[bytes, bytes]])
    directories: list[tuple[bytes, bytes]] = attrs.field(factory=list[tuple[bytes, bytes]])
    symlinks: list[tuple[bytes, bytes]] = attrs.field(factory=list[tuple[bytes, bytes]])
    pending: list[tuple[bytes, Selection | None]] = attrs.field(factory=list[tuple[bytes, "Selection | None"]])

    def message(self) -> bytes:
        return join_entries(self.files, self.directories, self.symlinks)


class _Hashing:
    def __init__(self, root: bytes, cache: StatCache | None) -> None:
        self._root = root
        self._cache = cache
        self._now_ns = time.time_ns()
        self._learnt: list[tuple[Stamp, bytes]] = []
        self.size_bytes = 0
        self.file_count = 0
        self.read_count = 0

    def run(self, selection: Selection | None) -> Digest:
        status = os.lstat(self._root)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            with Descent(self._root) as descent:
                return self._walk(descent, selection)
        if kind == stat.S_IFREG:
            (raw,), (stamp,) = self._digests([(self._root, status)], None, self._root)
            return lone_file_digest(Digest(raw), stamp[2], executable=bool(status.st_mode & 0o111))
        if kind == stat.S_IFLNK:
            return lone_symlink_digest(self._target(self._root, None, self._root, 0))
        raise SpecialFile(self._root, status.st_mode)

    def remember(self) -> None:
        """Hand what was learnt to the cache."""
        if self._cache is not None and self._learnt:
            self._cache.put_many(self._learnt)

    def _walk(self, descent: Descent, selection: Selection | None) -> Digest:
        frames = [self._enter(descent, selection)]
        while True:
            frame = frames[-1]
            if frame.pending:
                name, below = frame.pending.pop()
                descent.down(name)
                frames.append(self._enter(descent, below))
                continue
            message = frame.message()
            digest = Digest.of(message)
            frames.pop()
            if not frames:
                return digest
            name = descent.up()
            frames[-1].directories.append((name, encode_directory(name, digest.hex.encode(), len(message))))

    def _enter(self, descent: Descent, selection: Selection | None) -> _Frame:
        frame = _Frame()
        regular: list[tuple[bytes, os.stat_result]] = []
        for name, status in listing(descent.fd, selection):
            if not name.isascii():
                require_utf8(name, self._path(descent, name), "the name")
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFREG:
                regular.append((name, status))
            elif kind == stat.S_IFDIR:
                frame.pending.append((name, selection[name] if selection is not None else None))
            elif kind == stat.S_IFLNK:
                target = self._target(name, descent.fd, self._path(descent, name), len(descent.names) + 1)
                frame.symlinks.append((name, encode_symlink(name, target)))
            else:
                raise SpecialFile(self._path(descent, name), status.st_mode)
        if regular:
            digests, stamps = self._digests(regular, descent.fd, self._path(descent, b""))
            frame.files = [
                (name, encode_file(name, raw.hex().encode(), stamp[2], executable=bool(status.st_mode & 0o111)))
                for (name, status), raw, stamp in zip(regular, digests, stamps, strict=True)
            ]
        return frame

    def _digests(
        self, files: list[tuple[bytes, os.stat_result]], dir_fd: int | None, directory: bytes
    ) -> tuple[list[bytes], list[Stamp]]:
        stamps = [stamp_of(status) for _, status in files]
        self.file_count += len(files)
        self.size_bytes += sum(stamp[2] for stamp in stamps)
        known = self._cache.get_many(stamps) if self._cache is not None else [None] * len(stamps)
        digests: list[bytes] = []
        for (name, _), stamp, raw in zip(files, stamps, known, strict=True):
            digests.append(self._read(name, stamp, dir_fd, directory) if raw is None or self._is_young(stamp) else raw)
        return digests, stamps

    def _read(self, name: bytes, stamp: Stamp, dir_fd: int | None, directory: bytes) -> bytes:
        self.read_count += 1
        fd = os.open(name, FILE_FLAGS, dir_fd=dir_fd)
        try:
            digest, size_bytes = hash_file(fd, stamp[2])
            if size_bytes != stamp[2] or stamp_of(os.fstat(fd)) != stamp:
                raise TreeChanged(directory + b"/" + name if dir_fd is not None else name)
        finally:
            os.close(fd)
        if not self._is_young(stamp):
            self._learnt.append((stamp, digest.raw))
        return digest.raw

    def _is_young(self, stamp: Stamp) -> bool:
        return is_young(stamp, self._now_ns)

    def _target(self, name: bytes, dir_fd: int | None, path: bytes, depth: int) -> bytes:
        target = os.readlink(name, dir_fd=dir_fd)
        require_utf8(target, path, "the target of the link")
        return relative_target(target, depth)

    def _path(self, descent: Descent, name: bytes) -> bytes:
        return self._root + b"/" + descent.path_of(name)


def is_young(stamp: Stamp, now_ns: int) -> bool:
    """Whether a file could change once more without another stamp."""
    changed_ns = stamp[4]
    return changed_ns > now_ns - (_TICK_NS if changed_ns % _SECOND_NS else _COARSE_NS)


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of a file."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
