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
from blake3 import blake3

from hermetica_store.codec import Listing
from hermetica_store.descent import Descent, listing
from hermetica_store.digest import Digest
from hermetica_store.links import relative_target
from hermetica_store.outline import Outline
from hermetica_store.reading import FILE_FLAGS, SpecialFile, TreeChanged, hash_file, working_on
from hermetica_store.selection import Selection, select
from hermetica_store.survey import Survey
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

Inode: TypeAlias = tuple[int, int]
"""(device, inode) of a directory."""

_TICK_NS: Final = 20_000_000  # two ticks of the slowest kernel clock
_COARSE_NS: Final = 2_000_000_000  # file systems that keep whole seconds
_SECOND_NS: Final = 1_000_000_000
_KEPT_FROM: Final = 4  # files and links of a directory; fewer are looked up as fast one by one


class StatCache(Protocol):
    """What remembers the digests of files by their stamps, and of directories by what is in them."""

    def get_many(self, stamps: Sequence[Stamp]) -> Sequence[bytes | None]:
        """The 32 bytes of the digest for each stamp, None where it is not known."""
        ...

    def put_many(self, digests: Iterable[tuple[Stamp, bytes]]) -> None:
        """Remember digests."""
        ...

    def get_listing(self, inode: Inode) -> Listing | None:
        """What was kept of a directory; None where nothing was."""
        ...

    def put_listings(self, listings: Iterable[tuple[Inode, Listing]]) -> None:
        """Keep directories."""
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
    return _hashed(root, files, cache, outlines=False)[0]


def outline_tree(
    root: Path, files: Sequence[str] | None = None, *, cache: StatCache | None = None
) -> tuple[SourceDigest, Outline | None]:
    """The same, with an outline of what was seen where it is a directory."""
    return _hashed(root, files, cache, outlines=True)


def _hashed(
    root: Path, files: Sequence[str] | None, cache: StatCache | None, *, outlines: bool
) -> tuple[SourceDigest, Outline | None]:
    selection = None if files is None else select(files)
    with working_on(root):
        hashing = _Hashing(os.fsencode(root), cache, outlines=outlines)
        tree = hashing.run(selection)
        hashing.remember()
    found = SourceDigest(
        tree=tree, size_bytes=hashing.size_bytes, file_count=hashing.file_count, read_count=hashing.read_count
    )
    return found, hashing.outline


@attrs.define(eq=False)
class _Frame:
    """A directory being hashed.

    Attributes:
        survey: its files and links; they are looked at when all directories in it are done.
        pending: the directories still to come.
        directories: those that are done, encoded, by name.
        inode: of the directory; None where only some of it counts, so that nothing is kept of it.
        facts: of all in it; empty where nothing is kept.
        kept: what was kept under these facts.
        outline: for whoever wants to know what was seen.
    """

    survey: Survey
    pending: list[tuple[bytes, Selection | None]] = attrs.field(factory=list[tuple[bytes, "Selection | None"]])
    directories: list[tuple[bytes, bytes]] = attrs.field(factory=list[tuple[bytes, bytes]])
    inode: Inode | None = None
    facts: bytes = b""
    kept: Listing | None = None
    outline: Outline | None = None


class _Hashing:
    def __init__(self, root: bytes, cache: StatCache | None, *, outlines: bool) -> None:
        self._root = root
        self._cache = cache
        self._outlines = outlines
        self.outline: Outline | None = None
        self._now_ns = time.time_ns()
        self._learnt: list[tuple[Stamp, bytes]] = []
        self._listings: list[tuple[Inode, Listing]] = []
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
        if self._cache is not None and self._listings:
            self._cache.put_listings(self._listings)

    def _walk(self, descent: Descent, selection: Selection | None) -> Digest:
        frames = [self._enter(descent, selection)]
        while True:
            frame = frames[-1]
            if frame.pending:
                name, below = frame.pending.pop()
                descent.down(name)
                frames.append(self._enter(descent, below))
                continue
            digest, message_bytes = self._leave(descent, frame)
            frames.pop()
            if frame.outline is not None:
                frame.outline.digest, frame.outline.message_bytes = digest, message_bytes
            if not frames:
                self.outline = frame.outline
                return digest
            name = descent.up()
            if frame.outline is not None and frames[-1].outline is not None:
                frames[-1].outline.folders[name] = frame.outline
            frames[-1].directories.append((name, encode_directory(name, digest.hex.encode(), message_bytes)))

    def _enter(self, descent: Descent, selection: Selection | None) -> _Frame:
        if selection is None and self._cache is not None:
            frame = self._enter_whole(descent, self._cache)
        else:
            frame = self._enter_chosen(descent, selection)
        if self._outlines:
            frame.outline = Outline(frame.survey.names, *frame.survey.outlined)
        return frame

    def _enter_chosen(self, descent: Descent, selection: Selection | None) -> _Frame:
        entries = listing(descent.fd, selection)
        leaves = [(name, status) for name, status in entries if not stat.S_ISDIR(status.st_mode)]
        frame = _Frame(Survey([], b"\0".join([name for name, _ in leaves]), [status for _, status in leaves]))
        for name, status in entries:
            if stat.S_ISDIR(status.st_mode):
                self._add_folder(descent, frame, name, selection[name] if selection is not None else None)
        return frame

    def _enter_whole(self, descent: Descent, cache: StatCache) -> _Frame:
        """Take in a directory of which everything counts, and see whether anything in it changed."""
        survey = Survey.of(descent.fd)
        frame = _Frame(survey)
        for name in survey.folders:
            self._add_folder(descent, frame, name, None)
        if len(survey.statuses) >= _KEPT_FROM:
            status = os.fstat(descent.fd)
            frame.inode = status.st_dev, status.st_ino
            frame.facts = survey.facts(len(descent.names))
            kept = cache.get_listing(frame.inode)
            if kept is not None and kept.facts == frame.facts and kept.settled_ns <= self._now_ns:
                frame.kept = kept
        return frame

    def _add_folder(self, descent: Descent, frame: _Frame, name: bytes, below: Selection | None) -> None:
        if not name.isascii():
            require_utf8(name, self._path(descent, name), "the name")
        frame.pending.append((name, below))

    def _leave(self, descent: Descent, frame: _Frame) -> tuple[Digest, int]:
        """The digest and length of a directory's message, those in it being known."""
        frame.directories.sort()
        kept = frame.kept
        if kept is not None and kept.below == _below(frame):
            self.size_bytes += kept.size_bytes
            self.file_count += kept.file_count
            return Digest(kept.digest), kept.message_bytes
        size_bytes, file_count = self.size_bytes, self.file_count
        message = self._message(descent, frame)
        digest = Digest.of(message)
        if frame.inode is not None and frame.facts:
            settled_ns = max(_settled_ns(status.st_ctime_ns) for status in frame.survey.statuses)
            if settled_ns <= self._now_ns:
                made = Listing(
                    facts=frame.facts,
                    below=_below(frame),
                    digest=digest.raw,
                    message_bytes=len(message),
                    size_bytes=self.size_bytes - size_bytes,
                    file_count=self.file_count - file_count,
                    settled_ns=settled_ns,
                )
                self._listings.append((frame.inode, made))
        return digest, len(message)

    def _message(self, descent: Descent, frame: _Frame) -> bytes:
        files: list[tuple[bytes, bytes]] = []
        symlinks: list[tuple[bytes, bytes]] = []
        regular: list[tuple[bytes, os.stat_result]] = []
        for name, status in frame.survey.others:
            if not name.isascii():
                require_utf8(name, self._path(descent, name), "the name")
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFREG:
                regular.append((name, status))
            elif kind == stat.S_IFLNK:
                target = self._target(name, descent.fd, self._path(descent, name), len(descent.names) + 1)
                symlinks.append((name, encode_symlink(name, target)))
            else:
                raise SpecialFile(self._path(descent, name), status.st_mode)
        if regular:
            digests, stamps = self._digests(regular, descent.fd, self._path(descent, b""))
            files = [
                (name, encode_file(name, raw.hex().encode(), stamp[2], executable=bool(status.st_mode & 0o111)))
                for (name, status), raw, stamp in zip(regular, digests, stamps, strict=True)
            ]
        return join_entries(files, frame.directories, symlinks)

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
    return _settled_ns(stamp[4]) > now_ns


def _settled_ns(changed_ns: int) -> int:
    """From when on a file that changed then cannot change once more without another stamp."""
    return changed_ns + (_TICK_NS if changed_ns % _SECOND_NS else _COARSE_NS)


def _below(frame: _Frame) -> bytes:
    """BLAKE3 of the encoded directories of a frame, sorted by now."""
    return blake3(b"".join([encoded for _, encoded in frame.directories])).digest()


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of a file."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
