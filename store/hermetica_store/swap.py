"""Putting a whole tree where another one is, in one step: nobody ever finds neither.

The tree is brought into ``store/`` under a name that is no object's, then the two change names. Within one directory a
tree can be renamed without opening it for writing. Source: rename(2), RENAME_EXCHANGE.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import re
from typing import TYPE_CHECKING, Final

from hermetica_store.locks import SCRATCH, offset, try_lock
from hermetica_store.move import move

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hermetica_store.layout import Layout
    from hermetica_store.path import StorePath
    from hermetica_store.scratch import Scratch

_STAGED: Final = re.compile(r"\.repair-([0-9a-f]{15})-([0-9a-z]{32})(?:-old)?")
_AT_FDCWD: Final = -100
_EXCHANGE: Final = 2
_UNSUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})


def is_staged(name: str) -> bool:
    """Whether an entry of ``store/`` is a tree on its way in or out."""
    return _STAGED.fullmatch(name) is not None


def digest_of(name: str) -> str:
    """The digest text of the path for which a tree was staged."""
    found = _STAGED.fullmatch(name)
    return "" if found is None else found[2]


def is_at_work(layout: Layout, name: str) -> bool:
    """Whether the process that staged a tree is alive."""
    found = _STAGED.fullmatch(name)
    try:
        fd = try_lock(layout.locks, offset(SCRATCH, int(found[1], 16))) if found else None
    except OSError:
        return True
    if fd is not None:
        os.close(fd)
    return fd is None


def stage(layout: Layout, tree: Path, owner: Scratch, path: StorePath) -> Path:
    """Bring a tree into ``store/`` under a name that says who does it and what for; that place."""
    place = layout.objects / f".repair-{owner.path.name}-{path.digest}"
    move(tree, place)
    return place


def swap(staged: Path, target: Path) -> bool:
    """Let a staged tree and what is at ``target`` change places; whether there was anything, staged now."""
    if not os.path.lexists(target):
        staged.rename(target)
        return False
    error = _renameat2()(os.fsencode(staged), os.fsencode(target))
    if error in _UNSUPPORTED:
        aside = staged.with_name(staged.name + "-old")
        target.rename(aside)
        staged.rename(target)
        aside.rename(staged)
    elif error:
        raise OSError(error, os.strerror(error), os.fspath(target))
    return True


@functools.cache
def _renameat2() -> Callable[[bytes, bytes], int]:
    """The exchange, from the C library: gives 0 or an errno."""
    library = ctypes.CDLL(None, use_errno=True)

    def call(old: bytes, new: bytes) -> int:
        if not hasattr(library, "renameat2"):
            return errno.ENOSYS
        return 0 if library.renameat2(_AT_FDCWD, old, _AT_FDCWD, new, _EXCHANGE) == 0 else ctypes.get_errno()

    return call
