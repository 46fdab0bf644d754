"""How much room objects take: bytes of files, bytes on disk, and which of them an object shares with others.

An inode is counted once, however many names it has. Where the file system shares blocks instead, the kernel says which
extents are shared. Source: docs/format-store.md, "The link table"; the kernel's Documentation/filesystems/fiemap.rst.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.codec import path_at
from hermetica_store.descent import Descent, listing
from hermetica_store.faults import NotRegistered
from hermetica_store.reading import FILE_FLAGS, TreeError, working_on
from hermetica_store.schema import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hermetica_store.path import StorePath
    from hermetica_store.shared import Shared

_BLOCK_BYTES: Final = 512
_Inode = tuple[int, int]
_FS_IOC_FIEMAP: Final = 0xC020660B
_HEAD: Final = struct.Struct("=QQLLLL")  # start, length, flags, mapped, room for, reserved
_EXTENT: Final = struct.Struct("=QQQ16xL12x")  # logical, physical, length, flags
_EXTENTS: Final = 128
_SYNC: Final = 1
_LAST: Final = 1
_SHARED: Final = 0x2000


@attrs.frozen(kw_only=True)
class ObjectUsage:
    """What one object takes.

    Attributes:
        path: which.
        size_bytes: of all its regular files, each name counted: what a copy elsewhere would hold.
        disk_bytes: on disk, each inode counted once, directories included.
        exclusive_bytes: of those, what no other object has: what would be freed with it.
        shared_bytes: the rest.
    """

    path: StorePath
    size_bytes: int
    disk_bytes: int
    exclusive_bytes: int
    shared_bytes: int


@attrs.frozen(kw_only=True)
class Usage:
    """What several objects take together.

    Attributes:
        objects: each, largest first.
        size_bytes: of all their regular files, each name counted.
        disk_bytes: on disk, what they share counted once.
        exclusive_bytes: of those, what no other object of the store has: what would be freed with all of them.
    """

    objects: tuple[ObjectUsage, ...]
    size_bytes: int
    disk_bytes: int
    exclusive_bytes: int


def usage(shared: Shared, paths: Iterable[StorePath] | None) -> Usage:
    """Measure objects, all of them where none are given.

    Raises:
        NotRegistered: one of them is not in the store.
        TreeError: one cannot be read.
    """
    shared.writer.barrier()
    measuring = _Measuring(shared)
    objects: list[ObjectUsage] = []
    for path in _wanted(shared, paths):
        try:
            objects.append(measuring.measure(path, shared.on_disk(path)))
        except TreeError as error:
            if error.errno != errno.ENOENT:  # collected meanwhile, or damaged: it takes nothing
                raise
    common = sum(measuring.extents.values())
    return Usage(
        objects=tuple(sorted(objects, key=lambda each: (-each.size_bytes, each.path))),
        size_bytes=sum(each.size_bytes for each in objects),
        disk_bytes=measuring.alone + common + sum(each.disk_bytes for each in measuring.linked.values()),
        exclusive_bytes=measuring.alone
        + (common if paths is None else 0)
        + sum(each.disk_bytes for each in measuring.linked.values() if each.met >= each.names),
    )


def _wanted(shared: Shared, paths: Iterable[StorePath] | None) -> Iterator[StorePath]:
    if paths is None:
        for base, _ in shared.index.read(lambda tx: tx.items(OBJECTS)):
            yield path_at(base)
        return
    for path in dict.fromkeys(paths):
        if not shared.is_there(path):
            raise NotRegistered(path)
        yield path


@attrs.define
class _Linked:
    """A file with several names.

    Attributes:
        names: how many it has, the link table's left out.
        disk_bytes: what it takes.
        met: how many of the names were met.
    """

    names: int
    disk_bytes: int
    met: int = 0


class _Measuring:
    """What was met so far.

    Attributes:
        alone: bytes of what has one name, and shares no blocks.
        linked: files with several names.
        extents: length of shared blocks, by where they are.
    """

    def __init__(self, shared: Shared) -> None:
        self.alone = 0
        self.linked: dict[_Inode, _Linked] = {}
        self.extents: dict[int, int] = {}
        self._offered = {(status.st_dev, status.st_ino) for _, _, status in shared.links.entries()}
        self._clones = shared.links.clones

    def measure(self, path: StorePath, place: Path) -> ObjectUsage:
        """One object."""
        size_bytes = own = common = 0
        linked: dict[_Inode, _Linked] = {}
        with working_on(place):
            for status, name, dir_fd in _entries(place):
                is_file = stat.S_ISREG(status.st_mode)
                size_bytes += status.st_size if is_file else 0
                disk_bytes = status.st_blocks * _BLOCK_BYTES
                key = status.st_dev, status.st_ino
                names = status.st_nlink - (key in self._offered)
                if is_file and names > 1:
                    linked.setdefault(key, _Linked(names, disk_bytes)).met += 1
                    continue
                shared = self._shared_blocks(name, dir_fd) if is_file and self._clones else 0
                own, common = own + disk_bytes - shared, common + shared
        self.alone += own
        for key, each in linked.items():
            self.linked.setdefault(key, _Linked(each.names, each.disk_bytes)).met += each.met
            own += each.disk_bytes if each.met >= each.names else 0
            common += each.disk_bytes if each.met < each.names else 0
        return ObjectUsage(
            path=path, size_bytes=size_bytes, disk_bytes=own + common, exclusive_bytes=own, shared_bytes=common
        )

    def _shared_blocks(self, name: bytes, dir_fd: int | None) -> int:
        fd = os.open(name, FILE_FLAGS, dir_fd=dir_fd)
        try:
            extents = shared_extents(fd)
        finally:
            os.close(fd)
        self.extents.update(extents)
        return sum(extents.values())


def _entries(place: Path) -> Iterator[tuple[os.stat_result, bytes, int | None]]:
    """Everything in a tree, itself included, with the directory in which its name works."""
    status = place.lstat()
    yield status, os.fsencode(place), None
    if not stat.S_ISDIR(status.st_mode):
        return
    with Descent(place) as descent:
        pending = [_directories(descent.fd)]
        yield from _listed(descent.fd)
        while pending:
            if not pending[-1]:
                pending.pop()
                if pending:
                    descent.up()
                continue
            descent.down(pending[-1].pop())
            pending.append(_directories(descent.fd))
            yield from _listed(descent.fd)


def _listed(fd: int) -> Iterator[tuple[os.stat_result, bytes, int | None]]:
    for name, status in listing(fd):
        yield status, name, fd


def _directories(fd: int) -> list[bytes]:
    return [name for name, status in listing(fd) if stat.S_ISDIR(status.st_mode)]


def shared_extents(fd: int) -> dict[int, int]:
    """The blocks of an open file that other files have too: where they are -> bytes."""
    found: dict[int, int] = {}
    start = 0
    while True:
        request = bytearray(_HEAD.size + _EXTENTS * _EXTENT.size)
        _HEAD.pack_into(request, 0, start, (1 << 64) - 1 - start, _SYNC, 0, _EXTENTS, 0)
        try:
            fcntl.ioctl(fd, _FS_IOC_FIEMAP, request)
        except OSError:
            return found
        mapped = _HEAD.unpack_from(request)[3]
        for number in range(mapped):
            logical, physical, length, flags = _EXTENT.unpack_from(request, _HEAD.size + number * _EXTENT.size)
            start = logical + length
            if flags & _SHARED:
                found[physical] = length
            if flags & _LAST:
                return found
        if not mapped:
            return found
