"""Rounds of killing: several processes on one store, one or all of them killed, then everything looked at."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store import ObjectStore
from hermetica_store.remove import remove_tree
from tests.campaign import builds, checker, crew, exchange, upkeep
from tests.campaign.points import Moment
from tests.campaign.promises import Journal, Promises, facts
from tests.campaign.workloads import WORKLOADS, Place, outside_facts, settle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SLOTS: Final = 4
_ROUNDS_A_STORE: Final = 40
_OBJECTS_MAX: Final = 80
_TIMER_SHARE: Final = 0.2
_WHOLE_SHARE: Final = 0.5
_DUEL: Final = frozenset({"collect", "hold", "add-texts", "rewrite", "delete"})  # who wants the same objects
_DUEL_SHARE: Final = 0.25
_TRIES: Final = 1  # to reach a step that another run reached
_OLD_OBJECTS: Final = 6  # in the kept store of an earlier schema
_COLLECT_SHARE: Final = 0.12
_STALL_S: Final = (0.002, 0.03)


def every_workload() -> dict[str, Callable[[Place], None]]:
    """What this host can do; without a sandbox, everything but builds."""
    everywhere = {**WORKLOADS, **upkeep.WORKLOADS, **exchange.WORKLOADS}
    return everywhere if builds.missing() else {**everywhere, **builds.WORKLOADS}


@attrs.define(kw_only=True)
class Tally:
    """The figures of a campaign."""

    seed: int
    rounds: int = 0
    kills: int = 0
    processes_killed: int = 0
    by_workload: Counter[str] = attrs.field(factory=Counter[str])
    at_timer: int = 0
    at_points: Counter[tuple[str, str]] = attrs.field(factory=Counter[tuple[str, str]])
    checks: int = 0
    objects_checked: int = 0
    stores: int = 0
    stuck_sandboxes: int = 0
    lost: list[str] = attrs.field(factory=list[str])


@attrs.define(kw_only=True)
class Campaign:
    """A campaign of kills.

    Attributes:
        base: where it works.
        rng: its choices; equal seeds choose alike.
        plant: a bug to plant in every process.
        tally: its figures.
    """

    base: Path
    rng: random.Random
    tally: Tally
    plant: str | None = None
    workloads: dict[str, Callable[[Place], None]] = attrs.field(factory=every_workload)
    promises: Promises = attrs.field(factory=Promises)
    durations_s: dict[str, float] = attrs.field(factory=dict[str, float])
    queue: list[tuple[str, str]] = attrs.field(factory=list[tuple[str, str]])
    tries: Counter[tuple[str, str]] = attrs.field(factory=Counter[tuple[str, str]])
    seen: set[tuple[str, str]] = attrs.field(factory=set[tuple[str, str]])

    @property
    def root(self) -> Path:
        """The store."""
        return self.base / "store-root"

    @property
    def journal(self) -> Journal:
        """Where processes write what they were told."""
        return Journal(self.base / "journal")

    @property
    def _output(self) -> Path:
        return self.base / "output"

    def run(self, kills: int) -> None:
        """Kill until ``kills`` rounds have had one, or something is lost."""
        crew.adopt_orphans()
        while self.tally.kills < kills and not self.tally.lost:
            if self.tally.rounds % _ROUNDS_A_STORE == 0:
                self._fresh_store()
            self._round()

    def _fresh_store(self) -> None:
        remove_tree(self.base)
        (self.base / "outside").mkdir(parents=True)
        if "build" in self.workloads:
            builds.make_tools(self.base / "outside")
        exchange.make_donation(self.base / "outside")
        self.tally.stores += 1
        self.promises.allowed.clear()

    def _task(self, name: str, number: int) -> crew.Task:
        stall = None
        if self.rng.random() < 0.5 and (steps := self.promises.census.get(name)):
            stall = self._moment(steps, self.rng.choice(sorted(steps)))
        return crew.Task(
            name=name,
            slot=f"p{number}",
            seed=self.rng.getrandbits(32),
            stall=stall,
            stall_s=self.rng.uniform(*_STALL_S),
        )

    def _moment(self, steps: Counter[str], step: str) -> Moment:
        most = max(1, steps[step])
        return Moment(step, min(self.rng.randint(1, most), self.rng.randint(1, most)))  # early ones are always reached

    def _round(self) -> None:
        """One store, a few processes, a kill, and a look at everything."""
        duel = sorted(self.workloads.keys() & _DUEL) if self.rng.random() < _DUEL_SHARE else []
        among = duel or sorted(self.workloads)
        names = [self.rng.choice(among) for _ in range(self.rng.choice((1, 2, 2, 3, 3, 4)))]
        timer: tuple[float, int | None] | None = None
        target = None
        if self.rng.random() >= _TIMER_SHARE:
            target = self._next_target()
        if target is not None:
            names[0] = target[0]
        tasks = [self._task(name, number) for number, name in enumerate(names)]
        if target is not None:
            steps = self.promises.census[target[0]]
            moment = Moment(target[1], 1) if self.tries[target] else self._moment(steps, target[1])
            tasks[0] = attrs.evolve(tasks[0], kill=moment)
        started = time.monotonic()
        pids: dict[int, str] = {}
        for task in tasks:
            pids[self._start(task, next(iter(pids), 0))] = task.name
        if target is None and self.promises.census.keys() >= self.workloads.keys():
            delay_s = self.rng.uniform(0, max(self.durations_s.get(name, 0.05) for name in names))
            timer = delay_s, self.rng.choice([None, *pids])
        end = crew.await_end(pids, whole=self.rng.random() < _WHOLE_SHARE, timer=timer)
        self._note(end, names, target, time.monotonic() - started)
        self._look(tasks, list(end.problems))

    def _start(self, task: crew.Task, group: int) -> int:
        place = Place(
            root=self.root,
            outside=self.base / "outside",
            journal=self.journal,
            slot=task.slot,
            rng=random.Random(task.seed),
        )
        work = self.workloads[task.name]
        return crew.start(lambda: crew.perform(task, place, work, self.plant), self._output, group)

    def _next_target(self) -> tuple[str, str] | None:
        """A workload and a step of it, each as often as any other."""
        known = {(name, step) for name, steps in self.promises.census.items() for step in steps}
        fresh = sorted(known - self.seen)
        self.rng.shuffle(fresh)
        self.queue += fresh
        self.seen |= known
        if not self.queue and known:
            self.queue = sorted(known)
            self.rng.shuffle(self.queue)
        return self.queue.pop() if self.queue else None

    def _note(self, end: crew.End, names: list[str], target: tuple[str, str] | None, took_s: float) -> None:
        tally = self.tally
        tally.rounds += 1
        tally.stuck_sandboxes += end.stuck
        if not end.killed:
            if target is not None and self.tries[target] < _TRIES:
                self.tries[target] += 1
                self.queue.append(target)  # not reached this time
            if len(names) == 1:
                self.durations_s[names[0]] = took_s
            return
        tally.kills += 1
        tally.processes_killed += len(end.killed)
        tally.by_workload.update(end.killed)
        if target is None:
            tally.at_timer += 1
        else:
            tally.at_points[target] += 1

    def _look(self, tasks: list[crew.Task], problems: list[str]) -> None:
        """Check what was left, let a fresh process recover, and check again."""
        self.promises.hear(self.journal.take())
        damaged = sorted(self.promises.damaged)
        problems += [each for each in self._check(collected=False) if not any(base[:32] in each for base in damaged)]
        collects = self.rng.random() < _COLLECT_SHARE or len(self.promises.allowed) > _OBJECTS_MAX
        seed = self.rng.getrandbits(32)
        pid = crew.start(lambda: self._recover(seed, damaged, collects=collects), self._output)
        problems += crew.await_end({pid: "recovery"}, whole=False).problems
        self.promises.hear(self.journal.take())
        self.promises.damaged.clear()
        if collects or damaged or problems:
            problems += self._check(collected=collects)
        if problems:
            self.tally.lost += [
                f"round {self.tally.rounds} of seed {self.tally.seed}: {problem}" for problem in problems
            ]
            self.tally.lost += [f"the processes were {tasks}", crew.said(self._output)[-4000:]]

    def _check(self, *, collected: bool) -> list[str]:
        state, problems = checker.check(self.root, collected=collected)
        problems += self._check_old_stores()
        self.tally.checks += 1
        self.tally.objects_checked += len(state.objects)
        try:
            found = facts(state, outside_facts(self.base / "outside"))
        except Exception as error:  # noqa: BLE001 -- a torn lock is a finding
            return [*problems, f"the lock: {error}"]
        problems += self.promises.check(found)
        for key in [key for key in self.promises.allowed if key.startswith("root link")]:
            link = self.base / "outside" / key.removeprefix("root ").removeprefix("link:")
            if not link.is_symlink() or link.readlink().name != self.promises.allowed[key][0]:
                del self.promises.allowed[key]
        return problems

    def _check_old_stores(self) -> list[str]:
        """Stores that were being migrated: nothing is lost on the way; those that are done make room for new ones."""
        problems: list[str] = []
        for root in (self.base / "outside").glob("old-*"):
            state, found = checker.check(root)
            problems += found
            if len(state.objects) < _OLD_OBJECTS:
                problems.append(f"{root} has {len(state.objects)} objects only")
            if dict(state.rows("meta")).get(b"schema") == checker.SCHEMA and self.rng.random() < 0.5:
                remove_tree(root)
        return problems

    def _recover(self, seed: int, damaged: list[str], *, collects: bool) -> None:
        """What the next command does: open, repair what was damaged, look, add, keep; and sometimes collect."""
        place = Place(
            root=self.root,
            outside=self.base / "outside",
            journal=self.journal,
            slot="recovery",
            rng=random.Random(seed),
        )
        if damaged:
            upkeep.mend(self.root, damaged)
        WORKLOADS["verify"](place)
        with ObjectStore.open(self.root) as store:
            with store.lease() as lease:
                path = store.add_bytes(b"recovered", "recovered", lease=lease)
                place.root_it(store, path)
            settle(store)
            if collects:
                place.journal.write("collects")
                store.collect()
