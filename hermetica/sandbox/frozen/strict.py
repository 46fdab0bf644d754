"""What a tracer answers in a strict world: directories in order, seeded random numbers, fixed times of files.

Random numbers are those of a process: its key comes from its place in the tree of processes, and each call takes the
next piece of its stream. So what one process does is no matter to another, and none gets the same number twice.
"""

from __future__ import annotations

import hashlib
import os
import random
import stat
import struct
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox.frozen import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermetica.sandbox.frozen.kernel import Answer, Kernel, Registers
    from hermetica.sandbox.frozen.order import Order

_EFAULT, _EINVAL = -14, -22
_RANDOM_MAX_BYTES: Final = (1 << 25) - 1
_NAME_BYTES: Final = 65
_RELEASE_OFFSET, _VERSION_OFFSET = 2 * _NAME_BYTES, 3 * _NAME_BYTES
_BLOCK_BYTES: Final = 512
_PAGE_BLOCKS: Final = 8
_DIRECTORY: Final = (4096, 4096, 8)  # size, block size, blocks
_STAT: Final = struct.Struct("<24xI20xqqq16xqq24x")  # mode, then size and blocks, then when it was changed
_STAT_TOLD: Final = struct.Struct("<qqqqqqqqq")  # size, block size, blocks, three times
_STAT_TOLD_OFFSET: Final = 48
_STATX_BYTES: Final = 256


@attrs.define
class _Stream:
    """The random numbers of one process."""

    key: bytes
    started: int = 0
    taken: int = 0


@attrs.define(eq=False)
class Chance:
    """Whose random numbers are whose."""

    seed: int
    _streams: dict[int, _Stream] = attrs.field(factory=dict[int, _Stream])

    def knows(self, pid: int) -> bool:
        """Whether it is known where a process comes from."""
        return pid in self._streams

    def begin(self, pid: int) -> None:
        """The first process."""
        self._streams[pid] = _Stream(hashlib.sha256(b"hermetica world %d" % self.seed).digest())

    def born(self, pid: int, parent: int) -> None:
        """A process or thread that another one started."""
        stream = self._streams.get(parent)
        if stream is None:
            self.begin(pid)
            return
        stream.started += 1
        self._streams[pid] = _Stream(hashlib.sha256(stream.key + b"started %d" % stream.started).digest())

    def gone(self, pid: int) -> None:
        """It ended."""
        self._streams.pop(pid, None)

    def take(self, pid: int, size_bytes: int) -> bytes:
        """The next random bytes of a process."""
        stream = self._streams.get(pid)
        if stream is None:
            return hashlib.shake_128(b"hermetica world %d" % self.seed).digest(size_bytes)
        stream.taken += 1
        return hashlib.shake_128(stream.key + b"taken %d" % stream.taken).digest(size_bytes)


@attrs.define(eq=False)
class _Listing:
    """A directory as it was when it was read from its beginning: whole entries, in the order they are given in."""

    place: tuple[int, int]
    entries: list[bytes]


@attrs.define(eq=False)
class Strict:
    """Answers of a strict world.

    Attributes:
        kernel: the calls.
        order: what is to stand still.
        since_s: when the build began; files with later times were made by it.
        chance: the random numbers.
    """

    kernel: Kernel
    order: Order
    since_s: int
    chance: Chance | None
    _listings: dict[tuple[int, int], _Listing] = attrs.field(factory=dict[tuple[int, int], _Listing])

    def answers(self) -> Mapping[int, Callable[[int, Registers], Answer]]:
        """System call -> what answers it."""
        return {
            watched.GETRANDOM: self._getrandom,
            watched.UNAME: self._uname,
            watched.SYSINFO: self._sysinfo,
            watched.GETDENTS64: self._getdents,
            watched.STAT: lambda _pid, registers: self._file_times(registers.rsi),
            watched.FSTAT: lambda _pid, registers: self._file_times(registers.rsi),
            watched.LSTAT: lambda _pid, registers: self._file_times(registers.rsi),
            watched.NEWFSTATAT: lambda _pid, registers: self._file_times(registers.rdx),
            watched.STATX: lambda _pid, registers: self._statx(registers.r8),
        }

    def _getrandom(self, pid: int, registers: Registers) -> Answer:
        if self.chance is None:
            return None
        size = min(registers.rsi, _RANDOM_MAX_BYTES)
        if size == 0:
            return 0
        return size if self.kernel.write(pid, registers.rdi, self.chance.take(pid, size)) else _EFAULT

    def _uname(self, _pid: int, registers: Registers) -> Answer:
        name, where = self.order.kernel_name, registers.rdi
        if name is None:
            return None

        def rename(pid: int) -> None:
            if self._succeeded(pid):
                for text, offset in zip(name, (_RELEASE_OFFSET, _VERSION_OFFSET), strict=True):
                    content = text.encode()[: _NAME_BYTES - 1].ljust(_NAME_BYTES, b"\0")
                    self.kernel.write(pid, where + offset, content)

        return rename

    def _sysinfo(self, pid: int, registers: Registers) -> int:
        memory = self.order.memory_bytes or 1 << 32
        content = struct.pack(
            "<q3Q6QHHI2QI4x", self.order.uptime_s or 0, 0, 0, 0, memory, memory * 7 // 8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1
        )
        return 0 if self.kernel.write(pid, registers.rdi, content) else _EFAULT

    def _succeeded(self, pid: int) -> bool:
        return self.kernel.read_registers(pid) and self.kernel.registers.rax == 0

    def _file_times(self, where: int) -> Answer:
        def change(pid: int) -> None:
            kernel = self.kernel
            if self._succeeded(pid) and kernel.fetch(pid, where, _STAT.size):
                mode, size, block_size, blocks, seconds, nanoseconds = _STAT.unpack_from(kernel.room)
                kind = stat.S_IFMT(mode)
                if kind == stat.S_IFREG:
                    blocks = _blocks(size)
                elif kind == stat.S_IFDIR:  # its size tells how many names it once had, and on which file system
                    size, block_size, blocks = _DIRECTORY
                time = self._time(seconds, nanoseconds)
                _STAT_TOLD.pack_into(kernel.room, _STAT_TOLD_OFFSET, size, block_size, blocks, *time, *time, *time)
                kernel.give(pid, where, _STAT.size)

        return change

    def _statx(self, where: int) -> Answer:
        def change(pid: int) -> None:
            if self._succeeded(pid) and (content := self.kernel.read(pid, where, _STATX_BYTES)) is not None:
                row = bytearray(content)
                (mode,) = struct.unpack_from("<H", row, 28)
                (size,) = struct.unpack_from("<Q", row, 40)
                if stat.S_ISREG(mode):
                    struct.pack_into("<Q", row, 48, _blocks(size))
                elif stat.S_ISDIR(mode):
                    struct.pack_into("<Q", row, 40, _DIRECTORY[0])
                    struct.pack_into("<Q", row, 48, _DIRECTORY[2])
                seconds, nanoseconds = self._time(*struct.unpack_from("<qI", row, 112))
                for offset in (64, 80, 96, 112):
                    struct.pack_into("<qI", row, offset, seconds, nanoseconds)
                self.kernel.write(pid, where, bytes(row))

        return change

    def _time(self, seconds: int, nanoseconds: int) -> tuple[int, int]:
        """The time that is told of a file which the kernel says was changed then."""
        limit = self.order.file_time_s
        return (seconds, nanoseconds) if limit is None or seconds < self.since_s else (limit, 0)

    def _getdents(self, pid: int, registers: Registers) -> Answer:
        """Entries in order, whatever the size of the directory: the position of the open file counts entries."""
        fd = self.kernel.take_descriptor(pid, registers.rdi & 0xFFFFFFFF)
        if fd is None:
            return None
        try:
            listing = self._listing(pid, registers.rdi, fd)
            if listing is None:
                return None
            position = os.lseek(fd, 0, os.SEEK_CUR)
            content, count = _fitting(listing.entries, position, registers.rdx)
            if not count and position < len(listing.entries):
                return _EINVAL
            if content and not self.kernel.write(pid, registers.rsi, content):
                return _EFAULT
            if count:
                os.lseek(fd, position + count, os.SEEK_SET)
            return len(content)
        except OSError:
            return None  # no directory, or one that cannot be read: the kernel says it best
        finally:
            os.close(fd)

    def _listing(self, pid: int, number: int, fd: int) -> _Listing | None:
        facts = os.fstat(fd)
        if not stat.S_ISDIR(facts.st_mode):
            return None
        place, key = (facts.st_dev, facts.st_ino), (pid, number)
        known = self._listings.get(key)
        if known is None or known.place != place or os.lseek(fd, 0, os.SEEK_CUR) == 0:
            known = self._listings[key] = _Listing(place, self._ordered(fd))
        return known

    def _ordered(self, fd: int) -> list[bytes]:
        own = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        entries: list[bytes] = []
        try:
            while content := self.kernel.directory_entries(own):
                entries += _split(content)
        finally:
            os.close(own)
        entries.sort(key=_name)
        if self.order.directory_order == "reversed":
            entries.reverse()
        elif self.order.directory_order == "shuffled":
            random.Random(self.order.directory_seed).shuffle(entries)  # noqa: S311 -- to be the same each time
        return entries

    def gone(self, pid: int) -> None:
        """A process ended: nobody reads its directories any more."""
        for key in [key for key in self._listings if key[0] == pid]:
            del self._listings[key]


def _blocks(size_bytes: int) -> int:
    """What a file of that size takes, wherever it lies."""
    pages = -(-size_bytes // (_BLOCK_BYTES * _PAGE_BLOCKS))
    return pages * _PAGE_BLOCKS


def _split(content: bytes) -> list[bytes]:
    """Entries of getdents64, one by one."""
    entries: list[bytes] = []
    place = 0
    while place < len(content):
        (length,) = struct.unpack_from("<H", content, place + 16)
        entries.append(content[place : place + length])
        place += length
    return entries


def _name(entry: bytes) -> bytes:
    return entry[19:].split(b"\0", 1)[0]


def _fitting(entries: list[bytes], position: int, size_bytes: int) -> tuple[bytes, int]:
    """The entries from a position on that fit, each with the position of the next as its offset; how many."""
    pieces: list[bytes] = []
    used = 0
    for index in range(position, len(entries)):
        entry = entries[index]
        if used + len(entry) > size_bytes:
            break
        pieces.append(entry[:8] + struct.pack("<q", index + 1) + entry[16:])
        used += len(entry)
    return b"".join(pieces), len(pieces)
