"""What hangs on a level that draws anew in each build, such as the layout of addresses. Pure.

Two objects lie in one order or in the other: half of the builds then give what the base world gives. So such a level is
built alone more than once, and what differs between two builds of it is no race for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from hermetica.study.trials import Atom, Atoms, Trial

if TYPE_CHECKING:
    from collections.abc import Generator, MutableMapping

    from hermetica.study.knowledge import Knowledge
    from hermetica.study.trials import Sighting

    Asking = Generator[tuple[Trial, ...], tuple[Sighting, ...], None]

_DRAWN_MAX: Final = 7
_CALM: Final = 12


@attrs.frozen(kw_only=True)
class Drawing:
    """Asks for what is drawn.

    Attributes:
        know: all that was built.
        sets: file -> causes that were found; what draws anew and changes a file alone is added to them.
        chancy: the levels that make each build of a world another one.
    """

    know: Knowledge
    sets: MutableMapping[str, list[Atoms]]
    chancy: Atoms

    def draw(self, atom: Atom, times: int) -> Asking:
        """Builds one level alone until there are so many builds of it; whatever changes hangs on it."""
        world = frozenset([atom])
        for repeat in range(times):
            trial = Trial(atoms=world, repeat=repeat)
            yield from self.know.ask_built((trial,))
            for path in self.know.seen_touched(trial):
                if world not in self.sets[path]:
                    self.sets[path].append(world)

    def explains(self, path: str, world: Atoms) -> Generator[tuple[Trial, ...], tuple[Sighting, ...], bool]:
        """Whether a file hangs on what a world draws; that is built alone until it shows, or did not often enough."""
        for atom in sorted(world & self.chancy):
            for times in range(1, 1 + _DRAWN_MAX):
                if not self.hangs_on(path, world) and self.know.left > 0:
                    yield from self.draw(atom, times)
        return self.hangs_on(path, world)

    def hangs_on(self, path: str, world: Atoms) -> bool:
        """Whether something that a world draws is a known cause of a file."""
        return any(cause <= world & self.chancy for cause in self.sets[path])

    def confirm(self, world: Atoms) -> Asking:
        """Builds a world that draws until each file that it changes did so twice; what does not is a race."""
        yield from self._calm(world)
        while lacking := self._lacking(world):
            repeats = [each.repeat for each in self.know.repeats(world)]
            if len(repeats) >= _DRAWN_MAX:
                self.know.racy |= lacking
            elif self.know.left <= 0:
                return
            else:
                yield from self.know.ask((Trial(atoms=world, repeat=1 + max(repeats)),))

    def _calm(self, world: Atoms) -> Asking:
        """Where builds of a world that draws differ, the base world under disturbed scheduling: it may be a race."""
        files = {path for path, sets in self.sets.items() if world in sets} - self.know.racy
        repeats = self.know.repeats(world)
        if all(path in self.know.seen_touched(each) for path in files for each in repeats):
            return
        base = self.know.repeats(frozenset())
        first = 1 + max(each.repeat for each in base)
        more = [Trial(repeat=first + number, shaken=True) for number in range(_CALM)]
        more = more[: self.know.affordable(more)]
        yield from self.know.ask(more)
        self.know.races([*base, *more])

    def _lacking(self, world: Atoms) -> set[str]:
        """The files of which a world was seen once only to be a cause."""
        told = {path for path, sets in self.sets.items() if world in sets} - self.know.racy
        return {path for path in told if self._showings(path, world) < 2}

    def _showings(self, path: str, world: Atoms) -> int:
        """How many builds show that a world is a cause of a file: they change it, and vary no other cause of it."""
        others = [cause for cause in self.sets[path] if cause != world]
        touching = (each.atoms for each in self.know.touching(path))
        return sum(world <= each and not any(other <= each for other in others) for each in touching)
