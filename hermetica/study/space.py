"""What an attribution may vary, and how many builds it may ask for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from hermetica.study.trials import Atom, Atoms

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILDS_MAX: Final = 45
BUILDS_LEAST: Final = 3
"""Before anything can be said about a derivation."""


@attrs.frozen(kw_only=True)
class Space:
    """What may be varied, and how much may be asked.

    Attributes:
        factors: factor -> its levels other than the default, the one that says most first; factors that tend to act
            together stand together.
        busy: the levels that give a race room: several processors, several jobs.
        chancy: levels that make each build of a world another one, such as addresses that are drawn.
        bases: builds of the base world.
        shakes: builds under disturbed scheduling; two thirds of them at the end, as far as builds are left.
        builds_max: builds in all; not fewer than those of the base world.

    Raises:
        ValueError: the numbers do not fit together.
    """

    factors: Mapping[str, tuple[str, ...]]
    busy: Atoms = frozenset()
    chancy: Atoms = frozenset()
    bases: int = attrs.field(default=3, validator=attrs.validators.ge(2))
    shakes: int = attrs.field(default=12, validator=attrs.validators.ge(0))
    builds_max: int = attrs.field(default=BUILDS_MAX, validator=attrs.validators.ge(BUILDS_LEAST))

    def __attrs_post_init__(self) -> None:
        if self.builds_max < self.bases:
            raise ValueError(f"the base world alone takes {self.bases} builds, and builds_max is {self.builds_max}")

    def mixes(self) -> int:
        """How many worlds it takes to see every level of every factor once."""
        most = max(map(len, self.factors.values()), default=0)
        return max(most, 2) if self.drawn() else most

    def drawn(self) -> Atoms:
        """What is varied that makes each build another one."""
        return frozenset(atom for atom in self.chancy if atom.level in self.factors.get(atom.factor, ()))

    def mix(self, number: int) -> Atoms:
        """Every factor varied, at its level of that number or at its first one where it has fewer.

        What makes each build another one is left out of the first, so that worlds can be compared by what they gave.
        """
        mixed = frozenset(
            Atom(factor, levels[number] if number < len(levels) else levels[0])
            for factor, levels in self.factors.items()
        )
        return mixed if number else mixed - self.chancy

    def rank(self, atom: Atom) -> tuple[int, int]:
        """Where an atom stands in the order of factors and levels."""
        return list(self.factors).index(atom.factor), self.factors[atom.factor].index(atom.level)
