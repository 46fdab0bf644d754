"""What was built before with what its inputs now are is found in waves, and needs no worker."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.cli.targets import find_record
from hermetica.model import closure
from hermetica.model.record import record_bytes
from hermetica.model.told import Told
from hermetica.realize.context import RunContext
from hermetica.realize.events import DerivationStarted
from hermetica.realize.finding import Search
from hermetica.realize.options import Options
from hermetica.realize.schedule import Graph, Schedule, State
from hermetica.realize.spawners import Spawners
from hermetica.sandbox import Cancellation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hermetica.model import Token
    from hermetica_store.digest import Digest


@pytest.fixture
def store(tmp_path: Path) -> Iterator[hm.Store]:
    tools = tmp_path / "tools"
    (tools / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "/bin/busybox", tools / "bin" / "busybox")
    with hm.evaluation(), hm.Store.open(tmp_path / "store") as opened:
        yield opened


def sh(store: hm.Store, name: str, script: str, **env: str) -> hm.Derivation:
    tools = hm.source(store.objects.root.parent / "tools", name="tools")
    return hm.derivation(name=name, builder=f"{tools}/bin/busybox", args=["sh", "-euc", script], env=env)


def graph(store: hm.Store, comment: str, layers: int = 4, width: int = 6) -> list[hm.Derivation]:
    """Layers above one base whose comment does not reach what it makes."""
    layer = [sh(store, "base", f"echo base > $out # {comment}")]
    for number in range(layers):
        layer = [
            sh(store, f"l{number}-{index}", "cat $i0 > $out", i0=f"{layer[index % len(layer)]}")
            for index in range(width)
        ]
    return layer


@pytest.mark.sandbox
def test_a_change_that_changes_nothing_runs_through_a_graph_without_workers(
    store: hm.Store,
) -> None:
    store.realize_all(graph(store, "one"))
    events: list[hm.Event] = []
    threads: list[int] = []

    def listen(event: hm.Event) -> None:
        events.append(event)
        threads.append(threading.get_ident())

    results = store.realize_all(graph(store, "two"), on_event=listen)
    assert results.ok
    outcomes = Counter(str(getattr(each, "outcome", "")) for each in events if each.kind == "derivation-finished")
    assert outcomes == {"built": 1, "cached": 24}
    assert sum(isinstance(each, DerivationStarted) for each in events) == 25
    assert set(threads) == {threading.get_ident()}
    # and is remembered: the next run has nothing to do
    plan = store.plan(graph(store, "two"))
    assert not plan.steps


def writes(store: hm.Store) -> int:
    """How many write transactions its index has seen; another process asks, for LMDB lets none open it twice."""
    store.objects.flush()
    program = "import lmdb, sys; print(lmdb.open(sys.argv[1], readonly=True, lock=False).info()['last_txnid'])"
    asked = [sys.executable, "-c", program, str(store.objects.root / "index")]
    return int(subprocess.run(asked, capture_output=True, check=True).stdout)


@pytest.mark.sandbox
def test_a_whole_graph_is_found_in_a_few_writes_however_deep_it_is(store: hm.Store) -> None:
    store.realize_all(graph(store, "one", layers=40, width=1))
    before = writes(store)
    results = store.realize_all(graph(store, "two", layers=40, width=1))
    assert [str(each.outcome) for each in results] == ["cached"]
    assert writes(store) - before < 10


@pytest.mark.sandbox
def test_what_is_collected_before_it_is_held_is_built_again_with_all_above_it(store: hm.Store) -> None:
    former = {each.name: each for each in closure(graph(store, "one"))}
    store.realize_all(list(former.values()))
    base, *others = closure(graph(store, "two"))
    made = store.realize(base)
    by_id = {each.input_id: each for each in others}
    needed = {
        drv: frozenset(source.input_id for _, source in each.inputs.derivations if source.input_id in by_id)
        for drv, each in by_id.items()
    }
    tokens: dict[Digest, set[Token]] = {}
    for each in others:
        for token, source in each.inputs.derivations:
            tokens.setdefault(source.input_id, set()).add(token)
    with store.objects.lease() as lease:
        context = RunContext(
            store=store.objects,
            trace=store.trace,
            lease=lease,
            options=Options(),
            network=lambda: pytest.fail("nothing is fetched"),
            cancellation=Cancellation(),
            spawner=Spawners().get,
            emit=lambda event: pytest.fail(f"nothing runs: {event}"),
        )
        paths = dict.fromkeys(tokens[base.input_id], made.out)
        search = Search(context=context, results={base.input_id: made}, paths=paths, tokens=tokens)
        search.follow(Schedule(Graph(inputs=needed)), by_id, lambda _: True)
        gone = store.path(former["l1-0"])
        assert gone is not None
        store.objects.delete([gone])
        found = search.hold()
    assert {each.derivation.name for each in found.realizations} == former.keys() - {"base", "l1-0", "l2-0", "l3-0"}
    assert [each.derivation.name for each in found.resolved] == ["l1-0"]


def told(derivations: list[hm.Derivation]) -> list[Told]:
    """The same, as another process would tell them, and what they use."""
    found: list[Told] = []
    for each in closure(derivations):
        found.append(Told.of(record_bytes(each, with_sources=False), {}))
        found[-1].placeholder()
    return found


@pytest.mark.sandbox
def test_what_was_told_is_found_without_being_read_and_read_before_it_is_built(store: hm.Store) -> None:
    before = graph(store, "one")
    store.realize_all(before)
    again, new = graph(store, "two"), sh(store, "new", "cat $i0 > $out", i0=f"{before[0]}")
    sources = closure(again)[0].sources
    with hm.evaluation():
        list(map(str, sources))
        found = told([*again, new])
        results = store.realize_all([each for each in found if each.id in {*(each.id for each in again), new.id}])
        assert Counter(str(each.outcome) for each in results) == {"cached": 6, "built": 1}
        assert {each.name for each in found if "args" in vars(each)} == {"base", "new"}
        record = find_record(found[3].id.hex, store.objects)
    assert record == json.loads(record_bytes(closure(again)[3]))


@pytest.mark.sandbox
def test_what_comes_out_otherwise_is_built_with_all_above_it(store: hm.Store) -> None:
    store.realize_all(graph(store, "one"))
    base = sh(store, "base", "echo other > $out")
    first = sh(store, "l0-0", "cat $i0 > $out", i0=f"{base}")
    same = sh(store, "l0-1", "cat $i0 > $out; true", i0=f"{base}")
    results = store.realize_all([first, same])
    assert [str(each.outcome) for each in results] == ["built", "built"]


@pytest.mark.sandbox
def test_what_was_collected_meanwhile_is_built_again(store: hm.Store) -> None:
    store.realize_all(graph(store, "one"))
    store.objects.collect()
    results = store.realize_all(graph(store, "two"))
    assert {str(each.outcome) for each in results} == {"built"}


def test_ready_nodes_are_told_once_and_those_found_make_others_ready() -> None:
    inputs = {"a": frozenset[str](), "b": frozenset[str](), "c": frozenset({"a", "b"}), "d": frozenset({"c"})}
    schedule = Schedule(Graph(inputs=inputs))
    assert schedule.fresh() == ["a", "b"]
    assert schedule.fresh() == []
    schedule.found(["a"])
    assert schedule.fresh() == []
    assert schedule.start_next() == "b"
    schedule.succeed("b")
    assert schedule.fresh() == ["c"]
    schedule.found(["c"])
    assert schedule.states["c"] is State.DONE
    assert schedule.fresh() == ["d"]
    assert schedule.start_next() == "d"
    schedule.succeed("d")
    assert schedule.is_over
