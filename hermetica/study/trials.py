"""A trial, which is one build in one world, and a sighting, which is what that build made. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BUILDS: Final = "(whether it builds)"
"""Stands among the files of a sighting: a factor may decide whether there is anything to compare at all."""
_ABSENT: Final = "absent"
_YES: Final = "yes"
_NO: Final = "no"


@attrs.frozen(order=True)
class Atom:
    """One factor at one level other than its default.

    Attributes:
        factor: its name.
        level: the name of the level.
    """

    factor: str
    level: str

    def __str__(self) -> str:
        """``factor=level``."""
        return f"{self.factor}={self.level}"


Atoms = frozenset[Atom]


def levels_of(atoms: Iterable[Atom]) -> dict[str, str]:
    """Factor -> level, ascending by factor."""
    return {atom.factor: atom.level for atom in sorted(atoms)}


@attrs.frozen(kw_only=True)
class Trial:
    """One build in one world.

    Attributes:
        atoms: in what the world differs from the base world; of each factor at most one level.
        repeat: tells apart builds of the same world, counted from 0.
        shaken: whether scheduling is disturbed while it runs.
    """

    atoms: Atoms = frozenset()
    repeat: int = 0
    shaken: bool = False

    @property
    def key(self) -> str:
        """A text that names it, such as ``clock=far,tz=kiritimati#1``; ``base#0`` is the base world."""
        named = ",".join(map(str, sorted(self.atoms))) or "base"
        return f"{named}#{self.repeat}{'~' if self.shaken else ''}"


@attrs.frozen(kw_only=True)
class Sighting:
    """What one build made.

    Attributes:
        files: path -> digest of what is compared; an output itself goes by its name, its files by ``name/path``.
        failed: why there is nothing; empty where it was built.
    """

    files: Mapping[str, str] = attrs.field(factory=dict[str, str])
    failed: str = ""

    def value(self, path: str) -> str | None:
        """What stands for a file; None where nothing is known of it, because the build failed."""
        if path == BUILDS:
            return _NO if self.failed else _YES
        return None if self.failed else self.files.get(path, _ABSENT)

    def paths(self) -> frozenset[str]:
        """All that it says something about."""
        return frozenset(self.files) | {BUILDS}


def differing(first: Sighting, second: Sighting) -> frozenset[str]:
    """What is known to differ between two builds."""
    paths = first.paths() | second.paths()
    return frozenset(path for path in paths if _differs(first.value(path), second.value(path)))


def _differs(first: str | None, second: str | None) -> bool:
    return first is not None and second is not None and first != second
