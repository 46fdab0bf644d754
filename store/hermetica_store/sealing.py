"""Sealing files with fs-verity: the kernel checks what it reads of them, and refuses every write.

A sealed file that is damaged on the disk cannot be read as if it were whole: verification, and every builder, gets an
error instead. It can still be linked and unlinked. Which file systems can do it is found out by trying. Source: the
kernel's Documentation/filesystems/fsverity.rst.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from typing import TYPE_CHECKING, Final

from hermetica_store.content import File
from hermetica_store.dedup import SHARED_FROM_BYTES, large_folders
from hermetica_store.descent import Descent
from hermetica_store.reading import FILE_FLAGS

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store.content import Content

_ENABLE: Final = 0x40806685  # FS_IOC_ENABLE_VERITY
_ARGUMENT: Final = struct.Struct("=IIIIQIIQ88x")  # version, hash, block size, salt size and place, signature, reserved
_SHA256: Final = 1
_BLOCK_BYTES: Final = 4096
_WHY: Final = {
    errno.ENOTTY: "the file system has no fs-verity",
    errno.EOPNOTSUPP: "the kernel or the file system was made without fs-verity",
    errno.EACCES: "this user may not write there",
    errno.EROFS: "the file system is read-only",
}


def why_not(directory: Path) -> str | None:
    """Why files of a directory's file system cannot be sealed; None where they can."""
    try:
        fd = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, b"sealed?")
            reader = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(fd)
        try:
            _seal(reader)
        finally:
            os.close(reader)
    except OSError as error:
        return _WHY.get(error.errno or 0, error.strerror)
    return None


def seal_tree(tree: Path, content: Content) -> int:
    """Seal the large files of a canonical tree in scratch; how many are. What cannot be sealed stays as it is."""
    sealed = 0
    if isinstance(content.root, File):
        return int(_seal_file(os.fsencode(tree), None))
    with Descent(tree) as descent:
        for folder in large_folders(descent, content):
            sealed += sum(
                _seal_file(name, descent.fd)
                for name, file in folder.files.items()
                if file.size_bytes >= SHARED_FROM_BYTES
            )
    return sealed


def _seal_file(name: bytes, dir_fd: int | None) -> bool:
    with contextlib.suppress(OSError):
        fd = os.open(name, FILE_FLAGS, dir_fd=dir_fd)
        try:
            _seal(fd)
        except FileExistsError:  # it shares its inode with one that is
            return True
        finally:
            os.close(fd)
        return True
    return False


def _seal(fd: int) -> None:
    fcntl.ioctl(fd, _ENABLE, _ARGUMENT.pack(1, _SHA256, _BLOCK_BYTES, 0, 0, 0, 0, 0))
