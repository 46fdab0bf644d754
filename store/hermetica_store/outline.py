"""What a walk over a source saw: of each directory its digest, and by what its entries would be known in an object."""

from __future__ import annotations

import stat
from typing import Final

import attrs

from hermetica_store.digest import Digest

_UNKNOWN: Final = Digest(bytes(32))
_OF_A_FILE: Final = stat.S_IFREG | 0o444
_OF_A_PROGRAM: Final = stat.S_IFREG | 0o555
_OF_A_LINK: Final = stat.S_IFLNK | 0o777


@attrs.define(eq=False)
class Outline:
    """A directory as a walk saw it.

    Attributes:
        names: of everything in it that is no directory, separated by NULs.
        modes: of each of these.
        sizes: likewise, in bytes.
        folders: the directories in it, by name.
        digest: of its message.
        message_bytes: the length of that.
    """

    names: bytes
    modes: list[int] = attrs.field(repr=False)
    sizes: list[int] = attrs.field(repr=False)
    folders: dict[bytes, Outline] = attrs.field(factory=dict[bytes, "Outline"], repr=False)
    digest: Digest = _UNKNOWN
    message_bytes: int = 0

    def leaves(self) -> dict[bytes, tuple[int, int]]:
        """The canonical mode, type included, and the size of each file and link, by name."""
        if not self.modes:
            return {}
        modes = {mode: _canonical(mode) for mode in set(self.modes)}
        kinds = [modes[mode] for mode in self.modes]
        return dict(zip(self.names.split(b"\0"), zip(kinds, self.sizes, strict=True), strict=True))


def is_file(mode: int) -> bool:
    """Whether a canonical mode is that of a regular file."""
    return mode != _OF_A_LINK


def _canonical(mode: int) -> int:
    if stat.S_ISLNK(mode):
        return _OF_A_LINK
    return _OF_A_PROGRAM if mode & 0o111 else _OF_A_FILE
