"""What an attribution knows: every build it asked for, what follows from them, and how many are left. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.study.trials import BUILDS, Atoms, Sighting, Trial, differing

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

_NONE: Final = frozenset[str]()
_TRIES: Final = 4


class OutOfBuilds(Exception):
    """The next build would be one too many."""


@attrs.define
class Knowledge:
    """Builds by their trial, with what differs in each from the base world.

    Attributes:
        builds_max: how many may be asked for in all.
        kept: how many of them are kept back for later.
        racy: files that differed between builds of one world; they are left out of what differs.
        undone: files that some factors change and more of them do not, so that nothing follows for fewer from more.
    """

    builds_max: int
    kept: int = 0
    racy: set[str] = attrs.field(factory=set[str])
    undone: set[str] = attrs.field(factory=set[str])
    _seen: dict[Trial, Sighting] = attrs.field(factory=dict[Trial, Sighting])
    _differing: dict[Trial, frozenset[str]] = attrs.field(factory=dict[Trial, frozenset[str]])

    @property
    def base(self) -> Sighting:
        """The first build of the base world; of those that did not fail, where there is one."""
        repeats = (trial for trial in self._seen if not trial.atoms and not trial.shaken)
        return next((self._seen[each] for each in repeats if not self._seen[each].failed), self._seen[Trial()])

    @property
    def builds(self) -> int:
        """How many builds were asked for."""
        return len(self._seen)

    @property
    def left(self) -> int:
        """How many builds may still be asked for."""
        return self.builds_max - self.kept - self.builds

    def ask(self, trials: Sequence[Trial]) -> Generator[tuple[Trial, ...], tuple[Sighting, ...], list[Sighting]]:
        """What the trials gave; those that were never asked for are asked together.

        Raises:
            OutOfBuilds: that would be more than the budget has.
        """
        fresh = tuple(dict.fromkeys(each for each in trials if each not in self._seen))
        if len(fresh) > self.left:
            raise OutOfBuilds
        if fresh:
            self._seen.update(zip(fresh, (yield fresh), strict=True))
        return [self._seen[each] for each in trials]

    def touched(self, atoms: Atoms) -> Generator[tuple[Trial, ...], tuple[Sighting, ...], frozenset[str]]:
        """The files that differ from the base world where ``atoms`` are varied."""
        trial = Trial(atoms=atoms)
        yield from self.ask_built((trial,))
        return self.seen_touched(trial)

    def ask_built(self, trials: Sequence[Trial]) -> Generator[tuple[Trial, ...], tuple[Sighting, ...], None]:
        """Asks for trials; where it is chance whether a build fails, for those that did until they do not.

        Whether it is chance is found out by the first one that fails, which is built again.
        """
        yield from self.ask(trials)
        for trial in trials:
            again = trial
            while self._seen[trial].failed and again.repeat < trial.repeat + self._tries():
                again = attrs.evolve(again, repeat=again.repeat + 1)
                (sighting,) = yield from self.ask((again,))
                self.races((trial, again))
                self._seen[trial] = sighting
                self._differing.pop(trial, None)

    def _tries(self) -> int:
        """How often a world that could not be built is tried again."""
        if BUILDS in self.racy:
            return _TRIES
        failed = [trial for trial, sighting in self._seen.items() if sighting.failed and not trial.shaken]
        return int(len({each.atoms for each in failed}) == len(failed))  # none of them was tried again yet

    def seen_touched(self, trial: Trial) -> frozenset[str]:
        """Likewise of a trial that was asked for."""
        if trial not in self._differing:
            self._differing[trial] = differing(self.base, self._seen[trial])
        return self._differing[trial] - self.racy

    def ever_touched(self) -> frozenset[str]:
        """The files that differ from the base world in some world that was built."""
        worlds = [trial for trial in self._seen if trial.atoms and not trial.shaken]
        return _NONE.union(*map(self.seen_touched, worlds))

    def kinds(self, sets: Mapping[str, Sequence[Atoms]] | None = None) -> list[str]:
        """One of all files that the same builds changed, and of which the same causes are known; ascending by path."""
        rows: defaultdict[str, list[Trial]] = defaultdict(list)
        for trial in self._seen:
            if trial.atoms and not trial.shaken:
                for path in self.seen_touched(trial):
                    rows[path].append(trial)
        kinds: dict[object, str] = {}
        for path in sorted(rows):
            kinds.setdefault((tuple(rows[path]), tuple((sets or {}).get(path, ()))), path)
        return list(kinds.values())

    def affordable(self, trials: Sequence[Trial]) -> int:
        """How many of these, from the first, can be asked for."""
        fresh = 0
        for number, trial in enumerate(trials):
            fresh += trial not in self._seen
            if fresh > self.left:
                return number
        return len(trials)

    def was_asked(self, atoms: Atoms) -> bool:
        """Whether that world was built."""
        return Trial(atoms=atoms) in self._seen

    def same(self, first: Atoms, second: Atoms) -> bool:
        """Whether two worlds that were built gave the same, races left out."""
        between = differing(self._seen[Trial(atoms=first)], self._seen[Trial(atoms=second)])
        return not between - self.racy

    def is_clean(self, path: str, atoms: Atoms) -> bool:
        """Whether a build of these or, unless more undo what fewer do, of more atoms left a file as it is."""
        trial = Trial(atoms=atoms)
        if path in self.undone or (trial in self._seen and self._is_known(path, trial)):
            return trial in self._seen and self._leaves(path, trial)
        return any(self._leaves(path, each) for each in self._seen if atoms <= each.atoms and not each.shaken)

    def contradicted(self, path: str) -> Atoms | None:
        """The smallest world that changed a file although one that varies more left it as it is; None without one."""
        leaving = [each.atoms for each in self._seen if not each.shaken and self._leaves(path, each)]
        touching = (each.atoms for each in reversed(self.touching(path)))
        return next((each for each in touching if any(each < more for more in leaving)), None)

    def touching(self, path: str) -> list[Trial]:
        """The trials of worlds other than the base that changed a file, those that vary most first."""
        worlds = (trial for trial in self._seen if trial.atoms and not trial.shaken)
        found = (trial for trial in worlds if path in self.seen_touched(trial))
        return sorted(found, key=lambda each: (-len(each.atoms), each.key))

    def repeats(self, world: Atoms) -> list[Trial]:
        """All trials of one world that were asked for, the disturbed ones last: scheduling is no part of a world."""
        return sorted((each for each in self._seen if each.atoms == world), key=lambda each: each.shaken)

    def _leaves(self, path: str, trial: Trial) -> bool:
        return self._is_known(path, trial) and path not in self._touched(trial)

    def _touched(self, trial: Trial) -> frozenset[str]:
        self.seen_touched(trial)
        return self._differing[trial]

    def _is_known(self, path: str, trial: Trial) -> bool:
        return self._seen[trial].value(path) is not None

    def races(self, trials: Iterable[Trial]) -> frozenset[str]:
        """Notes the files that differ between builds of one world."""
        by_world: defaultdict[Atoms, list[Sighting]] = defaultdict(list)
        for trial in trials:
            by_world[trial.atoms].append(self._seen[trial])
        found = _NONE.union(*(differing(group[0], each) for group in by_world.values() for each in group[1:]))
        self.racy |= found
        return found

    def everything(self) -> frozenset[str]:
        """Every file that any build made, and whether there was one."""
        return _NONE.union(*(each.paths() for each in self._seen.values()))
