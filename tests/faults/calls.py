"""The system calls that a fault can hit, and what each can fail of. Source: the kernel's system call tables.

Numbers are those of x86-64 and of aarch64; a call that a machine lacks has none there. What a call does decides what
it can fail of: only what makes something can find no room, only what gives a descriptor can find none free.
"""

from __future__ import annotations

import enum
import errno
import platform
from typing import Final

import attrs

X86_64: Final = 0xC000003E
AARCH64: Final = 0xC00000B7
AUDIT_ARCH: Final = {"x86_64": X86_64, "aarch64": AARCH64}.get(platform.machine())
O_CREAT: Final = 0o100
F_OFD_SETLK: Final = 37
F_SETLK: Final = 6
MAP_ANONYMOUS: Final = 0x20


class Kind(enum.Enum):
    """What a call does."""

    OPEN = "open"
    CREATE = "create"
    NAME = "name"
    WRITE = "write"
    SYNC = "sync"
    REMOVE = "remove"
    CHANGE = "change"
    READ = "read"
    LOCK = "lock"
    MAP = "map"


CAN_FAIL_OF: Final = {
    Kind.OPEN: (errno.EIO, errno.EMFILE),
    Kind.CREATE: (errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EROFS),
    Kind.NAME: (errno.ENOSPC, errno.EIO, errno.EMLINK, errno.EROFS),
    Kind.WRITE: (errno.ENOSPC, errno.EIO),
    Kind.SYNC: (errno.EIO, errno.ENOSPC),
    Kind.REMOVE: (errno.EIO, errno.EROFS),
    Kind.CHANGE: (errno.EIO, errno.EROFS),
    Kind.READ: (errno.EIO,),
    Kind.LOCK: (errno.ENOLCK,),
    Kind.MAP: (errno.ENOMEM,),
}


@attrs.frozen
class Call:
    """A system call: its name, its numbers (x86-64, aarch64), what it does."""

    name: str
    numbers: tuple[int | None, int | None]
    kind: Kind

    @property
    def number(self) -> int | None:
        """Its number on this machine."""
        return self.numbers[0 if AUDIT_ARCH == X86_64 else 1]


CALLS: Final = (
    Call("open", (2, None), Kind.OPEN),
    Call("openat", (257, 56), Kind.OPEN),
    Call("mkdir", (83, None), Kind.NAME),
    Call("mkdirat", (258, 34), Kind.NAME),
    Call("symlink", (88, None), Kind.NAME),
    Call("symlinkat", (266, 36), Kind.NAME),
    Call("link", (86, None), Kind.NAME),
    Call("linkat", (265, 37), Kind.NAME),
    Call("rename", (82, None), Kind.NAME),
    Call("renameat", (264, 38), Kind.NAME),
    Call("renameat2", (316, 276), Kind.NAME),
    Call("write", (1, 64), Kind.WRITE),
    Call("writev", (20, 66), Kind.WRITE),
    Call("pwrite64", (18, 68), Kind.WRITE),
    Call("pwritev", (296, 70), Kind.WRITE),
    Call("copy_file_range", (326, 285), Kind.WRITE),
    Call("ftruncate", (77, 46), Kind.WRITE),
    Call("fallocate", (285, 47), Kind.WRITE),
    Call("fsync", (74, 82), Kind.SYNC),
    Call("fdatasync", (75, 83), Kind.SYNC),
    Call("syncfs", (306, 267), Kind.SYNC),
    Call("msync", (26, 227), Kind.SYNC),
    Call("unlink", (87, None), Kind.REMOVE),
    Call("unlinkat", (263, 35), Kind.REMOVE),
    Call("rmdir", (84, None), Kind.REMOVE),
    Call("chmod", (90, None), Kind.CHANGE),
    Call("fchmod", (91, 52), Kind.CHANGE),
    Call("fchmodat", (268, 53), Kind.CHANGE),
    Call("utimensat", (280, 88), Kind.CHANGE),
    Call("read", (0, 63), Kind.READ),
    Call("pread64", (17, 67), Kind.READ),
    Call("preadv", (295, 69), Kind.READ),
    Call("preadv2", (327, 286), Kind.READ),
    Call("getdents64", (217, 61), Kind.READ),
    Call("newfstatat", (262, 79), Kind.READ),
    Call("stat", (4, None), Kind.READ),
    Call("lstat", (6, None), Kind.READ),
    Call("statx", (332, 291), Kind.READ),
    Call("readlink", (89, None), Kind.READ),
    Call("readlinkat", (267, 78), Kind.READ),
    Call("fcntl", (72, 25), Kind.LOCK),
    Call("mmap", (9, 222), Kind.MAP),
)
BY_NUMBER: Final = {call.number: call for call in CALLS if call.number is not None}


def kind_of(call: Call, arguments: tuple[int, ...]) -> Kind | None:
    """What a call with these arguments does; None where no fault of a disk can hit it."""
    if call.name in {"open", "openat"}:
        flags = arguments[1 if call.name == "open" else 2]
        return Kind.CREATE if flags & O_CREAT else Kind.OPEN
    if call.name == "fcntl":
        return Kind.LOCK if arguments[1] in {F_OFD_SETLK, F_SETLK} else None
    if call.name == "mmap":
        return None if arguments[3] & MAP_ANONYMOUS else Kind.MAP
    return call.kind
