"""What a directory holds, taken in at once: whether anything changed since is one comparison for all its files.

The facts of a directory are a digest over the names of its entries and all that tells whether a file or link is
still the same. What was kept under the same facts gives its digest, provided that the directories in it have the
digests that they had then. A file or link that is too young to be sure of keeps it from being believed, or kept.
"""

from __future__ import annotations

import os
import struct
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import attrs
from blake3 import blake3

if TYPE_CHECKING:
    from collections.abc import Callable

_SAME: Final[Callable[[os.stat_result], tuple[int, ...]]] = attrgetter(
    "st_mode", "st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns"
)
_PACKED: Final = struct.Struct(">IQQQqq")
_HEAD: Final = struct.Struct(">BII")
_FORM: Final = 1  # of what is digested: rows of another form never match


@attrs.define(eq=False)
class Survey:
    """The entries of an open directory.

    Attributes:
        folders: the names of the directories.
        names: those of everything else, separated by NULs, in the order of the system.
        statuses: what these are, in the same order.
    """

    folders: list[bytes]
    names: bytes
    statuses: list[os.stat_result]

    @classmethod
    def of(cls, fd: int) -> Survey:
        """Take in an open directory."""
        folders, names, statuses = list[bytes](), list[str](), list[os.stat_result]()
        with os.scandir(fd) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(os.fsencode(entry.name))
                else:
                    names.append(entry.name)
                    statuses.append(entry.stat(follow_symlinks=False))
        return cls(folders, os.fsencode("\0".join(names)), statuses)

    @property
    def others(self) -> list[tuple[bytes, os.stat_result]]:
        """Everything that is no directory, with what it is."""
        return list(zip(self.names.split(b"\0"), self.statuses, strict=True)) if self.statuses else []

    @property
    def outlined(self) -> tuple[list[int], list[int]]:
        """The modes and sizes of everything that is no directory, in the order of the names."""
        return [status.st_mode for status in self.statuses], [status.st_size for status in self.statuses]

    def facts(self, depth: int) -> bytes:
        """The digest over all that tells whether anything changed; ``depth`` is how far below the root it lies.

        Empty where a time is beyond what can be written down: then nothing is kept.
        """
        pack, same = _PACKED.pack, _SAME
        try:
            packed = [pack(*same(status)) for status in self.statuses]
        except struct.error:
            return b""
        head = _HEAD.pack(_FORM, depth, len(packed))
        return blake3(b"".join([head, *packed, self.names, b"\0\0", b"\0".join(self.folders)])).digest()
