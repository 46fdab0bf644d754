"""Why builds differ: which factors, alone or together, change which file, in as few builds as it takes. Pure.

A generator that asks for builds and is told what they made; whoever runs it decides how. In order: the base world
several times; the same world under disturbed scheduling, which shows races; everything varied; halving, down to single
factors; what draws anew in each build (`hermetica.study.drawing`); what is left when those are fixed, down to minimal
sets; the same at further levels of those factors that act alone on no file, and, one by one, of those that act alone on
some file only; few worlds that have each factor without each other, for what one undoes of another; and the worlds of
the causes once more (`hermetica.study.confirmation`). A cause is a minimal set of factors; a file may have several.

A file that a world changed and a larger one did not differs by chance, which building again shows, or is undone by
something, so that nothing follows for fewer factors from more of them any longer.

Where half of the factors change nothing, what the other half does is known without asking; where a half does all that
the whole does, the other half is left for later. When builds run short, factors are asked for one by one: no halving
beats that in the worst case.

Sources: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002); Hwang, "A method for
detecting all defective members in a population by group testing" (1972); `hermetica.study.families`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.study.causes import Attribution, Causes, in_order
from hermetica.study.confirmation import Confirmation
from hermetica.study.drawing import Drawing
from hermetica.study.families import hitting_sets, minimal, separating_sets
from hermetica.study.knowledge import Knowledge, OutOfBuilds
from hermetica.study.trials import BUILDS, Atom, Atoms, Trial

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from hermetica.study.space import Space
    from hermetica.study.trials import Sighting

    Asking = Generator[tuple[Trial, ...], tuple[Sighting, ...], None]

_RESERVED: Final = 3
_DRAWN_TIMES: Final = 2
_SETTLED_TIMES: Final = 2


def attribute(space: Space) -> Generator[tuple[Trial, ...], tuple[Sighting, ...], Attribution]:
    """Asks for trials, several at a time, and is sent what each gave; returns why they differ."""
    inquiry = _Inquiry(space=space, know=Knowledge(builds_max=space.builds_max))
    yield from inquiry.start()
    if not inquiry.failed:
        try:
            yield from inquiry.search()
        except OutOfBuilds:
            inquiry.give_up()
        yield from inquiry.confirm()
    return inquiry.result()


@attrs.define(kw_only=True)
class _Inquiry:
    space: Space
    know: Knowledge
    failed: str = ""
    is_complete: bool = True
    _sets: defaultdict[str, list[Atoms]] = attrs.field(factory=lambda: defaultdict[str, list[Atoms]](list))
    _open: set[str] = attrs.field(factory=set[str])
    _unsure: set[str] = attrs.field(factory=set[str])
    _explained: set[Atoms] = attrs.field(factory=set[Atoms])

    def start(self) -> Asking:
        """The base world, then the same under disturbed scheduling."""
        base = [Trial(repeat=number) for number in range(self.space.bases)]
        sightings = yield from self.know.ask(base)
        if all(each.failed for each in sightings):
            self.failed = sightings[0].failed
            return
        self.know.races(base)
        yield from self._shake(self.space.shakes // 3)

    def _shake(self, count: int) -> Asking:
        """Builds under disturbed scheduling, until there are so many; in the busiest world that can be built."""
        busy = self.space.busy
        for atoms in (busy, *(frozenset([each]) for each in sorted(busy)), frozenset[Atom]()):
            shaken = [Trial(atoms=atoms, repeat=number, shaken=True) for number in range(count)]
            shaken = shaken[: self.know.affordable(shaken)]
            sightings = yield from self.know.ask(shaken[:1])
            if not all(each.failed for each in sightings):
                yield from self.know.ask(shaken)
                self.know.races(shaken)
                return

    def search(self) -> Asking:
        """Everything varied, single factors, then what is left without those, at each level; then what is undone."""
        buildable: list[Atom] = []
        for number in range(self.space.mixes()):
            atoms = self.space.mix(number) if number == 0 else self._further(number)
            if not atoms:
                continue
            here = yield from self._buildable(atoms)
            if number == 0:
                buildable = here
                yield from self._singles(buildable)
                yield from self._settled(self.know.kinds())
                yield from self._drawn(1)
            yield from self._explain(atoms)
        yield from self._elsewhere()
        yield from self._separated(buildable)
        if self.know.undone - self.know.racy:  # once more, with other company
            yield from self._separated([*buildable[::2], *buildable[1::2]])
        if self.know.left > _RESERVED:
            yield from self._drawn(_DRAWN_TIMES)

    def _drawn(self, times: int) -> Asking:
        for atom in self._ordered(self.space.drawn()):
            yield from self._drawing.draw(atom, times)

    def _separated(self, atoms: Sequence[Atom]) -> Asking:
        """Few worlds that have each atom without each other one; what acts alone is known already, and left out."""
        for world in separating_sets(self._without(self._alone(), atoms)):
            left = frozenset(self._without(self._alone(), world))
            if left and self.know.left > _RESERVED:
                yield from self._explain(left)
            elif left and (undone := self.know.undone - self.know.racy):  # of these there may be more to say
                self._open |= undone
                self.is_complete = False

    def _alone(self) -> frozenset[str]:
        """The factors that act alone on some file."""
        return frozenset[str]().union(*map(self._alone_on, self._sets))

    def _alone_on(self, path: str) -> frozenset[str]:
        return frozenset(atom.factor for each in self._sets[path] if len(each) == 1 for atom in each)

    def _without(self, factors: frozenset[str], atoms: Iterable[Atom]) -> list[Atom]:
        return [atom for atom in atoms if atom.factor not in factors]

    def _explain(self, atoms: Atoms) -> Asking:
        """Looks for causes in a world, and in what can be built of it."""
        while wholes := [each for each in self._within(BUILDS, atoms) if each not in self._explained]:
            yield from self._rest(wholes[0])

    def _further(self, number: int) -> Atoms:
        """Further levels, of the factors that act alone on no file; empty where none of the others has so many."""
        left = frozenset(self._without(self._alone(), self.space.mix(number)))
        fresh = any(number < len(self.space.factors[atom.factor]) for atom in left)
        return left if fresh or (number == 1 and left & self.space.chancy) else frozenset()

    def _elsewhere(self) -> Asking:
        """Further levels of what acts alone on some file and not on another one, each by itself while builds last."""
        files = self.know.everything() - self.know.racy - {BUILDS}
        everywhere = self._alone().intersection(*map(self._alone_on, files))
        for number in range(1, self.space.mixes()):
            for atom in self._ordered(self.space.mix(number)):
                is_fresh = number < len(self.space.factors[atom.factor])
                if is_fresh and atom.factor in self._alone() - everywhere and self.know.left > _RESERVED:
                    yield from self._one_by_one([atom])

    def _ordered(self, atoms: Iterable[Atom]) -> list[Atom]:
        return sorted(atoms, key=self.space.rank)

    def _buildable(self, whole: Atoms) -> Generator[tuple[Trial, ...], tuple[Sighting, ...], list[Atom]]:
        """The atoms without those that keep it from being built: of each cause of that, one is left out."""
        atoms = self._ordered(self._within(BUILDS, whole)[0])
        while atoms and BUILDS in (yield from self.know.touched(frozenset(atoms))):
            cause = yield from self._minimal_in(BUILDS, atoms)
            if BUILDS in self.know.racy:
                continue
            if not cause:
                raise OutOfBuilds
            self._note(cause, BUILDS)
            atoms = [atom for atom in atoms if atom != cause[0]]
        return atoms

    def _note(self, atoms: Iterable[Atom], searched: str = "") -> None:
        """Keeps a set as a cause of the file it was searched for, and of those that no fewer of its atoms change."""
        found = frozenset(atoms)
        for path in self.know.seen_touched(Trial(atoms=found)):
            if len(found) > 1 and self.know.contradicted(path) is not None:
                self.know.undone.add(path)
            if found not in self._within(path, found):
                continue  # at another level it is known
            fewer = (found - {atom} for atom in found)
            if path == searched or len(found) == 1 or all(self.know.is_clean(path, each) for each in fewer):
                self._sets[path].append(found)
        several = {each for sets in self._sets.values() for each in sets if len(each) > 1}
        self.know.kept = 1 + len(several) if several else 0  # they are told only where they are found again

    def _singles(self, atoms: list[Atom]) -> Asking:
        """Finds the factors that change something alone, by halving what is not known to change nothing."""
        whole = frozenset(atoms)
        waiting: list[tuple[list[Atom], Atoms | None]] = [(atoms, whole)] if (yield from self._matters(whole)) else []
        while waiting:
            unresolved = sum(len(part) for part, _ in waiting)
            is_short = self.know.left - self._reserve() <= unresolved < self.know.left
            if is_short and any(len(part) > 1 for part, _ in waiting):
                yield from self._one_by_one([atom for part, _ in waiting for atom in part])
                return
            part, like = waiting.pop()
            if len(part) == 1:
                yield from self._one_by_one(part)
            else:
                waiting += yield from self._halved(part, like)

    def _reserve(self) -> int:
        """The builds that are kept for what comes after the single factors: other levels, and confirmation."""
        found = {each for sets in self._sets.values() for each in sets}
        return _RESERVED + min(len(found), 2)

    def _one_by_one(self, atoms: Sequence[Atom]) -> Asking:
        alone = [frozenset([atom]) for atom in atoms]
        trials = [Trial(atoms=each) for each in alone][: max(1, self.know.left - 1)]
        yield from self.know.ask_built(trials)
        for each in alone[: len(trials)]:
            self._note(each)
        if len(trials) < len(alone):
            raise OutOfBuilds

    def _matters(self, atoms: Atoms) -> Generator[tuple[Trial, ...], tuple[Sighting, ...], bool]:
        return bool((yield from self.know.touched(atoms)))

    def _halved(
        self, part: list[Atom], like: Atoms | None
    ) -> Generator[tuple[Trial, ...], tuple[Sighting, ...], list[tuple[list[Atom], Atoms | None]]]:
        """The halves of a part that may hold causes, each with a world that gives the same, where one is known."""
        middle = len(part) // 2
        left, right = part[:middle], part[middle:]
        if not (yield from self._matters(frozenset(left))):
            if len(right) < 8 or like == frozenset(right):
                return [(right, like)]
            return [(right, frozenset(right))] if (yield from self._matters(frozenset(right))) else []
        if like is not None and self.know.same(frozenset(left), like):
            return [(left, frozenset(left))]
        if len(right) < 4:  # asking for the whole of so few saves nothing
            return [(right, None), (left, frozenset(left))]
        matters = yield from self._matters(frozenset(right))
        return [*([(right, frozenset(right))] if matters else []), (left, frozenset(left))]

    def _rest(self, atoms: Atoms) -> Asking:
        """Looks for causes in what changes nothing alone, until every world without the known causes is as the base."""
        while (missing := (yield from self._unexplained(atoms))) is not None:
            path, within = missing
            calm = within - self.space.chancy
            if calm != within and path in (yield from self.know.touched(calm)):
                within = calm
            elif calm != within and (yield from self._drawing.explains(path, within)):
                continue
            yield from self._settled([path])
            if cause := (yield from self._minimal_in(path, self._ordered(within))):
                self._note(cause, path)
            elif path not in self.know.racy:
                self._unsure.add(path)
        self._explained.add(atoms)
        self._open.clear()

    def _settled(self, paths: Iterable[str]) -> Asking:
        """Where varying more left a file as it is that varying less changed: that is chance, or the more undoes it."""
        for path in paths:
            world = None if path in self.know.undone else self.know.contradicted(path)
            for _ in range(_SETTLED_TIMES if world else 0):
                if world and path not in self.know.racy:
                    yield from self._confirmation.again(world, shaken=True)
            self.know.undone |= {path} if world else set()

    def _asked_again(self, world: Atoms) -> Asking:
        """Builds a world a second time before more is asked of it: what differs then is no matter of factors."""
        if not self._confirmation.is_confirmed(world):
            yield from self._confirmation.again(world, shaken=True)

    @property
    def _confirmation(self) -> Confirmation:
        return Confirmation(know=self.know, sets=self._sets, drawing=self._drawing)

    @property
    def _drawing(self) -> Drawing:
        return Drawing(know=self.know, sets=self._sets, chancy=self.space.chancy)

    def _unexplained(
        self, atoms: Atoms
    ) -> Generator[tuple[Trial, ...], tuple[Sighting, ...], tuple[str, Atoms] | None]:
        """A file, and a world that changes it although it varies the whole of none of its causes."""
        paths = sorted((yield from self.know.touched(atoms)) - self._unsure)
        self._open = set(paths)
        every = {path: self._within(path, atoms) for path in paths}
        for within in dict.fromkeys(each for path in paths for each in every[path]):
            concerned = [path for path in paths if within in every[path] and not self.know.is_clean(path, within)]
            if not concerned:
                continue
            touched = yield from self.know.touched(within)
            for path in concerned:
                if path in touched:
                    return path, within
        return self._left_over()

    def _left_over(self) -> tuple[str, Atoms] | None:
        """A file, and the smallest world of those that were built that changed it for no known reason."""
        found = [
            (len(world), path, world)
            for path in self.know.kinds(self._sets)
            if path not in self._unsure and (world := self._confirmation.unexplained(path)) is not None
        ]
        return min(found, key=lambda each: each[:2])[1:] if found else None

    def _within(self, path: str, atoms: Atoms) -> list[Atoms]:
        """The largest parts of ``atoms`` that vary all factors of no known cause of a file, at whichever level."""
        here = {atom.factor: atom for atom in atoms}
        known = [{atom.factor for atom in each} for each in self._sets[path]]
        inside = [frozenset(here[factor] for factor in each) for each in known if each <= here.keys()]
        return [atoms - hit for hit in hitting_sets(inside)]

    def _minimal_in(
        self, path: str, atoms: list[Atom]
    ) -> Generator[tuple[Trial, ...], tuple[Sighting, ...], list[Atom]]:
        """A minimal set among ``atoms`` that changes a file, which all of them together do; empty where there is none.

        Its last member in order is what the shortest beginning that changes the file ends with; with that varied, the
        next one is found in the same way among those before it.
        """
        needed: list[Atom] = []
        before = atoms
        while not (needed and (yield from self._changes(path, frozenset(needed)))):
            if needed and not self._confirmation.is_steady(path):  # it takes several, or it is a race
                self.know.kept = max(self.know.kept, min(_RESERVED, self.know.left))
                yield from self._asked_again(frozenset(atoms))
            if path in self.know.racy:
                return []
            low, high = 0, len(before)  # without `low` many it does not change, with `high` many it does
            while high - low > 1:
                middle = (low + high) // 2
                if (yield from self._changes(path, frozenset([*needed, *before[:middle]]))):
                    high = middle
                else:
                    low = middle
            if not high:  # more atoms undo what fewer do, or it does not repeat what it did
                return []
            needed.append(before[high - 1])
            before = before[: high - 1]
        for atom in needed if path in self.know.undone and len(needed) > 1 else ():  # nothing followed for fewer
            fewer = [each for each in needed if each != atom]
            if (yield from self._changes(path, frozenset(fewer))):
                return (yield from self._minimal_in(path, fewer))
        return needed

    def _changes(self, path: str, atoms: Atoms) -> Generator[tuple[Trial, ...], tuple[Sighting, ...], bool]:
        if not self.know.was_asked(atoms) and self.know.is_clean(path, atoms):
            return False
        return path in (yield from self.know.touched(atoms))

    def confirm(self) -> Asking:
        """What was found once more; then what is left of the builds under disturbed scheduling."""
        self.know.kept = 0
        yield from self._fewer()
        yield from self._confirmation.confirm()
        for path, sets in self._sets.items():
            held = [each for each in sets if self._confirmation.holds(path, each)]
            self._open |= {path} if len(held) < len(sets) else set()
            self.is_complete &= len(held) == len(sets)
            sets[:] = held
        yield from self._shake(self.space.shakes)

    def _fewer(self) -> Asking:
        """Of a file that some factors undo, nothing follows for fewer from more: they are asked for."""
        for path in sorted(self.know.undone - self.know.racy):
            for cause in self._sets[path]:  # those that are found meanwhile, too
                for fewer in (cause - {atom} for atom in sorted(cause)) if len(cause) > 1 else ():
                    if self.know.left <= 0 and not self.know.was_asked(fewer):
                        return
                    if path in (yield from self.know.touched(fewer)):
                        self._note(fewer, path)
                        self.know.kept = 0

    def give_up(self) -> None:
        """The builds did not suffice: what changed and was not explained stays open."""
        self.is_complete = False
        touched = self.know.ever_touched()
        self._open |= {path for path in touched if not (self._explained and self._sets[path])}

    def result(self) -> Attribution:
        """What was found."""
        if self.failed:
            return Attribution(failed=self.failed, builds=self.know.builds)
        racy = self.know.racy
        paths = sorted({path for path, sets in self._sets.items() if sets} | racy | self._open | self._unsure)
        files = tuple(
            Causes(
                path=path,
                sets=() if path in racy else in_order(minimal(self._sets[path])),
                races=path in racy,
                is_complete=path not in self._unsure and (self.is_complete or path not in self._open),
            )
            for path in paths
        )
        return Attribution(
            files=files,
            examined=len(self.know.everything() - {BUILDS}),
            builds=self.know.builds,
            is_complete=self.is_complete and not self._unsure,
        )
