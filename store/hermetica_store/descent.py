"""A position in a directory tree, moved one level at a time by descriptors.

No path is ever joined, so names of any bytes and trees of any depth work, and no link is followed. Only the
nearest ancestors stay open; a farther one is reopened through ``..`` and must be the directory that was
left. Source: openat(2), fts(3).
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

    from hermetica_store.selection import Selection

DIRECTORY_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_MAX: Final = 32


class Descent:
    """An open directory below a root.

    Attributes:
        fd: descriptor of the current directory; it belongs to the descent.
        names: the components from the root to it.
    """

    def __init__(self, root: str | bytes | os.PathLike[str], *, dir_fd: int | None = None) -> None:
        self.names: list[bytes] = []
        self.fd = os.open(root, DIRECTORY_FLAGS, dir_fd=dir_fd)
        self._ancestors: deque[int] = deque()  # the nearest ones, nearest last
        self._left: list[tuple[int, int]] = []  # (device, inode) of those closed on the way down, nearest last

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def down(self, name: bytes) -> None:
        """Enter the directory ``name``."""
        child = os.open(name, DIRECTORY_FLAGS, dir_fd=self.fd)
        self._ancestors.append(self.fd)
        self.fd = child
        self.names.append(name)
        if len(self._ancestors) > _OPEN_MAX:
            farthest = self._ancestors.popleft()
            status = os.fstat(farthest)
            self._left.append((status.st_dev, status.st_ino))
            os.close(farthest)

    def up(self) -> bytes:
        """Return to the parent; gives the name of the directory that was left."""
        parent = self._ancestors.pop() if self._ancestors else self._reopen_parent()
        os.close(self.fd)
        self.fd = parent
        return self.names.pop()

    def path_of(self, name: bytes = b"") -> bytes:
        """The path of an entry of the current directory, below the root."""
        return b"/".join([*self.names, name] if name else self.names)

    def close(self) -> None:
        """Close every descriptor; a second time does nothing."""
        while self._ancestors:
            os.close(self._ancestors.pop())
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _reopen_parent(self) -> int:
        if not self._left:
            raise IndexError("a descent does not leave its root")
        expected = self._left.pop()
        parent = os.open("..", DIRECTORY_FLAGS, dir_fd=self.fd)
        status = os.fstat(parent)
        if (status.st_dev, status.st_ino) != expected:
            os.close(parent)
            raise OSError(errno.ESTALE, "the directory was moved away meanwhile")
        return parent


def listing(fd: int, selection: Selection | None = None) -> list[tuple[bytes, os.stat_result]]:
    """The entries of an open directory with what they are, or only the chosen ones.

    Raises:
        OSError: a chosen entry is not there, or is no directory although entries in it were chosen.
    """
    if selection is None:
        with os.scandir(fd) as entries:
            return [(os.fsencode(entry.name), entry.stat(follow_symlinks=False)) for entry in entries]
    chosen = [(name, os.stat(name, dir_fd=fd, follow_symlinks=False)) for name in selection]
    for name, status in chosen:
        if selection[name] is not None and not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
    return chosen
