"""Writes members below a directory, and nowhere else.

The destination is new and nobody else writes to it, so what was made is known: a name below anything but a directory
made here is refused, and no link of the archive is ever followed. Files are made anew, never opened; where a name
comes twice the later one counts. Modes become 0755 or 0644.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final, Self

from hermetica.fetch.archive import (
    PATH_MAX_BYTES,
    ArchiveTooLarge,
    DamagedArchive,
    Kind,
    Member,
    SpecialBits,
    UnsafeArchive,
    plain_name,
    shown_name,
)
from hermetica.fetch.writing import CannotWrite

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from hermetica.fetch.budget import Budget

__all__ = ["Extraction"]

DIRECTORY: Final = -1
SYMLINK: Final = -2  # what is not negative is the size of a file
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SPECIAL: Final = 0o6000


class Extraction:
    """One archive on its way to the disk.

    Args:
        destination: a directory; made if it is not there, else it must be empty.
        budget: what it may still come to.
        strip_components: leading parts of each name to drop; what has no more of them is left out.
        special_bits: what to do about files with setuid or setgid.

    Raises:
        CannotWrite: the destination is taken, or cannot be made.
    """

    def __init__(
        self, destination: Path, budget: Budget, *, strip_components: int = 0, special_bits: SpecialBits = "refuse"
    ) -> None:
        self._destination: Final = destination
        self._budget: Final = budget
        self._strip: Final = strip_components
        self._special_bits: Final = special_bits
        self._made: dict[bytes, int] = {b"": DIRECTORY}
        try:
            destination.mkdir(exist_ok=True)
            _check_empty(destination)
            self._root: Final = os.open(destination, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise CannotWrite(destination, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._root)

    def add(self, member: Member, data: Iterable[bytes | memoryview]) -> None:
        """Makes one member.

        Raises:
            UnsafeArchive: it may not be made.
            ArchiveTooLarge: there is no room for it.
            DamagedArchive: it does not fit what was made before.
            CannotWrite: the disk refuses.
        """
        name = plain_name(member.name, self._strip)
        self._check(member)
        if not name:
            return
        self._budget.enter(member.name)
        try:
            self._make(name, member, data)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise ArchiveTooLarge("a name longer than file systems take", member=member.name) from error
            raise CannotWrite(self._destination / os.fsdecode(name), error) from error

    def _check(self, member: Member) -> None:
        if member.kind in {Kind.DEVICE, Kind.FIFO}:
            raise UnsafeArchive(f"a {member.kind.value}", member=member.name)
        if member.kind is Kind.FILE and member.mode & _SPECIAL and self._special_bits == "refuse":
            raise UnsafeArchive("a file that is setuid or setgid", member=member.name)

    def _make(self, name: bytes, member: Member, data: Iterable[bytes | memoryview]) -> None:
        parent = name.rpartition(b"/")[0]
        if self._made.get(parent) != DIRECTORY:
            self._make_parents(parent, member)
        if member.kind is Kind.DIRECTORY:
            self._make_directory(name)
        elif member.kind is Kind.HARD_LINK:
            self._make_hard_link(name, member)
        elif member.kind is Kind.SYMLINK:
            self._make_symlink(name, member)
        else:
            self._make_file(name, member, data)

    def _make_parents(self, parent: bytes, member: Member) -> None:
        parts = parent.split(b"/")
        for count in range(1, len(parts) + 1):
            path = b"/".join(parts[:count])
            known = self._made.get(path)
            if known is None:
                self._budget.enter(member.name)
                self._make_directory(path)
            elif known == SYMLINK:
                raise UnsafeArchive(f"below {shown_name(path)}, which is a symlink", member=member.name)
            elif known != DIRECTORY:
                raise DamagedArchive(f"below {shown_name(path)}, which is a file", member=member.name)

    def _clear(self, name: bytes, member_name: bytes) -> None:
        """Makes room for what is no directory."""
        known = self._made.get(name)
        if known == DIRECTORY:
            raise DamagedArchive("it is a directory before and not now", member=member_name)
        if known is not None:
            os.unlink(name, dir_fd=self._root)
            del self._made[name]

    def _make_directory(self, name: bytes) -> None:
        known = self._made.get(name)
        if known == DIRECTORY:
            return
        if known is not None:
            os.unlink(name, dir_fd=self._root)
        os.mkdir(name, 0o755, dir_fd=self._root)
        os.chmod(name, 0o755, dir_fd=self._root)  # noqa: S103 -- the usual mode, whatever the umask
        self._made[name] = DIRECTORY

    def _make_symlink(self, name: bytes, member: Member) -> None:
        if not member.target or b"\x00" in member.target:
            raise DamagedArchive("a symlink that leads nowhere", member=member.name)
        if len(member.target) > PATH_MAX_BYTES:
            raise ArchiveTooLarge("a symlink longer than file systems take", member=member.name)
        self._clear(name, member.name)
        os.symlink(member.target, name, dir_fd=self._root)
        self._made[name] = SYMLINK

    def _make_hard_link(self, name: bytes, member: Member) -> None:
        try:
            target = plain_name(member.target, self._strip)
        except UnsafeArchive as error:
            raise UnsafeArchive(
                f"a hard link to {shown_name(member.target)}, outside the destination", member=member.name
            ) from error
        known = self._made.get(target)
        if known is None or known == DIRECTORY:
            raise DamagedArchive(
                f"a hard link to {shown_name(member.target)}, which is no file before it", member=member.name
            )
        if target == name:
            return
        self._budget.declare(max(known, 0), member.name)
        self._clear(name, member.name)
        os.link(target, name, src_dir_fd=self._root, dst_dir_fd=self._root, follow_symlinks=False)
        self._made[name] = known

    def _make_file(self, name: bytes, member: Member, data: Iterable[bytes | memoryview]) -> None:
        self._budget.declare(member.size_bytes, member.name)
        self._clear(name, member.name)
        mode = 0o755 if member.mode & 0o111 else 0o644
        descriptor = os.open(name, _CREATE, mode, dir_fd=self._root)
        self._made[name] = member.size_bytes
        try:
            if member.holes is None:
                for piece in data:
                    _write(descriptor, piece)
            else:
                _write_sparse(descriptor, member, data)
            os.fchmod(descriptor, mode)  # whatever the umask
        finally:
            os.close(descriptor)


def _check_empty(directory: Path) -> None:
    if any(directory.iterdir()):
        raise OSError(errno.ENOTEMPTY, "it is not empty")


def _write(descriptor: int, data: bytes | memoryview) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        data = memoryview(data)[written:]
        written = os.write(descriptor, data)


def _write_sparse(descriptor: int, member: Member, data: Iterable[bytes | memoryview]) -> None:
    pieces = iter(data)
    piece = memoryview(b"")
    for offset, size in member.holes or ():
        os.lseek(descriptor, offset, os.SEEK_SET)
        left = size
        while left:
            if not piece:
                piece = memoryview(next(pieces))
            part, piece = piece[:left], piece[left:]
            _write(descriptor, part)
            left -= len(part)
    os.ftruncate(descriptor, member.size_bytes)
