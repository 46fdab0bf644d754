"""Making one entry canonical: mode, times, attributes, and nobody else who could write it.

Files are 0444 or 0555 (any executable bit makes 0555), directories 0555, every modification time is one
second after the epoch, and no extended attribute or access control list stays. A regular file that a
foreign descriptor holds open for writing is replaced by a copy: the kernel grants a read lease only on
files that nobody has open for writing, writable mappings included. Source: fcntl(2), "Leases".
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
from typing import TYPE_CHECKING, Final

from hermetica_store.reading import FILE_FLAGS

if TYPE_CHECKING:
    from collections.abc import Generator

MTIME_NS: Final = 1_000_000_000
TIMES_NS: Final = (MTIME_NS, MTIME_NS)
DIRECTORY_MODE: Final = 0o555
_PERMISSIONS: Final = 0o7777
_ANY_EXECUTE: Final = 0o111
_NO_ATTRIBUTES: Final = {errno.ENOTSUP, errno.ENOSYS}
_FIXED_BY_HOST: Final = (
    "security.selinux",
    "security.SMACK64",
    "security.ima",
    "security.evm",
)  # labels every file there has
FICLONE: Final = 0x40049409
_COPY_BYTES: Final = 1 << 30


def file_mode(mode: int) -> int:
    """The canonical mode of a regular file with ``mode``."""
    return 0o555 if mode & _ANY_EXECUTE else 0o444


def is_canonical(status: os.stat_result) -> bool:
    """Whether mode and time of a file are those of a registered one."""
    return status.st_mode & _PERMISSIONS == file_mode(status.st_mode) and status.st_mtime_ns == MTIME_NS


def open_to_read(name: str | bytes, status: os.stat_result, dir_fd: int | None) -> int:
    """Open a regular file of ours for reading, whatever its mode."""
    if not status.st_mode & 0o400:
        os.chmod(name, file_mode(status.st_mode), dir_fd=dir_fd)
    return os.open(name, FILE_FLAGS, dir_fd=dir_fd)


def seal_file(fd: int, status: os.stat_result) -> None:
    """Give an open file its canonical mode, time and lack of attributes; ``status`` is what it had."""
    remove_attributes(fd)
    wanted = file_mode(status.st_mode)
    if status.st_mode & _PERMISSIONS != wanted:
        os.fchmod(fd, wanted)
    if status.st_mtime_ns != MTIME_NS:
        os.utime(fd, ns=TIMES_NS)


def seal_directory(fd: int) -> None:
    """Give an open directory its canonical mode, time and lack of attributes."""
    remove_attributes(fd)
    os.fchmod(fd, DIRECTORY_MODE)
    os.utime(fd, ns=TIMES_NS)


def seal_link(name: str | bytes, status: os.stat_result, dir_fd: int | None) -> None:
    """Give a symbolic link its canonical time."""
    if status.st_mtime_ns != MTIME_NS:
        os.utime(name, ns=TIMES_NS, dir_fd=dir_fd, follow_symlinks=False)


def remove_attributes(fd: int) -> None:
    """Remove extended attributes, and with them access control lists and file capabilities."""
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return
        raise
    for name in names:
        if not name.startswith(_FIXED_BY_HOST):
            os.removexattr(fd, name)


def is_open_for_writing(fd: int) -> bool:
    """Whether anybody may still write through a descriptor or mapping; True where the system cannot tell."""
    try:
        # Whoever opens the file during the lease would send SIGIO, which kills; SIGURG is ignored.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError:
        return True
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def replace_by_copy(name: str | bytes, fd: int, dir_fd: int | None) -> int:
    """Put a fresh copy of an open file in its place; gives a descriptor for reading the copy."""
    temporary = copy_beside(name, fd, dir_fd)
    os.rename(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    return os.open(name, FILE_FLAGS, dir_fd=dir_fd)


@contextlib.contextmanager
def unsealed(fd: int) -> Generator[None]:
    """Let entries of an open canonical directory be changed, and make it canonical again."""
    os.fchmod(fd, 0o755)
    yield
    seal_directory(fd)


def copy_beside(name: str | bytes, fd: int, dir_fd: int | None) -> bytes:
    """Copy an open file into a new one in the same directory, with its mode; gives the new name."""
    head, slash, base = os.fsencode(name).rpartition(b"/")
    directory = head + slash
    mode = file_mode(os.fstat(fd).st_mode)
    for number in range(1 << 16):
        temporary = directory + b".hermetica-copy-%d" % number
        try:
            target = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=dir_fd)
        except FileExistsError:
            continue
        try:
            copy_bytes(fd, target)
            os.fchmod(target, mode)
        except BaseException:
            os.unlink(temporary, dir_fd=dir_fd)
            raise
        finally:
            os.close(target)
        return temporary
    raise FileExistsError(errno.EEXIST, "no free name for a copy", base)


def copy_bytes(source: int, target: int) -> None:
    """Copy an open file into an empty one: as a clone of its blocks, else inside the kernel, else by hand."""
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError:
        offset = _copy_in_kernel(source, target)
        while chunk := os.pread(source, 1 << 20, offset):
            offset += write_all(target, chunk)


def write_all(fd: int, data: bytes) -> int:
    """Write every byte; gives their number."""
    written = 0
    while written < len(data):
        written += os.write(fd, data[written:] if written else data)
    return written


def _copy_in_kernel(source: int, target: int) -> int:
    """Copy as far as the kernel will; where it will not, the caller goes on from the offset given."""
    offset = 0
    try:
        while copied := os.copy_file_range(source, target, _COPY_BYTES, offset):
            offset += copied
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}:
            raise
    return offset
