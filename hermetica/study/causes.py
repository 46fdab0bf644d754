"""What an attribution says: for each file that differs, the minimal sets of factors that change it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from hermetica.sandbox.factors import RACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermetica.study.trials import Atoms


@attrs.frozen(kw_only=True)
class Causes:
    """Why one file differs.

    Attributes:
        path: of the file; `BUILDS` for whether there is one at all.
        sets: the minimal sets of atoms that change it, the smallest first.
        races: whether it differs between builds of one world; other causes are not told then.
        suspects: where no cause is known: sets of one or two factors of which each alone would explain all builds.
        is_complete: whether everything was looked at that could hold another cause.
    """

    path: str
    sets: tuple[Atoms, ...] = ()
    races: bool = False
    suspects: tuple[frozenset[str], ...] = ()
    is_complete: bool = True

    @property
    def factors(self) -> frozenset[str]:
        """The names of all factors that take part; ``race`` for a race."""
        named = frozenset(atom.factor for each in self.sets for atom in each)
        return named | {RACE} if self.races else named


@attrs.frozen(kw_only=True)
class Attribution:
    """Why builds of one derivation differ.

    Attributes:
        files: what differs and why, ascending by path.
        examined: how many files were compared.
        builds: how many builds it took.
        failed: why nothing could be said; empty where something was.
        is_complete: whether everything was looked at that the space holds.
    """

    files: tuple[Causes, ...] = ()
    examined: int = 0
    builds: int = 0
    failed: str = ""
    is_complete: bool = True

    @property
    def factors(self) -> frozenset[str]:
        """The names of all factors that take part in any difference."""
        return frozenset[str]().union(*(each.factors for each in self.files))

    @property
    def sets(self) -> tuple[Atoms, ...]:
        """All minimal sets, each once, the smallest first."""
        found = dict.fromkeys(each for file in self.files for each in file.sets)
        return in_order(found)


def in_order(sets: Iterable[Atoms]) -> tuple[Atoms, ...]:
    """The smallest first, then ascending by name."""
    return tuple(sorted(sets, key=lambda each: (len(each), sorted(each))))
