"""Power losses: a run is recorded, cut off at many places, and laid out as a disk may have kept it."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica_store import ObjectStore
from hermetica_store.remove import remove_tree
from tests.campaign import checker, crew
from tests.campaign.disk import POLICIES, Disk, Node, State
from tests.campaign.promises import Journal, Promises, facts
from tests.campaign.recording import CannotRecord, record
from tests.campaign.upkeep import take_all
from tests.campaign.workloads import WORKLOADS, Place, outside_facts, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHERE: Final = Path(__file__).parents[2]
_RECORDINGS_MAX: Final = 5
_JOURNAL: Final = b"journal"
_NOT_COMPARED: Final = frozenset({b"lock.mdb", _JOURNAL})  # mapped; appended to by several at once


@attrs.define(kw_only=True)
class PowerTally:
    """The figures of a replay."""

    seed: int
    recordings: int = 0
    discarded: int = 0
    steps: int = 0
    syncs: int = 0
    prefixes: int = 0
    states: int = 0
    by_policy: Counter[str] = attrs.field(factory=Counter[str])
    with_objects: int = 0
    objects_checked: int = 0
    promises_checked: int = 0
    lost: list[str] = attrs.field(factory=list[str])


@attrs.define(kw_only=True)
class Replay:
    """A replay of power losses.

    Attributes:
        base: where it works.
        rng: its choices.
        tally: its figures.
        plant: a bug to plant in the recorded run.
    """

    base: Path
    rng: random.Random
    tally: PowerTally
    plant: str | None = None

    def run(self, prefixes: int, a_recording: int = 100) -> None:
        """Record runs, and replay so many of their prefixes by every policy, or until something is lost."""
        crew.adopt_orphans()
        while self.tally.prefixes < prefixes and not self.tally.lost:
            disk = self._record()
            cuts = [number for number, step in enumerate(disk.steps, start=1) if not _is_journal(disk, step.node)]
            lines = list(_promised(disk))
            wanted = min(a_recording, prefixes - self.tally.prefixes, len(cuts))
            for cut in sorted(self.rng.sample(cuts, wanted)):
                self.tally.prefixes += 1
                for policy in POLICIES:
                    self._look(disk, cut, policy, [line for at, line in lines if at <= cut])
                    if self.tally.lost:
                        return

    def _record(self) -> Disk:
        """A recorded run whose model is what the run left.

        strace tells when a call was seen to end, which on a busy machine may be after a later one did; such a recording
        tells nothing about the store, and another is made.

        Raises:
            CannotRecord: several in a row were of no use.
        """
        differences: list[str] = []
        for _ in range(_RECORDINGS_MAX):
            disk = self._record_once()
            differences = _difference(disk, self.base / "run")
            if not differences:
                return disk
            self.tally.discarded += 1
        raise CannotRecord(f"{_RECORDINGS_MAX} recordings in a row missed something: {differences[0]}")

    def _record_once(self) -> Disk:
        remove_tree(self.base)
        self.base.mkdir(parents=True)
        seed = self.rng.getrandbits(32)
        command = [sys.executable, "-m", "tests.campaign.recorded", os.fspath(self.base / "run"), str(seed)]
        if self.plant:
            command.append(self.plant)
        disk = record(command, self.base / "run", self.base / "trace", _WHERE)
        problems = checker.check(self.base / "run" / "store-root")[1]
        self.tally.lost += [f"before any power loss: {problem}" for problem in problems]
        self.tally.recordings += 1
        self.tally.steps += len(disk.steps)
        self.tally.syncs += sum(step.kind == "sync" for step in disk.steps)
        return disk

    def _look(self, disk: Disk, cut: int, policy: str, lines: list[tuple[str, str, Any]]) -> None:
        """Lay out one state, check it, let a process recover, and check again."""
        place = self.base / "state"
        remove_tree(place)
        lay_out(disk.after(cut, policy, self.rng), place)
        promises = Promises()
        promises.hear(lines)
        problems = self._check(place, promises, collected=False)
        for key in [key for key in promises.allowed if key.startswith("root link")]:
            del promises.allowed[key]  # the link was recorded in another place
        pid = crew.start(partial(recover, place, self.rng.getrandbits(32)), self.base / "output")
        problems += crew.await_end({pid: "recovery"}, whole=False).problems
        promises.hear(Journal(place / "journal").take())
        problems += self._check(place, promises, collected=True)
        self.tally.states += 1
        self.tally.by_policy[policy] += 1
        self.tally.promises_checked += promises.kept
        if problems:
            head = f"power lost before step {cut} of {len(disk.steps)}, {policy} of what was not flushed survives"
            self.tally.lost += [f"{head} (seed {self.tally.seed}): {problem}" for problem in problems]
            self.tally.lost.append(crew.said(self.base / "output")[-3000:])

    def _check(self, place: Path, promises: Promises, *, collected: bool) -> list[str]:
        state, problems = checker.check(place / "store-root", collected=collected)
        self.tally.objects_checked += len(state.objects)
        self.tally.with_objects += bool(state.objects)
        try:
            found = facts(state, outside_facts(place / "outside"))
        except Exception as error:  # noqa: BLE001 -- a torn lock is a finding
            return [*problems, f"the lock: {error}"]
        return [*problems, *promises.check(found)]


def recover(base: Path, seed: int) -> None:
    """The first commands after the power came back: verify, add, keep, pin, collect."""
    (base / "outside").mkdir(parents=True, exist_ok=True)
    place = Place(
        root=base / "store-root",
        outside=base / "outside",
        journal=Journal(base / "journal"),
        slot="recovery",
        rng=random.Random(seed),
    )
    WORKLOADS["verify"](place)
    WORKLOADS["lock"](place)
    take_all(place)
    with ObjectStore.open(place.root) as store:
        with store.lease() as lease:
            place.root_it(store, store.add_bytes(b"recovered", "recovered", lease=lease))
        settle(store)
        place.journal.write("collects")
        store.collect()


def lay_out(state: State, place: Path) -> None:
    """Make a state of the model a directory."""
    _lay_out(state, state.root, place)


def _lay_out(state: State, node: Node, place: Path) -> None:
    if node.kind == "link":
        place.symlink_to(os.fsdecode(node.target))
    elif node.kind == "file":
        place.write_bytes(state.data.get(node, b""))
    else:
        place.mkdir()
        for name, below in state.entries.get(node, {}).items():
            if node is not state.root or name != _JOURNAL:
                _lay_out(state, below, place / os.fsdecode(name))
    if node.kind != "link":
        place.chmod(state.modes.get(node, node.mode))
    if node in state.mtimes:
        os.utime(place, ns=(state.mtimes[node], state.mtimes[node]), follow_symlinks=False)


def _is_journal(disk: Disk, node: Node | None) -> bool:
    return node is not None and disk.root.now.get(_JOURNAL) is node


def _promised(disk: Disk) -> Iterator[tuple[int, tuple[str, str, Any]]]:
    """Every line of the journal, with the number of steps after which it was there."""
    rest = b""
    for number, step in enumerate(disk.steps, start=1):
        if step.kind == "write" and _is_journal(disk, step.node):
            *lines, rest = (rest + step.data).split(b"\n")
            for line in lines:
                kind, key, value = json.loads(line)
                yield number, (kind, key, value)


def _difference(disk: Disk, place: Path) -> list[str]:
    """Where the model and the real directory differ after the run: then the recording missed something."""
    problems: list[str] = []
    waiting = [(disk.root, place)]
    while waiting:
        node, here = waiting.pop()
        there = {os.fsencode(path.name) for path in here.iterdir()}
        problems += [f"the model has not seen {here}/{name!r}" for name in there - node.now.keys()]
        problems += [f"the model has {here}/{name!r} too much" for name in node.now.keys() - there]
        for name in there & node.now.keys():
            below, path = node.now[name], here / os.fsdecode(name)
            if below.kind == "directory":
                waiting.append((below, path))
            elif below.kind == "file" and name not in _NOT_COMPARED and path.read_bytes() != bytes(below.data):
                problems.append(f"the model has other bytes in {path}")
    return problems
