"""How the system's refusals become errors of a store: one table, from errno to class and way out."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final, TypeAlias

from hermetica_store.errors import HermeticaError, StoreError
from hermetica_store.faults import (
    DiskFailed,
    LocksUnavailable,
    OutOfMemory,
    StoreFull,
    StoreNotWritable,
    StoreOutOfFiles,
    StoreReadOnly,
    StoreUnavailable,
    TooManyLinks,
    TooManyOpenFiles,
    TooManyProcesses,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

Details: TypeAlias = tuple[tuple[str, str], ...]

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM})
_DEVICE: Final = frozenset({errno.EIO, errno.ENXIO, errno.ENODEV, errno.EREMOTEIO, errno.EUCLEAN, errno.EBADMSG})
_LITTLE_BYTES: Final = 1 << 16
_ROOM: Final = "make room, or run hermetica gc"
_HINTS: Final = {
    errno.EDQUOT: "your quota there is used up: make room, run hermetica gc, or ask for more",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f), or keep the store where files may be so large",
}
_OTHERS: Final[dict[int, Callable[[str, Details], StoreError]]] = {
    errno.EROFS: lambda place, cause: StoreReadOnly(
        f"the store {place} lies on a file system that is read-only",
        details=cause,
        hint="mount it for writing, or name a store of your own with HERMETICA_STORE; "
        "if it was writable, look into the kernel's log (dmesg) first: errors of a disk make it so",
    ),
    errno.EMFILE: lambda place, cause: TooManyOpenFiles(
        f"this process has too many files open to work on the store {place}",
        details=cause,
        hint="allow it more (ulimit -n), or build fewer derivations at once (-j)",
    ),
    errno.ENFILE: lambda place, cause: TooManyOpenFiles(
        f"this machine has too many files open to work on the store {place}",
        details=cause,
        hint="end what holds them, or allow more (sysctl fs.file-max)",
    ),
    errno.EMLINK: lambda place, cause: TooManyLinks(
        f"the file system of the store {place} cannot count more links",
        details=cause,
        hint="run hermetica gc, or keep the store on another file system (xfs, btrfs, ext4 with dir_nlink)",
    ),
    errno.ENOMEM: lambda place, cause: OutOfMemory(
        f"the system gives no more memory to work on the store {place}",
        details=cause,
        hint="allow more (ulimit -v), end other programs, or build fewer derivations at once (-j)",
    ),
    errno.EAGAIN: lambda place, cause: TooManyProcesses(
        f"no further process or thread can be started to work on the store {place}",
        details=cause,
        hint="end some of yours, allow more (ulimit -u), or build fewer derivations at once (-j)",
    ),
    errno.ENOLCK: lambda place, cause: LocksUnavailable(
        f"the file system of the store {place} locks no more files",
        details=cause,
        hint="keep the store on a local file system, or start what locks for this one (NFS: rpc.statd)",
    ),
}
#: What no tree is to blame for, wherever it lies.
_OF_THE_SYSTEM: Final = FULL | _OTHERS.keys()


def fault(error: OSError, root: os.PathLike[str]) -> StoreError:
    """What a refusal of the system means for the store at ``root``."""
    cause, code, place = (("cause", error.strerror or str(error)),), error.errno, os.fspath(root)
    if code == errno.ENOSPC and _lacks_inodes(place):
        return StoreOutOfFiles(
            f"the file system of the store {place} can hold no more files",
            details=(*cause, ("inodes free", "0")),
            hint="remove files there, run hermetica gc, or make the file system anew with more inodes (mkfs -N)",
        )
    if code in FULL:
        return StoreFull(f"no room left for the store {place}", details=cause, hint=_HINTS.get(code or 0, _ROOM))
    if code in _REFUSED:
        return StoreNotWritable(
            f"the store {place} cannot be written", details=cause, hint="name a store of your own with HERMETICA_STORE"
        )
    if code in _DEVICE:
        return DiskFailed(
            f"the disk under the store {place} failed",
            details=cause,
            hint="look into the kernel's log (dmesg); once the disk works, hermetica store verify says what is lost",
        )
    if code in _OTHERS:
        return _OTHERS[code](place, cause)
    return StoreUnavailable(f"the store {place} cannot be used", details=cause)


def _lacks_inodes(place: str) -> bool:
    """Whether a file system has blocks and no inodes left; those that count none have always some."""
    try:
        space = os.statvfs(place)
    except OSError:
        return False
    return space.f_files > 0 and space.f_favail == 0 and space.f_bavail > 0


def lack_of_room(place: os.PathLike[str], root: os.PathLike[str], why: str) -> StoreError | None:
    """The error where the file system of ``place`` has no room left, with ``why`` that matters; else None."""
    try:
        space = os.statvfs(place)
    except OSError:
        return None
    if space.f_bavail * space.f_frsize >= _LITTLE_BYTES and (space.f_files == 0 or space.f_favail > 0):
        return None
    error = fault(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), root)
    error.details = (*error.details, ("so", why))
    return error


def _code_of(error: BaseException | None) -> int | None:
    """The errno that Python did not pass on."""
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    return errno.EAGAIN if isinstance(error, RuntimeError) and "start new thread" in str(error) else None


class working_in:  # noqa: N801 -- read as a statement; a class costs a third of a generator
    """Turn what the system refuses into an error of the store at ``root``."""

    __slots__ = ("_root",)

    def __init__(self, root: os.PathLike[str]) -> None:
        self._root = root

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, HermeticaError):
            refused = getattr(error, "errno", None)
            if refused in _OF_THE_SYSTEM or (refused in _DEVICE and self._is_ours(error)):
                raise fault(OSError(refused, os.strerror(refused)), self._root) from error
        elif isinstance(error, OSError):
            raise fault(error, self._root) from error
        elif (code := _code_of(error)) is not None:
            raise fault(OSError(code, os.strerror(code)), self._root) from error

    def _is_ours(self, error: HermeticaError) -> bool:
        """Whether the tree that could not be worked on lies in the store."""
        path = getattr(error, "path", b"")
        return isinstance(path, bytes) and path.startswith(os.fsencode(self._root) + b"/")


class blaming_no_input(working_in):  # noqa: N801 -- read as a statement; a class costs a third of a generator
    """The same, but only for what the system refuses whatever is asked; other refusals go on as they are."""

    __slots__ = ()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, OSError) or error.errno in _OF_THE_SYSTEM | _DEVICE:
            super().__exit__(kind, error, trace)
