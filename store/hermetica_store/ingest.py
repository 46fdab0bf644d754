"""One walk over a finished tree: refuse, canonicalise, hash and scan.

Afterwards nobody else can write the tree, and its content is known with the digests it mentions. The walk
keeps to descriptors, follows no link, and copes with directories of mode 000 and with any depth.
"""

from __future__ import annotations

import os
import stat
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.canonicalise import (
    is_canonical,
    is_open_for_writing,
    open_to_read,
    replace_by_copy,
    seal_directory,
    seal_file,
    seal_link,
    unsealed,
)
from hermetica_store.content import Content, File, Folder, Link, spread_touched
from hermetica_store.descent import Descent, listing
from hermetica_store.errors import StoreError
from hermetica_store.links import relative_target
from hermetica_store.reading import SpecialFile, TreeChanged, hash_and_scan, working_on
from hermetica_store.tree import require_utf8

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hermetica_store.compose import Inode
    from hermetica_store.scan import Scanner

_OWNER_ALL = 0o700
_NOTHING_KNOWN: Final[Mapping[Inode, File]] = MappingProxyType({})


@attrs.frozen(eq=False)
class _Place:
    """Where one name of a file with several hard links stands."""

    directory: tuple[bytes, ...]
    folder: Folder
    name: bytes


@attrs.define(eq=False)
class _Frame:
    """A directory being walked, and the directories in it that are still to come."""

    folder: Folder
    pending: list[tuple[bytes, os.stat_result]]


class TreeTooLarge(StoreError):
    """A tree whose files come to more than it may be, holes counted."""

    code = "HM428"

    def __init__(self, root: bytes, limit_bytes: int) -> None:
        super().__init__(
            f"{os.fsdecode(root)} is larger than it may be",
            details=(("limit", f"{limit_bytes:,} bytes, holes counted"),),
            hint="hermetica build --build-limit BYTES allows more",
        )


def ingest(
    root: Path,
    scanner: Scanner,
    *,
    check_writers: bool = True,
    size_limit_bytes: int | None = None,
    known: Mapping[Inode, File] = _NOTHING_KNOWN,
) -> Content:
    """Make the tree at ``root`` canonical and give its content; ``scanner`` collects the digests it mentions.

    Args:
        root: a file, directory or symbolic link owned by us, that no other process of ours changes.
        scanner: with the tracked digests whose places are wanted.
        check_writers: look for files still open for writing, and replace them by copies.
        size_limit_bytes: of all regular files; None without end.
        known: canonical files whose bytes are known, by inode, with the tracked digests in them; they are neither read
            nor changed.

    Raises:
        TreeTooLarge: it is larger.
        SpecialFile: it holds a socket, fifo or device.
        UnrepresentableName: a name or link target is not UTF-8.
        TreeChanged: somebody wrote to it meanwhile.
        TreeError: the system refused.
    """
    with working_on(root):
        return _Ingestion(root, scanner, check_writers, size_limit_bytes, known).run()


class _Ingestion:
    def __init__(
        self,
        root: Path,
        scanner: Scanner,
        check_writers: bool,  # noqa: FBT001 -- private
        size_limit_bytes: int | None,
        known: Mapping[Inode, File],
    ) -> None:
        self._root = os.fsencode(root)
        self._scanner = scanner
        self._check_writers = check_writers
        self._size_limit_bytes = size_limit_bytes
        self._known = known
        self._size_bytes = 0
        self._folders: list[Folder] = []
        self._linked: dict[tuple[int, int], tuple[os.stat_result, list[_Place]]] = {}

    def run(self) -> Content:
        status = os.lstat(self._root)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFREG:
            return Content(self._lone_file(status))
        if kind == stat.S_IFLNK:
            link = self._link(self._root, status, None, self._root, 0)
            self._scanner.scan(link.target)
            return Content(link)
        if kind != stat.S_IFDIR:
            raise SpecialFile(self._root, status.st_mode)
        if status.st_mode & _OWNER_ALL != _OWNER_ALL:
            os.chmod(self._root, _OWNER_ALL)  # noqa: PTH101 -- bytes, not a Path
        with Descent(self._root) as descent:
            content = Content(self._walk(descent), self._folders)
        for status, places in self._linked.values():
            self._resolve(status, places)
        spread_touched(content)
        return content

    def _walk(self, descent: Descent) -> Folder:
        root = self._enter(descent)
        frames = [root]
        while True:
            frame = frames[-1]
            if frame.pending:
                name, status = frame.pending.pop()
                if status.st_mode & _OWNER_ALL != _OWNER_ALL:
                    os.chmod(name, _OWNER_ALL, dir_fd=descent.fd)
                descent.down(name)
                child = self._enter(descent)
                frame.folder.folders[name] = child.folder
                frames.append(child)
                continue
            seal_directory(descent.fd)
            frames.pop()
            if not frames:
                return root.folder
            descent.up()

    def _enter(self, descent: Descent) -> _Frame:
        """Take in the entries of the current directory, and list the directories among them."""
        folder = Folder()
        self._folders.append(folder)
        frame = _Frame(folder, [])
        for name, status in listing(descent.fd):
            if not name.isascii():
                require_utf8(name, self._path(descent, name), "the name")
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFREG:
                self._take_file(descent, folder, name, status)
            elif kind == stat.S_IFDIR:
                frame.pending.append((name, status))
            elif kind == stat.S_IFLNK:
                path = self._path(descent, name)
                link = folder.links[name] = self._link(name, status, descent.fd, path, len(descent.names) + 1)
                folder.touched |= bool(self._scanner.scan(link.target))
            else:
                raise SpecialFile(self._path(descent, name), status.st_mode)
            folder.touched |= bool(self._scanner.scan(name))
        return frame

    def _path(self, descent: Descent, name: bytes) -> bytes:
        return self._root + b"/" + descent.path_of(name)

    def _take_file(self, descent: Descent, folder: Folder, name: bytes, status: os.stat_result) -> None:
        known = self._known_file(status)
        if known is not None:
            folder.files[name] = known
            folder.touched |= bool(known.held)
            return
        if status.st_nlink > 1:
            places = self._linked.setdefault((status.st_dev, status.st_ino), (status, []))[1]
            places.append(_Place(tuple(descent.names), folder, name))
            return
        file = folder.files[name] = self._file(name, status, descent.fd)
        folder.touched |= bool(file.held)

    def _known_file(self, status: os.stat_result) -> File | None:
        known = self._known.get((status.st_dev, status.st_ino))
        if known is None or known.size_bytes != status.st_size or not is_canonical(status):
            return None
        self._count(known.size_bytes)
        return known

    def _count(self, size_bytes: int) -> None:
        self._size_bytes += size_bytes
        if self._size_limit_bytes is not None and self._size_bytes > self._size_limit_bytes:
            raise TreeTooLarge(self._root, self._size_limit_bytes)

    def _file(self, name: bytes, status: os.stat_result, dir_fd: int | None) -> File:
        self._count(status.st_size)
        fd = open_to_read(name, status, dir_fd)
        try:
            if self._check_writers and is_open_for_writing(fd):
                copy = replace_by_copy(name, fd, dir_fd)
                os.close(fd)
                fd, status = copy, os.fstat(copy)
            digest, size_bytes, held = hash_and_scan(fd, status.st_size, self._scanner)
            if size_bytes != status.st_size:
                raise TreeChanged(self._root + b"/\xe2\x80\xa6/" + name if dir_fd is not None else name)
            seal_file(fd, status)
        finally:
            os.close(fd)
        return File(digest, size_bytes, bool(status.st_mode & 0o111), held)

    def _lone_file(self, status: os.stat_result) -> File:
        if (known := self._known_file(status)) is not None:
            return known
        if status.st_nlink > 1:
            self._copy_in_place(self._root, status, None)
            status = os.lstat(self._root)
        return self._file(self._root, status, None)

    def _link(self, name: bytes, status: os.stat_result, dir_fd: int | None, path: bytes, depth: int) -> Link:
        written = os.readlink(name, dir_fd=dir_fd)
        require_utf8(written, path, "the target of the link")
        target = relative_target(written, depth)
        if target != written:
            os.unlink(name, dir_fd=dir_fd)
            os.symlink(target, name, dir_fd=dir_fd)
            os.utime(name, ns=(10**9, 10**9), dir_fd=dir_fd, follow_symlinks=False)
        else:
            seal_link(name, status, dir_fd)
        return Link(target)

    def _resolve(self, status: os.stat_result, places: Sequence[_Place]) -> None:
        """Take in a file with several links: as it is when all are in the tree, else as a copy of its own."""
        place = places[0]
        with self._at(place) as first:
            if len(places) != status.st_nlink:
                self._unshare(first, status, places)
                status = os.stat(place.name, dir_fd=first.fd, follow_symlinks=False)
            file = self._file(place.name, status, first.fd)
        for place in places:
            place.folder.files[place.name] = file
            place.folder.touched |= bool(file.held)

    def _unshare(self, first: Descent, status: os.stat_result, places: Sequence[_Place]) -> None:
        with unsealed(first.fd):
            self._copy_in_place(places[0].name, status, first.fd)
        for place in places[1:]:
            with self._at(place) as other, unsealed(other.fd):
                os.unlink(place.name, dir_fd=other.fd)
                os.link(places[0].name, place.name, src_dir_fd=first.fd, dst_dir_fd=other.fd, follow_symlinks=False)

    def _at(self, place: _Place) -> Descent:
        descent = Descent(self._root)
        for name in place.directory:
            descent.down(name)
        return descent

    @staticmethod
    def _copy_in_place(name: bytes, status: os.stat_result, dir_fd: int | None) -> None:
        fd = open_to_read(name, status, dir_fd)
        try:
            os.close(replace_by_copy(name, fd, dir_fd))
        finally:
            os.close(fd)
