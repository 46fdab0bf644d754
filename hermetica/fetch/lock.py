"""``hermetica.lock``: content by hash, with the addresses where it was last seen.

A lock is a value with one text, TOML with a line per fact, so that a change reads well in a diff.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from hermetica.fetch.lock_pin import Group, LockError, Pin
from hermetica.fetch.lock_text import parse_groups, write_groups
from hermetica.fetch.lock_writing import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["FILE_NAME", "Group", "Lock", "LockError", "Pin"]

FILE_NAME: Final = "hermetica.lock"


def _sorted_groups(groups: Iterable[Group]) -> tuple[Group, ...]:
    return tuple(sorted(groups, key=lambda group: group.name))


@attrs.frozen
class Lock:
    """A whole lock.

    Attributes:
        groups: ascending by name.
    """

    groups: tuple[Group, ...] = attrs.field(default=(), converter=_sorted_groups)

    def group(self, name: str) -> Group:
        """The group of this name.

        Raises:
            LockError: there is none.
        """
        for group in self.groups:
            if group.name == name:
                return group
        raise LockError(
            f"the lock has no group {name!r}", details=(("groups", ", ".join(each.name for each in self.groups)),)
        )

    def with_group(self, group: Group) -> Lock:
        """This lock with ``group`` in the place of one of the same name."""
        return Lock((*(each for each in self.groups if each.name != group.name), group))

    @classmethod
    def parse(cls, text: str, *, where: str = FILE_NAME) -> Lock:
        """The lock that ``text`` writes.

        Args:
            text: TOML.
            where: what errors call it.

        Raises:
            LockError: it is none, or of another version; the error has file and line.
        """
        return cls(parse_groups(text, where))

    @classmethod
    def read(cls, path: Path) -> Lock:
        """The lock in a file.

        Raises:
            LockError: there is no such file or it holds no lock.
        """
        try:
            return cls.parse(path.read_text(encoding="utf-8"), where=str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise LockError(
                f"cannot read the lock {path}",
                details=(("cause", str(error)),),
                hint="hermetica lock --help shows how to make one",
            ) from error

    def write(self, path: Path) -> None:
        """Writes the lock to a file, whole or not at all; durable on return.

        Raises:
            LockError: the file cannot be written.
        """
        with replacing(path) as replace:
            replace(self.text().encode())

    @classmethod
    def update(cls, path: Path, group: Group) -> tuple[Lock, Lock]:
        """Puts ``group`` into the lock in a file, which need not be there; nobody else's change is lost.

        Returns:
            The lock before and after.

        Raises:
            LockError: the file holds no lock, or cannot be written.
        """
        with replacing(path) as replace:
            before = cls.read(path) if path.exists() else cls()
            after = before.with_group(group)
            replace(after.text().encode())
        return before, after

    def text(self) -> str:
        """The one text of this lock; equal locks have equal texts."""
        return write_groups(self.groups)
