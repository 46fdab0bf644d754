"""How the system's refusals become errors of a store."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from hermetica_store.errors import HermeticaError
from hermetica_store.faults import StoreFull, StoreNotWritable, StoreUnavailable

if TYPE_CHECKING:
    from types import TracebackType

    from hermetica_store.errors import StoreError

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


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
