"""Opening the LMDB environment of a store, writable where that can be, and what its errors mean.

Where the lock file of the environment cannot be written, a reader has no slot in its table, and writers do not know of
it: `Environment.is_unlocked` says so, and whoever reads must look again whether the pages were still its own.
Source: lmdb.h, "MDB_NOLOCK" and "MDB_RDONLY".
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
from typing import TYPE_CHECKING, Final

import attrs
import lmdb

from hermetica_store.faults import IndexDamaged, StoreNotWritable, StoreUnavailable
from hermetica_store.refusals import FULL, fault
from hermetica_store.unfinished import alone, drop_unfinished

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store.errors import StoreError
    from hermetica_store.layout import Layout

_READERS_MAX: Final = 1022
_LOCK: Final = "lock.mdb"
_TABLES_MAX: Final = 32  # with room for those of later versions
_WRITE_BYTES: Final = 1 << 20  # more than LMDB writes at once
_TOLD_IN_WORDS: Final = (
    *FULL,
    *(errno.EACCES, errno.EROFS, errno.EPERM, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOLCK),
)
_DAMAGED: Final = (
    lmdb.InvalidError,
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.VersionMismatchError,
    lmdb.IncompatibleError,
)


@attrs.frozen
class Environment:
    """An open environment.

    Attributes:
        raw: LMDB's own.
        is_read_only: whether it can only be read.
        is_unlocked: whether it is read without a slot in the table of readers.
    """

    raw: lmdb.Environment
    is_read_only: bool
    is_unlocked: bool


def index_fault(error: lmdb.Error, root: Path) -> StoreError:
    """What an error of the index means for the store at ``root``."""
    cause = (("cause", str(error)),)
    if isinstance(error, _DAMAGED):
        return IndexDamaged(
            f"the index of the store {root} is damaged",
            details=cause,
            hint=f"put back a copy of {root}/index, or move {root} away and start anew",
        )
    if isinstance(error, lmdb.ReadersFullError):
        return StoreUnavailable(
            f"more than {_READERS_MAX} readers at once in the store {root}", details=cause, hint="start fewer at once"
        )
    if isinstance(error, lmdb.ReadonlyError):
        return StoreNotWritable(f"the store {root} is open for reading only", details=cause)
    code = _system_error(error)
    if code == errno.EIO and _is_full(root):
        code = errno.ENOSPC
    return fault(OSError(code, os.strerror(code)), root) if code else StoreUnavailable(str(error), details=cause)


def _system_error(error: lmdb.Error) -> int:
    """The errno behind an error of LMDB; 0 where there is none."""
    if isinstance(error, lmdb.DiskError):
        return errno.ENOSPC
    if isinstance(error, lmdb.MemoryError):
        return errno.ENOMEM
    told = max(int(getattr(error, "code", 0) or 0), 0)
    return told or next((code for code in _TOLD_IN_WORDS if os.strerror(code) in str(error)), 0)


def _is_full(root: Path) -> bool:
    """Whether there is no room for the pages of a commit: LMDB calls a write that was cut short an I/O error."""
    try:
        space, size_bytes = os.statvfs(root), (root / "index" / "data.mdb").stat().st_size
    except OSError:
        return False
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    is_limited = limit != resource.RLIM_INFINITY and size_bytes + _WRITE_BYTES > limit
    return space.f_bavail * space.f_frsize < _WRITE_BYTES or is_limited


def open_environment(layout: Layout, map_bytes: int) -> Environment:
    """The environment, to be read and written; or only read, where the system allows no more.

    Raises:
        StoreError: neither can be.
    """
    try:
        return _opened(layout, map_bytes)
    except IndexDamaged:
        with contextlib.suppress(OSError), alone(layout):
            with contextlib.suppress(IndexDamaged):  # somebody else may have made it anew
                return _opened(layout, map_bytes)
            if drop_unfinished(layout):
                return _opened(layout, map_bytes)
        raise


def _opened(layout: Layout, map_bytes: int) -> Environment:
    try:
        return Environment(
            _environment(layout, map_bytes, readonly=False, lock=True), is_read_only=False, is_unlocked=False
        )
    except lmdb.Error as error:
        if not isinstance(index_fault(error, layout.root), StoreNotWritable):
            raise index_fault(error, layout.root) from error
    try:
        raw = _environment(layout, map_bytes, readonly=True, lock=True)
    except lmdb.Error as error:
        if not isinstance(index_fault(error, layout.root), StoreNotWritable):
            raise index_fault(error, layout.root) from error
    else:  # on a file system that is read-only LMDB goes on without locks, and does not say so
        return Environment(raw, is_read_only=True, is_unlocked=not os.access(layout.index / _LOCK, os.W_OK))
    try:
        return Environment(
            _environment(layout, map_bytes, readonly=True, lock=False), is_read_only=True, is_unlocked=True
        )
    except lmdb.Error as error:
        raise index_fault(error, layout.root) from error


def _environment(layout: Layout, map_bytes: int, *, readonly: bool, lock: bool) -> lmdb.Environment:
    return lmdb.open(
        os.fspath(layout.index),
        map_size=map_bytes,
        max_dbs=_TABLES_MAX,
        max_readers=_READERS_MAX,
        max_spare_txns=4,
        mode=0o644,
        readonly=readonly,
        lock=lock,
        create=False if readonly else True,  # noqa: SIM211 -- said as it is meant
    )
