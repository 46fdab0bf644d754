"""One derivation on the bench: trials in, sightings out, each build recorded before its sighting counts.

A trial whose build is in the log already, of the same derivation in the same world, is not built again. The first build
of the base world stays on the disk while the bench is in use, so that what differs can be compared byte by byte.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
import blake3

from hermetica.realize.errors import BuildCancelled, BuildTimedOut
from hermetica.sandbox import World, WorldUnavailable, fixed_world, vary
from hermetica.study.comparing import Alike, Print, Prints, alike, sighting_at
from hermetica.study.diffoscope import FILES_MAX
from hermetica.study.observe import located, pairs_of, prints_of
from hermetica.study.trials import Sighting, Trial, differing, levels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from hermetica.realize.in_world import Attempt, Workshop
    from hermetica.sandbox import Tier
    from hermetica.study.diffoscope import Diffoscope
    from hermetica.study.log import Log

_TIMES_BASE: Final = 20
_LEAST_TIMEOUT_S: Final = 120.0


class Refused(Exception):
    """This host cannot give some factors a level.

    Attributes:
        factors: their names.
        unfixed: those of them that were to be at their fixed level.
        error: why.
    """

    def __init__(self, error: WorldUnavailable, trial: Trial) -> None:
        super().__init__(error.cause)
        self.factors = frozenset(error.factor.split(" and "))
        self.unfixed = self.factors - {atom.factor for atom in trial.atoms}
        self.error = error


class BudgetSpent(Exception):
    """The next build would be one too many."""


class Purse:
    """What a study may still spend, whichever of its threads spends it.

    Args:
        builds: how many; None without end.
        seconds: of building; None without end.
    """

    def __init__(self, builds: int | None = None, seconds: float | None = None) -> None:
        self._builds, self._seconds = builds, seconds
        self._lock = threading.Lock()

    def take(self) -> None:
        """Spends one build.

        Raises:
            BudgetSpent: there is none left, or no time.
        """
        with self._lock:
            if (self._builds is not None and self._builds <= 0) or (self._seconds is not None and self._seconds <= 0):
                raise BudgetSpent
            if self._builds is not None:
                self._builds -= 1

    def give_back(self) -> None:
        """Takes back a build that was not made."""
        with self._lock:
            if self._builds is not None:
                self._builds += 1

    def spend(self, seconds: float) -> None:
        """Spends time."""
        with self._lock:
            if self._seconds is not None:
                self._seconds -= seconds


@attrs.frozen(kw_only=True)
class Setting:
    """What all trials of a derivation have in common.

    Attributes:
        target: what the study calls it.
        compare: at which level files are compared.
        tier: how much of the base world is fixed.
        unfixed: factors whose fixed level this host cannot give; they are as in the default world.
        processor: where builds run that may have one; None for the first.
        timeout_s: how long a build may run; None for many times as long as in the base world.
        diffoscope: is asked about what causes change; None asks nothing.
    """

    target: str
    compare: Alike
    tier: Tier
    unfixed: frozenset[str] = frozenset()
    processor: int | None = None
    timeout_s: float | None = None
    diffoscope: Diffoscope | None = None

    def world(self, trial: Trial) -> World:
        """The world of a trial."""
        return vary(fixed_world(self.tier, self.unfixed), levels_of(trial.atoms))


@attrs.define(kw_only=True, eq=False)
class Bench:
    """Builds trials of one derivation.

    Attributes:
        shop: builds it.
        setting: what all trials have in common.
        log: takes what is built.
        known: events of builds by their key, of earlier runs and of this one.
        purse: what may be spent.
        tell: is told each event.
        events: those of the trials that were asked for, by the trial's key.
    """

    shop: Workshop
    setting: Setting
    log: Log
    known: dict[str, Mapping[str, Any]]
    purse: Purse
    tell: Callable[[Mapping[str, Any]], None] = lambda _event: None
    events: dict[str, Mapping[str, Any]] = attrs.field(factory=dict[str, "Mapping[str, Any]"])
    _held: ExitStack = attrs.field(factory=ExitStack)
    _base: Attempt | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def sightings(self, trials: Iterable[Trial]) -> tuple[Sighting, ...]:
        """What each trial gives.

        Raises:
            Refused: this host cannot give a world.
            BudgetSpent: a build would be one too many.
            BuildCancelled: the study is to end.
        """
        return tuple(self._sighting(trial) for trial in trials)

    def _sighting(self, trial: Trial) -> Sighting:
        event = self.events.get(trial.key)
        if event is None:
            world = self.setting.world(trial)
            known = self.known.get(self._key(trial, world))
            if known is None or _was_cut_short(known, self._timeout_s()):
                known = self._build(trial, world)
            event = self.events[trial.key] = known
        return self._read(event)

    def _read(self, event: Mapping[str, Any]) -> Sighting:
        if event["failed"]:
            return Sighting(failed=event["failed"])
        if event["prints"] is not None:
            return sighting_at(self.setting.compare, _prints(event))
        files = dict(self._sighting(Trial()).files)
        for path, digest in event["changed"].items():
            if digest is None:
                files.pop(path, None)
            else:
                files[path] = digest
        return Sighting(files=files)

    def _key(self, trial: Trial, world: World) -> str:
        """Names a build: of what, in which world, which one of several."""
        facts = {field.name: str(getattr(world, field.name)) for field in attrs.fields(World)}
        which = [self.shop.resolved.id.hex, trial.repeat, trial.shaken, str(self.setting.compare), facts]
        return blake3.blake3(json.dumps(which, sort_keys=True).encode()).hexdigest(16)

    def _build(self, trial: Trial, world: World) -> Mapping[str, Any]:
        if trial != Trial():
            self._sighting(Trial())
        self.purse.take()
        started_s = time.time()
        with ExitStack() as mine:
            try:
                attempt = self._enter(mine, trial, world)
            except WorldUnavailable as error:
                self.purse.give_back()
                raise Refused(error, trial) from error
            self.purse.spend(attempt.duration_s)
            seen = prints_of(attempt.trees)
            facts: dict[str, Any] = {"prints": None, "changed": None, "alike": None, "loci": {}}
            if attempt.error is None and trial == Trial():
                facts["prints"] = {path: list(attrs.astuple(each)) for path, each in seen.items()}
                self._keep(attempt, mine)
            elif attempt.error is None:
                facts |= self._compared(trial, attempt, seen)
            event = self.log.write("trial", started_s, **self._told(trial, world, attempt), **facts)
            self.known[event["key"]] = event
        self.tell(event)
        return event

    def _enter(self, stack: ExitStack, trial: Trial, world: World) -> Attempt:
        """Builds; what was made is there until the stack is left."""
        with _pinned(self.setting.processor if world.cpus == 1 else None):
            build = self.shop.build(world, shaken=trial.repeat if trial.shaken else None, timeout_s=self._timeout_s())
            return stack.enter_context(build)

    def _timeout_s(self) -> float | None:
        if self.setting.timeout_s is not None or Trial().key not in self.events:
            return self.setting.timeout_s
        return max(_LEAST_TIMEOUT_S, _TIMES_BASE * float(self.events[Trial().key]["duration_s"]))

    def _told(self, trial: Trial, world: World, attempt: Attempt) -> dict[str, Any]:
        derivation = self.shop.resolved.derivation
        failed = "" if attempt.error is None else f"{attempt.error.code} {attempt.error.message}"
        return {
            "target": self.setting.target,
            "drv": derivation.id.hex,
            "name": derivation.name,
            "key": self._key(trial, world),
            "trial": trial.key,
            "levels": levels_of(trial.atoms),
            "repeat": trial.repeat,
            "shaken": trial.shaken,
            "tier": self.setting.tier.name,
            "duration_s": round(attempt.duration_s, 3),
            "cpu_s": round((attempt.usage.cpu_user_s or 0) + (attempt.usage.cpu_system_s or 0), 3),
            "timeout_s": self._timeout_s(),
            "failed": failed,
            "log_tail": attempt.log_tail[-2000:] if failed else "",
        }

    def _keep(self, attempt: Attempt, mine: ExitStack) -> None:
        """Lets the first build of the base world stay on the disk."""
        self._base = attempt
        self._held = mine.pop_all()

    def _compared(self, trial: Trial, attempt: Attempt, seen: Prints) -> dict[str, Any]:
        """In what a build differs from the first one of the base world."""
        base = self._sighting(Trial())
        if base.failed:
            return {"prints": {path: list(attrs.astuple(each)) for path, each in seen.items()}}
        here = sighting_at(self.setting.compare, seen)
        paths = differing(base, here)
        tells = bool(paths) and (len(trial.atoms) == 1 or trial.repeat > 0 or trial.shaken)
        trees = self._base_trees() if tells else None
        loci = {} if trees is None else located(paths, trees, attempt.trees, self.setting.compare)
        asks = trees is not None and trial.repeat > 0 and not trial.shaken and bool(trial.atoms)
        said = self._by_diffoscope(paths, trees, attempt.trees) if asks and trees is not None else {}
        return {
            "changed": {path: here.files.get(path) for path in sorted(paths)},
            "alike": str(alike(_prints(self.events[Trial().key]), seen)),
            "loci": {path: [each.to_json() for each in found] for path, found in loci.items()},
            **({"diffoscope": said} if said else {}),
        }

    def _by_diffoscope(
        self, paths: Iterable[str], base: Mapping[str, Path], trees: Mapping[str, Path]
    ) -> dict[str, str]:
        """What diffoscope says of the first few files, by name; nothing where it is not to be asked."""
        found: dict[str, str] = {}
        asked, cancellation = self.setting.diffoscope, self.shop.context.cancellation
        if asked is None:
            return found
        for path, first, second in itertools.islice(pairs_of(paths, base, trees), FILES_MAX):
            facts = {"target": self.setting.target, "path": path, "timeout_s": asked.timeout_s}
            self.tell(self.log.write("diffoscope-asked", time.time(), **facts))
            if text := asked.told(first, second, cancellation):
                found[path] = text
            if cancellation.is_cancelled:
                raise BuildCancelled(self.shop.resolved.derivation, "cancelled")
        return found

    def _base_trees(self) -> Mapping[str, Path] | None:
        """The trees of the base world; built once more where they are those of an earlier run, None if that fails."""
        if self._base is None:
            with ExitStack() as mine:
                attempt = self._enter(mine, Trial(), self.setting.world(Trial()))
                self.purse.spend(attempt.duration_s)
                if attempt.error is None:
                    self._keep(attempt, mine)
        return None if self._base is None else self._base.trees


def _was_cut_short(event: Mapping[str, Any], timeout_s: float | None) -> bool:
    """Whether a build was ended because its time was up, and would have more of it now."""
    before: float | None = event.get("timeout_s")
    if before is None or not event["failed"].startswith(f"{BuildTimedOut.code} "):
        return False
    return timeout_s is None or timeout_s > before


def _prints(event: Mapping[str, Any]) -> Prints:
    return {
        path: Print(bitwise=each[0], normalised=each[1], stabilised=each[2]) for path, each in event["prints"].items()
    }


@contextmanager
def _pinned(processor: int | None) -> Generator[None]:
    """Lets the calling thread, and what it starts, run on one processor; None lets it be."""
    every = os.sched_getaffinity(0)
    if processor is None or processor not in every:
        yield
        return
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)
