"""Whether what was found holds: the worlds of causes once more, and what no cause explains once more and again. Pure.

A race that shows now and then makes builds contradict each other: a file changes in a world that varies no cause of
it, and in a larger one it does not. Such a world is built again until it gives something else, which is a race, or has
given the same often enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from hermetica.study.trials import Atoms, Trial

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from hermetica.study.drawing import Drawing
    from hermetica.study.knowledge import Knowledge
    from hermetica.study.trials import Sighting

    Asking = Generator[tuple[Trial, ...], tuple[Sighting, ...], None]

_CONFIRMED_MAX: Final = 4
_DOUBTED_TIMES: Final = 3


@attrs.frozen(kw_only=True)
class Confirmation:
    """Asks again about what was found.

    Attributes:
        know: all that was built; files that race are noted in it.
        sets: file -> causes that were found.
        drawing: knows the levels that make each build of a world another one: what differs there need be no race.
    """

    know: Knowledge
    sets: Mapping[str, Sequence[Atoms]]
    drawing: Drawing

    def again(self, world: Atoms, *, shaken: bool) -> Asking:
        """Builds a world once more, and notes what races; with its scheduling disturbed, that has more room to show."""
        trial = Trial(atoms=world)
        repeats = self.know.repeats(world)
        fresh = attrs.evolve(trial, repeat=1 + max(each.repeat for each in repeats), shaken=shaken)
        yield from self.know.ask((fresh,))
        if world & self.drawing.chancy:
            contrary = self.know.seen_touched(trial) ^ self.know.seen_touched(fresh)
            self.know.racy |= {path for path in contrary if not self.drawing.hangs_on(path, world)}
        else:
            self.know.races([*repeats, fresh])

    def confirm(self) -> Asking:
        """The base world and the worlds of causes once more, those of the most factors first; then what is in doubt."""
        if self.know.left:
            yield from self.again(frozenset(), shaken=False)
        for number, world in enumerate(self._worlds()):
            if world & self.drawing.chancy:
                yield from self.drawing.confirm(world)
            elif self.is_confirmed(world):
                self.know.races(self.know.repeats(world))
            elif self.know.left and (len(world) > 1 or number < _CONFIRMED_MAX):
                yield from self.again(world, shaken=False)
        yield from self._doubted()

    def _worlds(self) -> list[Atoms]:
        found = {each for path, sets in self.sets.items() if path not in self.know.racy for each in sets}
        return sorted(found, key=lambda each: (-len(each), sorted(each)))

    def is_confirmed(self, world: Atoms) -> bool:
        """Whether a world was built more than once."""
        return len(self.know.repeats(world)) > 1

    def holds(self, path: str, cause: Atoms) -> bool:
        """Whether a cause may be told: one of several factors was built again, a large one of a file beyond doubt."""
        if len(cause) == 1:
            return True
        is_minimal = path not in self.know.undone or all(self.know.is_clean(path, cause - {atom}) for atom in cause)
        return is_minimal and self.is_confirmed(cause) and (len(cause) == 2 or self._in_doubt(path) is None)

    def is_steady(self, path: str) -> bool:
        """Whether a world that changes a file, and draws nothing, was built more than once."""
        calm = (each.atoms for each in self.know.touching(path) if not each.atoms & self.drawing.chancy)
        return any(map(self.is_confirmed, calm))

    def _doubted(self) -> Asking:
        """What changed a file without varying any of its causes, until it gives something else or is beyond doubt."""
        for path in sorted({*self.sets, *self.know.ever_touched()}):
            while self.know.left and (world := self._in_doubt(path)) is not None:
                yield from self.again(world, shaken=True)

    def unexplained(self, path: str) -> Atoms | None:
        """The world of the fewest factors that changes a file for no known reason."""
        return min(self._unexplained(path), key=lambda each: (len(each), sorted(each)), default=None)

    def _unexplained(self, path: str) -> list[Atoms]:
        known = [{atom.factor for atom in cause} for cause in self.sets[path]]
        touching = (each.atoms for each in self.know.touching(path))
        return [each for each in touching if not any(cause <= {atom.factor for atom in each} for cause in known)]

    def _in_doubt(self, path: str) -> Atoms | None:
        """The world of the fewest factors that changes a file for no known reason, and was not built often yet."""
        if path in self.know.racy:
            return None
        repeats = {each: len(self.know.repeats(each)) for each in self._unexplained(path)}
        if not repeats or max(repeats.values()) > _DOUBTED_TIMES:
            return None
        return max(repeats, key=lambda each: (repeats[each], -len(each), sorted(each)))
