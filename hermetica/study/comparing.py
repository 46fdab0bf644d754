"""How alike two files are, in four levels that are never mixed. Pure.

A file has a digest of each level; what is alike at one level is alike at all those after it.

=========== ===============================================================================================
bitwise     the same bytes, the same mode, the same time of modification
normalised  the same bytes and executable bit: what a store keeps, and what counts by default
stabilised  the same once times, owners, order and compression of what archives hold are left out
different   none of these
=========== ===============================================================================================
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.study.trials import Sighting

if TYPE_CHECKING:
    from collections.abc import Mapping


class Alike(StrEnum):
    """How alike two files, or two trees, are; the most alike first."""

    BITWISE = "bitwise"
    NORMALISED = "normalised"
    STABILISED = "stabilised"
    DIFFERENT = "different"


LEVELS: Final = (Alike.BITWISE, Alike.NORMALISED, Alike.STABILISED)
"""Those at which files can be compared."""


@attrs.frozen(kw_only=True)
class Print:
    """What stands for one file in comparisons.

    Attributes:
        bitwise: digest of its bytes, mode and time of modification.
        normalised: digest of its bytes and executable bit.
        stabilised: digest of what is left of it once archives are stabilised.
    """

    bitwise: str
    normalised: str
    stabilised: str

    def at(self, level: Alike) -> str:
        """The digest that counts at a level."""
        return {Alike.BITWISE: self.bitwise, Alike.NORMALISED: self.normalised}.get(level, self.stabilised)


Prints = dict[str, Print]


def alike(first: Mapping[str, Print], second: Mapping[str, Print]) -> Alike:
    """How alike two trees are: as their least alike files."""
    if first.keys() != second.keys():
        return Alike.DIFFERENT
    for level in LEVELS:
        if all(each.at(level) == second[path].at(level) for path, each in first.items()):
            return level
    return Alike.DIFFERENT


def sighting_at(level: Alike, prints: Mapping[str, Print], failed: str = "") -> Sighting:
    """What an attribution at a level sees of a build."""
    return Sighting(files={path: each.at(level) for path, each in prints.items()}, failed=failed)
