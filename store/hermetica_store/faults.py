"""What goes wrong with a store as a whole, and how the system's and the index's own errors become ours."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from hermetica_store.errors import HermeticaError, StoreError

if TYPE_CHECKING:
    from types import TracebackType

    from hermetica_store.path import StorePath

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class StoreFull(StoreError):
    """The file system of the store has no room left."""

    code = "HM403"


class StoreNotWritable(StoreError):
    """A store that may be read but not written: opened read-only, or not ours."""

    code = "HM404"


class IndexDamaged(StoreError):
    """The index cannot be trusted: it is no database, or holds a value that nothing writes."""

    code = "HM405"


class StoreVersionMismatch(StoreError):
    """A store of another schema version."""

    code = "HM406"

    def __init__(self, root: os.PathLike[str], found: str, expected: str) -> None:
        super().__init__(
            f"{os.fspath(root)} is a store of another version",
            details=(("expected", expected), ("found", found)),
            hint="use the hermetica that wrote it, or name another place with HERMETICA_STORE",
        )


class NotAStore(StoreError):
    """A place that is no store and must not become one."""

    code = "HM407"


class InvalidKey(StoreError, ValueError):
    """The key of a row, log or root that cannot be one."""

    code = "HM408"


class NotRegistered(StoreError, LookupError):
    """A store path that is not in this store."""

    code = "HM410"

    def __init__(self, path: StorePath, *, needed_by: StorePath | None = None) -> None:
        details = () if needed_by is None else (("needed by", str(needed_by)),)
        super().__init__(f"{path} is not in the store", details=details)
        self.path = path


class StoreUnavailable(StoreError):
    """The system refuses work on the store, or the store is closed."""

    code = "HM419"


def fault(error: OSError, root: os.PathLike[str]) -> StoreError:
    """What a refusal of the system means for the store at ``root``."""
    cause = (("cause", error.strerror or str(error)),)
    if error.errno in FULL:
        return StoreFull(
            f"no room left for the store {os.fspath(root)}", details=cause, hint="make room, or run hermetica gc"
        )
    if error.errno in _REFUSED:
        return StoreNotWritable(
            f"the store {os.fspath(root)} cannot be written",
            details=cause,
            hint="name a store of your own with HERMETICA_STORE",
        )
    return StoreUnavailable(f"the store {os.fspath(root)} cannot be used", details=cause)


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
            if refused in FULL:  # a tree that could not be written for want of room
                raise fault(OSError(refused, os.strerror(refused)), self._root) from error
        elif isinstance(error, OSError):
            raise fault(error, self._root) from error
