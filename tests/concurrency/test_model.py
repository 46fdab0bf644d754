"""Several processes at once, against a model: what each is told, and what is there afterwards, has an explanation.

``HERMETICA_CONCURRENCY=200`` tries so many stories instead of the few that every run does.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hermetica_store import ObjectStore, StorePath
from tests.concurrency.model import ADDED, DONE, REALIZED, REFERENCES, Command, State, explanations
from tests.concurrency.workers import Handle, content
from tests.faults.sweep import remove

STORIES: Final = int(os.environ.get("HERMETICA_CONCURRENCY", "8"))
STEPS: Final = 14
WORKERS: Final = ("a", "b", "c", "d")
ROOTS: Final = ("left", "right")

ITEMS = st.sampled_from(sorted(REFERENCES))
COMMANDS = st.one_of(
    st.builds(Command, verb=st.just("add"), item=st.sampled_from(ADDED)),
    st.builds(Command, verb=st.just("realize"), item=st.sampled_from(REALIZED)),
    st.builds(Command, verb=st.just("hold"), item=ITEMS),
    st.builds(Command, verb=st.just("root"), item=ITEMS, name=st.sampled_from(ROOTS)),
    st.builds(Command, verb=st.just("unroot"), name=st.sampled_from(ROOTS)),
    st.builds(Command, verb=st.just("delete"), item=ITEMS),
    st.sampled_from([Command(verb="drop"), Command(verb="collect"), Command(verb="verify")]),
)


def paths_of_what_is_added(directory: Path) -> dict[str, StorePath]:
    """Where everything that is added will be: content decides."""
    paths: dict[str, StorePath] = {}
    with ObjectStore.open(directory) as store, store.lease() as lease:
        for item in ADDED:
            known = [paths[each] for each in REFERENCES[item]]
            paths[item] = store.add_bytes(content(item, paths), item, lease=lease, references=known)
    return paths


def paths_of_what_is_realized(directory: Path, known: dict[str, StorePath]) -> dict[str, StorePath]:
    """The same for what is built, and for the tool it is built with."""
    worker = Handle.start()
    try:
        assert worker.ask((directory, known)) == DONE
        assert worker.ask(Command(verb="realize", item="built")) == "built"
        objects: dict[str, StorePath] = worker.ask(Command(verb="look"))[0]
    finally:
        worker.kill()
    return {**known, **objects}


class Processes(RuleBasedStateMachine):
    """A store, four processes, and what must be there."""

    paths: dict[str, StorePath]
    pool: dict[str, Handle]
    states: frozenset[State]

    @initialize()
    def begin(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="hermetica-processes-"))
        self.root = self.place / "root"
        self.states = frozenset([State()])
        self.was_killed = False
        ObjectStore.open(self.root).close()
        for worker in WORKERS:
            self._open(worker)

    def _open(self, worker: str) -> None:
        if worker not in self.pool:
            self.pool[worker] = Handle.start()
        assert self.pool[worker].ask((self.root, self.paths)) == DONE

    @rule(worker=st.sampled_from(WORKERS), command=COMMANDS)
    def one(self, worker: str, command: Command) -> None:
        """One process does something, and the others nothing."""
        self._all_at_once({worker: command})

    @rule(workers=st.permutations(WORKERS), commands=st.lists(COMMANDS, min_size=2, max_size=4))
    def several(self, workers: list[str], commands: list[Command]) -> None:
        """Several do something at the same time."""
        self._all_at_once(dict(zip(workers, commands, strict=False)))

    @rule(
        workers=st.permutations(WORKERS),
        commands=st.lists(COMMANDS, min_size=1, max_size=3),
        after_s=st.sampled_from([0.0, 0.001, 0.002, 0.005, 0.01, 0.03]),
    )
    def one_is_killed_at_work(self, workers: list[str], commands: list[Command], after_s: float) -> None:
        """The first of several is killed, somewhere in what it does."""
        self._all_at_once(dict(zip(workers, commands, strict=False)), victim=workers[0], after_s=after_s)

    @rule(worker=st.sampled_from(WORKERS))
    def a_holder_is_killed(self, worker: str) -> None:
        """Killed while it does nothing but hold what it holds."""
        self.pool.pop(worker).kill()
        self.states = frozenset(state.released(worker) for state in self.states)
        self._open(worker)

    def _all_at_once(self, commands: dict[str, Command], victim: str = "", after_s: float = 0.0) -> None:
        for worker, command in commands.items():
            self.pool[worker].tell(command)
        if victim:
            time.sleep(after_s)
            self.pool.pop(victim).kill()
            self.was_killed = True
        answers = {worker: self.pool[worker].answer() for worker in commands if worker != victim}
        ends = explanations(self.states, commands, answers, [victim] if victim else [])
        assert ends, (
            f"nothing explains {answers}\nof {commands}\nkilled {victim!r}\nafter {sorted(map(str, self.states))}"
        )
        if victim:
            self._open(victim)
        if len(commands) == 1 and not victim and commands[next(iter(commands))].verb == "collect":
            self.was_killed = False  # it removed what was left, too
        seen = self._look()
        fitting = frozenset(state for state in ends if state.visible == seen)
        assert fitting, f"{seen} is there\nafter {answers}\nof {commands}\nkilled {victim!r}\nallowed {ends}"
        self.states = fitting

    def _look(self) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
        views = [self.pool[worker].ask(Command(verb="look")) for worker in WORKERS]
        assert all(view == views[0] for view in views), "two processes see different things"
        objects, roots = views[0]
        assert {name: self.paths[name] for name in objects} == objects
        return frozenset(objects), frozenset((name, path.name) for name, path in roots.items())

    @invariant()
    def what_must_be_there_is_there_whole(self) -> None:
        """Also on disk, read without the store."""
        states = getattr(self, "states", frozenset[State]())
        for item in {item for state in states for item in state.objects}:
            place = self.root / "store" / self.paths[item].base
            assert place.exists(), f"{item} is registered, and its file is gone"
            if item in ADDED:
                assert place.read_bytes() == content(item, self.paths)
        for state in states:
            assert state.living() <= state.objects

    def teardown(self) -> None:
        """Nothing is damaged; let go of, everything goes."""
        if not hasattr(self, "states"):
            return
        first = self.pool[WORKERS[0]]
        assert set(first.ask(Command(verb="problems"))) <= ({"unregistered"} if self.was_killed else set())
        for worker in WORKERS:
            assert self.pool[worker].ask(Command(verb="drop")) == DONE
        for name in ROOTS:
            first.ask(Command(verb="unroot", name=name))
        first.ask(Command(verb="collect"))
        assert first.ask(Command(verb="look")) == ({}, {})
        assert first.ask(Command(verb="problems")) == ()
        left = [path for part in ("store", "tmp") for path in (self.root / part).iterdir()]
        assert left == []
        for worker in WORKERS:
            assert self.pool[worker].ask(None) == DONE
        remove(self.place)


@pytest.mark.sandbox
def test_whatever_several_processes_do_at_once_has_an_explanation(tmp_path: Path) -> None:
    Processes.paths = paths_of_what_is_realized(tmp_path / "other", paths_of_what_is_added(tmp_path / "first"))
    Processes.pool = {}
    try:
        run_state_machine_as_test(
            Processes,
            settings=settings(
                max_examples=STORIES,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=STORIES <= 8,
                database=None,
                phases=[Phase.generate],  # what the scheduler did comes only once: there is nothing to shrink
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )
    finally:
        for handle in Processes.pool.values():
            handle.kill()
