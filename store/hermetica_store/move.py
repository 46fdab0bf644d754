"""Moving trees into ``store/`` and out of it, and the claim under which that is done."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store.path import StorePath


def path_key(path: StorePath | bytes) -> bytes:
    """The claim under which the place on disk of an object, or of its base name, is changed."""
    return b"object\0" + (path if isinstance(path, bytes) else path.base.encode())


def move(source: Path, target: Path) -> None:
    """Rename a tree to another directory; a read-only directory is opened for the moment that takes."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM} or source.is_symlink() or not source.is_dir():
            raise
        mode = stat.S_IMODE(source.stat().st_mode)
        source.chmod(mode | 0o700)
        try:
            source.rename(target)
        except BaseException:
            source.chmod(mode)
            raise
        target.chmod(mode)
